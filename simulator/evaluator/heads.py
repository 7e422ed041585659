"""The grading heads: smooth functions on a frozen model's middle layers, read from one safetensors file.

A turn is a vector (`reading.py`), standardised and projected on the directions in which turns differ most, and beside it
its peaks: what its single tokens score, read by a line for each output (`peaks.py`), since one mocking word drowns in the
mean over a long, useful turn. A head's score is a kernel regression on this place: how alike the turn is to each turn it
learned from, weighted. Each score passes through a calibrated link: cumulative logits for a level, a logistic for a tag or
for whether a dimension applies. The score's slope at this turn, times what each token adds to the place, is the token's
share: evidence is read off it. Trained by `python -m eval.train_evaluator`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelFormatError
from simulator.evaluator.peaks import peaks
from simulator.evaluator.reading import Reading
from simulator.vocabulary import Dimension, Fault, Tag, Technique

Array = NDArray[np.float32]
FORMAT = 4
DIMENSIONS = tuple(Dimension)
TAGS: tuple[Tag, ...] = (*Technique, *Fault)
OUTPUTS = len(DIMENSIONS) * 2 + len(TAGS)
"""Rows: a level score per dimension, an applies score per dimension, a score per tag."""


@dataclass(frozen=True, slots=True)
class Heads:
    """`mean` and `scale` [D] of the vector, `project` [D, r]; `reader` [layers*width, OUTPUTS]: what a token scores;
    `peaks_mean` and `peaks_scale` [PEAKS*OUTPUTS]; `anchors` [n, r + PEAKS*OUTPUTS] and `duals` [n, OUTPUTS]: the turns learned
    from and their weights; `bias` [OUTPUTS]; `width`: likeness is exp(-width * squared distance); `cuts` [dimensions, 4]
    and `slopes` [dimensions] of the cumulative logits; `links` [OUTPUTS, 2] slope and offset of the logistic (unused for
    level rows); `steps` [dimensions, 4]: the expected level from which each level above the first is given;
    `thresholds` [tags]: probability from which a tag is given. D is 2*layers*width + signals."""

    base: str
    layers: tuple[int, ...]
    version: str
    mean: Array
    scale: Array
    project: Array
    reader: Array
    peaks_mean: Array
    peaks_scale: Array
    anchors: Array
    duals: Array
    bias: Array
    width: Array
    cuts: Array
    slopes: Array
    links: Array
    steps: Array
    thresholds: Array

    def place(self, reading: Reading) -> Array:
        """[r + PEAKS*OUTPUTS]: where a turn lies among those learned from."""
        whole = ((reading.vector - self.mean) / self.scale) @ self.project
        highest = (peaks(self._read(reading.tokens)).sum(axis=0) - self.peaks_mean) / self.peaks_scale
        return np.concatenate([whole, highest]).astype(np.float32)

    def _read(self, tokens: Array) -> Array:
        """[tokens, OUTPUTS]: what each token scores, 0 for the mean of all tokens learned from."""
        return np.asarray((tokens - self.mean[: len(self.reader)]) @ self.reader, dtype=np.float32)

    def likeness(self, place: Array) -> Array:
        """[n], 0-1: how alike a turn at `place` is to each turn learned from."""
        apart = ((self.anchors - place) ** 2).sum(axis=1)
        return np.asarray(np.exp(-float(self.width[0]) * apart), dtype=np.float32)

    def scores(self, alike: Array) -> Array:
        """[OUTPUTS] for a turn of that likeness [n]."""
        return np.asarray(alike @ self.duals + self.bias, dtype=np.float32)

    def shares(self, place: Array, alike: Array, tokens: Array, outputs: Sequence[int]) -> Array:
        """Each token's share of those scores of the turn, to first order: [tokens, outputs] from tokens [tokens, layers*width]."""
        size, rank = tokens.shape[1], self.project.shape[1]
        pull = alike[:, None] * self.duals[:, list(outputs)]
        slope = 2 * float(self.width[0]) * (self.anchors.T @ pull - place[:, None] * pull.sum(axis=0))
        whole = (tokens - self.mean[:size]) / self.scale[:size] / len(tokens)
        highest = (peaks(self._read(tokens)) - self.peaks_mean / len(tokens)) / self.peaks_scale
        return np.asarray(whole @ (self.project[:size] @ slope[:rank]) + highest @ slope[rank:], dtype=np.float32)

    def level_probabilities(self, scores: Array) -> Array:
        """[dimensions, 5]: probability of each level, given that the dimension applies."""
        z = self.slopes[:, None] * (self.cuts - scores[: len(DIMENSIONS), None])
        at_most = np.concatenate([np.zeros((len(z), 1)), _logistic(z), np.ones((len(z), 1))], axis=1)
        return np.asarray(np.diff(at_most, axis=1), dtype=np.float32)

    def values(self, levels: Array) -> Array:
        """[dimensions]: each dimension's level as a number 1-5, from the probabilities of its levels [dimensions, 5]. A
        regression draws the ends towards the middle; here the expected level is stretched so that its `steps` come to
        lie half-way between levels. Rounded, it is the level given."""
        expected = (levels / levels.sum(axis=1, keepdims=True)) @ _LEVELS
        knots = np.concatenate([np.ones((len(self.steps), 1)), self.steps, np.full((len(self.steps), 1), 5.0)], axis=1)
        return np.asarray([np.interp(e, k, _HALVES) for e, k in zip(expected, knots, strict=True)], dtype=np.float32)

    def probabilities(self, scores: Array) -> Array:
        """[dimensions + tags]: probability that each dimension applies, then that each tag is there."""
        rest, links = scores[len(DIMENSIONS) :], self.links[len(DIMENSIONS) :]
        return np.asarray(_logistic(links[:, 0] * rest + links[:, 1]), dtype=np.float32)


