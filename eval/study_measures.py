"""What a study counts in its calls: outcomes, length, mood, and what a value in the persona's file does.

Every figure is an `Estimate` (eval/intervals.py): intervals draw personas-in-a-situation anew and keep everything else,
so they speak for these personas and these trainees in other situations, not for other personas. Methods:

- **Outcome rates**: share of calls with each ending; Wilson score interval, n over the design effect.
- **Turns to resolution**: a call that is lost is not a long call, so a mean over won calls alone would flatter whoever
  loses the hard ones. Told are the share won within 4, 6, 8, 12 and 30 trainee turns (the cumulative incidence
  function, here without censoring: Kalbfleisch & Prentice, *The Statistical Analysis of Failure Time Data*, 2002,
  ch. 8), and beside it the mean over won calls.
- **Mean trajectory**: mean of each feeling after trainee turn t; a call that has ended keeps its last state (last
  observation carried forward), so that the curve is not one of survivors. `running`: share of calls not ended by then.
- **The dial**: the same call (persona, scenario, trainee, seed, condition) at one difficulty and the next. *Harder*: lost where
  the easier one was won, or won after more trainee turns; *as hard*: won after as many, or both lost. A working dial has
  no *easier*.
- **Dose-response**: y = a(m) + b * dose by least squares, with an intercept for each matched set m (same persona,
  scenario, difficulty, trainee and seed: the fixed-effects estimator, Wooldridge, *Econometric Analysis of
  Cross Section and Panel Data*, 2010, ch. 10); b is told per point of the dose. Monotone: means over the sets that have
  every dose never turn back by more than rounding. Lowest against highest dose: paired difference. The test is one of the
  slope (`eval.intervals.trend`), corrected for all slopes that are told (Holm).
- **Trajectory by dose**: the mean trajectory at each value of the field, of the feeling that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean as average
from typing import Any

import numpy as np

from eval.intervals import Difference, Estimate, holm, mean, paired, share, statistic, trend
from eval.study_rows import CallRow
from simulator.caller.intent import MAX_TRAINEE_TURNS
from simulator.vocabulary import Difficulty, Ending, Feeling, Intent

WITHIN = (4, 6, 8, 12, MAX_TRAINEE_TURNS)
"""Trainee turns within which the share of calls won is told."""
_ROUNDING = 1e-9


def won(call: CallRow) -> bool:
    """Whether the call ended resolved."""
    return call.ending == Ending.RESOLVED


def given_up(call: CallRow) -> bool:
    """Whether the caller ended the call with the problem open."""
    return call.ending in (Ending.HUNG_UP, Ending.UNRESOLVED)


def _doing(*intents: Intent) -> Callable[[CallRow], float]:
    """Share (0-1) of the caller's turns after the first with one of these intents."""

    def count(call: CallRow) -> float:
        done = [t.intent for t in call.turns[1:]]
        return sum(i in intents for i in done) / len(done) if done else 0.0

    return count


def _mean_of(feeling: Feeling) -> Callable[[CallRow], float]:
    return lambda call: average(getattr(s, feeling.value) for s in call.states)


def _last(feeling: Feeling) -> Callable[[CallRow], float]:
    return lambda call: float(getattr(call.states[-1], feeling.value))


MEASURES: dict[str, Callable[[CallRow], float]] = {
    "won": lambda c: float(won(c)),
    "given up": lambda c: float(given_up(c)),
    "turns until given up": lambda c: float(len(c.turns) if given_up(c) else MAX_TRAINEE_TURNS),
    "turns until won": lambda c: float(len(c.turns) if won(c) else MAX_TRAINEE_TURNS),
    "trainee turns": lambda c: float(len(c.turns)),
    "satisfaction": lambda c: c.satisfaction,
    "mean agitation": _mean_of(Feeling.AGITATION),
    "highest agitation": lambda c: max(s.agitation for s in c.states),
    "trust at the end": _last(Feeling.TRUST),
    "heard at the end": _last(Feeling.HEARD),
    "patience at the end": _last(Feeling.PATIENCE),
    "insults": _doing(Intent.INSULT),
    "demands and threats": _doing(Intent.DEMAND, Intent.THREATEN, Intent.ASK_SUPERVISOR),
    "doubts and tests": _doing(Intent.DOUBT, Intent.TEST),
    "wanders": _doing(Intent.WANDER),
    "wavers": _doing(Intent.WAVER),
    "refuses, corrects, bargains": _doing(Intent.REFUSE, Intent.CORRECT, Intent.BARGAIN),
    "words a caller turn": lambda c: average(len(t.caller.split()) for t in c.turns),
    "written lines": lambda c: average(float(t.written) for t in c.turns),
}
"""Name → the figure of one call. Intents are shares of the caller's turns after the first; feelings are 0-10; a call that
the caller did not give up counts as given up at the last turn there could be, one that was not won as won then."""

