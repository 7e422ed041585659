"""A grader that grades nothing twice: what was said to it in the same words after the same words has the grades it had.

Conditions of a study differ in the caller, and until the difference shows, call after call goes the same way. Grades hang on the
words alone (`simulator.evaluator.grader`), so a remembered one is the one that would be given, to the last digit.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock

from simulator.assessment import Assessment
from simulator.scenario import Brief
from simulator.session import Grader
from simulator.transcript import Transcript, Turn

MOST = 20_000
"""Turns that are remembered; the longest unasked for is forgotten first (some 100 MB)."""
_Key = tuple[Turn, tuple[Turn, ...], Brief]


class Remembering:
    """That grader, with a memory. Safe from several threads: who asks for what another is grading waits for it."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._known: OrderedDict[_Key, Future[Assessment]] = OrderedDict()
        self._lock = Lock()
        self.name = grader.name

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        """The grades of `turn`; remembered ones took no `seconds`. Raises what the grader raises, and asks it again then."""
        key = (turn, transcript.turns, scenario)
        with self._lock:
            known = self._known.get(key)
            if known is None:
                mine = self._known[key] = Future()
            self._known.move_to_end(key)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        if known is not None:
            return known.result().model_copy(update={"seconds": 0.0})
        try:
            found = self._grader.grade(turn, transcript, scenario, cache_key=cache_key)
        except BaseException as error:
            with self._lock:
                self._known.pop(key, None)
            mine.set_exception(error)
            raise
        mine.set_result(found)
        return found
