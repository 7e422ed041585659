"""`LocalModel`: a transformers model on this machine that continues text and shows its middle layers.

The decode loop is our own, so that it can keep caches by segment, let calls take turns token by token, and stop in the
middle of a token. It knows nothing of personas, chat templates or roles.

`python -m simulator.models.measure standard` prints what a machine makes of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.errors import ModelError
from simulator.models import machine
from simulator.models.base import Candidate, Features, GivenUp, ModelInfo, Sampling, check_options
from simulator.models.decoding import Detokenizer, Row, draw, filtered
from simulator.models.loading import Loaded, Precision, load
from simulator.models.plain import PlainRunner
from simulator.models.prefix_cache import CacheShelf, PrefixCache
from simulator.models.runner import Runner, Work
from simulator.models.together import Together
from simulator.models.tokens import Offsets, TextTokens

if TYPE_CHECKING:
    import torch

LEAST_CACHE, MOST_CACHE = 512 * 2**20, 4 * 2**30
"""Bytes that calls' caches may take together: a quarter of what is free once the model is loaded, within these. A call of
twelve turns takes some 60 MB with the small model, 90 with standard."""
CHUNK = 128
"""Tokens prefilled in one go: long enough for full speed, short enough that another call's next token can go between.
Cut from the start of each segment, so the same segment is always cut the same way."""
SMALL_CHUNK = 64
"""The same for decisions, which are made in the background: whoever speaks waits no longer than this takes."""
SHARED = 32
"""Tokens from which the first segment of a prompt is kept for other calls that begin with it."""


class Use(NamedTuple):
    """What a cache is for: its numbers are of no use for anything else."""

    kind: str
    depth: int = 0


SPOKEN, AS_IT_IS = Use("spoken"), Use("decided")
"""With the adapter, and without it."""


class LocalModel:
    """FeatureModel over a causal language model of transformers, computed in the numbers of `precision`.

    `where`: a folder, or a hub name. Safe from many threads: the model is held for one forward pass at a time, never for
    a reply, passes that are asked for at the same time go together, and nothing but a call's own cache carries over, so
    that calls share the model without changing each other's words. `adapter`: the folder of a LoRA adapter with which it
    speaks (`stream`, `several`); what it reads and decides is always the base's. Raises ModelNotFoundError,
    ModelFormatError, MemoryShortError. `load_time`: seconds to load.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        info: ModelInfo | None = None,
        device: str = "cpu",
        cache_bytes: int | None = None,
        adapter: Path | None = None,
        precision: Precision = Precision.AUTO,
    ) -> None:
        started = time.perf_counter()
        found: list[Loaded] = []

        def opened() -> Runner:
            found.append(load(where, device, adapter=adapter, precision=precision))
            return found[0].runner

        self._together: Together | None = Together(opened)
        (loaded,) = found
        self._runner: Runner = loaded.runner
        self._tokens = TextTokens(loaded.tokenizer, str(where))
        self._ends = self._tokens.control | loaded.ends
        self._context = loaded.context
        self._info = info or loaded.info
        room = min(MOST_CACHE, max(LEAST_CACHE, machine.free_memory() // 4))
        self._shelf = CacheShelf(room if cache_bytes is None else cache_bytes)
        self._encode: Callable[[str], tuple[list[int], Offsets]] = lru_cache(maxsize=1024)(self._tokens.encode)
        self.load_time = time.perf_counter() - started

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def layers(self) -> int:
        """How many blocks there are: the highest number `features` takes."""
        return self._runner.layers

    @property
    def even(self) -> bool:
        """Whether a token's numbers depend on nothing but the tokens before it, as they do in 8 bits. (The library's own
        products add in another order for another number of rows.)"""
        return not isinstance(self._runner, PlainRunner)

    @property
    def context(self) -> int:
        """Tokens that prompt and reply may take together."""
        return self._context

    def count(self, text: str) -> int:
        """Tokens of `text` as one segment."""
        return len(self._encode(text)[0])

    def stream(self, segments: tuple[str, ...], sampling: Sampling, *, cache_key: str | None = None) -> Iterator[str]:
        """Pieces of the continuation of the joined `segments`: whole characters, nothing of a stop string, ended by any
        control token. Same segments, sampling and model: same text, whatever else runs and whatever is cached.

        Too long a prompt loses whole segments from the second on, the oldest first. Raises ModelError if the first and
        the last alone are too long, if there is no text at all, or after `close`.
        """
        with closing(self._pieces(segments, sampling, cache_key)) as pieces:
            yield from filtered(pieces, sampling.stop)

    def features(
        self, segments: tuple[str, ...], *, layers: tuple[int, ...], last: int = 1, cache_key: str | None = None
    ) -> Features:
        """Hidden states (float32 [layers, tokens, width], in the order of `layers`, 1 = after the first block, before
        any final norm) of the tokens of the `last` segments (>= 1); `offsets` are exact characters in those, joined.

        Only the first max(layers) blocks run. Raises ModelError for a layer that is not there, and as `stream` does.
        """
        if not layers or not all(1 <= layer <= self.layers for layer in layers):
            raise ModelError(f"{self._info.name} has layers 1 to {self.layers}, not {list(layers)}.")
        prompt = self._fit(segments, reserve=0)
        depth, first = max(layers), len(prompt) - min(last, len(prompt))
        offsets: list[tuple[int, int]] = []
        shift = 0
        with self._taken(Use("read", depth), cache_key, prompt) as cache:  # a cache of another depth holds other layers
            cache.keep(min(cache.matching(prompt), first))
            while len(cache.segments) < first:
                self._look(cache, prompt[: len(cache.segments) + 1], depth)
            chunks = self._look(cache, prompt, depth, layers)  # together, and always so: one pass, if they are short
            for segment in prompt[first:]:
                offsets += [(a + shift, b + shift) for a, b in self._encode(segment)[1]]
                shift += len(segment)
        width = self._runner.width
        states = np.concatenate(chunks, axis=1) if chunks else np.zeros((len(layers), 0, width), np.float32)
        # a beginning-of-text id, before the first segment, has no characters
        dropped = len(segments) - len(prompt)
        return Features(states[:, states.shape[1] - len(offsets) :], tuple(offsets), dropped)

    def decide(
        self,
        segments: tuple[str, ...],
        options: tuple[str, ...],
        *,
        cache_key: str | None = None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[float, ...]:
        """Probabilities of `options` after `segments`: of their first tokens where these differ, which costs no pass
        beyond the prompt's; else of the whole options, a pass a token. Raises ModelError as `stream` does.

        transformers' own `pipeline("decision")` reads the same numbers, but the whole prompt anew each time (it runs
        without a cache): with a rubric in the prompt that would be most of the work, four times a turn.
        """
        check_options(options)
        ids = [self._encode(option)[0] for option in options]
        if not all(ids):
            raise ModelError(f"{self._info.name} has no tokens for one of {', '.join(options)}.")
        prompt = self._fit(segments, reserve=max(map(len, ids)))
        with self._taken(AS_IT_IS, cache_key, prompt) as cache:
            scores = self._scores(cache, self._prefill(cache, prompt, SMALL_CHUNK, pause), ids)
        return tuple(float(p) for p in scores.double().softmax(-1))

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
        """`count` continuations drawn as one batch: a pass over a few rows reads the weights once. One of which `enough` is
        true goes no further; once `least` (0: all) have ended, those that have not are left out. Same arguments and model:
        same texts. Raises ModelError as `stream` does."""
        prompt = self._fit(segments, reserve=sampling.max_tokens)
        with self._taken(SPOKEN, cache_key, prompt) as cache:
            logits = self._prefill(cache, prompt, adapted=True)
            rows = [Row(self._tokens.decode, self._anchor(prompt), sampling, number) for number in range(count)]
            going = rows

            def take(scores: torch.Tensor) -> None:
                for row, score in zip(going, scores, strict=True):
                    row.take(score, self._ends, enough)

            fork = self._model().do(lambda: self._runner.fork(cache.tape, count))
            self._model().do(lambda: take(logits.expand(count, -1)))
            while True:
                left = [n for n, row in enumerate(going) if not row.done]
                if count - len(left) >= (least or count):
                    break
                if len(left) < len(going):
                    fork.keep(left)
                    going = [going[n] for n in left]
                self._model().scores(Work(fork, [row.spoken[-1] for row in going]), adapted=True, then=take)
        return tuple(row.candidate() for row in rows if row.done)

    def likely(
        self, segments: tuple[str, ...], texts: tuple[str, ...], *, cache_key: str | None = None
    ) -> tuple[float, ...]:
        """How likely each of `texts` is after `segments`, as the model speaks: the mean of the logarithms of its tokens'
        probabilities. Read in step, a pass for all texts a token. Raises ModelError as `stream` does."""
        ids = [self._tokens.encode(text)[0] for text in texts]
        if not all(ids):
            raise ModelError(f"{self._info.name} has no tokens for an empty text.")
        totals, going = [0.0] * len(ids), list(range(len(ids)))

        def take(scores: torch.Tensor, at: int) -> None:
            wanted = [ids[row][at] for row in going]
            for row, score, token in zip(going, scores, wanted, strict=True):
                totals[row] += float(score.log_softmax(-1)[token])

        prompt = self._fit(segments, reserve=max(map(len, ids)))
        with self._taken(SPOKEN, cache_key, prompt) as cache:
            logits = self._prefill(cache, prompt, adapted=True)
            fork = self._model().do(lambda: self._runner.fork(cache.tape, len(ids)))
            self._model().do(lambda: take(logits.expand(len(ids), -1), 0))
            for at in range(1, max(map(len, ids))):
                left = [n for n, row in enumerate(going) if len(ids[row]) > at]
                if len(left) < len(going):
                    fork.keep(left)
                    going = [going[n] for n in left]
                work = Work(fork, [ids[row][at - 1] for row in going])
                self._model().scores(work, adapted=True, then=partial(take, at=at))
        return tuple(total / len(own) for total, own in zip(totals, ids, strict=True))

    def read_ahead(
        self,
        segments: tuple[str, ...],
        *,
        cache_key: str,
        depth: int = 0,
        pause: Callable[[], None] | None = None,
    ) -> None:
        """Read what the next `stream` or `several`, or (`depth`) `features` of layers up to that one, will begin with. Same
        cuts, so the same words and numbers. A conversation of which nothing is kept is left alone while the shelf is more
        than half full: it would only push others out. Raises ModelError as `stream` does, and what `pause` raises."""
        prompt, use = self._fit(segments, reserve=0), Use("read", depth) if depth else SPOKEN
        if not self._shelf.holds((cache_key, use)) and 2 * self._shelf.nbytes() > self._shelf.limit:
            return
        with self._taken(use, cache_key, prompt) as cache:
            same = cache.matching(prompt)
            if same == len(prompt):
                return  # all of it, and perhaps more, which stays
            cache.keep(same)
            while depth and len(cache.segments) < len(prompt):
                self._look(cache, prompt[: len(cache.segments) + 1], depth, (), pause)
            if not depth:
                self._prefill(cache, prompt, pause=pause, adapted=True)

    def close(self) -> None:
        """Let go of weights and caches; later calls raise ModelError."""
        if self._together is not None:
            self._together.close()
            self._together = None
            del self._runner
        self._shelf.clear()

    def _pieces(
        self, segments: tuple[str, ...], sampling: Sampling, cache_key: str | None
    ) -> Generator[str, None, None]:
        """Decoded text before stop strings are looked for."""
        import torch

        prompt = self._fit(segments, reserve=sampling.max_tokens)
        generator = torch.Generator().manual_seed(sampling.seed)
        spoken: list[int] = []

        def drawn(scores: torch.Tensor) -> int:
            how = sampling.temperature, sampling.top_p, sampling.repetition_penalty
            return draw(scores, *how, spoken, generator).token

        with self._taken(SPOKEN, cache_key, prompt) as cache:
            logits = self._prefill(cache, prompt, adapted=True)
            text = Detokenizer(self._tokens.decode, self._anchor(prompt))
            token = self._model().do(lambda: drawn(logits))
            while token not in self._ends:
                spoken.append(token)
                if piece := text.push(token):
                    yield piece
                if len(spoken) == sampling.max_tokens:
                    break
                token = self._model().scores(Work(cache.tape, [token]), adapted=True, then=lambda rows: drawn(rows[0]))

    @contextmanager
    def _taken(self, use: Use, key: str | None, prompt: tuple[str, ...]) -> Iterator[PrefixCache]:
        """The cache of `key`, handed back with its whole segments when the work is done, given up or no longer asked for;
        lost if the work fails in the middle of a pass, when some layers may have grown and others not. Where there is none,
        one that holds the beginning of `prompt`, if another call began the same way."""
        begins = ("begins", use, prompt[0])
        cache = self._shelf.take(key if key is None else (key, use))
        cache = cache or self._model().do(lambda: self._shelf.first(begins))
        cache = cache or PrefixCache(self._runner.tape())
        shared = prompt[:1] == tuple(cache.segments[:1])
        try:
            yield cache
        except GivenUp:  # between two passes: the cache is sound
            raise
        except (Exception, KeyboardInterrupt):  # not GeneratorExit: a closed reply leaves a sound cache
            cache = PrefixCache(self._runner.tape())
            raise
        finally:
            cache.keep(len(cache.segments))
            if cache.segments and not shared and cache.ends[0] >= SHARED:
                self._shelf.put(begins, self._model().do(cache.first))
            self._shelf.put(key if key is None else (key, use), cache)

    def _anchor(self, prompt: tuple[str, ...]) -> list[int]:
        """The last id of `prompt`, for a `Detokenizer`."""
        return next((ids[-1:] for i in range(len(prompt) - 1, -1, -1) if (ids := self._ids(prompt, i))), [])

    def _look(
        self,
        cache: PrefixCache,
        prompt: tuple[str, ...],
        depth: int,
        wanted: tuple[int, ...] = (),
        pause: Callable[[], None] | None = None,
    ) -> list[Any]:
        """Read what `cache` does not hold of `prompt`, to `depth`: the states of the `wanted` layers, cut by cut."""
        segments = [self._ids(prompt, index) for index in range(len(cache.segments), len(prompt))]
        ids, chunks = [i for segment in segments for i in segment], []
        for at in range(0, len(ids), CHUNK):
            if pause is not None:
                pause()
            seen = self._model().states(Work(cache.tape, ids[at : at + CHUNK]), depth, wanted)
            chunks += [seen.numpy()] if wanted else []
        for segment in segments:
            cache.add(prompt[len(cache.segments)], len(segment), None)
        return chunks

    def _prefill(
        self,
        cache: PrefixCache,
        prompt: tuple[str, ...],
        chunk: int = CHUNK,
        pause: Callable[[], None] | None = None,
        *,
        adapted: bool = False,
    ) -> torch.Tensor:
        """Scores after `prompt`, float32 [vocabulary]; `cache` then holds exactly its segments."""
        same = cache.matching(prompt)
        if same < len(prompt) or cache.logits is None or same < len(cache.segments):
            # The scores after a segment in the middle were not kept: read the last segment with any text again.
            last = max(i for i in range(len(prompt)) if self._ids(prompt, i))
            cache.keep(min(same, last))
        for index in range(len(cache.segments), len(prompt)):
            ids, logits = self._ids(prompt, index), cache.logits
            for at in range(0, len(ids), chunk):
                if pause is not None:
                    pause()
                part = Work(cache.tape, ids[at : at + chunk])
                logits = self._model().scores(part, adapted=adapted, then=_last)
            cache.add(prompt[index], len(ids), logits)
        scores: torch.Tensor = cache.logits
        return scores

    def _scores(self, cache: PrefixCache, logits: torch.Tensor, options: list[list[int]]) -> torch.Tensor:
        """Log-odds of each run of ids after what `cache` holds, [options]."""
        import torch

        firsts = [ids[0] for ids in options]
        if len(set(firsts)) == len(firsts):
            return logits[firsts]
        whole: list[torch.Tensor] = []
        for ids in options:
            after, total = logits, torch.zeros(())
            for at, token in enumerate(ids):
                total = total + after.log_softmax(-1)[token]
                if at + 1 < len(ids):
                    after = self._model().scores(Work(cache.tape, [token]), adapted=False, then=_last)
            cache.keep(len(cache.segments))
            whole.append(total)
        return torch.stack(whole)

    def _fit(self, segments: tuple[str, ...], reserve: int) -> tuple[str, ...]:
        """`segments` without the oldest after the first, as few as needed for `reserve` tokens to follow."""
        self._model()
        sizes = [len(self._ids(segments, i)) for i in range(len(segments))]
        if not sum(sizes):
            raise ModelError("there is no text to continue: the prompt is empty.")
        room, dropped = self._context - reserve, 0
        while sum(sizes[:1]) + sum(sizes[1 + dropped :]) > room:
            dropped += 1
            if 1 + dropped >= len(segments):
                raise ModelError(
                    f"the prompt is too long for {self._info.name}: its fixed part and last turn take "
                    f"{sum({0: sizes[0], len(sizes) - 1: sizes[-1]}.values())} tokens and {max(room, 0)} are free."
                )
        return segments[:1] + segments[1 + dropped :]

    def _ids(self, prompt: tuple[str, ...], index: int) -> list[int]:
        """Ids of one segment; the very first begins with what the tokenizer puts at the beginning of a text."""
        ids = self._encode(prompt[index])[0]
        return self._tokens.start + ids if index == 0 else ids

    def _model(self) -> Together:
        if self._together is None:
            raise ModelError(f"{self._info.name} has been closed.")
        return self._together


def _last(scores: torch.Tensor) -> torch.Tensor:
    """Of one tape there is one row."""
    return scores[0]
