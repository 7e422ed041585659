"""How far two raters agree on levels 1-5: pure functions on arrays, no words and no records of the program.

Quadratic weighted kappa (Cohen 1968): 1 - mean((a-b)²) / expected((a-b)²) under independence. With these weights the
expected part is var(a) + var(b) + (mean(a) - mean(b))², so no table is needed and a bootstrap is one array operation.
Intervals are BCa (Efron 1987), the percentile ones where BCa has no answer. None where a figure cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Interval = tuple[float, float]
RESAMPLES = 2_000
FEWEST = 6
"""Pairs from which agreement is stated at all."""
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters on one dimension. `bias` is mean(rater - machine), in levels. None: `why` says why there is none."""

    n: int
    """Turns to which both gave a level."""
    kappa: float | None = None
    kappa_interval: Interval | None = None
    exact: float | None = None
    within_one: float | None = None
    bias: float | None = None
    bias_interval: Interval | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Applicability:
    """Whether the dimension applies: turns rated, on how many both say the same, and how often only one says it does."""

    n: int
    same: int
    only_rater: int
    only_machine: int


@dataclass(frozen=True, slots=True)
class Consistency:
    """One rater on the turns they saw twice: pairs of levels, how many are the same, how many within one. Saying once
    that the dimension applies and once that it does not is a pair that differs."""

    n: int
    same: int
    within_one: int


def kappa(a: Sequence[int], b: Sequence[int]) -> float | None:
    """Quadratic weighted kappa of two equally long lists of levels, at most 1. None if both are one and the same level
    throughout, or empty: then there is no chance agreement to correct for."""
    if not a:
        return None
    found = float(_kappas(np.asarray(a, float)[None, :], np.asarray(b, float)[None, :])[0])
    return None if np.isnan(found) else found


def agreement(rater: Sequence[int], machine: Sequence[int], *, seed: int = 0) -> Agreement:
    """All figures for levels of two raters, given to the same turns in the same order. ValueError if lengths differ."""
    if len(rater) != len(machine):
        raise ValueError(f"{len(rater)} levels of one rater, {len(machine)} of the other")
    n = len(rater)
    if n < FEWEST:
        return Agreement(n, why=f"only {n} turns have a level from both" if n else "no turn has a level from both")
    a, b = np.asarray(rater, float), np.asarray(machine, float)
    apart = np.abs(a - b)
    found = kappa(rater, machine)
    return Agreement(
        n=n,
        kappa=found,
        kappa_interval=None if found is None else interval(_kappas, a, b, seed=seed),
        exact=float((apart == 0).mean()),
        within_one=float((apart <= 1).mean()),
        bias=float((a - b).mean()),
        bias_interval=interval(_biases, a, b, seed=seed),
        why="" if found is not None else "both gave one and the same level throughout",
    )


def applicability(rater: Sequence[int | None], machine: Sequence[int | None]) -> Applicability:
    """Whether both mean the same turns; levels themselves do not matter here."""
    says = [(a is not None, b is not None) for a, b in zip(rater, machine, strict=True)]
    return Applicability(
        len(says), sum(a == b for a, b in says), sum(a and not b for a, b in says), sum(b and not a for a, b in says)
    )


def consistency(first: Sequence[int | None], second: Sequence[int | None]) -> Consistency:
    """The rater's first and second levels for the same turns; where neither applies, that is the same answer."""
    pairs = list(zip(first, second, strict=True))
    near = sum(a == b or (a is not None and b is not None and abs(a - b) <= 1) for a, b in pairs)
    return Consistency(len(pairs), sum(a == b for a, b in pairs), near)


def interval(statistic: Callable[[Array, Array], Array], a: Array, b: Array, *, seed: int = 0) -> Interval | None:
    """95 % bootstrap interval over pairs. `statistic` maps two arrays of shape (resamples, n) to (resamples,), NaN where
    it has no value; such resamples are left out, and with fewer than half of them left there is no interval (None)."""
    n = len(a)
    picks = np.random.default_rng(seed).integers(0, n, size=(RESAMPLES, n))
    drawn = statistic(a[picks], b[picks])
    drawn = np.sort(drawn[~np.isnan(drawn)])
    seen = float(statistic(a[None, :], b[None, :])[0])
    if len(drawn) < RESAMPLES // 2 or np.isnan(seen):
        return None
    low, high = _bca(statistic, a, b, seen, drawn)
    return float(np.quantile(drawn, low)), float(np.quantile(drawn, high))


def _bca(
    statistic: Callable[[Array, Array], Array], a: Array, b: Array, seen: float, drawn: Array
) -> tuple[float, float]:
    """The two quantiles of the resamples at which the BCa interval ends; 2.5 % and 97.5 % where it is not defined."""
    plain = (0.025, 0.975)
    below = float((drawn < seen).mean() + 0.5 * (drawn == seen).mean())
    keep = ~np.eye(len(a), dtype=bool)
    without = statistic(np.stack([a[row] for row in keep]), np.stack([b[row] for row in keep]))
    if not 0 < below < 1 or np.isnan(without).any():
        return plain
    off = without.mean() - without
    spread = float((off**2).sum())
    if spread < 1e-12:
        return plain
    bias, skew = _NORMAL.inv_cdf(below), float((off**3).sum()) / (6 * spread**1.5)

    def moved(share: float) -> float:
        z = bias + _NORMAL.inv_cdf(share)
        return _NORMAL.cdf(bias + z / (1 - skew * z))

    return moved(plain[0]), moved(plain[1])


def _kappas(a: Array, b: Array) -> Array:
    """Kappa of every row of two (rows, n) arrays; NaN where both raters give one level throughout, and the same."""
    seen = ((a - b) ** 2).mean(axis=1)
    by_chance = a.var(axis=1) + b.var(axis=1) + (a.mean(axis=1) - b.mean(axis=1)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by_chance > 1e-12, 1 - seen / by_chance, np.nan)


def _biases(a: Array, b: Array) -> Array:
    """Mean difference of every row."""
    return np.asarray((a - b).mean(axis=1))
