"""Linear heads on a frozen model's middle layers: the numbers of the first grader, read from one safetensors file.

A turn is the mean of its tokens' hidden states over several layers, standardised. Each head is one row of weights: its
score is a sum over tokens, so every token's share of a grade is known exactly; evidence is read off it. Each score then
passes through a calibrated link: cumulative logits for a level, a logistic for a tag or for whether a dimension applies.
Trained by `python -m eval.train_evaluator`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.errors import ModelFormatError
from simulator.vocabulary import Dimension, Fault, Tag, Technique

Array = NDArray[np.float32]
FORMAT = 1
DIMENSIONS = tuple(Dimension)
TAGS: tuple[Tag, ...] = (*Technique, *Fault)
OUTPUTS = len(DIMENSIONS) * 2 + len(TAGS)
"""Rows: a level score per dimension, an applies score per dimension, a score per tag."""


@dataclass(frozen=True, slots=True)
class Heads:
    """`weights` [OUTPUTS, layers*width], `bias` [OUTPUTS], `mean` and `scale` [layers*width] of the features; `cuts`
    [dimensions, 4] and `slopes` [dimensions] of the cumulative logits; `links` [OUTPUTS, 2] slope and offset of the
    logistic (unused for level rows); `thresholds` [tags]: probability from which a tag is given."""

    base: str
    layers: tuple[int, ...]
    version: str
    weights: Array
    bias: Array
    mean: Array
    scale: Array
    cuts: Array
    slopes: Array
    links: Array
    thresholds: Array

    def shares(self, states: Array) -> Array:
        """Each token's share of every score: [tokens, OUTPUTS] from states [layers, tokens, width]. They sum, with the
        bias, to the scores."""
        tokens = states.shape[1]
        flat = states.transpose(1, 0, 2).reshape(tokens, -1)
        return np.asarray(((flat - self.mean) / self.scale) @ self.weights.T / tokens, dtype=np.float32)

    def scores(self, shares: Array) -> Array:
        """[OUTPUTS] from the tokens' shares."""
        return np.asarray(shares.sum(axis=0) + self.bias, dtype=np.float32)

    def level_probabilities(self, scores: Array) -> Array:
        """[dimensions, 5]: probability of each level, given that the dimension applies."""
        z = self.slopes[:, None] * (self.cuts - scores[: len(DIMENSIONS), None])
        at_most = np.concatenate([np.zeros((len(z), 1)), _logistic(z), np.ones((len(z), 1))], axis=1)
        return np.asarray(np.diff(at_most, axis=1), dtype=np.float32)

    def probabilities(self, scores: Array) -> Array:
        """[dimensions + tags]: probability that each dimension applies, then that each tag is there."""
        rest, links = scores[len(DIMENSIONS) :], self.links[len(DIMENSIONS) :]
        return np.asarray(_logistic(links[:, 0] * rest + links[:, 1]), dtype=np.float32)


_ARRAYS = ("weights", "bias", "mean", "scale", "cuts", "slopes", "links", "thresholds")


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
            arrays = {name: np.asarray(file.get_tensor(name), dtype=np.float32) for name in _ARRAYS}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFormatError(f"{path.name} is not a file of grading heads ({error}).") from error
    if facts["format"] != FORMAT or facts["outputs"] != _names():
        raise ModelFormatError(
            f"{path.name} was trained for another list of tags; train again: "
            f"python -m eval.train_evaluator --base {facts['base']}"
        )
    return Heads(facts["base"], tuple(facts["layers"]), facts["version"], **arrays)


def write(heads: Heads, path: Path) -> None:
    """Write heads to one safetensors file (weights as float16)."""
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "format": FORMAT,
        "base": heads.base,
        "layers": list(heads.layers),
        "version": heads.version,
        "outputs": _names(),
    }
    arrays = {name: getattr(heads, name) for name in _ARRAYS}
    arrays["weights"] = arrays["weights"].astype(np.float16)
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
