"""Asks for second opinions in the background: one thread, a short queue, and whoever is playing a turn goes first.

It knows nothing of calls, stores or screens: a job says what is to be graded, and whom to tell what came of it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulator.assessment import Assessment
from simulator.errors import SimulatorError
from simulator.evaluator.second_opinion import Failed, SecondOpinion
from simulator.scenario import Brief
from simulator.transcript import Transcript, Turn

WAITING = 8
"""Turns that may wait; the next one is told that the second opinion is too busy."""
FAREWELL = 10.0
"""Seconds that closing waits for the piece of work being done at that moment."""
TOO_BUSY = Failed("it was too busy with other turns")
CLOSED = Failed("the program was closed before it was asked")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One turn to grade after `transcript`, and who is told; `tell` runs on the background thread."""

    turn: Turn
    transcript: Transcript
    scenario: Brief
    tell: Callable[[Assessment | Failed], None]


class Opinions:
    """The background worker. Every job that `ask` takes is told exactly one result, at the latest on `close`."""

    def __init__(self, second: SecondOpinion, *, waiting: int = WAITING) -> None:
        self.second, self._most = second, waiting
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._playing, self._working, self._closed = 0, False, False
        self._thread = threading.Thread(target=self._work, name="second-opinion", daemon=True)
        self._thread.start()

    def ask(self, job: Job) -> bool:
        """Put that turn in the queue. False if it is full (or closed): the job is not taken."""
        with self._changed:
            if self._closed or len(self._jobs) >= self._most:
                return False
            self._jobs.append(job)
            self._changed.notify_all()
            return True

    @contextmanager
    def playing(self) -> Iterator[None]:
        """While a turn is being played, no further piece of work begins: one that has begun is short."""
        with self._changed:
            self._playing += 1
        try:
            yield
        finally:
            with self._changed:
                self._playing -= 1
                self._changed.notify_all()

    def settled(self, seconds: float) -> bool:
        """Wait until nothing is left to do, at most so long. Whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._jobs and not self._working, seconds)

    def close(self) -> None:
        """Stop after the piece of work being done. Jobs that are left are told so. May be called twice."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(FAREWELL)

    def _may_go_on(self) -> bool:
        """Wait until nobody plays. False once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._playing)
            return not self._closed

    def _work(self) -> None:
        self._read_ahead()
        while (job := self._next()) is not None:
            result: Assessment | Failed = CLOSED
            if not self._closed:
                result = self.second.grade(job.turn, job.transcript, job.scenario, may_go_on=self._may_go_on)
            self._tell(job, result)

    def _next(self) -> Job | None:
        """The next job; None once closed and nothing is left to be told."""
        with self._changed:
            self._working = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or bool(self._jobs))
            self._working = bool(self._jobs)
            return self._jobs.popleft() if self._jobs else None

    def _read_ahead(self) -> None:
        try:
            self.second.read_ahead(self._may_go_on)
        except SimulatorError as error:
            _log.warning("the second opinion could not read ahead: %s", error)
        except Exception:
            _log.exception("the second opinion could not read ahead")

    def _tell(self, job: Job, result: Assessment | Failed) -> None:
        try:
            job.tell(result)
        except SimulatorError as error:  # the call has been deleted, or the store is closed
            _log.warning("a second opinion could not be kept: %s", error)
        except Exception:
            _log.exception("a second opinion could not be kept")
