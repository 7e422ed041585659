"""Trains the grading heads from the graded calls: `python -m eval.train_evaluator --base standard|small`.

Closed-form ridge regressions on frozen features (float64; same features, same heads), one strength for all heads chosen
by leaving out one author after another on the training calls. The links to probabilities are fitted to those left-out
predictions, so that the confidence is that of turns the heads have not seen. Test calls are never touched. Reading the
features takes minutes (small) to a quarter of an hour (standard) on two cores; they are kept in the cache folder.
"""

from __future__ import annotations

import argparse
import hashlib
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from eval.corpus import GradedTurn, graded_turns, is_test
from simulator.evaluator.heads import DIMENSIONS, OUTPUTS, TAGS, Heads, write
from simulator.models import MODELS, LocalModel, ensure
from simulator.models.base import FeatureModel
from simulator.prompts import evaluator_segments
from simulator.settings import settings

Array = NDArray[np.float64]
LAYERS = {"small": (10, 12, 14, 16, 18, 20, 22), "standard": (12, 14, 16, 18)}
STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
VERSION = "1"
HOME = Path(__file__).resolve().parent.parent / "simulator" / "evaluator" / "weights"


def pooled(model: FeatureModel, layers: tuple[int, ...], turns: list[GradedTurn]) -> Array:
    """[turns, layers*width]: mean hidden states of each graded turn.

    A causal model sees of a whole call at every turn just what it has read so far, so one pass over the call gives the
    features of all its turns, as the grader will see them turn by turn (up to rounding in bf16).
    """
    rows: list[Array] = []
    by_call = [list(group) for _, group in groupby(turns, key=lambda t: t.call)]
    for call in track(by_call, description="reading calls"):
        last = call[-1]
        segments = evaluator_segments(last.turn, last.before, last.brief)
        ends = list(accumulate(len(s) for s in segments[1:]))
        read = model.features((segments[0], "".join(segments[1:])), layers=layers)
        starts = np.array([start for start, _ in read.offsets])
        for t in call:
            begin, end = ([0, *ends])[t.turn.index], ends[t.turn.index]
            rows.append(read.states[:, (starts >= begin) & (starts < end)].mean(axis=1).reshape(-1))
    return np.asarray(rows, dtype=np.float64)


def features(base: str, turns: list[GradedTurn]) -> Array:
    """As `pooled`, kept in the cache folder under a hash of everything that decides them."""
    texts = [s for t in turns for s in evaluator_segments(t.turn, t.before, t.brief)]
    digest = hashlib.sha256("\0".join([MODELS[base].sha256, str(LAYERS[base]), *texts]).encode()).hexdigest()[:16]
    kept = settings().cache_dir / "features" / f"{base}-{digest}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = pooled(LocalModel(ensure(base)), LAYERS[base], turns).astype(np.float16)
        np.save(kept, found)
    return np.asarray(np.load(kept), dtype=np.float64)


def targets(turns: list[GradedTurn]) -> Array:
    """[turns, OUTPUTS]: levels (NaN where not applicable), applies 0/1, tags 0/1."""
    table = np.zeros((len(turns), OUTPUTS))
    for row, turn in zip(table, turns, strict=True):
        for i, d in enumerate(DIMENSIONS):
            level = turn.levels[d]
            row[i] = np.nan if level is None else level
            row[len(DIMENSIONS) + i] = level is not None
        row[2 * len(DIMENSIONS) :] = [t in turn.tags for t in TAGS]
    return table


def dual(gram: Array, y: Array, strength: float) -> tuple[Array, Array]:
    """Dual ridge solutions [rows, OUTPUTS] and bias [OUTPUTS] for `gram` [rows, rows]; rows with NaN do not count."""
    solution, bias = np.zeros_like(y), np.zeros(y.shape[1])
    whole = ~np.isnan(y).any(axis=0)
    for columns in [np.flatnonzero(whole), *(np.array([i]) for i in np.flatnonzero(~whole))]:
        rows = np.flatnonzero(~np.isnan(y[:, columns]).any(axis=1))
        known = y[np.ix_(rows, columns)]
        bias[columns] = known.mean(axis=0)
        system = gram[np.ix_(rows, rows)] + strength * np.eye(len(rows))
        solution[np.ix_(rows, columns)] = np.linalg.solve(system, known - bias[columns])
    return solution, bias


