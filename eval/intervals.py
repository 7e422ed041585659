"""Estimates with 95 % intervals where values hang together in groups, paired differences, and many comparisons at once.

Calls of one persona in one situation resemble each other, so what is drawn anew is always the group, never the call.
Intervals are percentile bootstraps with seed 0 (Efron & Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 13; for
groups: Davison & Hinkley, *Bootstrap Methods and their Application*, 1997, sec. 3.8). Of fewer
than `FEWEST` groups a bootstrap makes intervals that are far too short: there is none then, its ends are None.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
FLIPS = 9_999
FEWEST = 5
"""Groups from which there is an interval."""
SIGNIFICANT = 0.05
"""Corrected p below which a table has a star."""
Array = NDArray[np.float64]
_Z = 1.959964
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value from `n` calls (or turns) with its interval; `value` None: there was nothing to count."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def told(self, form: str = ".2f") -> str:
        """As a table shows it: `0.50 (0.31-0.69)`."""
        if self.value is None:
            return "-"
        ends = f" ({self.low:{form}} to {self.high:{form}})" if self.low is not None and self.high is not None else ""
        return f"{self.value:{form}}{ends}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean paired difference (after minus before) over `n` pairs, its interval, and the probability `p` of one as large
    if before and after could be swapped freely; None where there are too few groups to tell."""

    value: float
    low: float | None
    high: float | None
    p: float | None
    n: int


def mean(values: Sequence[float], groups: Sequence[Hashable]) -> Estimate:
    """The mean over calls; groups drawn anew, each with all its calls."""
    if not values:
        return Estimate(None, None, None, 0)
    sums, sizes = _sums(values, groups), _sums([1.0] * len(values), groups)
    low, high = ends(_drawn(len(sums), lambda at: sums[at].sum(axis=1) / sizes[at].sum(axis=1)))
    return Estimate(float(np.mean(values)), low, high, len(values))


def share(hits: Sequence[bool], groups: Sequence[Hashable]) -> Estimate:
    """A share with its Wilson score interval (Wilson 1927; Brown, Cai & DasGupta, *Statistical Science* 16, 2001), which
    also holds for 0 and 1. n is divided by the design effect (Kish, *Survey Sampling*, 1965): by how much more the groups
    vary than calls drawn one by one would; where all calls end alike that cannot be seen, and a group counts as one call."""
    n = len(hits)
    if not n:
        return Estimate(None, None, None, 0)
    p, x = sum(hits) / n, [float(h) for h in hits]
    sums, sizes = _sums(x, groups), _sums([1.0] * n, groups)
    k = len(sums)
    effect = n / k
    if k > 1 and 0 < p < 1:
        effect = max(1.0, k / (k - 1) * float(((sums - p * sizes) ** 2).sum()) / (n * p * (1 - p)))
    low, high = wilson(p, n / effect)
    return Estimate(p, low, high, n)


def wilson(p: float, n: float) -> tuple[float, float]:
    """The score interval of a share p (0-1) of n: centre (p + z²/2n) / (1 + z²/n), half-width
    z √(p(1-p)/n + z²/4n²) / (1 + z²/n)."""
    scale = 1 + _Z**2 / n
    centre, half = (p + _Z**2 / (2 * n)) / scale, _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n * n)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def statistic(
    groups: Sequence[Hashable], of: Callable[[NDArray[np.int_]], float], resamples: int = RESAMPLES
) -> Estimate:
    """Any figure `of` (rows → number, NaN: none) with its interval; rows are the places in `groups`."""
    where = _places(groups)
    everything = np.arange(len(groups))
    value = of(everything) if len(groups) else float("nan")
    drawn = _drawn(
        len(where), lambda picks: np.array([of(np.concatenate([where[i] for i in pick])) for pick in picks]), resamples
    )
    return Estimate(None if np.isnan(value) else float(value), *ends(drawn), len(groups))


