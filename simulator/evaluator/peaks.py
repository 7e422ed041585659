"""Where in a turn a score is highest and lowest: what the mean over its tokens hides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
PEAKS = 5
NEXT = 1
"""Tokens on each side whose scores are averaged with a token's own: a single token is noise, three are a word or two."""
FEW = 5
"""The top and the bottom one of so many tokens of a turn."""


def peaks(scores: Array) -> Array:
    """[tokens, PEAKS*outputs] from what each token scores, [tokens, outputs]: how much each token adds to the turn's highest
    and lowest mean of neighbours, to the mean of its top and of its bottom tokens and to the spread (standard deviation).
    Summed over the tokens these are the turn's peaks."""
    n = len(scores)
    near = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= NEXT
    around = near @ scores / near.sum(axis=1)[:, None]
    highest, lowest = (near[:, best(around, axis=0)] for best in (np.argmax, np.argmin))
    rank, few = scores.argsort(axis=0, kind="stable").argsort(axis=0), max(1, n // FEW)
    apart = (scores - scores.mean(axis=0)) ** 2
    spread = np.sqrt(apart.mean(axis=0))
    of = [scores * (w / w.sum(axis=0)) for w in (highest, lowest, rank >= n - few, rank < few)]
    return np.concatenate([*of, apart / (n * np.maximum(spread, 1e-6))], axis=1)
