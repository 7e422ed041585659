"""What the rest of the program may ask of a language model. No weights and no torch here.

Three abilities, three protocols: a `LanguageModel` continues a text; a `FeatureModel` also shows what its middle layers
made of a text; a `DecidingModel` says how likely each of a few given answers is. A prompt is a tuple of *segments* that
only ever grows at its end during a call, so that an implementation can keep the key-value cache of the segments it has
already read. Segments are tokenised one by one and prefilled one by one, always in the same cuts: a cache rebuilt from
nothing is then bit for bit the cache that was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
    tuned: str = ""
    """The adapter it speaks with ('': none). A tuned model reads a call in the form it was tuned on."""


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
    """Hidden states of the last segments. `states`: float32 [layers, tokens, width]; `offsets`: one (start, end) pair of
    character positions in those segments, joined, for each token; `dropped`: segments that there was no room for."""

    states: NDArray[np.float32]
    offsets: tuple[tuple[int, int], ...]
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of several continuations; `chance`: mean log-probability of its tokens before any temperature (nats, <= 0);
    `cut`: it might have gone on, but was stopped by its length or because it was enough."""

    text: str
    chance: float
    cut: bool = False


class GivenUp(Exception):
    """Raised between two pieces of work, by a `pause` or by `still_wanted`: nothing is half done. Says why, in a sentence."""


_gone: ContextVar[Callable[[], bool] | None] = ContextVar("gone", default=None)


@contextmanager
def unless(gone: Callable[[], bool]) -> Iterator[None]:
    """What is done inside, in this thread, ends with GivenUp before a model's next piece of work once `gone()` is true."""
    token = _gone.set(gone)
    try:
        yield
    finally:
        _gone.reset(token)


def still_wanted() -> None:
    """Raises GivenUp if nobody waits for what is being done here. Every model asks between two pieces of work."""
    gone = _gone.get()
    if gone is not None and gone():
        raise GivenUp("nobody waits for it any more")


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
class ManyVoiced(LanguageModel, Protocol):
    """A model that draws several continuations at once."""

    def several(
        self,
        segments: tuple[str, ...],
        sampling: Sampling,
        count: int,
        *,
        enough: Callable[[str], bool] | None = None,
        least: int = 0,
        cache_key: str | None = None,
    ) -> tuple[Candidate, ...]:
        """`count` continuations of the joined `segments`, each as `stream` would draw one with a seed of its own. One of which
        `enough` is true goes no further; once `least` (0: all) have ended, those that have not are left out. Raises
        ModelError."""
        ...


@runtime_checkable
class WeighingModel(ManyVoiced, Protocol):
    """A model that can also be asked how likely somebody else's words are."""

    def likely(
        self, segments: tuple[str, ...], texts: tuple[str, ...], *, cache_key: str | None = None
    ) -> tuple[float, ...]:
        """Of each of `texts` (none is empty), as the continuation of the joined `segments`: the mean of the logarithms of its
        tokens' probabilities, as for `Candidate.chance`. Raises ModelError."""
        ...


@runtime_checkable
class FeatureModel(LanguageModel, Protocol):
    """A local model whose middle layers can be read."""

    def features(
        self, segments: tuple[str, ...], *, layers: tuple[int, ...], last: int = 1, cache_key: str | None = None
    ) -> Features:
        """Hidden states after each of `layers` (1 = after the first block) for the tokens of the `last` segments, in the
        context of the segments before them. The layers above the highest asked for are not run."""
        ...


@runtime_checkable
class EvenModel(FeatureModel, Protocol):
    """A feature model that says whether what it reads at once is what it reads bit by bit."""

    @property
    def even(self) -> bool:
        """Whether a token's numbers depend on nothing but the tokens before it: not on where the text is cut for a pass."""
        ...


@runtime_checkable
class ForeseeingModel(LanguageModel, Protocol):
    """A local model that can read the beginning of a prompt before the rest of it is known."""

    def read_ahead(
        self,
        segments: tuple[str, ...],
        *,
        cache_key: str,
        depth: int = 0,
        pause: Callable[[], None] | None = None,
    ) -> None:
        """Read `segments`, with which what will next be asked under `cache_key` begins: a continuation, or (`depth`) features
        of layers up to that one. Changes no words and no numbers. `pause` is called before each piece of work: it may
        wait, or raise GivenUp. Raises ModelError."""
        ...


@runtime_checkable
class DecidingModel(LanguageModel, Protocol):
    """A model that can be asked to choose."""

    def decide(
        self,
        segments: tuple[str, ...],
        options: tuple[str, ...],
        *,
        cache_key: str | None = None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[float, ...]:
        """Probability of each of `options` as the continuation of the joined `segments`, in the order of `options`;
        they sum to 1, for nothing else may follow. Options are different and not empty. `cache_key` never changes them.
        `pause` is called before each piece of work: it may wait, or raise GivenUp. Raises ModelError."""
        ...


def check_options(options: tuple[str, ...]) -> None:
    """Raises ValueError unless there are options, all different and none empty: a mistake of the program, not of a user."""
    if not options or not all(options) or len(set(options)) < len(options):
        raise ValueError(f"options must be different and not empty: {options!r}")
