"""What a finished rating session shows: agreement per dimension, the turns of largest disagreement, and a scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.assessment import Assessment
from simulator.calibration import agreement as figures
from simulator.calibration.offsets import Fitted, apply, fit
from simulator.calibration.records import OffsetMap, Rating, RatingSession, TurnToRate
from simulator.vocabulary import Dimension

SHOWN = 5
"""Disagreements that are shown."""
_UNLIKE = 1.5
"""How far apart, in levels, "3" and "does not apply" count when disagreements are put in order."""


@dataclass(frozen=True, slots=True)
class OfDimension:
    """One dimension: agreement, whether it applies, the rater with themself, and the map that would follow."""

    agreement: figures.Agreement
    applies: figures.Applicability
    own: figures.Consistency
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One turn and the dimension on which the two are furthest apart there. `rater` None: does not apply."""

    turn: TurnToRate
    dimension: Dimension
    rater: int | None
    grades: Assessment


@dataclass(frozen=True, slots=True)
class Results:
    """Everything about one session. `offsets` is what "use my scale" would keep (version 0); `changed` counts, per
    dimension, the rated turns whose level it would change, of how many."""

    grader: str
    rated: int
    """Different turns with a rating and a grade."""
    ungraded: int
    """Rated turns that the machine could not grade."""
    dimensions: dict[Dimension, OfDimension]
    disagreements: tuple[Disagreement, ...]
    offsets: OffsetMap
    changed: dict[Dimension, tuple[int, int]]


def results(
    session: RatingSession, ratings: Mapping[int, Rating], grades: Mapping[str, Assessment], *, grader: str, at: float
) -> Results:
    """`ratings` by position in the session, `grades` by turn id, on the machine's own scale of the grader `grader`."""
    rated: dict[str, list[Rating]] = defaultdict(list)
    for position in sorted(ratings):
        rated[session.turns[position].id].append(ratings[position])
    both = [t for t in session.distinct if t.id in rated and t.id in grades]
    dimensions = {d: _of_dimension(d, both, rated, grades, session.seed) for d in Dimension}
    offsets = OffsetMap(
        name=session.organisation,
        made_at=at,
        made_by=session.rater,
        grader=grader,
        n=len(both),
        maps={d: found.fitted.knots for d, found in dimensions.items() if found.fitted.knots is not None},
    )
    return Results(
        grader=grader,
        rated=len(both),
        ungraded=sum(t.id not in grades for t in session.distinct if t.id in rated),
        dimensions=dimensions,
        disagreements=_furthest(both, rated, grades),
        offsets=offsets,
        changed=_changed([grades[t.id] for t in both], offsets),
    )


def _of_dimension(
    d: Dimension, both: list[TurnToRate], rated: Mapping[str, list[Rating]], grades: Mapping[str, Assessment], seed: int
) -> OfDimension:
    # Against the machine the first rating of a turn counts; the second says only how steady the rater is.
    firsts, machine = [rated[t.id][0].levels[d] for t in both], [grades[t.id].level(d) for t in both]
    pairs = [(a, b) for a, b in zip(firsts, machine, strict=True) if a is not None and b is not None]
    again = [(given[0].levels[d], given[1].levels[d]) for given in rated.values() if len(given) > 1]
    values, means = list[float](), list[float]()
    for turn in both:
        value = grades[turn.id].value(d)
        given = [level for r in rated[turn.id] if (level := r.levels[d]) is not None]
        if value is not None and given and rated[turn.id][0].levels[d] is not None:
            values.append(value)
            means.append(sum(given) / len(given))
    return OfDimension(
        figures.agreement([a for a, _ in pairs], [b for _, b in pairs], seed=seed),
        figures.applicability(firsts, machine),
        figures.consistency([a for a, _ in again], [b for _, b in again]),
        fit(values, means),
    )


def _furthest(
    both: list[TurnToRate], rated: Mapping[str, list[Rating]], grades: Mapping[str, Assessment]
) -> tuple[Disagreement, ...]:
    """The `SHOWN` turns that are furthest apart, each with its worst dimension; those that agree are left out."""
    found: list[tuple[float, Disagreement]] = []
    for turn in both:
        given, machine = rated[turn.id][0].levels, grades[turn.id]
        apart = {d: _apart(given[d], machine.level(d), machine.value(d)) for d in Dimension}
        worst = max(Dimension, key=lambda d: apart[d])
        if given[worst] != machine.level(worst):
            found.append((apart[worst], Disagreement(turn, worst, given[worst], machine)))
    found.sort(key=lambda pair: -pair[0])
    return tuple(disagreement for _, disagreement in found[:SHOWN])


def _apart(rater: int | None, level: int | None, value: float | None) -> float:
    if rater is None or level is None:
        return 0.0 if rater == level else _UNLIKE
    if rater == level:
        return 0.0
    return abs(rater - (float(level) if value is None else value))


def _changed(grades: list[Assessment], offsets: OffsetMap) -> dict[Dimension, tuple[int, int]]:
    after = [apply(one, offsets.model_copy(update={"grader": one.grader})) for one in grades]
    pairs = list(zip(grades, after, strict=True))
    return {
        d: (sum(a.level(d) != b.level(d) for a, b in pairs), sum(a.level(d) is not None for a, _ in pairs))
        for d in Dimension
    }
