"""`Breaker`: a server that has failed several times in a row is left alone, and tried again in the background until it is back.

Closed: it is asked. Open: nobody asks it. Half open: one trial is under way. No trainee ever waits for a trial.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from enum import StrEnum
from random import uniform

_log = logging.getLogger(__name__)


class State(StrEnum):
    """As electricians say it: closed is the good one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


class Breaker:
    """Opens after `failures` in a row (>= 1); then `trial` is run after about `rest` seconds, and again after twice as many,
    up to `longest`, until it does not raise. Safe from many threads; `name` is for the log."""

    def __init__(
        self, name: str, trial: Callable[[], object], *, failures: int = 3, rest: float = 15.0, longest: float = 240.0
    ) -> None:
        self._name, self._trial, self._most = name, trial, failures
        self._rest, self._longest = rest, max(rest, longest)
        self._lock = threading.Lock()
        self._failed, self._timer = 0, None  # type: tuple[int, threading.Timer | None]
        self._closed_for_good = False
        self.state = State.CLOSED

    def succeeded(self) -> None:
        """The server has answered."""
        with self._lock:
            if self.state is State.CLOSED:
                self._failed = 0

    def failed(self) -> None:
        """The server has not answered, or not as it should."""
        with self._lock:
            self._failed += 1
            if self.state is State.CLOSED and self._failed >= self._most:
                _log.warning("%s has failed %d times in a row: it is left alone for a while", self._name, self._failed)
                self.state = State.OPEN
                self._try_after(self._rest)

    def close(self) -> None:
        """Try no more."""
        with self._lock:
            self._closed_for_good = True
            if self._timer is not None:
                self._timer.cancel()

    def _try_after(self, rest: float) -> None:
        """Only under the lock. Not to the second: several programs that share a server shall not knock together."""
        if not self._closed_for_good:
            self._timer = threading.Timer(uniform(0.8, 1.2) * rest, self._try, [rest])
            self._timer.daemon = True
            self._timer.start()

    def _try(self, rest: float) -> None:
        with self._lock:
            self.state = State.HALF_OPEN
        try:
            self._trial()
        except Exception as error:
            _log.info("%s is still away: %s", self._name, error)
            with self._lock:
                self.state = State.OPEN
                self._try_after(min(2 * rest, self._longest))
        else:
            _log.warning("%s answers again", self._name)
            with self._lock:
                self.state, self._failed = State.CLOSED, 0
