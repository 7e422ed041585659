"""The grades of one trainee turn, as data: levels or the reason there is none, tags, and the words that earned them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from simulator.vocabulary import Dimension, Fault, Tag, Technique

Level = Annotated[int, Field(ge=1, le=5)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Frozen(BaseModel):
    """A frozen record that goes to and from JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


UNSURE = 0.35
"""A dimension whose confidence is below this is marked for a person to look at (`simulator bench evaluator` prints how
often that is, and how well the rest agrees)."""


class DimensionScore(Frozen):
    """One dimension of one turn. Either `level` and `value`, or neither and a `reason`; never 0 for "no grade"."""

    level: Level | None = None
    value: Annotated[float, Field(ge=1, le=5)] | None = None
    """Expected level under the grader's probabilities: what the caller's state reacts to."""
    confidence: Probability
    """Probability the grader gives to what it says here (the level, or that none applies)."""
    reason: str = ""
    """Why there is no level, or one sentence on what the level means."""
    probabilities: tuple[Probability, ...] = ()
    """Of levels 1 to 5, given that the dimension applies; empty where the grader has none to give."""
    rationale: str = ""
    """One sentence on what in this turn earned the level, in the rubric's words; it claims only what was found there."""
    needed: str = ""
    """What the level above would have needed here; empty at 5 and where there is no level."""

    @property
    def unsure(self) -> bool:
        """Whether the grader doubts its own answer so much that a person should look at it."""
        return self.confidence < UNSURE


class Source(StrEnum):
    """Where something that a trainee's words were checked against stands."""

    ARTICLE = "article"
    POLICY = "policy"
    AUTHORITY = "authority"
    FACT = "fact"
    RECORD = "record"
    SAID = "said"


class Check(Frozen):
    """Words of the trainee that do not hold against the scenario: the `fault` (None: no fault of the rubric, but it
    contradicts the facts), the verbatim `quote` of the turn at `start`, and what it was checked against: `source`, its
    `title` (an article's title, a record's label, ...) and what it `says`, verbatim."""

    fault: Fault | None
    quote: str
    start: Annotated[int, Field(ge=0)]
    source: Source
    title: str = ""
    says: str


class Evidence(Frozen):
    """A verbatim quote from the graded turn: `turn[start:start + len(quote)] == quote`."""

    about: Dimension | Tag
    quote: str
    start: Annotated[int, Field(ge=0)]


class Assessment(Frozen):
    """All scores of one trainee turn. `grader` names the grader and its version; `seconds` is what grading took."""

    scores: dict[Dimension, DimensionScore]
    techniques: tuple[Technique, ...] = ()
    faults: tuple[Fault, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    tag_confidence: dict[Tag, Probability] = {}
    checks: tuple[Check, ...] = ()
    """What the scenario's facts, policy and articles have against this turn."""
    grader: str = ""
    seconds: float = 0.0

    def value(self, dimension: Dimension) -> float | None:
        """Expected level 1-5, or None where the dimension does not apply."""
        return self.scores[dimension].value

    def level(self, dimension: Dimension) -> int | None:
        """Level 1-5, or None where the dimension does not apply."""
        return self.scores[dimension].level

    @property
    def tags(self) -> frozenset[Tag]:
        """Techniques and faults together."""
        return frozenset((*self.techniques, *self.faults))

    @property
    def unsure(self) -> tuple[Dimension, ...]:
        """Dimensions that a person should look at."""
        return tuple(d for d, s in self.scores.items() if s.unsure)

    @property
    def levels(self) -> Mapping[Dimension, int | None]:
        """Every dimension's level."""
        return {d: s.level for d, s in self.scores.items()}
