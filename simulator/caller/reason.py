"""Why a turn moved the caller: what it was about, and by how many points. Kept in a stored call as one line of text."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Self

from pydantic import model_serializer, model_validator

from simulator.assessment import Frozen
from simulator.vocabulary import Dimension, Fault, Technique


class Weariness(StrEnum):
    """What moves a caller beside the grades of the turn."""

    SAID_BEFORE = "said before"
    NO_MOVEMENT = "no movement"
    DRAGS_ON = "the call drags on"


# What they are called is part of the format of a stored call.
About = Dimension | Technique | Fault | Weariness
_TEXT = re.compile(r"(?P<about>.+?)(?: (?P<level>\d\.\d))? \((?P<points>[+-]\d+\.\d)\)")


class Reason(Frozen):
    """`about`: a dimension (with its expected `level`, 1-5), a technique, a fault, or weariness; `points`: how much
    better, or worse (negative), it left the caller. In JSON it is its text: `empathy 4.0 (+3.0)`, `argues (-1.2)`."""

    about: About
    level: float | None = None
    points: float

    @classmethod
    def of(cls, about: About, level: float | None, points: float) -> Self:
        """With the numbers as they are kept: to a tenth."""
        return cls(about=about, level=None if level is None else round(level, 1), points=round(points, 1))

    def __str__(self) -> str:
        level = "" if self.level is None else f" {self.level:.1f}"
        return f"{self.about.value}{level} ({self.points:+.1f})"

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, told: Any) -> Any:
        if not isinstance(told, str):
            return told
        found = _TEXT.fullmatch(told)
        if found is None:
            raise ValueError("a reason is what moved the caller and by how many points: argues (-1.2)")
        return {key: value for key, value in found.groupdict().items() if value is not None}
