"""What the rest of the program may ask of a language model. No weights and no torch here.

Two abilities, two protocols: a `LanguageModel` continues a text; a `FeatureModel` also shows what its middle layers
made of a text. A prompt is a tuple of *segments* that only ever grows at its end during a call, so that an
implementation can keep the key-value cache of the segments it has already read. Segments are tokenised one by one and
prefilled one by one, always in the same cuts: a cache rebuilt from nothing is then bit for bit the cache that was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Source(StrEnum):
    """Where a model came from."""

    EMBEDDED = "embedded"
    HUB = "hub"
    FOLDER = "folder"
    GGUF = "gguf"
    SERVER = "server"
    SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model is: `name` as shown to people, `digest` (hex, may be '') of the weights, parameters (0: unknown)."""

    name: str
    source: Source
    parameters: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to draw the next words: same seed, same words. temperature >= 0 (0: greedy); top_p in (0, 1]; max_tokens
    >= 1; repetition_penalty > 0 (1: none), on words already generated, never on the prompt's."""

    temperature: float = 0.8
    top_p: float = 0.92
    repetition_penalty: float = 1.0
    max_tokens: int = 60
    seed: int = 0
    stop: tuple[str, ...] = ("\n",)


@dataclass(frozen=True, slots=True)
class Features:
    """Hidden states of the last segment. `states`: float32 [layers, tokens, width]; `offsets`: one (start, end) pair of
    character positions in that segment for each token."""

    states: NDArray[np.float32]
    offsets: tuple[tuple[int, int], ...]


@runtime_checkable
class LanguageModel(Protocol):
    """Text in, text out."""

    @property
    def info(self) -> ModelInfo: ...

    def stream(self, segments: tuple[str, ...], sampling: Sampling, *, cache_key: str | None = None) -> Iterator[str]:
        """Pieces of the continuation as they are decoded, ending before the first stop string (which is not yielded).

        Closing the iterator stops the decoding. `cache_key` names the conversation whose cache may be reused; it never
        changes the words. Raises ModelError.
        """
        ...

    def close(self) -> None:
        """Let go of memory and connections."""
        ...


@runtime_checkable
class FeatureModel(LanguageModel, Protocol):
    """A local model whose middle layers can be read."""

    def features(self, segments: tuple[str, ...], *, layers: tuple[int, ...], cache_key: str | None = None) -> Features:
        """Hidden states after each of `layers` (1 = after the first block) for the tokens of the last segment, in the
        context of the segments before it. The layers above the highest asked for are not run."""
        ...
