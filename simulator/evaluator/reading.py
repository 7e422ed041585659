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
from simulator.prompts import ANSWER, context_segments, evaluator_segments
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
    cache_key: str | None = None,
) -> list[Reading]:
    """Read several turns of one call (its beginning is `transcript`, up to the last of them) at once: a causal model sees of
    the call at every turn just what it has read so far, and a caller's turn begins with the name that `read_turn` lets
    follow. So each is what `read_turn` gives, to the bit where the model is even (`EvenModel`), else up to rounding. A turn
    that something else follows, and all of a call that is too long for the model, are read one by one. Raises ModelError."""
    first = turns[0].index
    segments = (*context_segments(transcript, brief), ANSWER)
    features = model.features(segments, layers=layers, last=len(segments) - 1 - first, cache_key=cache_key)
    begins = np.cumsum([0, *(len(s) for s in segments[1 + first :])])
    flat, starts = _flat(features), np.array([start for start, _ in features.offsets])
    name = _within(features, starts, int(begins[-2]))

    def read(t: Turn) -> Reading:
        begin, end = int(begins[t.index - first]), int(begins[t.index - first + 1])
        before, follows = transcript.before(t.index), segments[t.index + 2]
        if features.dropped or not follows.startswith(ANSWER) or _within(features, starts, end) != name:
            return read_turn(model, t, before, brief, layers=layers, cache_key=cache_key)
        return _cut(flat, features.offsets, segments[1 + t.index], begin, signals(t, before, brief))

    return [read(t) for t in turns]


def _within(features: Features, starts: NDArray[np.int_], begin: int) -> list[tuple[int, int]]:
    """The tokens that start where the answer's name would, if it began there; counted from `begin`."""
    low, high = np.searchsorted(starts, (begin, begin + len(ANSWER)))
    return [(a - begin, b - begin) for a, b in features.offsets[low:high]]


def _flat(features: Features) -> Array:
    """[tokens, layers*width]"""
    return features.states.transpose(1, 0, 2).reshape(len(features.offsets), -1)


def _cut(flat: Array, offsets: tuple[tuple[int, int], ...], segment: str, begin: int, counted: Array) -> Reading:
    """The tokens that start within `segment`, which starts at character `begin`, and those of the answer's name."""
    starts, end = np.array([start for start, _ in offsets]), begin + len(segment)
    own, name = (starts >= begin) & (starts < end), (starts >= end) & (starts < end + len(ANSWER))
    inside = tuple((a - begin, b - begin) for a, b in offsets if begin <= a < end)
    return Reading(segment, flat[own], inside, flat[name].mean(axis=0), counted)
