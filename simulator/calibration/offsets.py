"""An organisation's scale: fitted from one rater's levels, and applied to what the machine gives.

The map of a dimension is five numbers g(1) ≤ … ≤ g(5), straight lines between. Each is its own level plus a shift shared
by the dimension plus a shift of its own, and both are shrunk towards none: a mean of n differences counts n/(n + K). That
is the posterior mean under a normal prior around the identity, K being the variance of single ratings over that of true
shifts (Efron & Morris 1975; Gelman et al., Bayesian Data Analysis, 5.4). With ratings that scatter by about 0.8 levels
and organisations that differ by about 0.4, K is 4: eight turns half a level lower move the shared shift by a third of a
level, not by half. Pooling adjacent violators keeps the map from going down (Barlow et al. 1972), which costs order
within a pool. A dimension is moved only if that lowers the error on turns left out of the fit by `MARGIN` or more: in a
simulation with 24 turns and ratings that scatter by 0.8 levels, a rater on the machine's scale is then moved in 7 % of
cases instead of 22 %, one who is half a level stricter in 80 % instead of 90 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.assessment import Assessment, DimensionScore
from simulator.calibration.records import OffsetMap
from simulator.rubric import LEVELS, level_text, next_level_text
from simulator.vocabulary import Dimension

Array = NDArray[np.float64]
Knots = tuple[float, float, float, float, float]
K = 4.0
"""Ratings that the identity counts for, against those made (see above)."""
MARGIN = 0.03
"""By what share the error must fall for a dimension to be moved."""
FEWEST = 8
"""Turns with a level from both from which a dimension can be moved."""
_AT = np.array(LEVELS, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of one dimension. `knots` None: it stays as it is, and `why` says why. `before` and `after`: root mean
    square error, in levels, of the machine as it is and of the map, on turns left out one at a time."""

    n: int
    knots: Knots | None = None
    before: float | None = None
    after: float | None = None
    why: str = ""


def fit(machine: Sequence[float], rater: Sequence[float]) -> Fitted:
    """The map of one dimension from the machine's values (1-5) and the rater's levels (means where a turn was rated
    twice) for the same turns, each turn once."""
    x, y = np.asarray(machine, dtype=np.float64), np.asarray(rater, dtype=np.float64)
    n = len(x)
    if n < FEWEST:
        return Fitted(n, why=f"{n} of the turns have a level from both; {FEWEST} are needed")
    keep = ~np.eye(n, dtype=bool)
    left_out = np.array([moved(float(x[i]), shrunk(x[keep[i]], y[keep[i]])) for i in range(n)])
    before, after = float(np.sqrt(((x - y) ** 2).mean())), float(np.sqrt(((left_out - y) ** 2).mean()))
    if not after < (1 - MARGIN) * before:
        return Fitted(n, None, before, after, "moving it would hardly bring it nearer to your ratings")
    return Fitted(n, shrunk(x, y), before, after)


def shrunk(x: Array, y: Array) -> Knots:
    """The map itself, whatever it is worth; the identity where there is no rating."""
    off = y - x
    shared = off.sum() / (len(x) + K)
    weights = np.clip(1 - np.abs(x[:, None] - _AT[None, :]), 0, 1)  # (n, 5): how near a turn is to each level
    near = weights.sum(axis=0)
    own = (weights * (off - shared)[:, None]).sum(axis=0) / (near + K)
    pooled = _rising(_AT + shared + own, near + K)
    a, b, c, d, e = (round(float(v), 3) for v in np.clip(pooled, 1, 5))
    return a, b, c, d, e


def moved(value: float, knots: Knots) -> float:
    """Where a value 1-5 comes to lie; never outside 1-5."""
    return float(np.clip(np.interp(value, _AT, knots), 1, 5))


def apply(assessment: Assessment, offsets: OffsetMap) -> Assessment:
    """The same grades on the organisation's scale, `grader` naming it. Grades of another grader, and grades that are on
    a scale already, come back as they are; "does not apply" stays so. Probabilities are dropped where a value moves
    (they are of the machine's levels), and the confidence stays the machine's in its own level."""
    if assessment.grader != offsets.grader:
        return assessment
    scores = {
        d: _on_scale(d, score, offsets.maps[d], offsets.label) if d in offsets.maps else score
        for d, score in assessment.scores.items()
    }
    return assessment.model_copy(update={"scores": scores, "grader": named(assessment.grader, offsets)})


def named(grader: str, offsets: OffsetMap | None) -> str:
    """A grader's name, with the scale it is on."""
    return grader if offsets is None else f"{grader}, offsets {offsets.label}"


def _on_scale(dimension: Dimension, score: DimensionScore, knots: Knots, label: str) -> DimensionScore:
    if score.level is None or score.value is None:
        return score
    value = round(moved(score.value, knots), 3)
    if value == score.value:
        return score
    level = int(np.clip(np.round(value), 1, 5))
    change: dict[str, object] = {"value": value, "level": level, "probabilities": ()}
    if level != score.level:
        change["reason"] = f"{level_text(dimension, level)} (moved from {score.level} by {label})"
        if score.rationale:  # it was written for the machine's level, and is what a screen shows first
            change["rationale"] = f"{score.rationale} The machine's {score.level} is a {level} on the scale {label}."
        if score.needed or score.level == 5:
            change["needed"] = "" if level == 5 else next_level_text(dimension, level)
    return score.model_copy(update=change)


def _rising(values: Array, weights: Array) -> Array:
    """The nearest values that never go down (weighted least squares; pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        pools.append((float(value), float(weight), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (v, w, k), (u, z, m) = pools[-2], pools[-1]
            pools[-2:] = [((v * w + u * z) / (w + z), w + z, k + m)]
    return np.concatenate([np.full(k, v) for v, _, k in pools])
