"""Everything a trainee's words are checked against, read once from a scenario: its lines, their figures, what is rare.

Only what the trainee may see is a line that can be quoted: policy, what they may grant, articles, the record, open
facts. Hidden facts only add to the figures that are known, so that a true one is never called wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import combinations
from math import log
from threading import Lock

from simulator.assessment import Source
from simulator.evaluator.figures import WEEKDAYS, Figure, Kind, figures
from simulator.evaluator.wording import content, denied, sentences
from simulator.scenario import Brief, Scenario, WrongPromise

_KEPT = 32
"""Scenarios whose case file is kept ready."""
_YEARS = range(2020, 2048)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a true sentence is about, and whether it says that something is not so."""

    words: frozenset[str]
    denies: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the file says, verbatim, where it stands, its figures (a record's label included: their places are
    of no use) and what it is about."""

    source: Source
    title: str
    says: str
    figures: tuple[Figure, ...]
    words: frozenset[str]


@lru_cache(maxsize=4096)
def line(source: Source, title: str, says: str) -> Line:
    """A line, read."""
    whole = f"{title}: {says}" if source is Source.RECORD else says
    return Line(source, title, says, figures(whole), tokens(whole))


@lru_cache(maxsize=4096)
def tokens(text: str) -> frozenset[str]:
    """What `text` is about: its content words, and its sums, dates and times however they are written."""
    rest, named = text, set[str]()
    for f in figures(text):
        if f.kind in (Kind.MONEY, Kind.DATE, Kind.CLOCK):
            rest = rest[: f.start] + " " * (f.end - f.start) + rest[f.end :]
            named |= {f"#{f.kind.value}{f.value}"} | ({"money"} if f.kind is Kind.MONEY else set())
    return content(rest) | named


@dataclass(frozen=True)
class CaseFile:
    """`lines`: what may be quoted. `unseen`: texts whose figures are known, but which are quoted to nobody."""

    lines: tuple[Line, ...]
    unseen: tuple[str, ...] = ()
    wrong: tuple[WrongPromise, ...] = ()
    right: tuple[str, ...] = ()
    """Sentences that are true though they may use the words of a wrong promise."""

    @cached_property
    def truths(self) -> tuple[Truth, ...]:
        """Every true sentence."""
        right = (p.text for t in self.right for p in sentences(t))
        return (
            *(Truth(one.words, denied(one.says)) for one in self.lines),
            *(Truth(tokens(t), denied(t)) for t in right),
        )

    @cached_property
    def temptations(self) -> tuple[tuple[WrongPromise, str, frozenset[str]], ...]:
        """Every way in which a wrong promise is known to be said: the promise, the words, what they are about."""
        return tuple((w, said, tokens(said)) for w in self.wrong for said in (w.promise, *w.sounds_like))

    @cached_property
    def known(self) -> frozenset[tuple[Kind, int, str]]:
        """Every figure that stands anywhere in the file."""
        return frozenset(
            f.key
            for f in (*(f for one in self.lines for f in one.figures), *(f for t in self.unseen for f in figures(t)))
        )

    @cached_property
    def amounts(self) -> frozenset[int]:
        """Every sum of money in the file, in pence."""
        return frozenset(value for kind, value, _ in self.known if kind is Kind.MONEY and value)

    @cached_property
    def sums(self) -> frozenset[int]:
        """What anybody reaches from those in one step: multiples up to twelve, halves, ten percent on top, sums and
        differences of two."""
        one = sorted(self.amounts)
        out = {a * n for a in one for n in range(1, 13)} | {a // 2 for a in one} | {a * 11 // 10 for a in one}
        return frozenset(out | self.pairs)

    @cached_property
    def pairs(self) -> frozenset[int]:
        """Those sums, and what two of them make together or leave."""
        return self.amounts | {s for a, b in combinations(sorted(self.amounts), 2) for s in (a + b, b - a)}

    @cached_property
    def derived(self) -> frozenset[int]:
        """What careful people reach in more steps: more multiples, sums and differences of three."""
        one = sorted(self.amounts)
        out = {a * n for a in one for n in range(1, 32)} | {a // 2 for a in one} | {a * 11 // 10 for a in one}
        doubled = sorted({*one, *(a // 2 for a in one), *(2 * a for a in one), *(3 * a for a in one)})[:120]
        pairs = {s for a, b in combinations(doubled, 2) for s in (a + b, b - a)}
        return frozenset(out | pairs | {abs(p - a) for p in pairs for a in one} | {p + a for p in pairs for a in one})

    @cached_property
    def _rare(self) -> dict[str, float]:
        n = len(self.lines) + 1
        seen: dict[str, int] = {}
        for one in self.lines:
            for word in one.words:
                seen[word] = seen.get(word, 0) + 1
        return {w: 1 + log(n / (1 + c)) / log(n) for w, c in seen.items()}

    def rarest(self, words: frozenset[str]) -> str:
        """That one of these words which the file has least (the first in the alphabet, if several)."""
        return min(words, key=lambda w: (-self._rare.get(w, 2.0), w))

    def weight(self, words: frozenset[str]) -> float:
        """How much these words say: 1 for each that stands in every line, 2 for each that stands in none."""
        return sum(self._rare.get(w, 2.0) for w in words)

    @cached_property
    def today(self) -> tuple[date, Line] | None:
        """The day of the call, with the line that tells it; the year is whichever makes the weekday right."""
        for one in self.lines:
            titled = {"today", "now"} & set(one.title.lower().split())
            if one.source is Source.RECORD and (titled or "Today is" in one.says):
                for f in one.figures:
                    day = self._date(f)
                    if day is not None:
                        return day, one
        return None

    @cached_property
    def year(self) -> int | None:
        """The year in which most weekdays of the file are right; None if it names no weekday with a date."""
        said = [f for one in self.lines for f in one.figures if f.kind is Kind.DATE and f.unit and f.value > 100]
        if not said:
            return None
        fits = {y: sum(weekday(f.value, y) == f.unit for f in said) for y in _YEARS}
        best = max(fits, key=lambda y: fits[y])
        return best if fits[best] == len(said) else None

    def _date(self, figure: Figure) -> date | None:
        if figure.kind is not Kind.DATE or figure.value < 100 or self.year is None:
            return None
        try:
            return date(self.year, figure.value // 100, figure.value % 100)
        except ValueError:
            return None

    def day(self, figure: Figure) -> date | None:
        """A figure as a day; without a month, the next day of that number after the call. None if it is none."""
        if figure.kind is Kind.DATE and figure.value < 100 and self.today is not None:
            now = self.today[0]
            month = now.month if figure.value >= now.day else now.month % 12 + 1
            figure = Figure(Kind.DATE, month * 100 + figure.value, "", 0, 0)
        return self._date(figure)


def weekday(value: int, year: int) -> str:
    """The weekday of month * 100 + day in that year; '' if there is no such day."""
    try:
        return WEEKDAYS[date(year, value // 100, value % 100).weekday()]
    except ValueError:
        return ""


_ready: OrderedDict[int, tuple[Scenario, CaseFile]] = OrderedDict()
_lock = Lock()


def case_file(scenario: Scenario | Brief) -> CaseFile:
    """The case file of a scenario, made once; of a `Brief`, its facts and policy alone."""
    if isinstance(scenario, Brief):
        return _of_brief(scenario)
    with _lock:
        found = _ready.get(id(scenario))
    if found is not None:
        return found[1]
    made = _made(scenario)
    with _lock:
        _ready[id(scenario)] = (scenario, made)  # held, so that no other scenario can get the same id
        while len(_ready) > _KEPT:
            _ready.popitem(last=False)
    return made


def _made(s: Scenario) -> CaseFile:
    lines = [line(Source.AUTHORITY, "", t) for t in s.may]
    lines += [line(Source.POLICY, "", t) for t in s.policy]
    lines += [line(Source.ARTICLE, a.title, p.text) for a in s.articles for p in sentences(a.body)]
    lines += [line(Source.RECORD, e.label, e.value) for e in s.record]
    lines += [line(Source.FACT, "", f.text) for f in s.facts]
    more = (*s.resolutions, s.handover, s.issue, s.goal)
    said = (
        s.opening,
        s.wants,
        *(f.say for f in s.facts),
        *(t for f in (*s.hidden, *s.particulars) for t in (f.text, f.say)),
    )
    whys = tuple(w.why for w in s.wrong_promises)
    better = tuple(t for replies in s.better.values() for t in replies)
    return CaseFile(tuple(lines), (*more, *said, *whys), s.wrong_promises, (*s.resolutions, *whys, *better))


@lru_cache(maxsize=_KEPT)
def _of_brief(brief: Brief) -> CaseFile:
    lines = [line(Source.POLICY, "", t) for t in brief.policy] + [line(Source.FACT, "", t) for t in brief.facts]
    return CaseFile(tuple(lines), (brief.business, brief.issue))
