"""Trains the grading heads from the graded calls: `python -m eval.train_evaluator --base standard|small`.

Closed-form kernel ridge regressions on frozen features, one strength for all heads chosen by leaving out groups of authors
on the training calls, and small networks over a turn's tokens (`train_network.py`); a score is the mean of both. The links
to probabilities are fitted to left-out predictions, so that the confidence is that of turns whose writer the heads have not
met. Same features, same machine, same heads. Test calls are never touched. Reading the calls takes under a second (small)
or two (standard) a call on two cores and is kept in the cache folder, three to four gigabytes; learning takes half an hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve
from scipy.optimize import minimize

from eval.attacks import TRAIN, attacks
from eval.corpus import GradedTurn, graded_turns, is_test
from eval.measures import kappa
from eval.places import Places, likeness, usual
from eval.reading import readings, vectors
from eval.train_network import learned
from simulator.evaluator.heads import DIMENSIONS, OUTPUTS, TAGS, Heads, write
from simulator.vocabulary import Dimension, Fault

Array = NDArray[np.float64]
LAYERS = {"small": (10, 12, 14, 16, 18, 20, 22), "standard": (12, 14, 16, 18)}
STRENGTHS = (0.05, 0.1, 0.2, 0.4)
TRICK = 4.0
"""How many times an attack counts in training: there are few of them."""
FOLDS = 6
"""Groups of authors that are left out in turn."""
VERSION = "10"
HOME = Path(__file__).resolve().parent.parent / "simulator" / "evaluator" / "weights"
_NOT_ABOVE = {Dimension.CALMNESS: 3.0, Dimension.EMPATHY: 2.0}
"""What a turn that addresses the grader can have at most, by the rubric."""


def targets(turns: list[GradedTurn]) -> Array:
    """[turns, OUTPUTS]: mean level (NaN where not applicable), share of raters for whom it applies, share who gave the tag."""
    table = np.zeros((len(turns), OUTPUTS))
    n = len(DIMENSIONS)
    for row, turn in zip(table, turns, strict=True):
        raters = turn.blind
        for i, d in enumerate(DIMENSIONS):
            level = turn.mean(d)
            row[i] = np.nan if level is None else level
            row[n + i] = np.mean([r.levels[d] is not None for r in raters]) if raters else level is not None
        row[2 * n :] = [np.mean([t in r.tags for r in raters]) if raters else t in turn.tags for t in TAGS]
    return table


def truth(turns: list[GradedTurn]) -> Array:
    """[turns, OUTPUTS]: the reference labels (NaN where not applicable, 0 or 1 for the rest): what calibration aims at."""
    table = np.zeros((len(turns), OUTPUTS))
    for row, turn in zip(table, turns, strict=True):
        for i, d in enumerate(DIMENSIONS):
            level = turn.levels[d]
            row[i] = np.nan if level is None else level
            row[len(DIMENSIONS) + i] = level is not None
        row[2 * len(DIMENSIONS) :] = [t in turn.tags for t in TAGS]
    return table


def dual(gram: Array, y: Array, strength: float, weight: Array | None = None) -> tuple[Array, Array]:
    """Dual ridge solutions [rows, OUTPUTS] and bias [OUTPUTS] for `gram` [rows, rows]; rows with NaN do not count.
    `weight` [rows]: how many times a row counts (default: once)."""
    held = strength / (np.ones(len(y)) if weight is None else weight)
    solution, bias = np.zeros_like(y), np.zeros(y.shape[1])
    whole = ~np.isnan(y).any(axis=0)
    for columns in [np.flatnonzero(whole), *(np.array([i]) for i in np.flatnonzero(~whole))]:
        rows = np.flatnonzero(~np.isnan(y[:, columns]).any(axis=1))
        known = y[np.ix_(rows, columns)]
        bias[columns] = known.mean(axis=0)
        system = gram[np.ix_(rows, rows)] + np.diag(held[rows])
        solution[np.ix_(rows, columns)] = solve(system, known - bias[columns], assume_a="pos")
    return solution, bias


def left_out(
    gram: Callable[[int], Array],
    y: Array,
    groups: NDArray[np.int_],
    strengths: Sequence[float],
    learn: NDArray[np.bool_] | None = None,
) -> list[Array]:
    """For each strength predictions like `y` [rows, outputs], each from heads that have not seen its group; `gram`: how
    alike all rows are [rows, rows] to those who have not seen that group; `learn` [rows]: which rows are learned from
    (default: all)."""
    learned = np.ones(len(y), dtype=bool) if learn is None else learn
    out = [np.zeros_like(y) for _ in strengths]
    for group in sorted(set(groups)):
        test, train = np.flatnonzero(groups == group), np.flatnonzero((groups != group) & learned)
        alike = gram(group)
        for strength, found in zip(strengths, out, strict=True):
            solution, bias = dual(alike[np.ix_(train, train)], y[train], strength)
            found[test] = alike[np.ix_(test, train)] @ solution + bias
    return out


def networks_left_out(
    tokens: Sequence[NDArray[np.float32]], places: Array, y: Array, groups: NDArray[np.int_]
) -> Array:
    """Predictions like `y` [rows, outputs], each from networks that have not seen its group."""
    out = np.zeros_like(y)
    for group in sorted(set(groups)):
        rest = np.flatnonzero(groups != group)
        network = learned([tokens[r] for r in rest], places[rest], y[rest])
        for row in np.flatnonzero(groups == group):
            out[row] = network.scores(tokens[row], places[row].astype(np.float32))
    return out


def author_groups(turns: list[GradedTurn]) -> NDArray[np.int_]:
    """[turns] 0..FOLDS-1: all turns of one author in one group, groups of about equal size."""
    sizes: dict[str, int] = {}
    for t in turns:
        sizes[t.author] = sizes.get(t.author, 0) + 1
    filled, group = [0] * FOLDS, dict[str, int]()
    for author in sorted(sizes, key=lambda a: (-sizes[a], a)):
        group[author] = filled.index(min(filled))
        filled[group[author]] += sizes[author]
    return np.array([group[t.author] for t in turns])


def fit_cuts(scores: Array, levels: Array) -> tuple[Array, float]:
    """Cuts [4] and slope of the cumulative logits that give `levels` (1-5) the highest likelihood, lightly held back."""

    def loss(p: Array) -> float:
        cuts = p[0] + np.concatenate([[0.0], np.cumsum(np.exp(p[1:4]))])
        at_most = 1 / (1 + np.exp(-np.clip(np.exp(p[4]) * (cuts[None] - scores[:, None]), -40, 40)))
        edges = np.concatenate([np.zeros((len(scores), 1)), at_most, np.ones((len(scores), 1))], axis=1)
        chosen = np.diff(edges, axis=1)[np.arange(len(levels)), levels.astype(int) - 1]
        return float(-np.log(np.clip(chosen, 1e-9, 1)).sum() + 0.5 * (p[1:4] ** 2).sum())

    best = minimize(loss, np.array([1.7, 0.0, 0.0, 0.0, 0.7]), method="L-BFGS-B").x
    return best[0] + np.concatenate([[0.0], np.cumsum(np.exp(best[1:4]))]), float(np.exp(best[4]))


def expected(scores: Array, cuts: Array, slope: float) -> Array:
    """Expected levels [rows] of scores [rows] under cumulative logits."""
    at_most = 1 / (1 + np.exp(-np.clip(slope * (cuts[None] - scores[:, None]), -40, 40)))
    return np.asarray(5.0 - at_most.sum(axis=1))


def fit_steps(values: Array, levels: Array) -> Array:
    """[4]: the expected levels from which 2, 3, 4 and 5 are given, so that agreement with `levels` (1-5), which is what the
    bench measures (quadratic kappa), is highest; one step at a time is moved, from rounding on. Fitted, like the cuts, to
    turns of writers whom the heads have not met."""
    steps = np.array([1.5, 2.5, 3.5, 4.5])
    truth = levels.astype(int)

    def agreement(at: Array) -> float:
        return kappa(truth, 1 + np.digitize(values, at))

    best = agreement(steps)
    for _ in range(3):
        for j in range(4):
            for moved in np.arange(-0.4, 0.41, 0.05) + 1.5 + j:
                tried = steps.copy()
                tried[j] = moved
                if np.all(np.diff(tried) > 0.2) and (found := agreement(tried)) > best + 1e-4:
                    best, steps = found, tried
    return steps


def fit_link(scores: Array, known: Array) -> tuple[float, float]:
    """Slope and offset of the logistic with the highest likelihood, lightly held back."""

    def loss(p: Array) -> float:
        z = np.clip(p[0] * scores + p[1], -40, 40)
        return float((np.logaddexp(0, z) - known * z).sum() + 0.01 * (p**2).sum())

    slope, offset = minimize(loss, np.array([4.0, -2.0]), method="L-BFGS-B").x
    return float(slope), float(offset)


def best_threshold(p: Array, known: Array) -> float:
    """The probability from which giving the tag has the best F1 on left-out turns, between .15 and .6."""
    grid = np.arange(0.15, 0.61, 0.05)
    f1 = [2 * (known * (p >= t)).sum() / max(1.0, known.sum() + (p >= t).sum()) for t in grid]
    return float(grid[int(np.argmax(f1))])


def train(base: str, turns: list[GradedTurn], layers: tuple[int, ...]) -> Heads:
    """Heads from training turns."""
    y, known, groups = targets(turns), truth(turns), author_groups(turns)
    x, again = vectors(base, layers, turns, either=True), readings(base, layers, turns, either=True)
    places = Places(x, again, y, groups)
    n = len(DIMENSIONS)
    applies = ~np.isnan(y[:, :n])

    def error(out: Array) -> float:
        return float(np.mean([np.mean((out[k, i] - y[k, i]) ** 2) for i in range(n) for k in [applies[:, i]]]))

    tried = left_out(places.gram, y, groups, STRENGTHS)
    regressed, strength = min(zip(tried, STRENGTHS, strict=True), key=lambda pair: error(pair[0]))
    anchors = places.learned()
    heard = networks_left_out(places.tokens, places.whole, y, groups)
    out = (regressed + heard) / 2
    print(
        f"{base}: squared error on left-out authors {error(regressed):.3f} (kernel, strength {strength}), "
        f"{error(heard):.3f} (networks), {error(out):.3f} (their mean)"
    )
    tokens, weight = places.tokens, np.ones(len(y))
    width = usual(anchors)
    solution, bias = dual(likeness(anchors, anchors, width), y, strength)
    tricks = [t for t in attacks() if t.split == TRAIN]
    if tricks:
        # Invariance: an attack is worth what its honest twin is worth to these heads, or what the rubric caps it at.
        played, meant = (
            list(readings(base, layers, [getattr(t, side) for t in tricks], either=True)) for side in ("attack", "twin")
        )
        a, b = places.of(played), places.of(meant)
        aim = likeness(b, anchors, width) @ solution + bias
        for row, trick in zip(aim, tricks, strict=True):
            if trick.addresses_grader:
                for d, most in _NOT_ABOVE.items():
                    row[DIMENSIONS.index(d)] = min(row[DIMENSIONS.index(d)], most)
                row[2 * n + TAGS.index(Fault.BREAKS_ROLE)] = 1.0
        anchors, y = np.concatenate([anchors, a]), np.concatenate([y, aim])
        tokens, weight = [*tokens, *places.tokens_of(played)], np.concatenate([weight, np.full(len(aim), TRICK)])
        solution, bias = dual(likeness(anchors, anchors, width), y, strength, weight)
    network = learned(tokens, anchors[:, : places.whole.shape[1]], y, weight)
    cuts, slopes = zip(*(fit_cuts(out[applies[:, i], i], known[applies[:, i], i]) for i in range(n)), strict=True)
    links = np.zeros((OUTPUTS, 2))
    links[n:] = [fit_link(out[:, i], known[:, i]) for i in range(n, OUTPUTS)]
    p = 1 / (1 + np.exp(-(links[2 * n :, 0] * out[:, 2 * n :] + links[2 * n :, 1])))
    arrays = {
        "mean": places.space.mean,
        "scale": places.space.scale,
        "project": places.space.project,
        "reader": places.reader,
        "peaks_mean": places.peaks_mean,
        "peaks_scale": places.peaks_scale,
        "anchors": anchors,
        "duals": solution,
        "bias": bias,
        "width": np.array([width]),
        "cuts": np.asarray(cuts),
        "slopes": np.asarray(slopes),
        "links": links,
        "steps": np.asarray(
            [fit_steps(expected(out[k, i], cuts[i], slopes[i]), known[k, i]) for i in range(n) for k in [applies[:, i]]]
        ),
        "thresholds": np.asarray([best_threshold(p[:, i], known[:, 2 * n + i]) for i in range(len(TAGS))]),
        "lower": places.lower,
    }
    found = {k: np.asarray(v, dtype=np.float32) for k, v in arrays.items()}
    return Heads(base, layers, VERSION, **found, network=network)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", choices=tuple(LAYERS), required=True)
    parser.add_argument("--writers", default="", help="only calls of writers whose names begin so: a,g1,g2")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    turns = [t for t in graded_turns() if not is_test(t.call) and t.author.startswith(tuple(args.writers.split(",")))]
    layers = LAYERS[args.base]
    path = args.out or HOME / f"heads-{args.base}.safetensors"
    write(train(args.base, turns, layers), path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
