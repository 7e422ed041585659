"""A grader beside the people who rated the same turns, each on the scale they were asked on.

The measure is agreement with one rater, so that people and grader can be set side by side: of people the mean over all
pairs of raters, of the grader the mean over its pairs with each of them (a mean of raters is an easier thing to agree with,
and would flatter it). Two figures:

- `rho`: Spearman's rank correlation; it knows no scale.
- `kappa`: quadratic weighted. The grader's values are first put on the raters' scale by equipercentile linking (Kolen &
  Brennan, *Test Equating, Scaling, and Linking*, 2014, ch. 2): a value becomes the rating that stands at the same percentile.
  The calls are dealt into two halves by the checksum of their id; each half is put on the scale by what the other shows,
  so no rating helps to place itself.

`rho with mean` is with the mean of all raters, which papers tell. The length of a turn in words goes through all of it as a
baseline. Where ratings are of whole calls, a call's value is the mean over its turns, its length their sum. Turns in which
the grader says that the dimension does not apply have no value; they are left out on every side, and counted.
Intervals draw whole calls anew (`eval/intervals.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from eval.intervals import FEWEST, Estimate, statistic
from eval.ratings import ColumnMap, Rated
from simulator.assessment import Assessment
from simulator.vocabulary import Dimension

Array = NDArray[np.float64]
Figure = Callable[[Array, Array], float]
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Beside:
    """What one side reaches; `n` of each is the number of turns (or calls) drawn on."""

    rho: Estimate
    kappa: Estimate
    rho_with_mean: Estimate | None = None
    """Of the grader and the length only."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One question. `n` turns (or calls) have ratings, `without` of them no value from the grader."""

    about: Dimension
    raters: int
    n: int
    without: int
    grader: Beside
    length: Beside
    people: Beside | None
    """None: there is one rater only."""
    ahead: Beside | None
    """Grader minus people."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A turn, or a call with all its rated turns, that people and grader rank differently: the people's mean, the grader's
    value, and how much higher the grader ranks it, as a share of all (-1 to 1)."""

    question: str
    turns: tuple[Rated, ...]
    people: float
    grader: float
    higher: float


@dataclass(frozen=True, slots=True)
class _Side:
    """Rows are turns or calls: their turns, what each rater gave ([rows, raters], NaN: nothing), what the grader did, and the
    words."""

    turns: tuple[tuple[Rated, ...], ...]
    given: Array
    values: Array
    words: Array


def compare(
    rated: Sequence[Rated], graded: Sequence[Assessment], columns: ColumnMap, resamples: int = RESAMPLES
) -> dict[str, Compared]:
    """Every question and every rated dimension by its name; `graded` belong to `rated`, one by one."""
    return {
        name: _compared(about, _sides(rated, graded, name, about, columns.of == "call"), resamples)
        for name, (about, _) in columns.asked.items()
    }


def furthest(rated: Sequence[Rated], graded: Sequence[Assessment], columns: ColumnMap) -> list[Apart]:
    """All turns (or calls) of all questions, those first where people and grader are furthest apart."""
    from scipy.stats import rankdata

    found = []
    for name, (about, _) in columns.asked.items():
        side = _sides(rated, graded, name, about, columns.of == "call")
        has = ~np.isnan(side.values)
        means = np.nanmean(side.given[has], axis=1) if has.any() else np.array([])
        values = side.values[has]
        higher = (rankdata(values) - rankdata(means)) / max(len(values), 1)
        turns = [t for t, h in zip(side.turns, has, strict=True) if h]
        found += [
            Apart(name, *row) for row in zip(turns, means.tolist(), values.tolist(), higher.tolist(), strict=True)
        ]
    return sorted(found, key=lambda a: -abs(a.higher))


def linked(values: Array, ratings: Array, half: NDArray[np.bool_]) -> Array:
    """`values` on the scale of `ratings` ([rows, raters]), each half by the percentiles of the other; NaN where a half has
    nothing to go by. Equal values stand in the middle of their places."""
    found = np.full(len(values), np.nan)
    for here in (half, ~half):
        known, scale = np.sort(values[~here]), np.sort(ratings[~here][~np.isnan(ratings[~here])])
        if not len(known) or not len(scale):
            continue
        below = np.searchsorted(known, values[here], "left") + np.searchsorted(known, values[here], "right")
        place = np.ceil(below / (2 * len(known)) * len(scale)).astype(int) - 1
        found[here] = scale[np.clip(place, 0, len(scale) - 1)]
    return found


