"""What `LocalModel` asks of whatever computes a model's passes: tapes that grow and are cut back, forks of a tape into
rows that are drawn in step, scores, and states of middle layers.

Two runners answer it: `int8.Int8Runner` computes the families it knows in 8-bit integers, and `plain.PlainRunner` is
transformers itself for everything else. Neither is safe from several threads: `LocalModel` lets one pass run at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Tape(Protocol):
    """Keys and values of one run of tokens; grows by what is read onto it."""

    def __len__(self) -> int:
        """Tokens on it."""
        ...

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens (0 <= length <= len)."""
        ...

    def copied(self, length: int) -> Tape:
        """Another tape with the first `length` tokens."""
        ...

    def nbytes(self) -> int:
        """Bytes really held."""
        ...


class Fork(Protocol):
    """Rows that go on from the end of one tape, each for itself. The tape must not be read onto meanwhile, and is cut
    back to where it was forked when the rows are done with."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these of the rows there are now (numbers from 0, ascending)."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """One call's share of a pass: ids to read one after another onto a tape, or one id for each row of a fork."""

    onto: Tape | Fork
    ids: Sequence[int]


class Runner(Protocol):
    """A loaded model."""

    layers: int
    width: int
    """Blocks, and numbers a token between them."""

    def tape(self) -> Tape:
        """An empty tape."""
        ...

    def fork(self, tape: Tape, rows: int) -> Fork:
        """`rows` (>= 1) rows that go on from `tape`."""
        ...

    def scores(self, works: Sequence[Work], *, adapted: bool) -> list[torch.Tensor]:
        """Each work's scores (logits), float32 [rows, vocabulary] on the CPU: after the last id of a tape (one row), after
        each id of a fork. What a work gets does not depend on those beside it. `adapted`: with the adapter, if there is one."""
        ...

    def states(self, works: Sequence[Work], depth: int, wanted: Sequence[int]) -> list[torch.Tensor]:
        """Read each work's ids (onto tapes) through the first `depth` blocks, without an adapter: float32 [wanted, ids, width]
        after the blocks `wanted` (1 = the first). A tape read to one depth must not be read to another."""
        ...
