"""What a rating session consists of, as frozen records that go to and from JSON: turns, ratings, offset maps."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from simulator.assessment import Frozen, Level
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Register, TurnsFrom

Levels = dict[Dimension, Level | None]
"""A level 1-5 for every dimension, None where it does not apply."""
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Value = Annotated[float, Field(ge=1, le=5)]


class Said(Frozen):
    """One turn of the conversation before."""

    speaker: Speaker
    text: str


class TurnToRate(Frozen):
    """One trainee turn with all that a rater reads. `reference`: its reference labels, where there are any."""

    id: str
    call: str
    """The call it is from; turns of one call are not independent."""
    medium: Register
    caller: str
    """The caller's name."""
    business: str
    issue: str
    facts: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    before: tuple[Said, ...] = ()
    turn: str
    reference: Levels | None = None

    @property
    def brief(self) -> Brief:
        """The situation as a grader takes it."""
        return Brief(self.business, self.issue, self.facts, self.policy)

    @property
    def transcript(self) -> Transcript:
        """The turns before the one to rate."""
        return Transcript(tuple(Turn(i, said.speaker, said.text) for i, said in enumerate(self.before)))

    @property
    def spoken(self) -> Turn:
        """The turn to rate."""
        return Turn(len(self.before), Speaker.TRAINEE, self.turn)


class RatingSession(Frozen):
    """One facilitator's set of turns, in the order in which they are shown; a repeated turn is there twice.

    Once `finished_at` is set the grader's levels have been seen, and no rating can be added or changed.
    """

    id: str
    owner: str
    rater: PersonName
    organisation: PersonName
    source: TurnsFrom
    seed: int
    made_at: float
    finished_at: float | None = None
    turns: tuple[TurnToRate, ...] = Field(min_length=1)

    @property
    def distinct(self) -> tuple[TurnToRate, ...]:
        """Every turn once, in the order of its first showing."""
        return tuple({turn.id: turn for turn in self.turns}.values())


class Rating(Frozen):
    """The rater's levels for the turn at `position` (from 0) of a session; a later one replaces it."""

    position: Annotated[int, Field(ge=0)]
    at: float
    levels: Levels

    @model_validator(mode="after")
    def _whole(self) -> Self:
        lacking = [d.value for d in Dimension if d not in self.levels]
        if lacking:
            raise ValueError(f"levels lacks: {', '.join(lacking)}")
        if self.levels[Dimension.CALMNESS] is None:
            raise ValueError("calmness always applies")
        return self


class OffsetMap(Frozen):
    """An organisation's scale: for each dimension that moves, what the machine's levels 1 to 5 become (a map that never
    goes down and stays within 1-5). Version `version` of `name`, counted from 1; 0 for one that is not yet kept.

    It belongs to one grader: `grader` is that grader's full name, and grades of another are left alone.
    """

    name: PersonName
    version: Annotated[int, Field(ge=0)] = 0
    made_at: float
    made_by: PersonName
    grader: str
    n: Annotated[int, Field(ge=0)]
    """How many different turns were rated."""
    maps: dict[Dimension, tuple[Value, Value, Value, Value, Value]]

    @model_validator(mode="after")
    def _monotone(self) -> Self:
        for dimension, levels in self.maps.items():
            if list(levels) != sorted(levels):
                raise ValueError(f"the map of {dimension.value} goes down")
        return self

    @property
    def label(self) -> str:
        """As grades name it: `Acme 2`."""
        return f"{self.name} {self.version}"


class Choice(Frozen):
    """From `at` on, grades were on the scale `label`, or on the machine's own (None); `by` chose it."""

    at: float
    by: str
    label: str | None = None
