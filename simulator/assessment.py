"""The grades of one trainee turn, as data: levels or the reason there is none, tags, and the words that earned them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from simulator.vocabulary import Dimension, Fault, Tag, Technique

Level = Annotated[int, Field(ge=1, le=5)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Frozen(BaseModel):
    """A frozen record that goes to and from JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DimensionScore(Frozen):
    """One dimension of one turn. Either `level` and `value`, or neither and a `reason`; never 0 for "no grade"."""

    level: Level | None = None
    value: Annotated[float, Field(ge=1, le=5)] | None = None
    """Expected level under the grader's probabilities: what the caller's state reacts to."""
    confidence: Probability
    """Probability the grader gives to what it says here (the level, or that none applies)."""
    reason: str = ""
    """Why there is no level, or one sentence on what the level means."""


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
    def levels(self) -> Mapping[Dimension, int | None]:
        """Every dimension's level."""
        return {d: s.level for d, s in self.scores.items()}
