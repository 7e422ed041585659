"""Lets the passes of several threads go together: whoever gets the model computes what all are waiting for.

Calls that are played at the same time thus read the weights once for all their next words, in the order in which they
asked, and a long prompt of one call cannot keep the others from theirs: only so many tokens share a pass.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.models.runner import Runner, Tape, Work

if TYPE_CHECKING:
    import torch

MOST = 160
"""Tokens in one pass, unless a single work has more: beyond it a pass takes longer in proportion."""


class Asked:
    """One work that waits for a pass."""

    def __init__(self, work: Work, adapted: bool) -> None:
        self.work, self.adapted = work, adapted
        self.scores: torch.Tensor | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether its pass is over."""
        return self.scores is not None or self.error is not None


class Together:
    """A runner that many threads may use. Nothing is held between two passes."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._model = threading.Lock()
        self._waiting: deque[Asked] = deque()

    def scores(self, work: Work, *, adapted: bool) -> torch.Tensor:
        """As `Runner.scores` for this one work."""
        asked = Asked(work, adapted)
        self._waiting.append(asked)
        while not asked.done:  # another thread's pass may have been it already
            with self._model:
                if not asked.done:
                    self._pass()
        if asked.error is not None:
            raise asked.error
        assert asked.scores is not None
        return asked.scores

    def states(self, tape: Tape, ids: Sequence[int], depth: int, wanted: Sequence[int]) -> torch.Tensor:
        """As `Runner.states`."""
        import torch

        with self._model, torch.inference_mode():
            return self.runner.states(tape, ids, depth, wanted)

    def _pass(self) -> None:
        """Compute what waits: the first, and those behind it that fit beside it. Only for whoever holds the model."""
        import torch

        first = self._waiting.popleft()
        share, left, size = [first], list[Asked](), len(first.work.ids)
        while self._waiting:
            other = self._waiting.popleft()
            if other.adapted == first.adapted and size + len(other.work.ids) <= MOST:
                share.append(other)
                size += len(other.work.ids)
            else:
                left.append(other)
        self._waiting.extendleft(reversed(left))
        try:
            # inference_mode belongs to the thread, so it must not be held across a yield of whoever decodes
            with torch.inference_mode():
                found = self.runner.scores([one.work for one in share], adapted=first.adapted)
            for one, scores in zip(share, found, strict=True):
                one.scores = scores
        except BaseException as error:
            for one in share:
                one.error = error
            if not isinstance(error, Exception):
                raise