_LEVELS = np.arange(1, 6, dtype=np.float32)
_HALVES = (1.0, 1.5, 2.5, 3.5, 4.5, 5.0)
_ARRAYS = (
    "mean",
    "scale",
    "project",
    "reader",
    "peaks_mean",
    "peaks_scale",
    "anchors",
    "duals",
    "bias",
    "width",
    "cuts",
    "slopes",
    "links",
    "steps",
    "thresholds",
)
_HALF = ("project", "anchors", "duals")
"""Kept as float16: the large ones."""


def load(base: str) -> Heads:
    """The heads that ship for the embedded model `base` (standard or small). Raises ModelFormatError."""
    with as_file(files("simulator.evaluator") / "weights" / f"heads-{base}.safetensors") as path:
        return read(path)


def read(path: Path) -> Heads:
    """Heads from a file. Raises ModelFormatError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads(file.metadata()["heads"])
            if facts["format"] != FORMAT or facts["outputs"] != _names():
                raise ModelFormatError(
                    f"{path.name} was trained for another version of the heads or list of tags; train again: "
                    f"python -m eval.train_evaluator --base {facts['base']}"
                )
            arrays = {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in _ARRAYS}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path.name} is not a file of grading heads ({error}).") from error
    return Heads(facts["base"], tuple(facts["layers"]), facts["version"], **arrays)


def write(heads: Heads, path: Path) -> None:
    """Write heads to one safetensors file."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "format": FORMAT,
        "base": heads.base,
        "layers": list(heads.layers),
        "version": heads.version,
        "outputs": _names(),
    }
    arrays = {name: getattr(heads, name).astype(np.float16 if name in _HALF else np.float32) for name in _ARRAYS}
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, path, metadata={"heads": json.dumps(facts)})
    path.chmod(0o644)


def _names() -> list[str]:
    return [
        *(f"level {d.value}" for d in DIMENSIONS),
        *(f"applies {d.value}" for d in DIMENSIONS),
        *(t.value for t in TAGS),
    ]


def _logistic(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -40, 40))))
