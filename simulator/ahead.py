"""Reads calls ahead in the background: what will come before a trainee's next words is read while they think of them.

One thread, one job a call, and whoever plays a turn goes first: a job stops after the pass being computed, and goes on
where it was once nobody plays. It knows nothing of calls, models or screens. Nothing hangs on a job: what was not read
ahead is read when it is needed, and says the same.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulator.errors import SimulatorError
from simulator.models.base import GivenUp

WAITING = 64
"""Calls that may wait to be read; with one more, the one that has waited longest is not read ahead."""
PATIENCE = 10.0
"""Seconds that a turn, or closing, waits at most for the job to let go (it does after one pass)."""
Pause = Callable[[], None]
Job = Callable[[Pause], None]
"""Work in pieces: calls what it is given before each of them, and lets GivenUp through; called again, goes on there."""
_log = logging.getLogger(__name__)


class Ahead:
    """The background reader."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = threading.Condition()
        self._playing, self._working, self._closed = 0, "", False
        self._thread = threading.Thread(target=self._work, name="read-ahead", daemon=True)
        self._thread.start()

    def ask(self, key: str, job: Job) -> None:
        """Do `job` for the call `key` as soon as nobody plays, in place of what was to be done for it before."""
        with self._changed:
            if self._closed:
                return
            self._jobs.pop(key, None)
            self._jobs[key] = job
            if len(self._jobs) > WAITING:
                self._jobs.popitem(last=False)
            self._changed.notify_all()

    def forget(self, key: str) -> None:
        """Do not begin what waits for the call `key`."""
        with self._changed:
            self._jobs.pop(key, None)
            self._changed.notify_all()

    @contextmanager
    def playing(self, key: str) -> Iterator[None]:
        """While a turn of the call `key` is played: nothing is read ahead, and what was to be read for it is out of date."""
        with self._changed:
            self._playing += 1
            self._jobs.pop(key, None)
            self._changed.wait_for(lambda: not self._working, PATIENCE)
            self._jobs.pop(key, None)  # what has just stopped put itself back
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
        """Stop after the pass being computed; what waits is not done. May be called twice."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
        self._thread.join(PATIENCE)

    def _pause(self) -> None:
        """Raises GivenUp while somebody plays, and once closed."""
        with self._changed:
            if self._playing or self._closed:
                raise GivenUp("somebody is playing")

    def _work(self) -> None:
        while (found := self._next()) is not None:
            key, job = found
            try:
                job(self._pause)
            except GivenUp:
                self._put_back(key, job)
            except SimulatorError as error:
                _log.warning("reading ahead failed: %s", error)
            except Exception:
                _log.exception("reading ahead failed")

    def _next(self) -> tuple[str, Job] | None:
        """The job that has waited longest, once nobody plays; None once closed."""
        with self._changed:
            self._working = ""
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._closed or bool(self._jobs and not self._playing))
            if self._closed:
                return None
            self._working, job = self._jobs.popitem(last=False)
            return self._working, job

    def _put_back(self, key: str, job: Job) -> None:
        """To the front, unless there is a newer one for that call."""
        with self._changed:
            if not self._closed and key not in self._jobs:
                self._jobs[key] = job
                self._jobs.move_to_end(key, last=False)
