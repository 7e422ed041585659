"""What the grader reads of one turn: the model's middle layers over the turn and over the caller's name after it, and
signals counted in code. The same for training and for grading.

The name after the turn matters: with the words "Caller:" the model begins to expect an answer, so its states there sum
up what the whole turn will do, while the states over the turn's own tokens show where in it that comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.evaluator.signals import signals
from simulator.models.base import FeatureModel, Features
from simulator.prompts import ANSWER, evaluator_segments
from simulator.scenario import Brief
from simulator.transcript import Transcript, Turn

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """One turn as read. `tokens` float32 [tokens, layers*width] of the turn's own tokens, `offsets` their characters in
    `segment`, the line the model was shown; `after` [layers*width] and `signals` [COUNT] of the whole turn."""

    segment: str
    tokens: Array
    offsets: tuple[tuple[int, int], ...]
    after: Array
    signals: Array

    @property
    def vector(self) -> Array:
        """[2*layers*width + COUNT]: the mean over the tokens, what comes after, the signals."""
        return np.concatenate([self.tokens.mean(axis=0), self.after, self.signals])


def read_turn(
    model: FeatureModel,
    turn: Turn,
    before: Transcript,
    brief: Brief,
    *,
    layers: tuple[int, ...],
    cache_key: str | None = None,
) -> Reading:
    """Read one turn in its context; what `cache_key` has been read of before is not read again. Raises ModelError."""
    segments = evaluator_segments(turn, before, brief)
    features = model.features((*segments, ANSWER), layers=layers, last=2, cache_key=cache_key)
    return _cut(_flat(features), features.offsets, segments[-1], 0, signals(turn, before, brief))


def read_call(
    model: FeatureModel,
    turns: Sequence[Turn],
    transcript: Transcript,
    brief: Brief,
    *,
    layers: tuple[int, ...],
) -> list[Reading]:
    """Read several turns of one whole call in a single pass: a causal model sees of the call at every turn just what it
    has read so far, so this is what `read_turn` gives turn by turn, up to rounding. Raises ModelError."""
    *before, last = transcript.turns
    segments = evaluator_segments(last, transcript.before(last.index), brief)
    assert len(segments) == len(before) + 2
    features = model.features((segments[0], "".join(segments[1:]) + ANSWER), layers=layers)
    begins = np.cumsum([0, *(len(s) for s in segments[1:])])
    flat = _flat(features)
    return [
        _cut(
            flat,
            features.offsets,
            segments[1 + t.index],
            int(begins[t.index]),
            signals(t, transcript.before(t.index), brief),
        )
        for t in turns
    ]


def _flat(features: Features) -> Array:
    """[tokens, layers*width]"""
    return features.states.transpose(1, 0, 2).reshape(len(features.offsets), -1)


def _cut(flat: Array, offsets: tuple[tuple[int, int], ...], segment: str, begin: int, counted: Array) -> Reading:
    """The tokens that start within `segment`, which starts at character `begin`, and those of the answer's name."""
    starts, end = np.array([start for start, _ in offsets]), begin + len(segment)
    own, name = (starts >= begin) & (starts < end), (starts >= end) & (starts < end + len(ANSWER))
    inside = tuple((a - begin, b - begin) for a, b in offsets if begin <= a < end)
    return Reading(segment, flat[own], inside, flat[name].mean(axis=0), counted)