def paired(before: Sequence[float], after: Sequence[float], groups: Sequence[Hashable]) -> Difference:
    """Mean of after minus before. The test flips the signs of whole groups' differences: all ways if they are few, else
    9,999 drawn with seed 0, the given one counted (Fisher's randomisation test, Good, *Permutation, Parametric and
    Bootstrap Tests of Hypotheses*, 2005; p never 0: Phipson & Smyth 2010). Raises ValueError without pairs."""
    gaps = [b - a for a, b in zip(before, after, strict=True)]
    if not gaps:
        raise ValueError("no pairs")
    found = mean(gaps, groups)
    sums = _sums(gaps, groups)
    return Difference(found.value or 0.0, found.low, found.high, _flipped(sums), len(gaps))


def _flipped(sums: Array) -> float | None:
    from scipy.stats import permutation_test

    if len(sums) < 2:
        return None
    if not sums.any():
        return 1.0
    test = permutation_test(
        (sums, np.zeros_like(sums)),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def trend(rows: NDArray[np.float64], doses: NDArray[np.float64], groups: Sequence[Hashable]) -> float | None:
    """Probability of a slope as steep, either way, if it made no difference which dose was which. `rows` [matched sets,
    doses]: the doses of each group's sets are dealt out anew together, 9,999 times with seed 0, the given order counted
    (Page's L for ordered alternatives, *JASA* 58, 1963, on the values instead of their ranks; p never 0: Phipson & Smyth
    2010). None from fewer than two groups."""
    sums = np.array([rows[places].sum(axis=0) for places in _places(groups)])
    if len(sums) < 2:
        return None
    x = doses - doses.mean()
    given = abs(float((sums @ x).sum()))
    dealt = np.random.default_rng(0).permuted(np.broadcast_to(x, (FLIPS, *sums.shape)), axis=2)
    steep = np.abs(np.einsum("gd,ngd->n", sums, dealt)) >= given - _ROUNDING
    return float((steep.sum() + 1) / (FLIPS + 1))


def chance(value: float, drawn: Array, groups: int) -> float | None:
    """Probability of a figure as far from 0 where it is 0: Student's t of `value` over its standard error among the
    bootstrap draws, with one less degree of freedom than there are groups (Cameron & Miller, *Journal of Human
    Resources* 50, 2015). None without draws."""
    from scipy.stats import t

    if not len(drawn):
        return None
    if abs(value) < _ROUNDING:
        return 1.0
    return float(2 * t.sf(abs(value) / max(float(drawn.std(ddof=1)), _ROUNDING), groups - 1))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Each p as it stands among all of them (Holm, *Scandinavian Journal of Statistics* 6, 1979): the smallest times their
    number, the next times one less, ..., never falling, at most 1. None stays None and does not count."""
    told = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, i) in enumerate(told):
        largest = max(largest, min(1.0, (len(told) - rank) * p))
        adjusted[i] = largest
    return adjusted


def plain(value: Any) -> Any:
    """Figures as what JSON can hold: dataclasses as objects, NaN as null, numbers to six places."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {f"{k:g}" if isinstance(k, float) else str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 6)
    return value


def _places(groups: Sequence[Hashable]) -> list[NDArray[np.int_]]:
    found: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        found.setdefault(group, []).append(place)
    return [np.array(places) for places in found.values()]


def _sums(values: Sequence[float], groups: Sequence[Hashable]) -> Array:
    x = np.asarray(values, dtype=float)
    return np.array([x[places].sum() for places in _places(groups)])


def _drawn(count: int, of: Callable[[NDArray[np.int_]], Array], resamples: int = RESAMPLES) -> Array:
    """`of` [resamples, count] picks among `count` groups; nothing where there are fewer than `FEWEST`."""
    if count < FEWEST:
        return np.array([])
    return of(np.random.default_rng(0).integers(count, size=(resamples, count)))


def ends(drawn: Array) -> tuple[float | None, float | None]:
    """The ends of the middle 95 % of the draws that are numbers; None where there are none."""
    kept = drawn[~np.isnan(drawn)]
    if not kept.size:
        return None, None
    low, high = np.percentile(kept, [2.5, 97.5])
    return float(low), float(high)
