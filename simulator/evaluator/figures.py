"""Finds the figures in what people say: sums of money, dates, times of day, reference numbers and counted things.

Written as £640, 640 pounds, six hundred and forty pounds, $2,780.00; 14 August, August 14th, the fourteenth of August;
18:20, 6pm, two o'clock; HW-20714, NS 274, room 214. It knows no scenario. Linear in the length of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ROUND = "twenty thirty forty fifty sixty seventy eighty ninety"
_NTH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
)
_UNITS = _SMALL.split()
_WORDS = {w: n for n, w in enumerate(_UNITS)} | {w: 10 * n for n, w in enumerate(_ROUND.split(), 2)}
_ORDINALS = {w: n for n, w in enumerate(_NTH.split(), 1)} | {"thirtieth": 30}
_CURRENCY = {"£": "£", "$": "$", "€": "€", "pound": "£", "quid": "£", "dollar": "$", "buck": "$", "euro": "€"}


_LIKE = str.maketrans("ſKıİ", "skiI")
"""Letters that a pattern without regard to case takes for others, but that no table of words knows."""


def plain(text: str) -> str:
    """`text`, character by character, with the letters that patterns and tables have."""
    return text.translate(_LIKE)


class Kind(StrEnum):
    """What a figure counts."""

    MONEY = "money"
    DATE = "date"
    CLOCK = "clock"
    REFERENCE = "reference"
    LABELLED = "labelled"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure at `start`..`end` of its text. `value`: pence for money, month * 100 + day for a date (month 0: not
    said), minutes from midnight modulo 12 hours for a time of day, digits for the others. `unit`: the currency, the
    weekday said with a date, the letters of a reference, the word that labels a number. `vague`: "about", "up to"."""

    kind: Kind
    value: int
    unit: str
    start: int
    end: int
    vague: bool = False

    @property
    def key(self) -> tuple[Kind, int, str]:
        """What makes two figures the same one. The weekday of a date does not."""
        return (self.kind, self.value, "" if self.kind is Kind.DATE else self.unit)


