"""Questions for what the record shows, or for what the caller has already said in this call.

Reads real requests only ("what is your order number?", "can I take your address?", "when did you order it?"). Asking
whether a known thing is still right names it, and is fine; so is a security check for what only the record shows, and
a question for another or a better number or address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from simulator.assessment import Check, Source
from simulator.evaluator.casefile import CaseFile, Line, line
from simulator.evaluator.figures import Kind, figures
from simulator.evaluator.wording import Sentence, content, sentences
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Fault

_REQUEST = (
    r"(?:what(?:['’]s| is| was| are)(?: \w+)?|(?:can|could|may|might) (?:i|we)(?: please| just| also)* (?:have|take|"
    r"get|ask (?:for|you for)|grab|see|note)|"
    r"(?:can|could|would|will) you(?: please| just| kindly| also| quickly)* (?:give|tell|confirm|read|provide|spell|"
    r"repeat|share|state|remind|send|let (?:me|us) have)"
    r"(?: (?:me|us|to me|out))?(?: what| again| once more)*|"
    r"(?:please )?(?:give|tell|remind|send|read|spell)(?: (?:me|us|out))(?: again| out| please)*|i(?:['’]ll|['’]d|"
    r" will| just)?(?: first| still| also)* need(?: to (?:take|have|know|ask for))?|"
    r"do you (?:have|know|remember)|have you got|(?:please )?(?:confirm|provide|state|repeat|verify)|and|so|first)"
)
_GAP = r"(?:,? (?:please|again|once more|then))*(?: is| what)?"
_NOUNS = (
    r"account|booking|reservation|ticket|order|claim|policy|tracking|parcel|membership|member|customer|learner|"
    r"student|case|"
    r"supply|reference|confirmation|invoice|statement"
)
_YOUR = r"(?: me)?(?: the| your| an?| that| my)?(?: (?:full|exact|own|original|correct))?"
_REFERENCE = re.compile(
    rf"(?:^|\b){_REQUEST}{_GAP}{_YOUR} (?P<noun>{_NOUNS})(?: (?P<noun2>{_NOUNS}))?(?: (?:number|no\.?|code|id|"
    rf"reference|details))?(?=\W|$)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"(?:{_NOUNS}) (?:number|no\.?|code|id|reference|details)|\breference\b", re.IGNORECASE)
_SPOTS = {
    "name": r"your (?:full |first |last |own )?(?:name|surname)|who am i (?:speaking|talking) (?:to|with)|who(?:['’]s| is) (?:calling|this)",
    "address": r"your (?:full |home |delivery |current )?(?:address|house number|street)|where (?:do|are) you (?:live|living)|the (?:delivery |home |full )?address (?:please|the parcel)",
    "postcode": r"your (?:full )?(?:post ?code|zip(?: code)?)|(?:post ?code|zip code),? please",
    "email": r"your e-?mail(?: address)?",
    "phone": r"your (?:phone|telephone|mobile|contact)(?: number)?",
    "birth": r"your (?:date of birth|birth ?date|dob|birthday)|when were you born",
}
_SPOT = {
    name: re.compile(rf"(?:{_REQUEST}[^.?!]{{0,40}}?\b)?(?:{words})" if "who" in words or "where" in words or "when" in words
                     else rf"\b{_REQUEST}[^.?!]{{0,40}}?\b(?:{words})", re.IGNORECASE)
    for name, words in _SPOTS.items()
}  # fmt: skip
_GIVEN = {
    "name": re.compile(r"\b(?:[Mm]y name(?:['’]s| is)|[Tt]his is|[Ii]t(?:['’]s| is)|[Ii]['’]m|[Ii] am|[Nn]ame(?:['’]s| is)) (?:Mr\.? |Mrs\.? |Ms\.? |Dr\.? )?[A-Z][a-z]+ [A-Z][a-z]+"),
    "address": re.compile(r"\b[0-9]{1,4}[a-z]? (?:[A-Z][a-z]+ ){1,3}(?:Street|Road|Lane|Avenue|Close|Drive|Way|Court|Place|Gardens|Terrace|Square|Crescent)\b"),
    "postcode": re.compile(r"\b[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}\b|\b[A-Z]{2} [0-9]{5}\b"),
    "email": re.compile(r"\b[\w.+-]+@[\w-]+\.[a-z]{2,}\b|\b\w+ at \w+ dot \w+\b"),
    "phone": re.compile(r"\b(?:\+|0)[0-9](?:[ -]?[0-9]){8,}\b"),
    "birth": re.compile(r"\b(?:born (?:on|in)|date of birth)\b[^.]*[0-9]"),
}  # fmt: skip
_SECURITY = re.compile(
    r"\b(?:security|verif\w+|identif\w+|identity|data protection|to be sure (?:it|i)['’]?s? you|prove)\b", re.IGNORECASE
)
_ANOTHER = re.compile(
    r"\b(?:another|other|better|best|new|different|second|alternative|still|right|correct|same|changed|prefer\w*|"
    r"would you like|shall i|"
    r"should (?:i|we)|may i (?:use|email|send)|to hand over|refund number|got the|received|arrived|ready|"
    r"or\b[^?]* instead)\b",
    re.IGNORECASE,
)
_STORY = re.compile(
    r"\b(?:(?:can|could|would|will) you(?: please| just)*|please|so)?,? ?(?:tell|explain|describe|go over|go through|"
    r"talk|walk|take|run|start|repeat|say|give)\b"
    r"(?: (?:to )?(?:me|us))?(?: again)?(?: through| over| with)? ?(?:(?:exactly |just )?(?:what(?:['’]s| is| has|"
    r" exactly)?(?: (?:happened|going on|wrong|gone wrong|the (?:problem|issue|matter)(?: is)?))"
    r"|(?:the|your) (?:problem|issue|story|situation|complaint|whole (?:story|thing))|everything|it all|(?:this|it|"
    r"that)))?"
    r"(?P<again>(?:[, ]+(?:once )?(?:again|more|one more time|(?:right )?from the (?:very )?(?:beginning|start|top)|"
    r"over again|all over))+)?[,. ]*(?:please|for me|in your own words)?\s*[.?!]*$",
    re.IGNORECASE,
)
_WHATS_UP = re.compile(
    r"^(?:(?:ok(?:ay)?|right|so|and|now|well|sorry|hello|hi)[,.]? )*(?:what(?:['’]s| is| seems to be| has|"
    r" exactly is| was)? (?:happened|the (?:problem|issue|matter)|going on|wrong|your (?:problem|issue|complaint|"
    r"query))"
    r"(?: exactly| then| here| today| again| with (?:it|that|this))*|what are you calling about(?: today)?|"
    r"why are you calling(?: us)?(?: today)?|what is (?:this|it) about)\s*[?.!]*$",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\b(?:when|what (?:date|day|time)|on (?:what|which) (?:date|day)|at what time|since when)\b", re.IGNORECASE
)
_HOW_MUCH = re.compile(
    r"\b(?:how much|what (?:amount|sum)|what(?:['’]s| is| was) the (?:amount|total|sum|price))\b", re.IGNORECASE
)
_PAST = re.compile(r"\b(?:did|was|were|has|have|had|is)\b", re.IGNORECASE)
_AHEAD = re.compile(
    r"\b(?:would|will|can|could|shall|should|may|might|want|like|need|prefer|suit\w*|convenient|latest|soon\w*|best|"
    r"free|next|tomorrow|must|due|home|in)\b",
    re.IGNORECASE,
)
_PAPER = re.compile(
    r"\b(?:send|upload|forward|email|post|show|provide|bring|fax|share|attach|let (?:me|us) have|need|have|"
    r"see)\b[^.?!]{0,40}?\b"
    r"(?P<what>receipts?|death certificate|certificates?|proof of (?:value|purchase|payment)|invoice)\b",
    re.IGNORECASE,
)
_ON_FILE = re.compile(r"\b(?:received|uploaded|scanned|on file|signed)\b", re.IGNORECASE)
_CODE = re.compile(
    r"\b(?:[A-Z]{1,3}-?[0-9]{3,}|[0-9]{2,}-[0-9]{3,}|(?=[A-Z0-9]{6}\b)[A-Z]+[0-9]+[A-Z]+|ending [0-9]{4})\b"
)
_SAME = {
    "reservation": "booking", "member": "account", "membership": "account", "customer": "account", "student": "learner",
    "parcel": "parcel", "tracking": "parcel", "confirmation": "booking", "ticket": "booking",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller has said before this turn, sentence by sentence."""

    lines: tuple[Line, ...]

    @classmethod
    def of(cls, transcript: Transcript) -> Heard:
        """Every sentence of the caller, in order."""
        said = (s for t in transcript.by(Speaker.CALLER) for s in sentences(t.text))
        return cls(tuple(line(Source.SAID, "", s.text) for s in said))


