"""Learns what single tokens score: a linear reader for each output, learned from the means of turns, read at every token.

What it finds highest and lowest in a turn becomes part of the turn's place (`simulator.evaluator.heads`). A reader has
already seen the turns it learned from and would find in them more than in a stranger's; so the peaks that heads learn from
come from readers that have not met the turn's writer.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simulator.evaluator.peaks import PEAKS, peaks
from simulator.evaluator.reading import Reading

Array = NDArray[np.float64]
DIRECTIONS = 512
STRENGTH = 0.3
"""Of the ridge regression, beside turns whose standardised states have a squared length of about 1."""
WEIGHT = 2.4
"""Of all peaks together, beside 1 for the turn's own states and 1 for the state after it (`eval/README.md`: what helps)."""


class TokenReader:
    """Readers of turns whose own tokens have the `means` [turns, layers*width] and which `readings` gives once more, one
    by one; `y` [turns, outputs] is learned, NaN where it is not known; `groups` [turns]: of writers."""

    def __init__(
        self, readings: Iterable[Reading], means: NDArray[np.float32], y: Array, groups: NDArray[np.int_]
    ) -> None:
        self._y, self._groups = _standardised(y), groups
        self._mean, scale = means.mean(axis=0), (means.std(axis=0) + 1e-4) * np.sqrt(means.shape[1])
        z = (means - self._mean) / scale
        values, vectors = np.linalg.eigh((z.T @ z).astype(np.float64))
        basis = vectors[:, np.argsort(values)[::-1][:DIRECTIONS]].astype(np.float32)
        self._basis = basis / scale[:, None]
        self._turns = (z @ basis).astype(np.float64)
        self.tokens = [self._lowered(r) for r in readings]

    def lower(self) -> NDArray[np.float32]:
        """[layers*width, directions]: what a token less the mean is multiplied by to become one of `tokens`."""
        return self._basis

    def _lowered(self, reading: Reading) -> NDArray[np.float32]:
        return np.asarray((reading.tokens - self._mean) @ self._basis, dtype=np.float32)

    def _fitted(self, rows: NDArray[np.bool_]) -> NDArray[np.float32]:
        """[directions, outputs], learned from those turns."""
        a = self._turns[rows]
        found = np.linalg.solve(a.T @ a + STRENGTH * np.eye(a.shape[1]), a.T @ self._y[rows])
        return np.asarray(found, dtype=np.float32)

    def reader(self) -> NDArray[np.float32]:
        """[layers*width, outputs], learned from all turns: what a token less the mean is multiplied by."""
        return np.asarray(self._basis @ self._fitted(np.ones(len(self._y), dtype=bool)), dtype=np.float32)

    def peaks(self, unseen: int | None = None) -> Array:
        """[turns, PEAKS*outputs], each turn's by a reader that has met neither its own group of writers nor `unseen`."""
        found = np.zeros((len(self._y), PEAKS * self._y.shape[1]))
        for group in sorted(set(self._groups)):
            reader = self._fitted((self._groups != group) & (self._groups != unseen))
            for row in np.flatnonzero(self._groups == group):
                found[row] = peaks(self.tokens[row] @ reader).sum(axis=0)
        return found


def scaling(found: Array) -> tuple[Array, Array]:
    """Mean and scale [PEAKS*outputs] by which peaks [turns, PEAKS*outputs] get their weight."""
    return found.mean(axis=0), (found.std(axis=0) + 1e-4) * np.sqrt(found.shape[1] / WEIGHT)


def _standardised(y: Array) -> Array:
    """Mean 0 and spread 1; the mean where nothing is known."""
    filled = np.where(np.isnan(y), np.nanmean(y, axis=0), y)
    return np.asarray((filled - filled.mean(axis=0)) / (filled.std(axis=0) + 1e-6))