def left_out(gram: Array, y: Array, groups: NDArray[np.str_], strength: float) -> Array:
    """Predictions [rows, OUTPUTS], each from heads that have not seen its group."""
    out = np.zeros_like(y)
    for group in sorted(set(groups)):
        test, train = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        solution, bias = dual(gram[np.ix_(train, train)], y[train], strength)
        out[test] = gram[np.ix_(test, train)] @ solution + bias
    return out


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


def fit_link(scores: Array, truth: Array) -> tuple[float, float]:
    """Slope and offset of the logistic with the highest likelihood, lightly held back."""

    def loss(p: Array) -> float:
        z = np.clip(p[0] * scores + p[1], -40, 40)
        return float((np.logaddexp(0, z) - truth * z).sum() + 0.01 * (p**2).sum())

    slope, offset = minimize(loss, np.array([4.0, -2.0]), method="L-BFGS-B").x
    return float(slope), float(offset)


def best_threshold(p: Array, truth: Array) -> float:
    """The probability from which giving the tag has the best F1 on left-out turns, between .15 and .6."""
    grid = np.arange(0.15, 0.61, 0.05)
    f1 = [2 * (truth * (p >= t)).sum() / max(1.0, truth.sum() + (p >= t).sum()) for t in grid]
    return float(grid[int(np.argmax(f1))])


def train(base: str, turns: list[GradedTurn], x: Array) -> Heads:
    """Heads from training turns and their features [turns, layers*width]."""
    y, authors = targets(turns), np.array([t.author for t in turns])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-4
    z = (x - mean) / scale
    gram = z @ z.T / z.shape[1]
    known = ~np.isnan(y)

    def error(strength: float) -> tuple[float, Array]:
        out = left_out(gram, y, authors, strength)
        n = len(DIMENSIONS)
        return float(np.mean([np.mean((out[k, i] - y[k, i]) ** 2) for i in range(n) for k in [known[:, i]]])), out

    tried = {s: error(s) for s in STRENGTHS}
    strength = min(tried, key=lambda s: tried[s][0])
    out = tried[strength][1]
    print(f"{base}: strength {strength}, squared error on left-out authors {tried[strength][0]:.3f}")
    solution, bias = dual(gram, y, strength)
    weights = (z.T @ solution).T / z.shape[1]
    n = len(DIMENSIONS)
    cuts, slopes = zip(*(fit_cuts(out[known[:, i], i], y[known[:, i], i]) for i in range(n)), strict=True)
    links = np.zeros((OUTPUTS, 2))
    links[n:] = [fit_link(out[:, i], y[:, i]) for i in range(n, OUTPUTS)]
    p = 1 / (1 + np.exp(-(links[2 * n :, 0] * out[:, 2 * n :] + links[2 * n :, 1])))
    thresholds = [best_threshold(p[:, i], y[:, 2 * n + i]) for i in range(len(TAGS))]
    arrays = {
        "weights": weights.astype(np.float16),
        "bias": bias,
        "mean": mean,
        "scale": scale,
        "cuts": np.asarray(cuts),
        "slopes": np.asarray(slopes),
        "links": links,
        "thresholds": np.asarray(thresholds),
    }
    return Heads(base, LAYERS[base], VERSION, **{k: np.asarray(v, dtype=np.float32) for k, v in arrays.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", choices=tuple(LAYERS), required=True)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    turns = graded_turns()
    x = features(args.base, turns)
    kept = [i for i, t in enumerate(turns) if not is_test(t.call)]
    path = args.out or HOME / f"heads-{args.base}.safetensors"
    write(train(args.base, [turns[i] for i in kept], x[kept]), path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
