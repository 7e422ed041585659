"""Checks a trainee turn against the scenario: false promises, wrong facts, and questions for what was already given.

Plain code, deterministic, a few milliseconds a turn. It would rather miss something than accuse wrongly: a figure counts
as wrong only where it is one slip away from a known one, or said of the very thing for which the file gives another;
questions, hedges, other people's words and sums of known figures are never wrong. How often it is right is measured by
`simulator bench facts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from simulator.assessment import Assessment, Check, Evidence, Source
from simulator.evaluator.asking import Heard, asked_again
from simulator.evaluator.casefile import CaseFile, Line, case_file, tokens, weekday
from simulator.evaluator.figures import Figure, Kind, figures, near_miss, swapped
from simulator.evaluator.promises import wrong_promises
from simulator.evaluator.wording import Sentence, claims, clauses, content, hedged, sentences
from simulator.scenario import Brief, Scenario
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Dimension, Fault

RULED_OUT = 1.4
"""Highest value that the solution of a turn keeps which promises what is ruled out, or contradicts the facts."""
SURE = 0.9
"""Confidence in that level: what share of such checks is right on sentences nobody tuned them on, with a margin."""
_SENTENCES = 200
"""Sentences of a turn that are looked at: more than ten minutes of talk."""
_LONGEST = 1_000
"""Characters of one sentence that are looked at: no pasted wall of text keeps the caller waiting."""
_OWN_PLAN = re.compile(
    r"\b(?:i|we)(?:['’]ll| will|['’]m going to| can|['’]d| could| am| shall)(?: \w+)? (?:call|ring|text|check|phone|"
    r"email|be back|write|look|"
    r"move|book|come|hold|set|note|put|send|give|pay|add|refund|credit|offer)\b|\bshall (?:i|we)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"\b(?:instead of|rather than|not|isn['’]t|wasn['’]t|no longer)\s+(?:the\s+)?$", re.IGNORECASE)
_WEAK = content("day date time call today morning first second new old number right back week send take say")


def check(turn: Turn, transcript: Transcript, scenario: Scenario | Brief) -> tuple[Check, ...]:
    """What the scenario has against `turn`, said after `transcript`, in the order of the turn; at most one check a
    sentence. A `Brief` holds less, so less is found: no wrong promises, and nothing that only a record shows."""
    file = case_file(scenario)
    heard = Heard.of(transcript.before(turn.index))
    known = file.known | {f.key for one in heard.lines for f in one.figures}
    out: list[Check] = []
    for whole in sentences(turn.text)[:_SENTENCES]:
        sentence = replace(whole, text=whole.text[:_LONGEST])
        found = (
            wrong_promises(sentence, file) or _wrong_fact(sentence, file, known) or asked_again(sentence, file, heard)
        )
        if found is not None:
            out.append(found)
    return tuple(out)


def with_checks(assessment: Assessment, checks: tuple[Check, ...]) -> Assessment:
    """The assessment with these checks, the faults they stand for and the words as evidence. A false promise or a wrong
    fact makes the solution a 1, where it applies: the rubric says so. Without checks it is returned as it is."""
    if not checks:
        return assessment
    faults = dict.fromkeys((*assessment.faults, *(c.fault for c in checks if c.fault is not None)))
    have = {(e.about, e.start) for e in assessment.evidence}
    fresh = [
        Evidence(about=c.fault, quote=c.quote, start=c.start)
        for c in checks
        if c.fault is not None and (c.fault, c.start) not in have
    ]
    scores = dict(assessment.scores)
    score = scores.get(Dimension.SOLUTION)
    worst = next((c for c in checks if c.fault is not Fault.ASKS_AGAIN), None)
    if worst is not None and score is not None and score.level is not None and score.value is not None:
        does = "promises what is ruled out" if worst.fault is Fault.FALSE_PROMISE else "contradicts the facts"
        scores[Dimension.SOLUTION] = score.model_copy(
            update={
                "level": 1,
                "value": min(score.value, RULED_OUT),
                "confidence": SURE,
                "probabilities": (),
                "reason": f"This {does}: {place(worst)}: {worst.says}",
                "rationale": f"“{worst.quote}” {does}: {worst.says}",
                "needed": "Say only what the file bears out, and name what you can do.",
            }
        )
        fresh.append(Evidence(about=Dimension.SOLUTION, quote=worst.quote, start=worst.start))
    kept = [e for e in assessment.evidence if not (worst is not None and e.about is Dimension.SOLUTION)]
    return assessment.model_copy(
        update={
            "scores": scores,
            "faults": tuple(faults),
            "evidence": (*kept, *fresh),
            "checks": (*assessment.checks, *checks),
        }
    )


_PLACES = {
    Source.ARTICLE: "the article",
    Source.POLICY: "the policy",
    Source.AUTHORITY: "what you may grant",
    Source.FACT: "the case",
    Source.RECORD: "the record",
    Source.SAID: "the caller",
}


def place(check: Check) -> str:
    """Where it stands, in words: `the article “Goodwill in billing cases”`, `the record (Paid)`, `the caller`."""
    where = _PLACES[check.source]
    if check.source is Source.ARTICLE and check.title:
        return f"{where} “{check.title}”"
    return f"{where} ({check.title})" if check.title else where


@dataclass(frozen=True, slots=True)
class _Said:
    """A figure of a sentence, the clause it stands in, and what that is about; alone of its kind, what the sentence is."""

    figure: Figure
    clause: str
    words: frozenset[str]


def _wrong_fact(sentence: Sentence, file: CaseFile, known: frozenset[tuple[Kind, int, str]]) -> Check | None:
    """The first figure of this sentence that cannot be right, or None."""
    text = sentence.text
    if sentence.question or not file.lines:
        return None
    said = [f for f in figures(text) if not f.vague and not _ABOUT.search(text, max(0, f.start - 20), f.start)]
    for figure in said:
        clause = _clause(text, figure)
        if hedged(clause) and figure.kind is not Kind.REFERENCE and _unsaid(clause):
            continue
        alone = sum(f.kind is figure.kind for f in said) == 1 or figure.kind is Kind.CLOCK
        one = _against(_Said(figure, clause, tokens(text if alone else clause) - _WEAK), file, known)
        if one is not None:
            return Check(
                fault=None, quote=text, start=sentence.start, source=one.source, title=one.title, says=one.says
            )
    return None


_OTHERS = re.compile(r"\b(?:says?|shows?|reads?|wrote|written|said)\b", re.IGNORECASE)


def _unsaid(clause: str) -> bool:
    """Whether a hedged clause is more than a report of what a paper or a person says."""
    return hedged(_OTHERS.sub(" ", clause))


def _clause(text: str, figure: Figure) -> str:
    """The clause that holds a figure."""
    at = 0
    for piece in clauses(text):
        at = text.index(piece, at)
        if at <= figure.start < at + len(piece):
            return piece
        at += len(piece)
    return text


def _against(said: _Said, file: CaseFile, known: frozenset[tuple[Kind, int, str]]) -> Line | None:
    """The line that this figure contradicts."""
    match said.figure.kind:
        case Kind.MONEY:
            return _money(said, file, known)
        case Kind.REFERENCE | Kind.LABELLED:
            return _number(said.figure, file, known)
        case Kind.DATE:
            return _calendar(said.figure, file) or _date(said, file)
        case Kind.CLOCK:
            return _clock(said, file, known)


def _money(said: _Said, file: CaseFile, known: frozenset[tuple[Kind, int, str]]) -> Line | None:
    value = said.figure.value
    amounts = file.amounts | {v for kind, v, _ in known if kind is Kind.MONEY}
    if value in amounts or value % 5_000 == 0 or any(a // 100 == value / 100 for a in amounts):
        return None
    for one in file.lines:
        for f in one.figures:
            if f.kind is not Kind.MONEY or not (f.unit == said.figure.unit or not said.figure.unit):
                continue
            whole = value % 100 == 0 and f.value % 100 == 0
            pair = (value // 100, f.value // 100) if whole else (value, f.value)
            if whole and f.value // 100 < 100:
                continue
            slip = near_miss(*pair, shortest=3 if whole else 4)
            if (
                slip
                and value not in file.sums
                and (swapped(*pair) or (said.words & one.words and value not in file.derived))
            ):
                return one
    return None


def _number(figure: Figure, file: CaseFile, known: frozenset[tuple[Kind, int, str]]) -> Line | None:
    if figure.key in known:
        return None
    for one in file.lines:
        for f in one.figures:
            if f.kind is figure.kind and f.unit == figure.unit and near_miss(figure.value, f.value):
                return one
    return None


def _calendar(figure: Figure, file: CaseFile) -> Line | None:
    """A weekday and a date that do not go together, where the file has one of the two with its true other half."""
    if (
        not figure.unit
        or figure.value < 100
        or file.year is None
        or weekday(figure.value, file.year) in ("", figure.unit)
    ):
        return None
    for one in file.lines:
        if any(f.kind is Kind.DATE and f.unit and f.value == figure.value for f in one.figures):
            return one
    return None


def _date(said: _Said, file: CaseFile) -> Line | None:
    """A date said of something that the facts or the record date otherwise."""
    day = file.day(said.figure)
    if (
        said.figure.value < 100
        or day is None
        or file.today is None
        or day > file.today[0]
        or _OWN_PLAN.search(said.clause)
    ):
        return None
    about = frozenset(w for w in said.words if not w.startswith("#"))
    same: list[tuple[float, Line]] = []
    other: list[tuple[float, Line]] = []
    for one in file.lines:
        dated = {f.value for f in one.figures if f.kind is Kind.DATE and f.value >= 100}
        if dated:
            (same if said.figure.value in dated else other).append((file.weight(about & one.words), one))
    here = max((w for w, _ in same), default=0.0)
    dated_otherwise = [
        (w, one) for w, one in other if one.source in (Source.FACT, Source.RECORD) and len(one.figures) <= 4
    ]
    best = max(dated_otherwise, key=lambda pair: pair[0], default=None)
    if best is None or here > 0.6 * best[0] or len(about & best[1].words) < 2 or best[0] < 0.5 * file.weight(about):
        return None
    return best[1] if claims(said.clause, about) else None


def _clock(said: _Said, file: CaseFile, known: frozenset[tuple[Kind, int, str]]) -> Line | None:
    """A time of day one slip from the one that the record or a fact gives for the same thing."""
    value = said.figure.value
    if said.figure.key in known or value % 60 == 0 or _OWN_PLAN.search(said.clause):
        return None
    about = frozenset(w for w in said.words if not w.startswith("#"))
    for one in file.lines:
        if one.source not in (Source.FACT, Source.RECORD, Source.AUTHORITY) or len(about & one.words) < 2:
            continue
        for f in one.figures:
            digits = tuple(int(f"{v // 60}{v % 60:02d}") for v in (value, f.value))
            if f.kind is Kind.CLOCK and near_miss(*digits):
                return one
    return None