def asked_again(sentence: Sentence, file: CaseFile, heard: Heard) -> Check | None:
    """What this sentence asks for though it is known, or None."""
    text = sentence.text
    if not _asks(sentence) or _confirms(text, file, heard):
        return None
    known = _reference(text, file, heard) or _spot(text, file, heard) or _paper(text, file) or _story(text, heard)
    if known is None and sentence.question:
        known = _detail(text, file, heard)
    if known is None:
        return None
    return Check(
        fault=Fault.ASKS_AGAIN,
        quote=text,
        start=sentence.start,
        source=known.source,
        title=known.title,
        says=known.says,
    )


_IMPERATIVE = re.compile(
    r"^(?:(?:ok(?:ay)?|right|so|and|now|well|first|sorry|then|before [^,]{3,60}),? )*(?:please )?(?:tell|give|"
    r"confirm|provide|repeat|explain|describe|state|start|send|read|spell|"
    r"i(?:['’]ll|['’]d| will| just| still| first)*(?: also| first| just)* need|your \w+(?: \w+)?,? please|remind|"
    r"upload|forward|go (?:over|through)|take me|walk me|talk me)\b",
    re.IGNORECASE,
)


def _asks(sentence: Sentence) -> bool:
    return sentence.question or _IMPERATIVE.search(sentence.text) is not None


