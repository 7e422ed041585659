"""Lets the passes of several threads go together: whoever gets the model computes what all are waiting for.

Calls that are played at the same time thus read the weights once for all their next words, in the order in which they
asked, and a long prompt of one call cannot keep the others from theirs: only so many tokens share a pass.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.models.runner import Runner, Work

if TYPE_CHECKING:
    import torch

MOST = 160
"""Tokens in one pass, unless a single work has more: beyond it a pass takes longer in proportion."""


class Kind(NamedTuple):
    """What is asked of a pass; only works of one kind share one. Scores, with the adapter or not; or, with a `depth`, the
    states of the blocks `wanted`."""

    adapted: bool = False
    depth: int = 0
    wanted: tuple[int, ...] = ()


class Asked:
    """One work that waits for a pass."""

    def __init__(self, work: Work, kind: Kind) -> None:
        self.work, self.kind = work, kind
        self.found: torch.Tensor | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether its pass is over."""
        return self.found is not None or self.error is not None


class Together:
    """A runner that many threads may use. Nothing is held between two passes."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._model = threading.Lock()
        self._waiting: deque[Asked] = deque()

    def scores(self, work: Work, *, adapted: bool) -> torch.Tensor:
        """As `Runner.scores` for this one work."""
        return self._ask(Asked(work, Kind(adapted)))

    def states(self, work: Work, depth: int, wanted: Sequence[int]) -> torch.Tensor:
        """As `Runner.states` for this one work."""
        return self._ask(Asked(work, Kind(depth=depth, wanted=tuple(wanted))))

    def _ask(self, asked: Asked) -> torch.Tensor:
        self._waiting.append(asked)
        while not asked.done:  # another thread's pass may have been it already
            with self._model:
                if not asked.done:
                    self._pass()
        if asked.error is not None:
            raise asked.error
        assert asked.found is not None
        return asked.found

    def _pass(self) -> None:
        """Compute what waits: the first, and those behind it that fit beside it. Only for whoever holds the model."""
        import torch

        first = self._waiting.popleft()
        share, left, size = [first], list[Asked](), len(first.work.ids)
        while self._waiting:
            other = self._waiting.popleft()
            if other.kind == first.kind and size + len(other.work.ids) <= MOST:
                share.append(other)
                size += len(other.work.ids)
            else:
                left.append(other)
        self._waiting.extendleft(reversed(left))
        works, kind = [one.work for one in share], first.kind
        try:
            # inference_mode belongs to the thread, so it must not be held across a yield of whoever decodes
            with torch.inference_mode():
                if kind.depth:
                    found = self.runner.states(works, kind.depth, kind.wanted)
                else:
                    found = self.runner.scores(works, adapted=kind.adapted)
            for one, its in zip(share, found, strict=True):
                one.found = its
        except BaseException as error:
            for one in share:
                one.error = error
            if not isinstance(error, Exception):
                raise
