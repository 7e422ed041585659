"""A call as its events say it is: the fold that turns a stream into transcript, grades, state and what is due next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from simulator.assessment import Assessment
from simulator.caller.appraisal import opening_state
from simulator.caller.state import CallerState
from simulator.errors import CallError
from simulator.events import (
    CallEnded,
    CallerMoved,
    CallerSpoke,
    CallPaused,
    CallStarted,
    CandidateRefused,
    NoteWritten,
    SecondOpinionGiven,
    StoredEvent,
    TraineeSpoke,
    TurnGraded,
)
from simulator.transcript import Speaker, Transcript


class Due(StrEnum):
    """What has to happen next."""

    TRAINEE = "trainee"
    GRADE = "grade"
    MOVE = "move"
    WORDS = "words"
    ENDING = "ending"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Call:
    """One call up to now. `moves[turn]`, `grades[turn]` and `seconds[turn]` (second opinions, where there are any)
    belong to the trainee turn of that index."""

    start: CallStarted
    transcript: Transcript = field(default_factory=Transcript)
    grades: dict[int, Assessment] = field(default_factory=dict)
    seconds: dict[int, SecondOpinionGiven] = field(default_factory=dict)
    moves: dict[int, CallerMoved] = field(default_factory=dict)
    spoken: dict[int, CallerSpoke] = field(default_factory=dict)
    refused: tuple[CandidateRefused, ...] = ()
    times: dict[int, float] = field(default_factory=dict)
    note: str = ""
    paused_at: float | None = None
    paused_seconds: float = 0.0
    ended: CallEnded | None = None
    due: Due = Due.TRAINEE

    @property
    def state(self) -> CallerState:
        """How the caller feels now."""
        if self.moves:
            return self.moves[max(self.moves)].state
        return opening_state(self.start.persona, self.start.difficulty)

    @property
    def last_move(self) -> CallerMoved | None:
        """The caller's latest move."""
        return self.moves[max(self.moves)] if self.moves else None

    @property
    def _last(self) -> int:
        """Index of the last turn."""
        return len(self.transcript) - 1

    def after(self, event: StoredEvent) -> Call:
        """The call with one more event. Raises CallError if that event cannot come now."""
        match event:
            case TraineeSpoke(turn=turn) if self.due is Due.TRAINEE and turn == len(self.transcript):
                return replace(
                    self,
                    transcript=self.transcript.plus(Speaker.TRAINEE, event.text),
                    times={**self.times, turn: event.at},
                    due=Due.GRADE,
                )
            case TurnGraded(turn=turn) if self.due is Due.GRADE and turn == self._last:
                return replace(self, grades={**self.grades, turn: event.assessment}, due=Due.MOVE)
            case CallerMoved(turn=turn) if self.due is Due.MOVE and turn == self._last:
                return replace(self, moves={**self.moves, turn: event}, due=Due.WORDS)
            case CandidateRefused(turn=turn) if self.due is Due.WORDS and turn == self._last + 1:
                return replace(self, refused=(*self.refused, event))
            case CallerSpoke(turn=turn) if self.due is Due.WORDS and turn == len(self.transcript):
                last = self.last_move
                ends = last is not None and last.plan.ending is not None
                return replace(
                    self,
                    transcript=self.transcript.plus(Speaker.CALLER, event.text),
                    spoken={**self.spoken, turn: event},
                    times={**self.times, turn: event.at},
                    due=Due.ENDING if ends else Due.TRAINEE,
                )
            case CallEnded() if self.ended is None:
                return replace(self, ended=event, due=Due.NOTHING)
            case SecondOpinionGiven(turn=turn) if turn in self.grades:
                return replace(self, seconds={**self.seconds, turn: event})
            case NoteWritten():
                return replace(self, note=event.text)
            case CallPaused(on=True) if self.paused_at is None:
                return replace(self, paused_at=event.at)
            case CallPaused(on=False) if self.paused_at is not None:
                return replace(
                    self, paused_at=None, paused_seconds=self.paused_seconds + max(0.0, event.at - self.paused_at)
                )
        raise CallError(f"{event.kind} cannot come now: the call waits for {self.due.value}")


def fold(events: Iterable[StoredEvent]) -> Call:
    """The call that a stored stream describes. Raises CallError if the stream is not one."""
    stream = iter(events)
    first = next(stream, None)
    if not isinstance(first, CallStarted):
        raise CallError("a stored call must begin with call_started")
    call = Call(first)
    for event in stream:
        call = call.after(event)
    return call
