"""A grader whose grades come on the organisation's scale while one is in use; the machine's own stay within reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.assessment import Assessment
from simulator.calibration.offsets import apply, named
from simulator.calibration.records import OffsetMap
from simulator.evaluator.batch import GradesCalls
from simulator.evaluator.gates import capped, wordless
from simulator.scenario import Brief
from simulator.session import Grader
from simulator.transcript import Transcript, Turn


class Scaled:
    """The same `grade` and `name` as the grader within (`machine`). `in_use` is asked before every grade, so that a scale
    adopted in one window, or at the terminal, counts from the next turn on everywhere."""

    def __init__(self, machine: Grader, in_use: Callable[[], OffsetMap | None]) -> None:
        self.machine, self._in_use = machine, in_use

    @property
    def name(self) -> str:
        """The grader's name, with the scale that is in use for it."""
        return named(self.machine.name, self._scale())

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        """As the grader within, then moved. Raises what that one raises, and StoreError if the scale cannot be read."""
        grades = self.machine.grade(turn, transcript, scenario, cache_key=cache_key)
        return _moved(grades, turn, self._scale())

    def grade_call(
        self, turns: Sequence[Turn], transcript: Transcript, scenario: Brief, *, cache_key: str | None = None
    ) -> list[Assessment]:
        """As `Evaluator.grade_call`, then moved; turn by turn where the grader within knows no calls."""
        machine = self.machine
        if isinstance(machine, GradesCalls):
            given = machine.grade_call(turns, transcript, scenario, cache_key=cache_key)
        else:
            given = [machine.grade(t, transcript.before(t.index), scenario, cache_key=cache_key) for t in turns]
        scale = self._scale()
        return [_moved(grades, turn, scale) for grades, turn in zip(given, turns, strict=True)]

    def _scale(self) -> OffsetMap | None:
        """The scale in use, if it was made for this grader."""
        scale = self._in_use()
        return scale if scale is not None and scale.grader == self.machine.name else None


def _moved(grades: Assessment, turn: Turn, scale: OffsetMap | None) -> Assessment:
    if scale is None:
        return grades
    moved = apply(grades, scale)
    return capped(moved) if wordless(turn.text) else moved  # no scale lifts a turn in which nothing was said


def machine_of(grader: Grader) -> Grader:
    """The grader on its own scale."""
    return grader.machine if isinstance(grader, Scaled) else grader