def _confirms(text: str, file: CaseFile, heard: Heard) -> bool:
    """Whether the question itself names a known figure or code: then it asks whether that is right."""
    known = {f.key for one in heard.lines for f in one.figures} | file.known
    if any(f.key in known for f in figures(text)):
        return True
    return bool(_CODE.search(text)) or any(p.search(text) for n, p in _GIVEN.items() if n != "name")


def _reference(text: str, file: CaseFile, heard: Heard) -> Line | None:
    found = _REFERENCE.search(text)
    if found is None or _ANOTHER.search(text) or not _NUMBERED.search(text):
        return None
    nouns = {_SAME.get(n.lower(), n.lower()) for n in (found["noun"], found["noun2"]) if n}
    if nouns & {"case", "invoice", "statement"}:
        return None
    if re.search(r"\b(?:bank|card|landlord|insurer|sort code)\b", text, re.IGNORECASE):
        return None
    specific = nouns - {"reference"}
    said = _coded(heard.lines, specific)
    if said is not None or _SECURITY.search(text):
        return said
    return _coded([one for one in file.lines if one.source is Source.RECORD], specific)


def _coded(lines: tuple[Line, ...] | list[Line], nouns: set[str]) -> Line | None:
    """The first line that holds a code, and of the nouns one; any code where none was named."""
    for one in lines:
        if _CODE.search(one.says):
            words = f"{one.title} {one.says}".lower()
            words += "".join(f" {same}" for noun, same in _SAME.items() if re.search(rf"\b{noun}\b", words))
            if not nouns or any(re.search(rf"\b{noun}\b", words) for noun in nouns):
                return one
    return None


def _spot(text: str, file: CaseFile, heard: Heard) -> Line | None:
    for name, asks in _SPOT.items():
        if asks.search(text) and not _ANOTHER.search(text):
            said = next((one for one in heard.lines if _GIVEN[name].search(one.says)), None)
            if said is not None or name in ("name", "birth") or _SECURITY.search(text):
                return said
            shown = (one for one in file.lines if one.source is Source.RECORD and _GIVEN[name].search(one.says))
            return next(shown, None)
    return None


def _paper(text: str, file: CaseFile) -> Line | None:
    """A document that is asked for, and on file."""
    found = _PAPER.search(text)
    if found is None or re.search(
        r"\b(?:i(?:['’]ll|['’]m| will| can| have)|we(?:['’]ll| will)|taxi|bus|train|gym|letter|new)\b",
        text,
        re.IGNORECASE,
    ):
        return None
    what = found["what"].lower().rstrip("s")
    nouns = ("receipt", "proof") if what.startswith("proof") else (what,)
    for one in file.lines:
        on_file = one.source is Source.RECORD and _ON_FILE.search(one.says)
        if on_file and any(re.search(rf"\b{noun}", one.says, re.IGNORECASE) for noun in nouns):
            return one
    return None


def _story(text: str, heard: Heard) -> Line | None:
    """The whole story, after the caller has told it: any such question when it says "again", else the bare ones."""
    told = next((one for one in heard.lines if len(one.words) >= 4), None)
    if told is None or sum(len(one.words) for one in heard.lines) < 8:
        return None
    found = _STORY.search(text)
    bare = _WHATS_UP.search(text)
    again = bool(found and found["again"])
    whole = bool(
        found
        and re.search(
            r"what['’ a-z]*(?:happened|problem|issue|going on|wrong)|\b(?:problem|issue|story|situation|complaint)\b",
            found[0],
            re.IGNORECASE,
        )
    )
    return told if again or bare or whole else None


def _detail(text: str, file: CaseFile, heard: Heard) -> Line | None:
    """A date, a time or a sum of something that has happened, which a line gives."""
    if not _PAST.search(text) or _AHEAD.search(text):
        return None
    if _WHEN.search(text):
        kinds: tuple[Kind, ...] = (Kind.DATE, Kind.CLOCK)
    elif _HOW_MUCH.search(text):
        kinds = (Kind.MONEY,)
    else:
        return None
    about = content(_HOW_MUCH.sub(" ", _WHEN.sub(" ", text))) - content(
        "happen exactly day date time amount much total tell"
    )
    if not about:
        return None
    shown = [one for one in file.lines if one.source is Source.RECORD]
    for one in (*heard.lines, *shown):
        if about <= one.words and any(f.kind in kinds for f in one.figures):
            return one
    return None
