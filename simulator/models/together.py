"""One thread computes a model's passes, for all threads that ask: what waits together is computed together.

Calls that are played at the same time thus read the weights once for all their next words, in the order in which they
asked, and a long prompt of one call cannot keep the others from theirs: only so many tokens share a pass.

It is always the same thread because OpenMP keeps a team of its own for every thread that computes: with a second team
there are more of them than cores, and GNU's puts them to sleep after every operation (half the speed, two cores).
"""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from simulator.errors import ModelError
from simulator.models.base import still_wanted
from simulator.models.runner import Runner, Work

if TYPE_CHECKING:
    import torch

MOST = 160
"""Tokens in one pass, unless a single work has more: beyond it a pass takes longer in proportion."""
T = TypeVar("T")


class Kind(NamedTuple):
    """What is asked of a pass; only works of one kind share one. Scores, with the adapter or not; or, with a `depth`, the
    states of the blocks `wanted`."""

    adapted: bool = False
    depth: int = 0
    wanted: tuple[int, ...] = ()


class Asked:
    """Something that waits for the thread: a work for a pass, and what is made of its numbers there; or, without a work,
    anything else that computes."""

    def __init__(self, then: Callable[[Any], Any], work: Work | None = None, kind: Kind = Kind()) -> None:
        self.work, self.kind, self._then = work, kind, then
        self._over = threading.Event()
        self._made: Any = None
        self._error: BaseException | None = None

    def answer(self, numbers: Any = None) -> None:
        """Hand over the numbers. Only from the thread."""
        try:
            self._made = self._then(numbers)
        except BaseException as error:
            self._error = error
        self._over.set()

    def fail(self, error: BaseException) -> None:
        """Say that there are no numbers."""
        self._error = error
        self._over.set()

    def result(self, thread: threading.Thread) -> Any:
        """Wait for it, as long as `thread` can still answer."""
        while not self._over.wait(1.0):
            if not thread.is_alive() and not self._over.is_set():
                raise ModelError("the model has been closed.")
        if self._error is not None:
            raise self._error
        return self._made


class Together:
    """A runner that many threads may use; opened, and used, in a thread of its own. Nothing is held between two passes."""

    def __init__(self, opened: Callable[[], Runner]) -> None:
        """Raises what `opened` raises."""
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        desk = _Desk(self._asked)
        # The thread knows the desk alone, so that it ends when nobody has this object any more.
        for ended in [thread for thread in list(_serving) if not thread.is_alive()]:
            _serving.pop(ended, None)
        self._thread = threading.Thread(target=desk.serve, daemon=True, name="model")
        self._thread.start()
        _serving[self._thread] = self._asked
        self._end = weakref.finalize(self, self._asked.put, None)
        self.runner: Runner = self.do(lambda: desk.open(opened))

    def scores(self, work: Work, *, adapted: bool, then: Callable[[torch.Tensor], T]) -> T:
        """What `then` makes, in the thread, of the scores as `Runner.scores` gives them for this one work. Raises GivenUp
        if nobody waits for them any more; the same for `states`."""
        still_wanted()
        made: T = self._wait(Asked(then, work, Kind(adapted)))
        return made

    def states(self, work: Work, depth: int, wanted: Sequence[int]) -> torch.Tensor:
        """As `Runner.states` for this one work."""
        still_wanted()
        states: torch.Tensor = self._wait(Asked(_itself, work, Kind(depth=depth, wanted=tuple(wanted))))
        return states

    def do(self, something: Callable[[], T]) -> T:
        """Compute something else there."""
        made: T = self._wait(Asked(lambda _: something()))
        return made

    def close(self) -> None:
        """Let the thread end after its pass, and the runner go; whoever waits is told that the model has been closed."""
        self._end()

    def _wait(self, asked: Asked) -> Any:
        self._asked.put(asked)
        return asked.result(self._thread)


class _Desk:
    """Where the thread works."""

    def __init__(self, asked: SimpleQueue[Asked | None]) -> None:
        self._asked = asked
        self._waiting: deque[Asked] = deque()
        self._runner: Runner | None = None

    def open(self, opened: Callable[[], Runner]) -> Runner:
        """Open the model, here in the thread."""
        self._runner = opened()
        return self._runner

    def serve(self) -> None:
        """Until nobody can ask any more."""
        import torch

        with torch.inference_mode():
            while True:
                if not self._waiting:
                    first = self._asked.get()
                    if first is None:
                        return
                    self._waiting.append(first)
                while not self._asked.empty():
                    if (asked := self._asked.get()) is None:
                        return
                    self._waiting.append(asked)
                self._pass()

    def _pass(self) -> None:
        """Compute what waits: the first, and those behind it that fit beside it."""
        first = self._waiting.popleft()
        if first.work is None:
            first.answer()
            return
        share, works, left, size = [first], [first.work], list[Asked](), len(first.work.ids)
        while self._waiting:
            other = self._waiting.popleft()
            if other.work is not None and other.kind == first.kind and size + len(other.work.ids) <= MOST:
                share.append(other)
                works.append(other.work)
                size += len(other.work.ids)
            else:
                left.append(other)
        self._waiting.extend(left)
        kind, runner = first.kind, self._runner
        assert runner is not None
        try:
            if kind.depth:
                found = runner.states(works, kind.depth, kind.wanted)
            else:
                found = runner.scores(works, adapted=kind.adapted)
        except BaseException as error:
            for one in share:
                one.fail(error)
            return
        for one, its in zip(share, found, strict=True):
            one.answer(its)


def _itself(numbers: Any) -> Any:
    return numbers


_serving: dict[threading.Thread, SimpleQueue[Asked | None]] = {}
"""Every model's thread that has not been seen to end, and what it listens to."""


@atexit.register
def _end_all() -> None:
    """A thread that still runs while the interpreter goes away, if only to its own end, takes the process down with it."""
    for thread, asked in list(_serving.items()):
        asked.put(None)
        thread.join(5.0)
