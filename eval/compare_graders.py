"""What helps a grader: `python -m eval.compare_graders [--base small --base standard] [--curve | --twins]`.

Every variant is trained on the training calls and scored on writers it has not met (left out in turn, as in training);
test calls are not touched. Kappa with a 95 % bootstrap interval over calls. With both bases, their average is compared too.
`--curve`: what more writers bring, instead. `--twins`: what turns that differ in one clause bring, and how far they are told apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from eval.corpus import GradedTurn, graded_turns, is_test, twin_turns
from eval.measures import kappa, kappa_over
from eval.places import SIGNALS, Places, Space, likeness, usual
from eval.reading import readings, vectors
from eval.train_evaluator import (
    FOLDS,
    LAYERS,
    author_groups,
    dual,
    expected,
    fit_cuts,
    fit_steps,
    left_out,
    networks_left_out,
    targets,
    truth,
)
from simulator.evaluator.heads import DIMENSIONS
from simulator.evaluator.signals import COUNT
from simulator.vocabulary import Dimension

Array = NDArray[np.float64]
RESAMPLES = 200
STRENGTH = {"linear": 0.4, "kernel": 0.2}
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the other writers, how many a grader of the curve learns from."""
DRAWS = 3
SHIPPED = 0.1
"""What training chooses for all writers."""
Variant = tuple[str, Callable[[int], Array], float]
"""Name, Gram matrix [n, n] for heads that have not met a group of writers, strength."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", action="append", choices=tuple(LAYERS))
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--twins", action="store_true")
    args = parser.parse_args()
    turns = [t for t in graded_turns() if not is_test(t.call)]
    y, known, groups = targets(turns), truth(turns), author_groups(turns)
    if args.curve:
        for base in args.base or ("small",):
            Console(width=150).print(curve(base, turns, vectors(base, LAYERS[base], turns, either=True)))
        return
    if args.twins:
        for base in args.base or ("small",):
            Console(width=150).print(twins(base, turns, twin_turns()))
        return
    table = Table(title=f"{len(turns)} training turns, each scored by heads that have not met its writer")
    for column in ("variant", *(f"{d.value}" for d in DIMENSIONS), "mean"):
        table.add_column(column)
    score = scorer(turns, known)
    ours: list[Array] = []
    for base in args.base or ("small",):
        x = vectors(base, LAYERS[base], turns, either=True)
        again = readings(base, LAYERS[base], turns, either=True)
        places = Places(x, again, y, groups)
        for name, gram, strength in [*variants(base, x), _shipped(base, places)]:
            (out,) = left_out(gram, y, groups, [strength])
            table.add_row(name, *score(out))
        heard = networks_left_out(places.tokens, places.whole, y, groups)
        table.add_row(f"{base}: small networks over its tokens, two starts", *score(heard))
        ours.append((out + heard) / 2)
        table.add_row(f"{base}: mean of the two before (ships)", *score(ours[-1]))
    if len(ours) > 1:
        table.add_row("average of both", *score(np.mean(ours, axis=0)))
    Console(width=150).print(table)


def variants(base: str, x: NDArray[np.float32]) -> list[Variant]:
    """What one mean over a turn's tokens can do."""
    half = (x.shape[1] - COUNT) // 2
    layers = len(LAYERS[base])
    one = half // layers
    middle = slice(one * (layers // 2), one * (layers // 2 + 1))
    own, after, counted = _gram(x[:, :half]), _gram(x[:, half : 2 * half]), _gram(x[:, 2 * half :])
    whole = own + after + SIGNALS * counted
    found = [
        (f"{base}: one middle layer over the turn, linear", _gram(x[:, :half][:, middle]), STRENGTH["linear"]),
        (f"{base}: {layers} layers over the turn, linear", own, STRENGTH["linear"]),
        (f"{base}: the state after the turn, linear", after, STRENGTH["linear"]),
        (f"{base}: both, linear", own + after, 2 * STRENGTH["linear"]),
        (f"{base}: both and signals, linear", whole, 2 * STRENGTH["linear"]),
        ("signals alone, kernel", _kernel(counted), STRENGTH["kernel"]),
        (f"{base}: over the turn, kernel", _kernel(own), STRENGTH["kernel"]),
        (f"{base}: both, kernel", _kernel(own + after), STRENGTH["kernel"]),
        (f"{base}: both and signals, kernel", _kernel(whole), STRENGTH["kernel"]),
    ]
    return [(name, lambda _, gram=gram: gram, strength) for name, gram, strength in found]


def _shipped(base: str, places: Places) -> Variant:
    return f"{base}: both and signals, projected, and what single tokens score, kernel", places.gram, SHIPPED


def curve(base: str, turns: list[GradedTurn], x: NDArray[np.float32]) -> Table:
    """Kappa of the levels that would be given, by the share of the other writers that was learned from; the mean of DRAWS
    draws of writers, seed 0."""
    y, known, groups, space = targets(turns), truth(turns), author_groups(turns), Space(x)
    places, n = space.place(x), 2 * len(DIMENSIONS)
    gram, authors = likeness(places, places, usual(places)), np.array([t.author for t in turns])
    rng = np.random.default_rng(0)
    felt = len(DIMENSIONS) + DIMENSIONS.index(Dimension.EMPATHY)
    table = Table(title=f"{base}: what more writers bring")
    for column in ("writers", "turns learned from", *(d.value for d in DIMENSIONS), "empathy applies"):
        table.add_column(column)
    for share in SHARES:
        found, sizes = [], []
        for _ in range(1 if share == SHARES[-1] else DRAWS):
            out = np.zeros((len(turns), n))
            for group in range(FOLDS):
                others = sorted(set(authors[groups != group]))
                chosen = rng.permutation(others)[: round(share * len(others))]
                tested, learned = np.flatnonzero(groups == group), np.flatnonzero(np.isin(authors, chosen))
                weights, bias = dual(gram[np.ix_(learned, learned)], y[learned][:, :n], SHIPPED)
                out[tested] = gram[np.ix_(tested, learned)] @ weights + bias
                sizes.append(len(learned))
            applies = (out[:, felt] > 0.5) == (known[:, felt] > 0.5)
            found.append([*(_given(out[:, i], known[:, i]) for i in range(len(DIMENSIONS))), float(applies.mean())])
        table.add_row(f"{share:.0%}", f"{np.mean(sizes):.0f}", *(f"{v:.3f}" for v in np.mean(found, axis=0)))
    return table


def twins(base: str, turns: list[GradedTurn], pairs: list[GradedTurn]) -> Table:
    """Kappa on the turns of calls and on twins, by whether twins of other writers were learned from, too."""
    every = turns + pairs
    x = np.concatenate([vectors(base, LAYERS[base], some, either=True) for some in (turns, pairs)])
    y, known, space, n = targets(every), truth(every), Space(x), 2 * len(DIMENSIONS)
    authors = sorted({t.author for t in pairs})
    groups = np.concatenate([author_groups(turns), [FOLDS + authors.index(t.author) for t in pairs]])
    places, whole = space.place(x), np.arange(len(every)) < len(turns)
    gram, felt = likeness(places, places, usual(places)), len(DIMENSIONS) + DIMENSIONS.index(Dimension.EMPATHY)
    shown = (Dimension.CALMNESS, Dimension.EMPATHY)  # twins do the same work, so the other two hardly vary
    table = Table(
        title=f"{base}: {len(turns)} turns of calls, {len(pairs)} twins, each scored by heads that have not met its writer"
    )
    for column in ("learned from", "scored", *(d.value for d in shown), "empathy applies"):
        table.add_column(column)
    for name, learn in (("calls", whole), ("calls and twins", np.ones(len(every), dtype=bool))):
        (out,) = left_out(lambda _: gram, y[:, :n], groups, [SHIPPED], learn)
        for where, rows in (("calls", whole), ("twins", ~whole)):
            applies = (out[rows, felt] > 0.5) == (known[rows, felt] > 0.5)
            levels = [_given(out[rows, i], known[rows, i]) for i in map(DIMENSIONS.index, shown)]
            table.add_row(name, where, *(f"{v:.3f}" for v in (*levels, applies.mean())))
    return table


def _given(scores: Array, known: Array) -> float:
    """Kappa of the levels that heads with these scores would give, cuts and steps fitted to the same turns."""
    applies = ~np.isnan(known)
    levels = known[applies]
    values = expected(scores[applies], *fit_cuts(scores[applies], levels))
    return kappa(levels.astype(int), 1 + np.digitize(values, fit_steps(values, levels)))


def scorer(turns: list[GradedTurn], known: Array) -> Callable[[Array], list[str]]:
    """Turns predictions [turns, OUTPUTS] into cells: kappa and its interval for each dimension, and the mean kappa."""
    calls = [t.call for t in turns]

    def cells(out: Array) -> list[str]:
        row, means = [], []
        for i in range(len(DIMENSIONS)):
            real = np.nan_to_num(known[:, i]).astype(int)
            said = np.clip(np.round(out[:, i]), 1, 5).astype(int)
            found = kappa_over(real, said, calls, RESAMPLES)
            means.append(found.value or 0.0)
            row.append(found.told(".3f"))
        return [*row, f"{np.mean(means):.3f}"]

    return cells


def _gram(x: NDArray[np.float32]) -> Array:
    """Inner products of standardised features, per feature."""
    z = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-4)).astype(np.float64)
    return np.asarray(z @ z.T / z.shape[1])


def _kernel(gram: Array) -> Array:
    own = np.diag(gram)
    apart = np.maximum(own[:, None] + own[None] - 2 * gram, 0)
    return np.asarray(np.exp(-apart / np.median(apart)))


if __name__ == "__main__":
    main()
