"""The quick check while it runs: in the background, one at a time, with progress, until it is done or cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.errors import BusyError, SimulatorError
from simulator.quick import Asked, Check, Checked, Stopped

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Run:
    """One check. `names`: what the two versions are called; `done` of `total` calls are played; at the end there is `found`, or
    `failed` says why there is not ('' where it was cancelled)."""

    owner: str
    opened: str
    names: tuple[str, str]
    total: int
    done: int = 0
    began: float = field(default_factory=time.monotonic)
    found: Checked | None = None
    failed: str | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take; None while nothing is known."""
        gone = time.monotonic() - self.began
        return gone / self.done * (self.total - self.done) if self.done >= 2 else None


class Checking:
    """One for a process: whoever wants a check waits until the one that runs is over."""

    def __init__(self, check: Callable[[], Check]) -> None:
        """`check` finds who plays it; it may raise DataError."""
        self._find, self._lock = check, threading.Lock()
        self._last: Run | None = None

    def begin(self, asked: Asked, owner: str, opened: str, names: tuple[str, str]) -> Run:
        """Begin. Raises BusyError while another one runs, DataError where nothing is installed that could play it."""
        check = self._find()
        with self._lock:
            if self._last is not None and not self._last.over.is_set():
                raise BusyError("a check is running on this server already: wait until it is over, or cancel it")
            run = self._last = Run(owner, opened, names, 2 * asked.calls)
        threading.Thread(target=self._play, args=(check, asked, run), name="quick-check", daemon=True).start()
        return run

    def of(self, owner: str, opened: str) -> Run | None:
        """The last check of this owner on that persona, running or over."""
        run = self._last
        return run if run is not None and (run.owner, run.opened) == (owner, opened) else None

    def _play(self, check: Check, asked: Asked, run: Run) -> None:
        def told(done: int) -> None:
            run.done = done

        def stop() -> bool:
            return run.cancelled.is_set() or not threading.main_thread().is_alive()

        try:
            run.found = check(asked, told, stop)
        except Stopped:
            run.failed = ""
        except SimulatorError as error:
            run.failed = str(error)
        except Exception as error:
            _log.exception("a quick check failed")
            run.failed = f"it failed in a way that it should not ({type(error).__name__}); the log has more"
        finally:
            run.over.set()
