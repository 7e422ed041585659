"""`ScriptedModel`: a model that says what a test tells it to, and sees words where a real one sees meaning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from simulator.errors import ModelError
from simulator.models.base import Features, ModelInfo, Sampling, Source, check_options
from simulator.models.decoding import filtered

Script = Sequence[str] | Callable[[tuple[str, ...], Sampling], str]
Decisions = Callable[[tuple[str, ...], tuple[str, ...]], Sequence[float]]
WORD = re.compile(r"\s*\S+")


class ScriptedModel:
    """FeatureModel and DecidingModel with given replies. `replies`: a function of (segments, sampling), or a list from which
    `sampling.seed` picks (seed modulo its length): the same call always gets the same words.

    `calls` remembers every (segments, sampling) asked for, `ahead` every (cache key, segments) read ahead. Words are its tokens, `width` numbers (1..64) its features.
    `decisions`: a function of (segments, options) to a weight for each option; without one all are equally likely.
    """

    def __init__(
        self,
        replies: Script = ("All right.",),
        *,
        width: int = 16,
        layers: int = 4,
        name: str = "scripted",
        decisions: Decisions | None = None,
    ) -> None:
        if not callable(replies) and not replies:
            raise ValueError("a scripted model needs at least one reply")
        if not 1 <= width <= 64:
            raise ValueError("width must be between 1 and 64")
        self._replies, self._width, self.layers = replies, width, layers
        self._decisions = decisions
        self._info = ModelInfo(name, Source.SCRIPTED)
        self.calls: list[tuple[tuple[str, ...], Sampling]] = []
        self.ahead: list[tuple[str, tuple[str, ...]]] = []
        self.closed = False

    @property
    def info(self) -> ModelInfo:
        return self._info

    def stream(
        self,
        segments: tuple[str, ...],
        sampling: Sampling,
        *,
        cache_key: str | None = None,
    ) -> Iterator[str]:
        """The reply word by word, at most `max_tokens` words, ended by stop strings. Raises ModelError once closed."""
        if self.closed:
            raise ModelError(f"{self._info.name} has been closed.")
        self.calls.append((segments, sampling))
        replies = self._replies
        reply = replies(segments, sampling) if callable(replies) else replies[sampling.seed % len(replies)]
        # \Z takes trailing space along, so that the pieces joined are the reply to the letter
        words = re.findall(r"\s*\S+|\s+\Z", reply)
        return filtered(iter(words[: sampling.max_tokens]), sampling.stop)

    @property
    def even(self) -> bool:
        """A word looks the same wherever it stands."""
        return True

    def features(
        self,
        segments: tuple[str, ...],
        *,
        layers: tuple[int, ...],
        last: int = 1,
        cache_key: str | None = None,
    ) -> Features:
        """For each word of the `last` segments numbers in [-1, 1] hashed from layer and word (lower case, no punctuation):
        the same word looks the same everywhere, so that a linear head can learn from it."""
        if not layers or not all(1 <= layer <= self.layers for layer in layers):
            raise ModelError(f"{self._info.name} has layers 1 to {self.layers}, not {list(layers)}.")
        found: list[tuple[int, int, str]] = []
        shift = 0
        for segment in segments[-last:]:  # one by one, as every model does: no word spans two of them
            found += [(shift + word.start(), shift + word.end(), word[0].lower()) for word in WORD.finditer(segment)]
            shift += len(segment)
        states = np.zeros((len(layers), len(found), self._width), np.float32)
        for i, layer in enumerate(layers):
            for j, (_, _, word) in enumerate(found):
                states[i, j] = self._hashed(layer, "".join(c for c in word if c.isalnum()))
        return Features(states, tuple((start, end) for start, end, _ in found))

    def read_ahead(
        self,
        segments: tuple[str, ...],
        *,
        cache_key: str,
        depth: int = 0,
        pause: Callable[[], None] | None = None,
    ) -> None:
        """Nothing but a note of it."""
        if pause is not None:
            pause()
        self.ahead.append((cache_key, segments))

    def decide(
        self,
        segments: tuple[str, ...],
        options: tuple[str, ...],
        *,
        cache_key: str | None = None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[float, ...]:
        """The scripted weights, made to sum to 1. Raises ModelError once closed."""
        check_options(options)
        if pause is not None:
            pause()
        if self.closed:
            raise ModelError(f"{self._info.name} has been closed.")
        weights = self._decisions(segments, options) if self._decisions else (1.0,) * len(options)
        return tuple(w / sum(weights) for w in weights)

    def close(self) -> None:
        """Later calls of `stream` and `decide` raise ModelError."""
        self.closed = True

    def _hashed(self, layer: int, word: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        digest = hashlib.shake_128(f"{layer} {word}".encode()).digest(self._width)
        numbers: np.ndarray[tuple[int], np.dtype[np.float32]] = np.frombuffer(digest, np.uint8).astype(np.float32)
        return numbers / 127.5 - 1.0
