"""How well a grader agrees with reference labels: all figures as plain data, with intervals that resample calls."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from eval.bias import biases
from eval.corpus import GradedTurn
from eval.intervals import Estimate, statistic
from simulator.assessment import Assessment
from simulator.calibration.agreement import kappa as plain_kappa
from simulator.evaluator.heads import TAGS
from simulator.vocabulary import Dimension

Ints = NDArray[np.int_]
Pairs = Sequence[tuple[GradedTurn, Assessment]]
RESAMPLES = 500
FEWEST = 20
"""Turns that two raters must share before their agreement is told."""


def measure(
    graded: Pairs, dimensions: Sequence[Dimension] = tuple(Dimension), resamples: int = RESAMPLES
) -> dict[str, object]:
    """All figures for these dimensions; of tags where the reference has any. Intervals are of `intervals.py`, over whole calls."""
    turns = [t for t, _ in graded]
    calls = [t.call for t in turns]
    told, right = {}, []
    for d in dimensions:
        truth, said = levels(graded, d)
        sure = np.array([a.scores[d].confidence for _, a in graded])
        doubted = np.array([a.scores[d].unsure for _, a in graded])
        both = (truth > 0) & (said > 0)
        agreed = kappa_over(truth, said, calls, resamples)
        known = ~doubted & both
        right.append(doubted)
        told[d.value] = {
            "n": int((truth > 0).sum()),
            "kappa": _number(agreed.value),
            "kappa_low": _number(agreed.low),
            "kappa_high": _number(agreed.high),
            "exact": _share((truth == said)[both]),
            "within_one": _share((np.abs(truth - said) <= 1)[both]),
            "applies": float(((truth > 0) == (said > 0)).mean()),
            "calibration_error": calibration_error(sure, truth == said),
            "unsure": float(doubted.mean()),
            "kappa_when_sure": kappa(truth[known], said[known]),
        }
    return {
        "turns": len(graded),
        "calls": len(set(calls)),
        "seconds_median": median(a.seconds for _, a in graded),
        "dimensions": told,
        "any_unsure": float(np.any(right, axis=0).mean()),
        "tags": tags(graded) if any(t.tags for t in turns) else {},
        "bias": biases(graded),
    }


def kappa_over(truth: Ints, said: Ints, calls: Sequence[str], resamples: int = RESAMPLES) -> Estimate:
    """As `kappa`, whole calls resampled."""
    return statistic(calls, lambda at: kappa(truth[at], said[at]), resamples)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _share(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if right.size else float("nan")


def levels(graded: Pairs, dimension: Dimension) -> tuple[Ints, Ints]:
    """Reference levels and the grader's, 0 where the dimension does not apply."""
    return np.array([t.levels[dimension] or 0 for t, _ in graded]), np.array(
        [a.level(dimension) or 0 for _, a in graded]
    )


def tags(graded: Pairs) -> dict[str, dict[str, float | None]]:
    """Precision, recall and F1 of each tag; None where nothing was given or there is nothing to find."""
    found: dict[str, dict[str, float | None]] = {}
    for tag in TAGS:
        real = np.array([tag in t.tags for t, _ in graded])
        given = np.array([tag in a.tags for _, a in graded])
        hit = int((real & given).sum())
        found[tag.value] = {
            "n": int(real.sum()),
            "precision": hit / int(given.sum()) if given.any() else None,
            "recall": hit / int(real.sum()) if real.any() else None,
            "f1": 2 * hit / int(real.sum() + given.sum()) if real.any() or given.any() else None,
        }
    return found


def kappa(truth: Ints, said: Ints) -> float:
    """Quadratic weighted kappa over the rows where both give a level (1-5); NaN where it has no value."""
    both = (truth > 0) & (said > 0)
    found = plain_kappa(truth[both].tolist(), said[both].tolist())
    return float("nan") if found is None else found


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error 0-1: mean gap between stated confidence and share of right answers, by tenths."""
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[where == b].mean() - right[where == b].mean()) * (where == b).mean() for b in set(where)]
    return float(sum(gaps))


def raters(turns: Sequence[GradedTurn]) -> list[dict[str, object]]:
    """How far the raters of the corpus agree with one another: for every pair of raters and every dimension the kappa
    where both give a level, and how often both say whether it applies."""
    names = list(dict.fromkeys(r.rater for t in turns for r in t.ratings))
    rows: list[dict[str, object]] = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            pairs = [(x[a].levels, x[b].levels) for t in turns if {a, b} <= set(x := {r.rater: r for r in t.ratings})]
            if len(pairs) < FEWEST:
                continue
            row: dict[str, object] = {"raters": f"{a} and {b}", "turns": len(pairs)}
            for d in Dimension:
                x, y = (np.array([p[k][d] or 0 for p in pairs]) for k in (0, 1))
                row[d.value] = {"kappa": kappa(x, y), "applies": float(((x > 0) == (y > 0)).mean())}
            rows.append(row)
    return rows