def spearman(a: Array, b: Array) -> float:
    """Spearman's rho over the rows where both have a number; NaN where one side never varies."""
    from scipy.stats import rankdata

    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < FEWEST:
        return float("nan")
    x, y = rankdata(a[both]), rankdata(b[both])
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread else float("nan")


def weighted(a: Array, b: Array) -> float:
    """Quadratic weighted kappa of ratings on one scale, whatever its steps (without a table: `simulator/calibration/agreement.py`)."""
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < FEWEST:
        return float("nan")
    x, y = a[both], b[both]
    chance = float(x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    return 1 - float(((x - y) ** 2).mean()) / chance if chance else float("nan")


def table(found: dict[str, Compared], grader: str, of: str) -> Table:
    """The comparison as the bench prints it."""
    shown = Table(title=f"agreement with one rater, {of} by {of}, on the scale people were asked on (95 %)")
    for column in ("question", "about", f"{of}s", "who", "rho", "kappa", "rho with their mean"):
        shown.add_column(column)
    for name, one in found.items():
        sides = (
            (grader, one.grader),
            (f"people ({one.raters})", one.people),
            ("length in words", one.length),
            ("grader minus people", one.ahead),
        )
        for place, (who, side) in enumerate((w, s) for w, s in sides if s is not None):
            shared = f"{one.n - one.without} of {one.n}" if one.without else str(one.n)
            head = (name, one.about.value, shared) if place == 0 else ("", "", "")
            mean = "" if side.rho_with_mean is None else side.rho_with_mean.told()
            shown.add_row(*head, who, side.rho.told(), side.kappa.told(), mean)
    return shown


def _sides(rated: Sequence[Rated], graded: Sequence[Assessment], name: str, about: Dimension, calls: bool) -> _Side:
    rows: dict[str, list[tuple[Rated, Assessment]]] = {}
    for number, pair in enumerate(zip(rated, graded, strict=True)):
        rows.setdefault(pair[0].turn.call if calls else str(number), []).append(pair)
    kept = [of for of in rows.values() if any(v is not None for v in of[0][0].given[name])]
    return _Side(
        tuple(tuple(r for r, _ in of) for of in kept),
        np.array([[np.nan if v is None else v for v in of[0][0].given[name]] for of in kept], dtype=float),
        np.array([_mean([v for _, a in of if (v := a.value(about)) is not None]) for of in kept], dtype=float),
        np.array([sum(len(r.turn.turn.text.split()) for r, _ in of) for of in kept], dtype=float),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _compared(about: Dimension, side: _Side, resamples: int) -> Compared:
    has = ~np.isnan(side.values)
    units, given = [t[0].turn.call for t, h in zip(side.turns, has, strict=True) if h], side.given[has]
    raters = given.shape[1] if given.ndim == 2 else 0
    half = _half(units)

    def over(of: Callable[[NDArray[np.int_]], float]) -> Estimate:
        return statistic(units, of, resamples)

    def with_each(by: Figure, x: Array) -> Callable[[NDArray[np.int_]], float]:
        return lambda at: _middle([by(x[at], given[at, r]) for r in range(raters)])

    def among(by: Figure) -> Callable[[NDArray[np.int_]], float]:
        return lambda at: _middle([by(given[at, r], given[at, s]) for r, s in combinations(range(raters), 2)])

    def of(x: Array) -> Beside:
        return Beside(
            over(with_each(spearman, x)),
            over(with_each(weighted, linked(x, given, half))),
            over(lambda at: spearman(x[at], means[at])),
        )

    means = np.array([np.nanmean(row) for row in given])
    values = side.values[has]
    placed = linked(values, given, half)
    people = Beside(over(among(spearman)), over(among(weighted))) if raters > 1 else None
    ahead = None
    if people is not None:
        ahead = Beside(
            over(lambda at: with_each(spearman, values)(at) - among(spearman)(at)),
            over(lambda at: with_each(weighted, placed)(at) - among(weighted)(at)),
        )
    return Compared(about, raters, len(has), int((~has).sum()), of(values), of(side.words[has]), people, ahead)


def _half(units: Sequence[str]) -> NDArray[np.bool_]:
    """Every other call in the order of the checksums of their ids."""
    order = sorted(set(units), key=lambda u: (crc32(u.encode()), u))
    second = set(order[1::2])
    return np.array([u in second for u in units], dtype=bool)


def _middle(values: Sequence[float]) -> float:
    """Mean of those that are numbers."""
    known = [v for v in values if not np.isnan(v)]
    return _mean(known)
