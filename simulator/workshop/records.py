"""Facilitators, workshops and members, as frozen records. Times are seconds since 1970."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from simulator.assessment import Frozen, Level
from simulator.errors import FormatError
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register


class Role(StrEnum):
    """Who somebody is for one request. An owner is the facilitator whose workshop it is about."""

    NOBODY = "nobody"
    TRAINEE = "trainee"
    FACILITATOR = "facilitator"
    OWNER = "owner"
    RESEARCHER = "researcher"


Account = Literal[Role.FACILITATOR, Role.RESEARCHER]
"""Roles with a name and a password."""


class Status(StrEnum):
    """Where a workshop is. Joining is possible until it has ended, calls only while it is open."""

    WAITING = "waiting"
    OPEN = "open"
    PAUSED = "paused"
    ENDED = "ended"


def one_line(text: str) -> str:
    """`text` on one line, without what cannot be seen. Raises ValueError if nothing is left."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not line:
        raise ValueError("it is empty")
    return line


def a_name(text: str) -> str:
    """A name as it is kept. Raises FormatError for one that is empty or too long."""
    try:
        return _NAME.validate_python(text)
    except ValidationError as error:
        raise FormatError("write a name, at most 40 characters") from error


Title = Annotated[str, Field(max_length=80), AfterValidator(one_line)]
Name = Annotated[str, Field(max_length=40), AfterValidator(one_line)]
_NAME: TypeAdapter[str] = TypeAdapter(Name)
Mark = Annotated[float, Field(ge=1, le=5)]


class WorkshopSettings(Frozen):
    """What a facilitator decides. `personas` and `scenarios` are ids; `intensity` is the harshest that a trainee may choose;
    `may_read`: whether facilitators may read what was said, `research`: whether researchers may take it without names; calls
    are deleted `retention_days` after they were last used."""

    title: Title
    personas: Annotated[tuple[str, ...], Field(min_length=1)]
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)]
    difficulties: Annotated[tuple[Difficulty, ...], Field(min_length=1)] = (Difficulty.EASY,)
    attempts: Annotated[int, Field(ge=1, le=99)] = 3
    pass_marks: dict[Dimension, Mark] = dict.fromkeys(Dimension, 4.0)
    hints: bool = True
    medium: Register = Register.PHONE
    intensity: Intensity = Intensity.REALISTIC
    may_read: bool = False
    research: bool = False
    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30


class Facilitator(Frozen):
    """Somebody who logs in: to run workshops, or as a researcher, who only takes calls without names."""

    id: str
    name: str
    made_at: float
    role: Account = Role.FACILITATOR


class Workshop(Frozen):
    """One workshop as it is now. `message` is what the facilitator tells everybody ('': nothing)."""

    id: str
    facilitator_id: str
    join_code: str
    made_at: float
    opened_at: float | None = None
    ended_at: float | None = None
    paused_at: float | None = None
    message: str = ""
    settings: WorkshopSettings

    @property
    def status(self) -> Status:
        """Where it is."""
        if self.ended_at is not None:
            return Status.ENDED
        if self.opened_at is None:
            return Status.WAITING
        return Status.OPEN if self.paused_at is None else Status.PAUSED


class Member(Frozen):
    """A trainee in a workshop: `owner` is whom their calls belong to, `shares` whether moments of theirs may be shown to
    the group without their name."""

    id: str
    workshop_id: str
    owner: str
    name: str
    joined_at: float
    shares: bool = False


class Seat(Frozen):
    """A member and the workshop they sit in, as both are now."""

    member: Member
    workshop: Workshop


class Regrade(Frozen):
    """A facilitator's grades of one trainee turn, beside the machine's. Dimensions that are left out stay as they were;
    None: does not apply."""

    call_id: str
    turn: Annotated[int, Field(ge=0)]
    at: float
    by: str
    levels: dict[Dimension, Level | None]
    comment: Annotated[str, Field(max_length=1000)] = ""


class Reading(Frozen):
    """One line of the audit log: `who` has looked at `what`, of which member and call ('': not about one)."""

    at: float
    who: str
    what: str
    member_id: str = ""
    call_id: str = ""


def owner_of(member_id: str) -> str:
    """Whom the calls of that member belong to. Not of the form that browsers name themselves by, so none can claim it."""
    return f"member:{member_id}"
