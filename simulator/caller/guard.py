"""Whether words may pass as this caller's: a candidate either passes or is refused with reasons. It never rewrites.

Every check is cheap and errs towards refusing: a refused candidate costs a resample, and in the end a line that a
person wrote; a wrong one costs the trainee's belief in the caller.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from enum import StrEnum

from simulator.assessment import Frozen
from simulator.caller.harshness import too_harsh, unsafe
from simulator.vocabulary import Intensity


class Refusal(StrEnum):
    """Why a candidate was refused."""

    EMPTY = "empty"
    ROLE_FLIP = "role_flip"
    ASSISTANT_TONE = "assistant_tone"
    INVENTED_FACT = "invented_fact"
    REPETITION = "repetition"
    ECHO = "echo"
    LEAK = "leak"
    CONTROL = "control"
    UNSAFE = "unsafe"
    TOO_HARSH = "too_harsh"
    TOO_LONG = "too_long"
    NOT_THEIRS = "not_theirs"


class Violation(Frozen):
    """One reason, and the words that gave it."""

    kind: Refusal
    detail: str = ""


_AGENT = re.compile(
    r"""\b(
      how\ (can|may)\ i\ (help|assist) | (can|may)\ i\ (have|take|get|ask\ for)\ your | i('m|\ am)\ here\ to\ help
    | (i|we)('ll|\ will|\ can|\ could)\ (\w+\ ){0,2}(help\ you|refund\ you|send\ you|transfer\ you|put\ you\ through
      |offer\ you|arrange|process|look\ into|credit\ your|escalate|waive|check\ (that|this|it|your)|assist)
    | (let\ me|i'll\ just)\ (check|look|see\ what|pull\ up|take\ a\ look|verify|transfer|help)
    | (thank\ you|thanks)\ for\ (calling|contacting|your\ (patience|call|understanding|feedback|business))
    | your\ (account|order|booking|policy|bill|refund|claim|parcel|subscription)\ (is|has|was|will|number)
    | we\ (apologi[sz]e|value|appreciate|are\ sorry|understand) | (i|we)\ apologi[sz]e\ for
    | i('m|\ am)\ (so\ |very\ |really\ )?sorry\ (for\ your|for\ the\ inconvenience|to\ hear|about\ your|you)
    | i\ (completely\ |totally\ |do\ )?understand\ (your|how\ you|that\ you|you)
    | (our|my)\ (policy|records|system|team|company|supervisor\ will|colleague)
    | (is\ there|was\ there)\ anything\ else\ (i|we)\ can | on\ behalf\ of
    | (please\ )?bear\ with\ me | rest\ assured | have\ a\ (nice|great|good|wonderful)\ (day|evening)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ASSISTANT = re.compile(
    r"""\b(
      as\ an\ ai | language\ model | (i('d|\ would)|i('m|\ am))\ (be\ )?(happy|glad)\ to\ (help|assist|provide)
    | feel\ free\ to | i\ hope\ this\ helps | happy\ to\ assist | i('m|\ am)\ not\ able\ to\ (assist|provide)
    | here\ (is|are)\ (a|an|the|some)\ (list|example|response|few) | (i('m|\ am)\ )?just\ a\ (model|program|bot)
    | i('m|\ am)\ (not\ )?an?\ (ro)?bot | i('m|\ am)\ an?\ (computer|machine|program)
    | roleplay | in\ this\ (scenario|conversation|context) | the\ (customer|caller|agent)\ (is|says|should|feels|wants) | the\ caller
    )\b | ^(sure|certainly|of\ course|absolutely)[,!.]\ (i('ll|\ will|\ can|'d)|here|let)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_LEAK = re.compile(
    r"\b(agitation|being-heard|persona|stage direction|system prompt|fallback|disclose|intent)\b"
    r"|^\s*\w[\w ]{0,24}:\s|\b(agent|caller|customer|trainee)\s*[:(\[]|[\[\]{}*_#]|\((angry|sigh|pause|laugh|shout)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"<\|?|\|>|https?://|www\.|```|&\w+;|�|@\w")
_NUMBER = re.compile(r"\d[\d,.:]*\d|\d")
_CALENDAR = re.compile(
    r"\b(january|february|march|april|june|july|august|september|october|november|december|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)
_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][a-z]{2,}\b")
"""A capitalised word inside a sentence: a name, more often than not."""
_ANYBODYS = frozenset({
    "god", "jesus", "christ", "lord", "heaven", "english", "british", "american", "scottish", "irish", "welsh", "french",
    "german", "internet", "google", "facebook", "twitter", "instagram", "whatsapp", "trustpilot", "youtube", "reddit", "amazon",
    "netflix", "mum", "mam", "dad", "mom", "mama", "papa", "gran", "grandma", "grandad", "nan", "sir", "madam", "miss",
    "mister", "missus", "mrs", "doctor", "easter", "christmas", "bloody", "saint", "auntie", "aunt", "uncle", "visa", "street",
    "road", "avenue", "nana", "granny", "father", "mother", "queen", "king", "hell", "ombudsman", "bible", "euro", "euros",
})  # fmt: skip
"""Names that need no introduction."""
_ANY_NUMBER = ("", "1", "2", "24", "100")
"""Numbers that need no introduction."""
_WORDS = re.compile(r"[\w']+")
_TEENS = ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBER_WORD = re.compile(rf"\b(?<!a )({'|'.join((*_TEENS, *_TENS))}|hundred|thousand|million)\b")
"""Spelled numbers that can only be an amount, a date or a time. Up to ten, people speak loosely; 'a hundred times' too."""
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[- ]({'|'.join(_UNITS)})\b")
"""Sixty-four: not to be had from a sixty and a four in different numbers."""
TOO_ALIKE = 0.8
"""Similarity (0-1, difflib on words) from which a line counts as said before."""


def check(
    text: str,
    *,
    known: Iterable[str],
    own_lines: Iterable[str],
    heard: str,
    secrets: Iterable[str] = (),
    never: Iterable[str] = (),
    max_words: int = 90,
    intensity: Intensity = Intensity.REALISTIC,
) -> tuple[Violation, ...]:
    """Every reason to refuse `text`; empty means it may be said.

    known: all texts whose numbers and dates the caller may use (facts unlocked, ledger, what was said in the call);
    own_lines: what this caller has said in this call; heard: the trainee's last turn; secrets: sentences about
    the caller that the model was shown and must not recite; never: phrases that this caller does not use; intensity: how
    harsh the words may be.
    """
    found: list[Violation] = []
    words = _WORDS.findall(text)
    if not words:
        return (Violation(kind=Refusal.EMPTY),)
    if len(words) > max_words:
        found.append(Violation(kind=Refusal.TOO_LONG, detail=f"{len(words)} words"))
    for kind, pattern in (
        (Refusal.CONTROL, _CONTROL),
        (Refusal.LEAK, _LEAK),
        (Refusal.ROLE_FLIP, _AGENT),
        (Refusal.ASSISTANT_TONE, _ASSISTANT),
    ):
        if match := pattern.search(text):
            found.append(Violation(kind=kind, detail=match.group(0)[:60]))
    for kind, said in ((Refusal.UNSAFE, unsafe(text)), (Refusal.TOO_HARSH, too_harsh(text, intensity))):
        if said:
            found.append(Violation(kind=kind, detail=said[:60]))
    if odd := next((c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs"}), None):
        found.append(Violation(kind=Refusal.CONTROL, detail=f"U+{ord(odd):04X}"))
    if foreign := next((c for c in text if c.isalpha() and not unicodedata.name(c, "LATIN").startswith("LATIN")), None):
        found.append(Violation(kind=Refusal.CONTROL, detail=f"not Latin: {foreign}"))
    if invented := _invented(text, known):
        found.append(Violation(kind=Refusal.INVENTED_FACT, detail=invented))
    for earlier in own_lines:
        if alike(text, earlier):
            found.append(Violation(kind=Refusal.REPETITION, detail=earlier[:60]))
            break
    if twice := _said_twice(text):
        found.append(Violation(kind=Refusal.REPETITION, detail=twice[:60]))
    for private in secrets:
        if alike(text, private):
            found.append(Violation(kind=Refusal.LEAK, detail=private[:60]))
            break
    if alike(text, heard):
        found.append(Violation(kind=Refusal.ECHO, detail=heard[:60]))
    if phrase := next((p for p in never if says(text, p)), None):
        found.append(Violation(kind=Refusal.NOT_THEIRS, detail=phrase[:60]))
    return tuple(found)


def _said_twice(text: str) -> str:
    """A sentence of three words and more that `text` says twice in a row ('': none). Of 9,318 written lines twelve do."""
    said = [_folded(part) for part in re.split(r"[.!?…;]+", text)]
    return next((" ".join(one) for one, two in itertools.pairwise(said) if len(one) > 2 and one == two), "")


def says(text: str, phrase: str) -> bool:
    """Whether the words of `phrase` stand in one sentence of `text`, one after the other."""
    run = _folded(phrase)
    some = [_folded(sentence) for sentence in re.split(r"[.!?…;]+\s", text)] if run else []
    return any(words[at : at + len(run)] == run for words in some for at in range(len(words) - len(run) + 1))


def alike(text: str, other: str) -> bool:
    """Whether two lines are the same for a listener: nearly the same words, or one long run of them copied."""
    a, b = _folded(text), _folded(other)
    if not a or not b:
        return False
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    run = matcher.find_longest_match().size
    return run >= 8 or (len(a) >= 3 and run >= 0.75 * len(a)) or (len(a) > 2 and matcher.ratio() >= TOO_ALIKE) or a == b


def _folded(text: str) -> list[str]:
    return [w.strip("'") for w in _WORDS.findall(text.lower().replace("’", "'"))]


def _invented(text: str, known: Iterable[str]) -> str:
    """The first number (from eleven up also as a word), month, weekday or name that nobody has mentioned; '' if none."""
    allowed = " ".join(known).lower()
    numbers = {_digits(n) for n in _NUMBER.findall(allowed)}
    spelled = {word for n in numbers for word in _spelled(n)}
    for number in _NUMBER.findall(text):
        if _digits(number) not in numbers and _digits(number) not in _ANY_NUMBER:
            return str(number)
    for word in (*_CALENDAR.findall(text.lower()), *_NUMBER_WORD.findall(text.lower())):
        if word not in allowed and word not in spelled:
            return str(word)
    pairs = {pair for n in numbers for pair in _pairs(n)}
    for ten, unit in _COMPOUND.findall(text.lower()):
        value = 10 * (_TENS.index(ten) + 2) + _UNITS.index(unit) + 1
        if value not in pairs and str(value) not in _ANY_NUMBER and f"{ten} {unit}" not in allowed.replace("-", " "):
            return f"{ten}-{unit}"
    heard = {word.split("'")[0] for word in _WORDS.findall(allowed.replace("’", "'"))} | _ANYBODYS
    for name in _NAME.findall(text):
        if not {name.lower(), name.lower().removesuffix("s")} & heard:
            return str(name)
    return ""


def _spelled(number: str) -> set[str]:
    """The longer number words with which these figures may be read aloud: 640 gives hundred, forty."""
    words: set[str] = set()
    for part in number.split("."):
        if part.isdigit() and len(part) < 8:
            value = int(part)
            words |= {"million"} if value >= 1_000_000 else set()
            words |= {"thousand"} if value >= 1_000 else set()
            words |= {"hundred"} if value >= 100 else set()
            for pair in _pairs(part):
                words.add(_TEENS[pair - 11] if 11 <= pair <= 19 else _TENS[pair // 10 - 2] if pair >= 20 else "")
    return words - {""}


def _pairs(number: str) -> set[int]:
    """The numbers below a hundred that are heard when these figures are read aloud: 640 gives 6 and 40, 1435 gives 14 and 35."""
    values = {int(part) for part in number.split(".") if part.isdigit() and len(part) < 8}
    return {value // by % 100 for value in values for by in (1, 100, 1_000, 10_000)}


def _digits(number: str) -> str:
    """A number without separators; pence of .00 do not count."""
    return re.sub(r"[,:]", "", number).removesuffix(".00").strip(".")