_NUMBER_WORD = "|".join([*_WORDS, "hundred", "thousand"])
_SPOKEN = rf"(?:{_NUMBER_WORD})(?:(?:[ -]|\s+and\s+)(?:{_NUMBER_WORD}))*"
_AMOUNT = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{2})?|[0-9]{1,7}(?:\.[0-9]{2})?"
_MONEY = re.compile(
    rf"(?P<sign>[£$€])\s?(?P<a>{_AMOUNT})(?![0-9])"
    rf"|(?<![0-9.,])(?P<b>{_AMOUNT})\s+(?P<unit>pounds?|quid|dollars?|bucks?|euros?)\b"
    rf"|\b(?P<spoken>a hundred(?: and {_SPOKEN})?|{_SPOKEN})\s+(?P<unit2>pounds?|quid|dollars?|bucks?|euros?)\b"
    rf"(?:\s+(?:and\s+)?(?P<pence>{_SPOKEN})(?:\s+(?:pence|cents?))?)?"
    r"|\b(?P<large>(?:[a-z]+ )?hundred(?: and)? [a-z]+(?:[ -][a-z]+)?)\b",
    re.IGNORECASE,
)
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
_ORDINAL = (
    "(?:(?:twenty|thirty)-(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|" + "|".join(_ORDINALS) + ")"
)
_DAY = rf"(?:[0-9]{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL})"
_WEEKDAY = r"(?:(?P<wd{n}>mon|tues|wednes|thurs|fri|satur|sun)day,?\s+(?:the\s+)?)?"
_DATE = re.compile(
    r"(?i:"
    + _WEEKDAY.format(n=1)
    + rf"(?:\bthe\s+)?(?P<d1>\b{_DAY})(?:\s+(?:to|and|or|until|-)\s+(?P<d1b>{_DAY}))?(?:\s+of)?)\s+(?P<m1>{_MONTH})\b"
    r"|(?i:" + _WEEKDAY.format(n=2) + rf")\b(?P<m2>{_MONTH})\s+(?i:(?:the\s+)?(?P<d2>{_DAY}))\b"
    r"|(?i:"
    + _WEEKDAY.format(n=3)
    + r"\bthe\s+(?P<d3>[0-9]{1,2}(?:st|nd|rd|th)|(?:twenty|thirty)-[a-z]+|[a-z]+teenth)\b)"
)
_CLOCK = re.compile(
    r"(?<![0-9:£$€.])(?P<h>[01]?[0-9]|2[0-3])(?:[:.](?P<m>[0-5][0-9]))(?![0-9:]|\s?(?:percent|%))"
    r"|(?<![0-9:£$€.])(?P<h2>1[0-2]|[1-9])\s?(?:am|pm|a\.m\.|p\.m\.|o['’]clock)"
    rf"|\b(?P<h3>{'|'.join(_UNITS[1:13])})\s(?:am|pm|o['’]clock)"
    rf"|(?:(?<=\bat )|(?<=\bby )|(?<=before ))(?P<h4>{'|'.join(_UNITS[1:13])}|1[0-2]|[1-9])\b(?![:.]?[0-9]|"
    rf"\s?[%£$€-]|\s+(?:hundred|"
    r"thousand|percent|pounds|dollars|euros|quid|people|working|business|days|hours|minutes|weeks|past|to|of|other|"
    r"more)\b)",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"(?<![\w-])(?P<letters>[A-Za-z]{1,4})-(?P<digits>[0-9]{3,}(?:-[0-9]+)*)(?![\w-])"
    r"|(?<![\w-])(?P<letters2>[A-Z]{2,3}) ?(?P<digits2>[0-9]{3,})(?![\w-])"
    r"|(?<![\w-])(?P<pair>[0-9]{2,}-[0-9]{3,})(?![\w-])"
)
_LABELLED = re.compile(
    r"\b(?P<label>room|bay|unit|phase|ticket|flight|template|ending|team|number)\s+(?:in\s+|"
    r"no\.?\s+)?(?P<n>[0-9]{2,6})\b(?![:.][0-9]|-)"
    r"|(?<![£$€0-9.,:-])\b(?P<n2>[0-9]{2,5})\s+(?P<noun>homes|houses|learners|parcels|people|nights|logins|miles|"
    r"rides)\b",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"\b(?:about|around|roughly|nearly|almost|over|under|up to|more than|less than|at most|at least|some|"
    r"within)\s*(?:a\s*)?$",
    re.IGNORECASE,
)


def spoken(words: str) -> int | None:
    """A number said in words: "six hundred and forty" → 640, "nineteen hundred and thirty" → 1930; None if it is none."""
    total = current = 0
    seen = False
    for word in re.split(r"[\s-]+", words.lower().strip()):
        if word == "and":
            continue
        if word == "a" and not seen:
            current, seen = 1, True
        elif word == "hundred":
            current = (current or 1) * 100
            seen = True
        elif word == "thousand":
            total, current, seen = total + (current or 1) * 1000, 0, True
        elif word in _WORDS:
            if current % 100 and not (current % 100 >= 20 and current % 10 == 0 and _WORDS[word] < 10):
                return None
            current, seen = current + _WORDS[word], True
        else:
            return None
    return total + current if seen else None


def figures(text: str) -> tuple[Figure, ...]:
    """All figures of `text`, in order; where two readings overlap, the first of money, date, reference, label, clock."""
    text = plain(text)
    found: list[Figure] = []
    taken: list[tuple[int, int]] = []
    for read in (_money, _dates, _references, _labelled, _clocks):
        fresh = [f for f in read(text) if not any(f.start < e and s < f.end for s, e in taken)]
        found += fresh
        taken += [(f.start, f.end) for f in fresh]
    return tuple(sorted(found, key=lambda f: f.start))


def _money(text: str) -> list[Figure]:
    out = []
    for m in _MONEY.finditer(text):
        if m["a"] or m["b"]:
            whole = (m["a"] or m["b"]).replace(",", "")
            pounds, _, pence = whole.partition(".")
            value = int(pounds) * 100 + int(pence or 0)
            unit = m["sign"] or _CURRENCY[m["unit"].lower().rstrip("s")]
        elif m["spoken"]:
            number, part = spoken(m["spoken"]), spoken(m["pence"]) if m["pence"] else None
            if number is None:
                continue
            value = number * 100 + (part if part is not None and part < 100 else 0)
            unit = _CURRENCY[m["unit2"].lower().rstrip("s")]
        else:
            number = _longest(m["large"])
            if number is None:
                continue
            value, unit = number * 100, ""
        vague = _VAGUE.search(text, max(0, m.start() - 20), m.start()) is not None
        out.append(Figure(Kind.MONEY, value, unit, m.start(), m.end(), vague))
    return out


