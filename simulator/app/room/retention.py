"""Deletes what has been kept long enough: when the server starts, and every hour while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from simulator.errors import SimulatorError
from simulator.rehearsal import Rehearsals
from simulator.workshop.rules import FORGOTTEN_AFTER

EVERY = 3600.0
"""Seconds between two looks."""
_log = logging.getLogger(__name__)


def sweep(rehearsals: Rehearsals, now: float) -> None:
    """Delete calls and members that are too old, and guesses that count no more. What fails is logged and tried again."""
    try:
        for call_id in rehearsals.store.workshops.expire(at=now):
            rehearsals.put_away(call_id)
        rehearsals.store.logins.forget_guesses(before=now - FORGOTTEN_AFTER)
    except SimulatorError as error:
        _log.warning("old calls of workshops were not deleted this time: %s", error)


def keep_sweeping(rehearsals: Rehearsals, running: Callable[[], bool]) -> None:
    """Sweep now and then every hour, in the background, as long as the page is `running`."""

    def work() -> None:
        due = time.monotonic() + EVERY
        while running():
            if time.monotonic() >= due:
                sweep(rehearsals, time.time())
                due = time.monotonic() + EVERY
            time.sleep(1.0)

    sweep(rehearsals, time.time())
    threading.Thread(target=work, name="retention", daemon=True).start()
