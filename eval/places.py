"""Where turns lie among those that heads learn from, and how alike two of them are (`simulator.evaluator.heads`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.token_reader import DIRECTIONS, TokenReader, scaling
from simulator.evaluator.peaks import peaks
from simulator.evaluator.reading import Reading
from simulator.evaluator.signals import COUNT

Array = NDArray[np.float64]
WIDTH = 1.0
"""Likeness is exp(-WIDTH * squared distance / median squared distance)."""
SIGNALS = 0.3
"""Weight of all signals together, beside 1 for the turn's own states and 1 for the state after it."""


class Places:
    """Where turns lie among those learned from: their whole (`Space`) and, beside it, their peaks (`TokenReader`).
    `again` gives their readings, once more, one by one; `x` [turns, D] are their vectors. `tokens` [each: tokens, directions]
    are their tokens in fewer directions, of a spread of about 1: less the mean and multiplied by `lower`. `whole`
    [turns, r]: where they lie, without their peaks."""

    def __init__(self, x: NDArray[np.float32], again: Iterable[Reading], y: Array, groups: NDArray[np.int_]) -> None:
        self.space, half, self._groups = Space(x), (x.shape[1] - COUNT) // 2, groups
        self.whole, self._tokens = self.space.place(x), TokenReader(again, x[:, :half], y, groups)
        self.reader = self._tokens.reader()
        self._peaks = self._tokens.peaks()
        spread = np.mean([t.std(axis=0) for t in self._tokens.tokens], axis=0)
        self.lower = (self._tokens.lower() / spread).astype(np.float16).astype(np.float32)  # as it will be kept
        self.tokens = [np.asarray(t / spread, dtype=np.float32) for t in self._tokens.tokens]
        self.peaks_mean, self.peaks_scale = scaling(self._peaks)

    def learned(self) -> Array:
        """[turns, r]: of the turns learned from."""
        return self._beside(self.whole, (self._peaks - self.peaks_mean) / self.peaks_scale)

    def gram(self, unseen: int) -> Array:
        """[turns, turns]: how alike all turns are to heads that have not met this group of writers."""
        found, rest = self._tokens.peaks(unseen), self._groups != unseen
        mean, scale = scaling(found[rest])
        places = self._beside(self.whole, (found - mean) / scale)
        return likeness(places, places, usual(places[rest]))

    def of(self, turns: Sequence[Reading]) -> Array:
        """[turns, r]: of turns whose writers no reader has met."""
        whole = self.space.place(np.asarray([r.vector for r in turns]))
        found = np.asarray([peaks(self._centred(r) @ self.reader).sum(axis=0) for r in turns])
        return self._beside(whole, (found - self.peaks_mean) / self.peaks_scale)

    def tokens_of(self, turns: Sequence[Reading]) -> list[NDArray[np.float32]]:
        """As `tokens`, of turns whose writers no reader has met."""
        return [np.asarray(self._centred(r) @ self.lower, dtype=np.float32) for r in turns]

    def _centred(self, turn: Reading) -> NDArray[np.float32]:
        return turn.tokens - self.space.mean[: len(self.reader)]

    def _beside(self, whole: Array, highest: Array) -> Array:
        """Rounded as anchors are kept."""
        return np.asarray(np.concatenate([whole, highest], axis=1).astype(np.float16), dtype=np.float64)


class Space:
    """The standardised, projected space of a set of vectors [n, D], and likeness in it."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        half = (x.shape[1] - COUNT) // 2
        sizes = np.concatenate([np.full(2 * half, half), np.full(COUNT, COUNT / SIGNALS)])
        self.mean, self.scale = x.mean(axis=0), (x.std(axis=0) + 1e-4) * np.sqrt(sizes)
        z = ((x - self.mean) / self.scale).astype(np.float64)
        # The directions of most variance, from whichever Gram matrix is smaller.
        if len(z) <= z.shape[1]:
            values, left = np.linalg.eigh(z @ z.T)
            kept = np.argsort(values)[::-1][: min(DIRECTIONS, len(z) - 1)]
            self.project = z.T @ left[:, kept] / np.sqrt(values[kept])
        else:
            values, right = np.linalg.eigh(z.T @ z)
            self.project = right[:, np.argsort(values)[::-1][:DIRECTIONS]]
        self.project = self.project.astype(np.float16).astype(np.float64)  # as it will be kept

    def place(self, x: NDArray[np.float32]) -> Array:
        """[n, r], rounded as anchors are kept."""
        found = ((x - self.mean) / self.scale).astype(np.float64) @ self.project
        return np.asarray(found.astype(np.float16), dtype=np.float64)


def likeness(a: Array, b: Array, width: float) -> Array:
    """[len(a), len(b)], 0-1, of places [n, r]."""
    return np.asarray(np.exp(-width * _apart(a, b)))


def usual(places: Array) -> float:
    """The width at which two of these places [n, r], as far apart as is usual, are alike by exp(-WIDTH)."""
    return WIDTH / float(np.median(_apart(places, places)))


def _apart(a: Array, b: Array) -> Array:
    """Squared distances."""
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0))
