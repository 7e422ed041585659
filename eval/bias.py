"""Whom a grader favours: grader minus reference in levels, by how the turn is said and by whom, with intervals.

A gap that everybody has is a matter of the scale; one that a group has and the rest has not is a bias. So each group is told
twice: its own mean gap, and how much more that is than the rest's. Both intervals are 95 % percentile bootstraps
over whole calls, seed 0; p is of the second (`eval.intervals.chance`, the groups being the calls on the side that has fewer), corrected by Holm's
method within each way of grouping. Two things can hide behind a group: how its people talk, and whose hand wrote
it; every author of the corpus has one home ground, so these two cannot be told apart there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from eval.corpus import GradedTurn
from eval.intervals import FEWEST as CALLS
from eval.intervals import RESAMPLES, SIGNIFICANT, Estimate, chance, ends, holm
from simulator.assessment import Assessment
from simulator.vocabulary import Dimension

FEWEST = 20
"""Levels from both sides that a group needs before its bias is told."""
SECOND = "second language"
"""How the corpus marks a home ground where English is nobody's first language."""


@dataclass(frozen=True, slots=True)
class Bias:
    """One dimension in one group of turns: the mean of grader minus reference (`gap`) and what it has over the rest's
    (`more`; None where there is no rest), in levels; `p` of that, None where there is no telling."""

    gap: Estimate
    more: Estimate | None
    p: float | None
    p_holm: float | None = None

    @property
    def told(self) -> str:
        """The gap as a table shows it, with a star where it is another one than the rest's."""
        return self.gap.told("+.2f") + (" *" if self.p_holm is not None and self.p_holm < SIGNIFICANT else "")


def biases(graded: Sequence[tuple[GradedTurn, Assessment]]) -> dict[str, dict[str, dict[str, Bias]]]:
    """Way of grouping → group → dimension → bias; groups with too few turns are left out."""
    ways: Mapping[str, Callable[[GradedTurn], str]] = {
        "length": length_group([t for t, _ in graded]),
        "register": lambda t: t.medium.value,
        "language": _language,
        "home": lambda t: t.home,
        "author": lambda t: t.author,
        "persona": lambda t: t.persona,
    }
    return {way: bias(graded, group) for way, group in ways.items()}


def bias(
    graded: Sequence[tuple[GradedTurn, Assessment]], group: Callable[[GradedTurn], str]
) -> dict[str, dict[str, Bias]]:
    """Group → dimension → bias; turns of the group '' only belong to the rest."""
    names = np.array([group(t) for t, _ in graded])
    found: dict[str, dict[str, Bias]] = {}
    for d in Dimension:
        both = [(i, t, a) for i, (t, a) in enumerate(graded) if t.levels[d] is not None and a.level(d) is not None]
        gaps = np.array([(a.level(d) or 0) - (t.levels[d] or 0) for _, t, a in both], dtype=float)
        calls = [t.call for _, t, _ in both]
        for name in sorted(set(names) - {""}):
            inside = np.array([names[i] == name for i, _, _ in both], dtype=bool)
            if inside.sum() >= FEWEST:
                found.setdefault(str(name), {})[d.value] = _of(gaps, inside, calls)
    ordered = {name: found[name] for name in sorted(found)}
    ps = iter(holm([b.p for row in ordered.values() for b in row.values()]))
    return {name: {d: replace(b, p_holm=next(ps)) for d, b in row.items()} for name, row in ordered.items()}


def length_group(turns: Sequence[GradedTurn]) -> Callable[[GradedTurn], str]:
    """Short, middle or long: thirds of the turns by words."""
    words = sorted(len(t.turn.text.split()) for t in turns)
    low, high = words[len(words) // 3], words[2 * len(words) // 3]

    def group(turn: GradedTurn) -> str:
        n = len(turn.turn.text.split())
        return f"short (to {low} words)" if n <= low else f"long (over {high} words)" if n > high else "middle"

    return group


def _language(turn: GradedTurn) -> str:
    if not turn.home:
        return ""
    return SECOND if SECOND in turn.home else "first language, or mixed"


def _of(gaps: NDArray[np.float64], inside: NDArray[np.bool_], calls: Sequence[str]) -> Bias:
    """Sums are added up by call once, so that a draw only adds these up."""
    places = {call: n for n, call in enumerate(dict.fromkeys(calls))}
    at = np.array([places[call] for call in calls])
    parts = (gaps * inside, inside, gaps * ~inside, ~inside)
    sums = np.array([np.bincount(at, weights=part, minlength=len(places)) for part in parts])

    def means(draws: NDArray[np.int_]) -> NDArray[np.float64]:
        """[draws, group and rest]; NaN where a draw has none of it."""
        one, many, other, rest = (part[draws].sum(axis=1) for part in sums)
        with np.errstate(invalid="ignore"):
            return np.column_stack([one / many, other / rest])

    own, rest = means(np.arange(len(places))[None, :])[0]
    drawn = np.empty((0, 2))
    if min(len(set(at[inside])), len(places)) >= CALLS:
        drawn = means(np.random.default_rng(0).integers(len(places), size=(RESAMPLES, len(places))))
    gap = Estimate(float(own), *ends(drawn[:, 0]), int(inside.sum()))
    if np.isnan(rest):
        return Bias(gap, None, None)
    more, apart = float(own - rest), drawn[:, 0] - drawn[:, 1]
    apart = apart[~np.isnan(apart)]
    fewer = min(len(set(at[inside])), len(set(at[~inside])))
    return Bias(gap, Estimate(more, *ends(apart), len(gaps)), chance(more, apart, fewer))
