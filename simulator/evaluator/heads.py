"""The grading heads: smooth functions on a frozen model's middle layers, read from one safetensors file.

A turn is a vector (`reading.py`), standardised and projected on the directions in which turns differ most, and beside it
its peaks: what its single tokens score, read by a line for each output (`peaks.py`), since one mocking word drowns in the
mean over a long, useful turn. A head's score is the mean of two: a kernel regression on this place - how alike the turn is to
each turn it learned from, weighted - and small networks that read the turn token by token (`network.py`). Each score passes through a calibrated link: cumulative logits for a level, a logistic for a tag or
for whether a dimension applies. The score's slope at this turn, times what each token adds to the place, is the token's
share: evidence is read off it. Trained by `python -m eval.train_evaluator`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelFormatError
from simulator.evaluator.network import Network
from simulator.evaluator.peaks import peaks
from simulator.evaluator.reading import Reading
from simulator.vocabulary import Dimension, Fault, Tag, Technique

Array = NDArray[np.float32]
FORMAT = 5
DIMENSIONS = tuple(Dimension)
TAGS: tuple[Tag, ...] = (*Technique, *Fault)
OUTPUTS = len(DIMENSIONS) * 2 + len(TAGS)
"""Rows: a level score per dimension, an applies score per dimension, a score per tag."""


@dataclass(frozen=True, slots=True)
class Heads:
    """`mean` and `scale` [D] of the vector, `project` [D, r]; `reader` [layers*width, OUTPUTS]: what a token scores;
    `peaks_mean` and `peaks_scale` [PEAKS*OUTPUTS]; `anchors` [n, r + PEAKS*OUTPUTS] and `duals` [n, OUTPUTS]: the turns learned
    from and their weights; `bias` [OUTPUTS]; `lower` [layers*width, directions]: what brings a token to the `network`; `width`: likeness is exp(-width * squared distance); `cuts` [dimensions, 4]
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
    lower: Array
    network: Network

    def hear(self, reading: Reading) -> Heard:
        """A turn, to be scored."""
        return Heard(self, reading)

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


class Heard:
    """One turn as these heads hear it. `place` [r + PEAKS*OUTPUTS]: where it lies among the turns learned from; `alike` [n],
    0-1: how alike it is to each of them; `scores` [OUTPUTS]."""

    def __init__(self, heads: Heads, reading: Reading) -> None:
        self._heads = heads
        self._tokens = reading.tokens - heads.mean[: len(heads.reader)]  # 0 for the mean of all tokens learned from
        self._whole = (((reading.vector - heads.mean) / heads.scale) @ heads.project).astype(np.float32)
        self._peaks = peaks(np.asarray(self._tokens @ heads.reader, dtype=np.float32))
        highest = (self._peaks.sum(axis=0) - heads.peaks_mean) / heads.peaks_scale
        self.place: Array = np.concatenate([self._whole, highest]).astype(np.float32)
        apart = ((heads.anchors - self.place) ** 2).sum(axis=1)
        self.alike: Array = np.exp(-float(heads.width[0]) * apart).astype(np.float32)
        self._lowered = np.asarray(self._tokens @ heads.lower, dtype=np.float32)
        regressed = self.alike @ heads.duals + heads.bias
        self.scores: Array = ((regressed + heads.network.scores(self._lowered, self._whole)) / 2).astype(np.float32)

    def shares(self, outputs: Sequence[int]) -> Array:
        """Each token's share of those scores, to first order: [tokens, outputs]."""
        heads, count, rank = self._heads, len(self._tokens), len(self._whole)
        pull = self.alike[:, None] * heads.duals[:, list(outputs)]
        slope = 2 * float(heads.width[0]) * (heads.anchors.T @ pull - self.place[:, None] * pull.sum(axis=0))
        heard, by_place = heads.network.slopes(self._lowered, self._whole, outputs)
        slope[:rank] += by_place
        whole = self._tokens / heads.scale[: len(heads.reader)] / count
        highest = (self._peaks - heads.peaks_mean / count) / heads.peaks_scale
        moved = whole @ (heads.project[: len(heads.reader)] @ slope[:rank]) + highest @ slope[rank:] + heard
        return np.asarray(moved / 2, dtype=np.float32)


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
    "lower",
)
_HALF = ("project", "anchors", "duals", "lower")
"""Kept as float16: the large ones."""
_NETWORK = {f"network_{field.name}": field.name for field in fields(Network)}


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
            network = Network(**{field: file.get_tensor(name) for name, field in _NETWORK.items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path.name} is not a file of grading heads ({error}).") from error
    return Heads(facts["base"], tuple(facts["layers"]), facts["version"], **arrays, network=network)


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
    arrays |= {name: getattr(heads.network, field) for name, field in _NETWORK.items()}
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