def _longest(words: str) -> int | None:
    """The number that begins these words."""
    parts = re.split(r"[\s-]+", words)
    for n in range(len(parts), 1, -1):
        number = spoken(" ".join(parts[:n]))
        if number is not None and parts[n - 1].lower() not in ("and", "hundred"):
            return number
    return None


def _dates(text: str) -> list[Figure]:
    out = []
    for m in _DATE.finditer(text):
        month = next((MONTHS.index(_full(m[g])) + 1 for g in ("m1", "m2") if m[g]), 0)
        day = _day(m["d1"] or m["d2"] or m["d3"])
        weekday = next((m[g].lower() + "day" for g in ("wd1", "wd2", "wd3") if m[g]), "")
        vague = _VAGUE.search(text, max(0, m.start() - 20), m.start()) is not None
        second = _day(m["d1b"]) if m["d1b"] else 0
        if second:
            out.append(Figure(Kind.DATE, month * 100 + second, "", m.start(), m.end(), vague))
        if day:
            out.append(Figure(Kind.DATE, month * 100 + day, weekday, m.start(), m.end(), vague))
    return out


def _full(month: str) -> str:
    return next(name for name in MONTHS if name.startswith(month.lower()[:3]))


def _day(said: str) -> int:
    """1-31; 0 if these words are no day."""
    digits = re.match(r"[0-9]+", said)
    if digits:
        day = int(digits[0])
    elif "-" in said:
        ten, _, rest = said.lower().partition("-")
        day = _WORDS.get(ten, 100) + _ORDINALS.get(rest, 100)
    else:
        day = _ORDINALS.get(said.lower(), 0)
    return day if day <= 31 else 0


def _clocks(text: str) -> list[Figure]:
    out = []
    for m in _CLOCK.finditer(text):
        said = (m["h3"] or m["h4"] or m["h"] or m["h2"]).lower()
        hour = _WORDS[said] if said in _WORDS else int(said)
        minute = int(m["m"] or 0)
        out.append(Figure(Kind.CLOCK, (hour * 60 + minute) % 720, "", m.start(), m.end()))
    return out


def _references(text: str) -> list[Figure]:
    out = []
    for m in _REFERENCE.finditer(text):
        digits = (m["digits"] or m["digits2"] or m["pair"]).replace("-", "")
        if len(digits) < 16:
            unit = (m["letters"] or m["letters2"] or "").upper()
            out.append(Figure(Kind.REFERENCE, int("1" + digits), unit, m.start(), m.end()))
    return out


def _labelled(text: str) -> list[Figure]:
    out = []
    for m in _LABELLED.finditer(text):
        label = (m["label"] or m["noun"]).lower()
        out.append(Figure(Kind.LABELLED, int(m["n"] or m["n2"]), label, m.start(), m.end()))
    return out


def near_miss(one: int, other: int, shortest: int = 3) -> bool:
    """Whether two different numbers of at least `shortest` digits are one slip apart: one digit wrong, or two
    neighbours swapped (then two digits are enough)."""
    a, b = str(one), str(other)
    if len(a) != len(b) or a == b:
        return False
    wrong = [i for i in range(len(a)) if a[i] != b[i]]
    if swapped(one, other):
        return True
    return len(wrong) == 1 and len(a) >= shortest


def swapped(one: int, other: int) -> bool:
    """Whether `one` is `other` with two neighbouring digits the wrong way round."""
    a, b = str(one), str(other)
    if len(a) != len(b) or a == b:
        return False
    wrong = [i for i in range(len(a)) if a[i] != b[i]]
    return len(wrong) == 2 and wrong[1] == wrong[0] + 1 and a[wrong[0]] == b[wrong[1]] and a[wrong[1]] == b[wrong[0]]
