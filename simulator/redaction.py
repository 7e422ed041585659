"""Takes people out of a call before it leaves the house: names that the call itself knows, addresses and numbers of a shape.

`find` says where, `Redacted` puts a tag such as [e-mail] there; every other character stays as it was, and a quote moves with
the words it quotes. Found are e-mail addresses, telephone, payment card and bank account (IBAN) numbers, the caller's name,
the people of the scenario, and the name that a trainee gives on the line. Not found is what has neither a shape nor a known
name: a stranger's name, a street, a number spelt out. So it makes a call safer to pass on, not anonymous: read it first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel

from simulator.assessment import Assessment, Check, Evidence
from simulator.errors import CallError
from simulator.events import CallStarted, SecondOpinionGiven, StoredEvent, TraineeSpoke, TurnGraded
from simulator.workshop.records import Regrade

E_MAIL, PHONE, CARD, IBAN = "[e-mail]", "[phone]", "[card]", "[IBAN]"
CALLER, TRAINEE, NAME, FACILITATOR = "[caller]", "[trainee]", "[name]", "[facilitator]"

_E_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+'-]{0,63}\w@(?:[\w-]{1,63}\.){1,8}\w{2,24}"
    r"|(?<![\w.+-])[\w.+-]{1,64} ?(?:\(at\)|\[at\]| at ) ?[\w-]{1,63} ?(?:\(dot\)|\[dot\]| dot ) ?[a-z]{2,24}\b",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD = re.compile(r"(?<![\d.,])[2-6](?:[ -]?\d){12,18}(?!\d)")
_PHONE = re.compile(r"(?<![\w/.,:#&+-])(?:\+ ?|\()?\(?\d(?:[ ()./-]{0,3}\d){6,14}(?!\w|[.,]\d)")

_DATE = r"(?<!\d)\d{1,4}([./-])\d{1,2}\1\d{2,4}(?!\d)"
_TIME = r"(?<!\d)\d{1,2}[:.]\d{2}(?::\d{2})?(?!\d)(?=\s|[,;.!?)]|$)"
_PRICE = (
    r"(?:[£$€¥]|\b(?:GBP|EUR|USD|CHF)) ?\d[\d,. ]{0,20}\d|"
    r"\b\d[\d,. ]{0,20}\d ?(?:[£$€¥%]|(?:pounds?|euros?|dollars?|GBP|EUR|USD|CHF|pence|cents?)\b)"
)
_THING = (
    "order|booking|reference|ref|parcel|tracking|consignment|invoice|bill|account|acct|policy|claim|case|ticket|"
    "meter|serial|model|part|item|article|product|customer|contract|reservation|confirmation|receipt|voucher"
)
_REFERENCE = (
    rf"\b(?:{_THING})(?: (?:number|no\.?|nr\.?|code|id|ref))?(?: is| was|:| ?#)? ?#?[\w-]{{0,20}}\d[\d -]{{0,30}}\d"
)
_CODE = r"(?<!\w)(?=[\w-]{0,40}[A-Za-z])(?=[\w-]{0,40}\d)[\w-]{1,40}"
_NO_PHONE = re.compile("|".join(f"(?:{p})" for p in (_PRICE, _REFERENCE, _CODE, _TIME)), re.IGNORECASE)
"""Numbers that are no telephone's, whatever they look like. Dates are looked for apart: they number a group."""
_DATES = re.compile(_DATE)
_ASKED = re.compile(
    r"\b(?:phone|telephone|tel|mobile|cell|call|ring|text|dial|reach|whatsapp|(?:my|your|his|her|their|this|direct) number)\b"
    r"[^.!?\d]{0,24}$",
    re.IGNORECASE,
)
"""Words after which a bare number is a telephone's."""
_AMERICAN = re.compile(r"(?:\+?1[ .-])?\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}")