SHOWS: dict[str, tuple[str, int]] = {
    "start.patience": ("turns until given up", 1),
    "start.agitation": ("mean agitation", 1),
    "start.trust": ("trust at the end", 1),
    "start.heard": ("heard at the end", 1),
    "traits.volatility": ("highest agitation", 1),
    "traits.forgiveness": ("trust at the end", 1),
    "traits.stubbornness": ("refuses, corrects, bargains", 1),
    "traits.suspicion": ("doubts and tests", 1),
    "traits.assertiveness": ("demands and threats", 1),
    "traits.hostility": ("insults", 1),
    "traits.talkativeness": ("wanders", 1),
    "traits.indecision": ("wavers", 1),
}
"""Field of a persona's file → the measure in which it should show, and which way: what the file's comments promise."""

ABOUT: dict[str, Feeling] = {f"start.{f.value}": f for f in Feeling} | {"traits.forgiveness": Feeling.TRUST}
"""Field of a persona's file → the feeling whose trajectory it should bend; agitation for the others."""


def outcomes(calls: Sequence[CallRow]) -> dict[str, Estimate]:
    """Share of each ending, satisfaction (1-5), trainee turns; but for resolved, endings that never came are left out."""
    groups = [c.group for c in calls]
    endings = [e.value for e in Ending if e is Ending.RESOLVED or any(c.ending == e for c in calls)]
    found = {ending: share([c.ending == ending for c in calls], groups) for ending in endings}
    if any(c.ending is None for c in calls):
        found["cut off"] = share([c.ending is None for c in calls], groups)
    found["satisfaction"] = mean([c.satisfaction for c in calls], groups)
    found["trainee turns"] = mean([float(len(c.turns)) for c in calls], groups)
    return found


def to_resolution(calls: Sequence[CallRow]) -> dict[str, Estimate]:
    """Share won within so many trainee turns, and the mean number of them over the calls that were won."""
    groups = [c.group for c in calls]
    found = {f"within {n}": share([won(c) and len(c.turns) <= n for c in calls], groups) for n in WITHIN}
    kept = [c for c in calls if won(c)]
    return found | {"turns if won": mean([float(len(c.turns)) for c in kept], [c.group for c in kept])}


def trajectory(calls: Sequence[CallRow]) -> list[dict[str, Any]]:
    """For t = 0 (before anyone has spoken), 1, 2, ... to the longest call: mean of each feeling, and the share running."""
    groups, longest = [c.group for c in calls], max((len(c.turns) for c in calls), default=0)
    found = []
    for t in range(longest + 1):
        now = [c.states[min(t, len(c.turns))] for c in calls]
        row: dict[str, Any] = {"turn": t, "running": sum(len(c.turns) > t for c in calls) / len(calls)}
        found.append(row | {f.value: mean([getattr(s, f.value) for s in now], groups) for f in Feeling})
    return found


