"""What can happen in a call, as frozen records that go to and from JSON. A call *is* a list of these, in order.

`turn` counts both speakers' turns from 0, as in a transcript. `at` is seconds since 1970. Two kinds of event are never
stored (`FLEETING`): they only say what a screen shows for the moment.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from simulator.assessment import Assessment, Frozen
from simulator.caller.appraisal import Appraisal
from simulator.caller.guard import Violation
from simulator.caller.state import CallerState
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.vocabulary import Difficulty, Ending, Intensity, Register

FORMAT = 1
"""Version of the event records; raised when an old stream would be read differently."""


class Branch(Frozen):
    """Where a call was branched off: the call it came from, and the trainee turn that is tried again."""

    call_id: str
    turn: int


class CallStarted(Frozen):
    """Everything that decides how a call goes, persona and scenario included as they were. `consented`: the trainee was
    told what a harsh caller may say, and agreed."""

    kind: Literal["call_started"] = "call_started"
    at: float
    format: int = FORMAT
    persona: Persona
    scenario: Scenario
    difficulty: Difficulty
    intensity: Intensity = Intensity.REALISTIC
    consented: bool = False
    medium: Register
    seed: int
    model: str
    grader: str
    hints: bool = True
    branched_from: Branch | None = None


class TraineeSpoke(Frozen):
    """One trainee turn, as it was sent."""

    kind: Literal["trainee_spoke"] = "trainee_spoke"
    at: float
    turn: int
    text: str


class TurnGraded(Frozen):
    """The evaluator has graded that turn."""

    kind: Literal["turn_graded"] = "turn_graded"
    at: float
    turn: int
    assessment: Assessment


class SecondOpinionGiven(Frozen):
    """Another model's view of that turn (`assessment`), or the `reason` why there is none. It may come any time after the
    turn was graded, also when the call is over, and changes nothing. `model`: whose view it is."""

    kind: Literal["second_opinion_given"] = "second_opinion_given"
    at: float
    turn: int
    model: str
    assessment: Assessment | None = None
    reason: str = ""


class CallerMoved(Frozen):
    """The caller has taken the turn in: what it did to them, how they feel now, and what they will do."""

    kind: Literal["caller_moved"] = "caller_moved"
    at: float
    turn: int
    appraisal: Appraisal
    state: CallerState
    plan: Plan


class CandidateRefused(Frozen):
    """The guard refused words that the model had found (`trimmed`: what came before them was said)."""

    kind: Literal["candidate_refused"] = "candidate_refused"
    at: float
    turn: int
    attempt: int
    text: str
    violations: tuple[Violation, ...]
    trimmed: bool = False


class CallerSaying(Frozen):
    """Words on their way: all that has been said of this turn so far. Never stored."""

    kind: Literal["caller_saying"] = "caller_saying"
    turn: int
    text: str


class TurnWaits(Frozen):
    """The machine plays other turns: `ahead` of those in line go before this one (0: it is next). Never stored."""

    kind: Literal["turn_waits"] = "turn_waits"
    turn: int
    ahead: int


class CallerSpoke(Frozen):
    """One caller turn. `written`: the words are a line of the persona's file, because no candidate passed, or because none
    was drawn; `chosen`: the model chose it among several; `attempts`: times that the model drew (0: it drew none);
    `completed`: the scenario's own sentence was added, as the model left out what was due. `model`: which one was asked
    ('': the call's, in calls of earlier versions); `stood_in`: it was asked because the call's own failed."""

    kind: Literal["caller_spoke"] = "caller_spoke"
    at: float
    turn: int
    text: str
    written: bool = False
    completed: bool = False
    chosen: bool = False
    attempts: int = 1
    seconds: float = 0.0
    model: str = ""
    stood_in: bool = False


class CallPaused(Frozen):
    """The trainee took a break (`on`), or came back. Paused time is no handle time."""

    kind: Literal["call_paused"] = "call_paused"
    at: float
    on: bool


class NoteWritten(Frozen):
    """The trainee's wrap-up note, whole; a later one replaces it."""

    kind: Literal["note_written"] = "note_written"
    at: float
    text: str


class CallEnded(Frozen):
    """The call is over."""

    kind: Literal["call_ended"] = "call_ended"
    at: float
    ending: Ending
    why: str


StoredEvent = (
    CallStarted
    | TraineeSpoke
    | TurnGraded
    | SecondOpinionGiven
    | CallerMoved
    | CandidateRefused
    | CallerSpoke
    | CallPaused
    | NoteWritten
    | CallEnded
)
Event = StoredEvent | CallerSaying | TurnWaits
FLEETING = (CallerSaying, TurnWaits)

EVENT: TypeAdapter[StoredEvent] = TypeAdapter(Annotated[StoredEvent, Field(discriminator="kind")])
"""Reads and writes stored events: `EVENT.validate_json(...)`, `EVENT.dump_json(...)`."""