_WORD = r"[^\W\d_][\w'’-]*"
_SURELY_GIVEN = re.compile(rf"\b(?i:(?:my|the) (?:first )?name(?: is|['’]s|:)) ({_WORD}(?: {_WORD})?)")
_GIVEN = re.compile(
    rf"\b(?i:this is|it['’]s|i am|i['’]m|call me|speaking (?:to|with)|talking (?:to|with)) ({_WORD}(?: {_WORD})?)"
)
_GIVEN_BEFORE = re.compile(rf"\b((?:{_WORD} )?{_WORD}) (?i:speaking|here)\b")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words("mr mrs ms miss mx dr prof sir madam")
_ALSO_WORDS = _words(
    "will may mark grace hope price dean rose bill art june april august joy faith frank rich jack pat sue chase cash young "
    "long short king bishop baker cook page case bond rain sky summer autumn ray drew rob nick gene dale glen miles lane "
    "park field wood stone hill brook ford banks church love best good black white brown green grey gray reed moss day "
    "noble sharp strong wise early self post west north east english french holland"
)
"""Names that are also words: taken for a name only with a capital inside a sentence."""
_NO_NAMES = _words(
    "i we you he she it they the a an this that yes no ok okay hello hi good so sorry sure not now just here there what who "
    "how very really glad happy afraid going calling speaking looking only still also in at on from your our my customer "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september "
    "october november december care team support service services desk nobody somebody anybody everybody someone anyone "
    "everyone colleague"
)


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` says who somebody is; `tag` goes there instead."""

    start: int
    end: int
    tag: str


class Names:
    """Names that are known, each with its tag."""

    def __init__(self, known: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        self._tags: dict[str, str] = {}
        for name, tag in known.items() if isinstance(known, Mapping) else known:
            parts = [p for p in re.findall(_WORD, _plain(name)) if p.lower() not in _TITLES]
            for phrase in (" ".join(parts), *parts) if parts else ():
                self._tags.setdefault(phrase.lower(), tag)
        longest_first = sorted(self._tags, key=len, reverse=True)
        words = "|".join(re.escape(name).replace(r"\ ", r"[\s-]+") for name in longest_first)
        self._pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def spans(self, text: str) -> Iterator[Span]:
        """Where they are, also in capitals, and without their accents."""
        if self._pattern is None:
            return
        for found in self._pattern.finditer(_plain(text)):
            word = re.sub(r"[\s-]+", " ", found.group()).lower()
            tag = self._tags.get(word) or self._tags.get(found.group().lower())
            capital = text[found.start()].isupper()
            is_word = word in _ALSO_WORDS or len(word) < 3
            if tag is None or (is_word and not (capital and _inside(text, found.start()))):
                continue
            yield Span(found.start(), found.end(), tag)


NOBODY = Names()


def find(text: str, names: Names = NOBODY) -> tuple[Span, ...]:
    """All spans of a text, in order; none overlaps another."""
    found = [Span(m.start(), m.end(), E_MAIL) for m in _E_MAIL.finditer(text)]
    found += _checked(text, _IBAN, IBAN, _is_iban, shortest=15)
    found += _checked(text, _CARD, CARD, _is_card, shortest=13)
    found += _phones(text)
    found += names.spans(text)
    out: list[Span] = []
    for span in found:  # the surer kind goes first
        if not any(span.start < other.end and other.start < span.end for other in out):
            out.append(span)
    return tuple(sorted(out, key=lambda s: s.start))


class Redacted:
    """A text with tags in place of spans (`text`), and where in it the old positions are."""

    def __init__(self, text: str, names: Names = NOBODY) -> None:
        self.spans = find(text, names)
        parts, at = [], 0
        for span in self.spans:
            parts += [text[at : span.start], span.tag]
            at = span.end
        self.text = "".join([*parts, text[at:]])

    def moved(self, start: int, end: int) -> tuple[int, int]:
        """What was at `start:end`; a quote that cut a span in two has all of its tag now."""
        return self._at(start, last=False), self._at(end, last=True)

    def _at(self, position: int, *, last: bool) -> int:
        shift = 0
        for span in self.spans:
            if position <= span.start:
                break
            if position < span.end:
                return span.start + shift + (len(span.tag) if last else 0)
            shift += len(span.tag) - (span.end - span.start)
        return position + shift


def redact(text: str, names: Names = NOBODY) -> str:
    """The text with tags in place of whatever says who somebody is."""
    return Redacted(text, names).text


def names_in(events: Sequence[StoredEvent], people: Mapping[str, str] = MappingProxyType({})) -> Names:
    """The names that a call knows, and those of other `people`, each with its tag. Raises CallError if it is none."""
    start = _start(events)
    theirs = " ".join(start.scenario.model_dump_json().split()) + start.persona.model_dump_json()
    known = {start.persona.name: CALLER} | dict.fromkeys(start.scenario.people, NAME) | dict(people)
    for event in events:
        if isinstance(event, TraineeSpoke):
            for name in introduced(event.text):
                if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", theirs):
                    known.setdefault(name, TRAINEE)
    return Names(known)


def introduced(text: str) -> Iterator[str]:
    """Names that somebody gives as theirs: "this is Rowan", "Ada Byron speaking"."""
    for pattern in (_SURELY_GIVEN, _GIVEN, _GIVEN_BEFORE):
        order = -1 if pattern is _GIVEN_BEFORE else 1  # the name is what stands next to the words that give it
        for found in pattern.finditer(text):
            named: list[str] = []
            for word in found[1].split()[::order]:
                bare = re.sub(r"['’]s?$", "", word)
                like_a_name = bare[:1].isupper() or (pattern is _SURELY_GIVEN and not named)
                if not like_a_name or bare.lower() in _NO_NAMES or len(bare) < 2:
                    break
                named.append(bare)
            if named:
                yield " ".join(named[::order])


def redacted(events: Sequence[StoredEvent], names: Names | None = None) -> tuple[StoredEvent, ...]:
    """The stream of a call without people: its turns, notes, refused candidates, and the persona and scenario themselves.
    Evidence quotes the new words where they now stand. `names`: those of the call, unless given. Raises CallError."""
    known = names_in(events) if names is None else names
    turns: dict[int, Redacted] = {}
    out: list[StoredEvent] = []
    for event in events:
        if isinstance(event, TraineeSpoke):
            turns[event.turn] = Redacted(event.text, known)
        if isinstance(event, TurnGraded | SecondOpinionGiven) and event.assessment is not None:
            moved = _quoting(event.assessment, turns.get(event.turn, Redacted("")))
            event = event.model_copy(update={"assessment": moved})
        out.append(_through(event, known))
    return tuple(out)


def redacted_grades(given: Sequence[Regrade], names: Names, trainee: str = "") -> tuple[Regrade, ...]:
    """People's grades of a call without people: who gave them, and whom the comments name. `names`: those of the call;
    `trainee`: the name that they joined with ('': none is known)."""
    theirs = Names({trainee: TRAINEE} | {one.by: FACILITATOR for one in given})
    return tuple(
        one.model_copy(update={"by": FACILITATOR, "comment": redact(redact(one.comment, theirs), names)})
        for one in given
    )


def _start(events: Sequence[StoredEvent]) -> CallStarted:
    if not events or not isinstance(events[0], CallStarted):
        raise CallError("a stored call must begin with call_started")
    return events[0]


Q = TypeVar("Q", Evidence, Check)
M = TypeVar("M")
_KEPT = frozenset({"id", "kind", "call_id", "model", "grader"})
"""Keys whose words are the program's own."""


def _quoting(assessment: Assessment, turn: Redacted) -> Assessment:
    """Its quotes, as the turn now has them."""

    def moved(quoting: Q) -> Q:
        start, end = turn.moved(quoting.start, quoting.start + len(quoting.quote))
        return quoting.model_copy(update={"start": start, "quote": turn.text[start:end]})

    evidence, checks = tuple(map(moved, assessment.evidence)), tuple(map(moved, assessment.checks))
    return assessment.model_copy(update={"evidence": evidence, "checks": checks})


def _through(value: M, names: Names) -> M:
    """The same value with every text in it redacted."""
    out: object = value
    if isinstance(value, BaseModel):
        fields = {k: getattr(value, k) for k in type(value).model_fields if k not in _KEPT}
        out = value.model_copy(update={k: _through(v, names) for k, v in fields.items()})
    elif isinstance(value, str) and not isinstance(value, Enum):
        out = redact(value, names)
    elif isinstance(value, tuple):
        out = tuple(_through(v, names) for v in value)
    elif isinstance(value, dict):
        out = {k: _through(v, names) for k, v in value.items()}
    return out  # type: ignore[return-value]


def _phones(text: str) -> list[Span]:
    masked = _NO_PHONE.sub(lambda m: "\0" * len(m.group()), _DATES.sub(lambda m: "\0" * len(m.group()), text))
    found = []
    for candidate in _PHONE.finditer(masked):
        shape = candidate.group()
        digits = re.sub(r"\D", "", shape)
        begins = shape.lstrip("( ")
        if (
            (begins.startswith("+") and len(digits) >= 8)
            or (begins.startswith("00") and len(digits) >= 10)
            or (begins.startswith("0") and 9 <= len(digits) <= 12)
            or _AMERICAN.fullmatch(shape)
            or _ASKED.search(masked[: candidate.start()])
        ):
            found.append(Span(candidate.start(), candidate.end(), PHONE))
    return found


def _checked(
    text: str, pattern: re.Pattern[str], tag: str, right: Callable[[str], bool], *, shortest: int
) -> Iterator[Span]:
    """Matches that pass the check, shortened group by group: the words after a number may look like more of it."""
    for found in pattern.finditer(text):
        for end in range(found.end(), found.start() + shortest - 1, -1):
            if text[end : end + 1].isalnum() or not text[end - 1].isalnum():
                continue
            if right(re.sub(r"[ -]", "", text[found.start() : end])):
                yield Span(found.start(), end, tag)
                break


def _is_card(number: str) -> bool:
    """Luhn's check digit; not a row of one digit."""
    digits = [int(d) for d in number]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(number: str) -> bool:
    """The check of ISO 13616: the number, moved round and read as digits, leaves 1 when divided by 97."""
    moved = number[4:] + number[:4]
    return 15 <= len(number) <= 34 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _plain(text: str) -> str:
    """The text without accents and with straight apostrophes, character for character."""
    return "".join("'" if c == "’" else unicodedata.normalize("NFKD", c)[:1] or c for c in text)


def _inside(text: str, at: int) -> bool:
    """Whether a sentence has begun before `at`."""
    before = text[:at].rstrip(" \t\"'“‘(")
    return bool(before) and before[-1] not in ".!?…:\n"


__all__ = [
    "NOBODY",
    "Names",
    "Redacted",
    "Span",
    "find",
    "introduced",
    "names_in",
    "redact",
    "redacted",
    "redacted_grades",
]
