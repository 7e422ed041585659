"""Which technique moves which persona: the change of each feeling in a turn, explained by the tags of that turn.

Least squares per feeling: change = a + sum of b(tag) * [the turn has the tag], over the turns after the first and before the
caller has accepted, in points of 0-10 (Wooldridge, *Econometric Analysis of Cross Section and Panel Data*, 2010, ch. 4).
b is what a turn with the tag does beyond one without it, the other tags held. Intervals draw whole groups of calls anew.
p: of b over its error among those draws (`eval.intervals.chance`), corrected by Holm's method: for each feeling over every
tag of every persona. A persona needs a dozen scenarios or so before much of that can stand.
A tag takes part if at least `FEWEST` turns have it and at least `FEWEST` do not. Two tags that always come together
cannot be told apart: such ones stand under the name of the first, with `alike` naming the rest.

What it does not say: the levels of a turn are left out, so that a tag also stands for how good the turns are that
have it; scripted trainees use few tags in few ways; and the rule itself (`simulator/caller/appraisal.py`) is known: this is
what the rule comes to in calls, with all that the grader misses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from eval.intervals import FEWEST as GROUPS
from eval.intervals import RESAMPLES, Estimate, chance, holm
from eval.study_rows import CallRow
from simulator.vocabulary import Feeling, Intent

FEWEST = 8
"""Turns with a tag, and without it, from which it can be told what it does."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one tag does to each feeling, in points; `turns` have it; `alike`: tags that only ever come with it; `p`: by
    feeling, None where there are too few groups; `p_holm`: the same among all that are told, once `sensitivity` has
    corrected them."""

    tag: str
    turns: int
    moves: dict[str, Estimate]
    alike: tuple[str, ...]
    p: dict[str, float | None]
    p_holm: dict[str, float | None] = field(default_factory=dict)


def sensitivity(calls: Sequence[CallRow]) -> dict[str, list[Effect]]:
    """`all` and every persona → what moves them, p corrected over the personas' effects, and over `all` apart."""
    by_persona: dict[str, list[CallRow]] = {}
    for call in calls:
        by_persona.setdefault(call.persona, []).append(call)
    each = {name: effects(some) for name, some in by_persona.items()}
    return _corrected({"all": effects(calls)}) | _corrected(each)


def _corrected(found: Mapping[str, Sequence[Effect]]) -> dict[str, list[Effect]]:
    every = [e for some in found.values() for e in some]
    told = {f.value: iter(holm([e.p[f.value] for e in every])) for f in Feeling}
    return {
        name: [replace(e, p_holm={f: next(ps) for f, ps in told.items()}) for e in some] for name, some in found.items()
    }


def effects(calls: Sequence[CallRow]) -> list[Effect]:
    """Every tag's effect on these calls' callers, the strongest on trust first; empty where too little was said."""
    turns, changes, groups = _turns(calls)
    if len(turns) < 2 * FEWEST:
        return []
    columns: dict[bytes, list[str]] = {}
    for tag in sorted({tag for tags in turns for tag in tags}):
        has = np.array([tag in tags for tags in turns])
        if FEWEST <= has.sum() <= len(turns) - FEWEST:
            columns.setdefault(has.tobytes(), []).append(tag)
    if not columns:
        return []
    flags = np.array([np.frombuffer(key, dtype=bool) for key in columns], dtype=float).T
    x = np.column_stack([np.ones(len(turns)), flags])
    whole, drawn = _fitted(x, changes, groups)
    found = []
    for n, names in enumerate(columns.values(), 1):
        moves, ps = {}, {}
        for f, feeling in enumerate(Feeling):
            low, high = np.percentile(drawn[:, n, f], [2.5, 97.5]) if len(drawn) else (None, None)
            ends = (None, None) if low is None else (float(low), float(high))
            moves[feeling.value] = Estimate(float(whole[n, f]), *ends, int(flags[:, n - 1].sum()))
            ps[feeling.value] = chance(float(whole[n, f]), drawn[:, n, f], len(set(groups)))
        found.append(Effect(names[0], int(flags[:, n - 1].sum()), moves, tuple(names[1:]), ps))
    return sorted(found, key=lambda e: (-abs(e.moves[Feeling.TRUST].value or 0.0), e.tag))


def _turns(calls: Sequence[CallRow]) -> tuple[list[frozenset[str]], Array, list[tuple[str, str]]]:
    """Tags, change of the four feelings, and group of every turn that counts."""
    tags, changes, groups = [], [], []
    for call in calls:
        for n, turn in enumerate(call.turns):
            if n == 0:
                continue
            before = call.turns[n - 1]
            if before.intent in (Intent.ACCEPT, Intent.THANK):
                break
            tags.append(frozenset(turn.tags))
            changes.append([getattr(turn.state, f.value) - getattr(before.state, f.value) for f in Feeling])
            groups.append(call.group)
    return tags, np.array(changes, dtype=float), groups


def _fitted(x: Array, y: Array, groups: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
    """Coefficients [columns, feelings], and those of every draw: sums of squares are added up per group once, so that a
    draw costs one small solve. The least change of all that fit equally well is taken where tags cannot be parted."""
    names = list(dict.fromkeys(groups))
    at = np.array([names.index(g) for g in groups])
    squares = np.array([x[at == g].T @ x[at == g] for g in range(len(names))])
    products = np.array([x[at == g].T @ y[at == g] for g in range(len(names))])

    def solved(picks: NDArray[np.int_]) -> Array:
        return np.asarray(np.linalg.lstsq(squares[picks].sum(axis=0), products[picks].sum(axis=0), rcond=1e-10)[0])

    whole = solved(np.arange(len(names)))
    if len(names) < GROUPS:
        return whole, np.empty((0, *whole.shape))
    drawn = np.random.default_rng(0).integers(len(names), size=(RESAMPLES // 2, len(names)))
    return whole, np.array([solved(picks) for picks in drawn])
