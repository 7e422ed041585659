"""Grades many turns at once, as `simulator grade` is given them: what follows each other in one call is read in one go.

The grades are those of turn by turn, to the bit (`Evaluator.grade_call`). A turn that cannot be graded costs no other its
grades.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from simulator.assessment import Assessment
from simulator.errors import ModelError
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn


class Grades(Protocol):
    """Whoever grades one turn, as `Evaluator.grade` does."""

    def grade(
        self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None
    ) -> Assessment: ...


@runtime_checkable
class GradesCalls(Grades, Protocol):
    """Whoever also grades several turns of one call, as `Evaluator.grade_call` does."""

    def grade_call(
        self, turns: Sequence[Turn], transcript: Transcript, scenario: Brief, *, cache_key: str | None = None
    ) -> list[Assessment]: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One turn to grade, said after `before`; `key`: as `cache_key` of `Evaluator.grade`."""

    text: str
    before: Transcript
    brief: Brief
    key: str

    @property
    def turn(self) -> Turn:
        """The turn itself."""
        return Turn(len(self.before), Speaker.TRAINEE, self.text)

    @property
    def after(self) -> Transcript:
        """The call with the turn."""
        return self.before.plus(Speaker.TRAINEE, self.text)


def graded(grader: Grades, asked: Sequence[Asked]) -> Iterator[Assessment | ModelError]:
    """The grades of each turn, in order, or why there are none."""
    for call in calls(asked):
        yield from _of_call(grader, call)


def calls(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """The turns in their order, those together of which each goes on the call of the one before."""
    call: list[Asked] = []
    for one in asked:
        if call and not _goes_on(call[-1], one):
            yield call
            call = []
        call.append(one)
    if call:
        yield call


def _goes_on(earlier: Asked, later: Asked) -> bool:
    """Whether `later` was said in the call of `earlier`, after it."""
    length = len(earlier.before) + 1
    return earlier.brief == later.brief and earlier.key == later.key and later.before.before(length) == earlier.after


def _of_call(grader: Grades, call: Sequence[Asked]) -> Iterator[Assessment | ModelError]:
    last = call[-1]
    if len(call) > 1 and isinstance(grader, GradesCalls):
        with suppress(ModelError):  # one of them cannot be graded: one by one it is seen which
            found = grader.grade_call([c.turn for c in call], last.after, last.brief, cache_key=last.key)
            yield from found
            return
    for one in call:
        try:
            yield grader.grade(one.turn, one.before, one.brief, cache_key=one.key)
        except ModelError as error:
            yield error
