"""From token ids to text that may be shown: no half characters, no stop strings. And the draw of one token.

Knows nothing of models. `draw` alone touches torch and compiled code, imported when first called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from math import log
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.models.base import Candidate, Sampling

if TYPE_CHECKING:
    import torch

HALF = "\ufffd"
"""What a tokenizer writes for bytes that are not (yet) a character."""
RARE = (1e-3, 1e-6, 0.0)
"""Of the likeliest token's probability: only tokens above it are sorted for top_p, if they reach it. A sort of the whole
vocabulary, or looking for its 512 likeliest, takes longer than all the rest of a draw."""


class Detokenizer:
    """Text of a growing list of ids. `decode` turns ids into text; `anchor` is the last id of the prompt ([] if none):
    decoding it along keeps a leading space that tokenizers of the SentencePiece kind drop at the start of a text."""

    def __init__(self, decode: Callable[[list[int]], str], anchor: list[int]) -> None:
        self._decode, self._ids, self._skip = decode, list(anchor), len(decode(anchor)) if anchor else 0
        self._shown = ""

    def push(self, token: int) -> str:
        """The new characters that `token` completes; '' while a character is only half there."""
        self._ids.append(token)
        text = self._decode(self._ids)[self._skip :].rstrip(HALF)
        new = text[len(self._shown) :]
        self._shown += new
        return new


class StopFilter:
    """Passes text on until the first stop string, which is never passed on, nor any beginning of it."""

    def __init__(self, stop: Iterable[str]) -> None:
        self._stop = tuple(s for s in stop if s)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """What may be shown now. After a stop string, '' and `stopped`."""
        if self.stopped:
            return ""
        held = self._held + text
        # The first to be complete counts, as if the text came letter by letter: the cuts must not change the result.
        found = [(at + len(s), at) for s in self._stop if (at := held.find(s)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return held[: min(found)[1]]
        keep = max((_overlap(held, s) for s in self._stop), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def flush(self) -> str:
        """What was held back, once it is known that nothing follows."""
        held, self._held = self._held, ""
        return held


class Row:
    """One of several continuations that are drawn in step: its own seed, its own text, done when it stops."""

    def __init__(self, decode: Callable[[list[int]], str], anchor: list[int], sampling: Sampling, number: int) -> None:
        import torch

        self._sampling, self._text, self._stop = sampling, Detokenizer(decode, anchor), StopFilter(sampling.stop)
        self._generator = torch.Generator().manual_seed(Random(f"{sampling.seed}:{number}").getrandbits(31))
        self._shown, self._chance = "", 0.0
        self.spoken: list[int] = []
        self.done, self._cut = False, False

    def take(self, logits: torch.Tensor, ends: Set[int], enough: Callable[[str], bool] | None = None) -> None:
        """Draw the next token from `logits`, float32 [vocabulary]; any of `ends` ends the text, or `enough` of it."""
        s = self._sampling
        token, chance = draw(logits, s.temperature, s.top_p, s.repetition_penalty, self.spoken, self._generator)
        self.spoken.append(token)
        self._chance += chance
        if token in ends:
            self.done = True
            return
        new = self._stop.push(self._text.push(token))
        self._shown += new
        if self._stop.stopped:
            self.done = True
            return
        self._cut = len(self.spoken) == s.max_tokens or bool(new and enough is not None and enough(self._shown))
        self.done = self._cut

    def candidate(self) -> Candidate:
        """What was drawn."""
        whole = self._shown if self._stop.stopped else self._shown + self._stop.flush()
        return Candidate(whole, self._chance / max(1, len(self.spoken)), self._cut)


def filtered(pieces: Iterable[str], stop: Iterable[str]) -> Iterator[str]:
    """`pieces` up to the first stop string, empty ones left out; stops asking for more as soon as it is seen."""
    gate = StopFilter(stop)
    for piece in pieces:
        if shown := gate.push(piece):
            yield shown
        if gate.stopped:
            return
    if rest := gate.flush():
        yield rest


class Drawn(NamedTuple):
    """A token, and the logarithm of its probability as the model gave it (temperature 1, nothing penalised)."""

    token: int
    chance: float


def draw(
    logits: torch.Tensor,
    temperature: float,
    top_p: float,
    repetition_penalty: float,
    spoken: list[int],
    generator: torch.Generator,
) -> Drawn:
    """One token from `logits`, float32 [vocabulary]. `spoken`: the ids generated so far, the only ones penalised.

    temperature 0: the likeliest. top_p keeps the fewest tokens whose probabilities reach it. `generator`: on the CPU.
    """
    import torch

    from simulator.models.kernels import totals

    scores = fair = logits.numpy()
    if repetition_penalty != 1.0 and spoken:
        seen, fair = list(set(spoken)), scores.copy()
        fair[seen] = np.where(fair[seen] > 0, fair[seen] / repetition_penalty, fair[seen] * repetition_penalty)
    most = fair.max()
    warmth = np.float32(temperature or 1.0)
    plain, total = totals(scores, fair, most, np.float32(1) / warmth)

    def drawn(token: int) -> Drawn:
        return Drawn(token, float(scores[token] - most) - log(plain))

    if temperature == 0.0:
        return drawn(int(fair.argmax()))
    for share in RARE:
        ids = np.flatnonzero(fair >= most + warmth * np.log(np.float32(share))) if share else np.arange(len(fair))
        chances = np.exp((fair[ids] - most) / warmth) / total
        if float(chances.sum()) >= top_p:
            break
    order = np.argsort(-chances, kind="stable")
    likeliest = torch.from_numpy(chances[order])
    before = likeliest.cumsum(-1) - likeliest  # the mass above each token: 0 for the first, so one always stays
    likeliest = likeliest * (before < top_p)
    return drawn(int(ids[order[int(torch.multinomial(likeliest, 1, generator=generator))]]))


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop` without being all of it."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