def dial(calls: Sequence[CallRow]) -> dict[str, Estimate]:
    """Share of steps up the difficulty dial that made a call harder, as hard, easier; empty where there is no step."""
    sets: dict[tuple[str, ...], dict[str, CallRow]] = {}
    for call in calls:
        same = (call.condition, call.persona, call.scenario, call.trainee, str(call.seed))
        sets.setdefault(same, {})[call.difficulty] = call
    signs, groups = list[int](), list[tuple[str, str]]()
    for found in sets.values():
        levels = [found[d.value] for d in Difficulty if d.value in found]
        signs += [_hardness(b) - _hardness(a) for a, b in pairwise(levels)]
        groups += [call.group for call in levels[1:]]
    if not signs:
        return {}
    return {
        "harder": share([s > 0 for s in signs], groups),
        "as hard": share([s == 0 for s in signs], groups),
        "easier": share([s < 0 for s in signs], groups),
    }


def _hardness(call: CallRow) -> int:
    """Trainee turns that it took; a lost call counts as more than any won one."""
    return len(call.turns) if won(call) else MAX_TRAINEE_TURNS + 1


@dataclass(frozen=True, slots=True)
class Response:
    """How one measure answers to one field. `means`: dose → mean over the matched sets that have every dose; `slope` per
    point of the dose; `apart`: highest minus lowest dose; `expected`: the way the file promises (1, -1; 0: none); `p`: of
    the slope, if doses could be swapped freely, and as it stands among all that are told (`p_holm`)."""

    field: str
    measure: str
    expected: int
    means: dict[float, float]
    slope: Estimate
    apart: Difference
    monotone: bool
    p: float | None
    p_holm: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the caller does what the field promises: the interval of the slope lies on that side of 0. None: nothing
        is promised, or there is no interval."""
        if not self.expected or self.slope.low is None or self.slope.high is None:
            return None
        return self.slope.low > 0 if self.expected > 0 else self.slope.high < 0


def dose_response(calls: Sequence[CallRow], field: str, doses: Mapping[str, float], measure: str) -> Response | None:
    """How `measure` answers to `field`; `doses`: condition → value. None where no call was played at every dose."""
    sets: dict[tuple[str, ...], dict[float, CallRow]] = {}
    for call in calls:
        if call.condition in doses:
            sets.setdefault(call.match, {})[doses[call.condition]] = call
    levels = sorted(set(doses.values()))
    whole = [found for found in sets.values() if len(found) == len(levels)]
    if not whole:
        return None
    groups = [found[levels[0]].group for found in whole]
    y = np.array([[MEASURES[measure](found[level]) for level in levels] for found in whole])
    x = np.array(levels) - np.mean(levels)
    slope = statistic(groups, lambda rows: float((y[rows] * x).sum() / (len(rows) * (x**2).sum())))
    means = y.mean(axis=0)
    expected = SHOWS[field][1] if field in SHOWS and SHOWS[field][0] == measure else 0
    way = expected or (1 if means[-1] >= means[0] else -1)
    return Response(
        field,
        measure,
        expected,
        dict(zip(levels, map(float, means), strict=True)),
        slope,
        paired(y[:, 0].tolist(), y[:, -1].tolist(), groups),
        all(way * (b - a) >= -_ROUNDING for a, b in pairwise(means)),
        trend(y, np.array(levels), groups),
    )


def responses(calls: Sequence[CallRow], doses: Mapping[str, Mapping[str, float]]) -> list[Response]:
    """For every swept field: the measure in which it should show, then how often and how soon callers are won; p corrected
    over all of these."""
    found = []
    for field, values in doses.items():
        for measure in dict.fromkeys((SHOWS.get(field, ("satisfaction", 0))[0], "won", "turns until won")):
            response = dose_response(calls, field, values, measure)
            if response is not None:
                found.append(response)
    return [replace(r, p_holm=p) for r, p in zip(found, holm([r.p for r in found]), strict=True)]


def dose_trajectories(
    calls: Sequence[CallRow], doses: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[float, list[dict[str, Any]]]]:
    """Swept field → value → the mean trajectory of its calls, lowest value first; fields with one value left are left out."""
    told = {}
    for field, values in doses.items():
        by_dose: dict[float, list[CallRow]] = {dose: [] for dose in sorted(set(values.values()))}
        for call in calls:
            if call.condition in values:
                by_dose[values[call.condition]].append(call)
        if sum(bool(some) for some in by_dose.values()) > 1:
            told[field] = {dose: trajectory(some) for dose, some in by_dose.items() if some}
    return told
