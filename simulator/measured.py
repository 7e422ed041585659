"""How hard each shipped persona is to win, as `simulator bench dial --output FILE` measured it; described in `formats.md`.

The numbers are read from `personas/measured.json` and never made up: without that file nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from simulator.persona import Name, Persona, Text, personas
from simulator.yamlfile import Strict, read_model

FORMAT: Final = 1
"""Version of the file; raised when an old reader would read it wrongly."""


class Point(NamedTuple):
    """One persona at one difficulty."""

    won: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    """Share of the calls that ended resolved."""
    moves: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Mean number of trainee turns with a concrete offer in the calls that were won; 0: none was won."""


Points = tuple[Point, Point, Point]
"""Easy, medium, hard."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one persona, and how they came about."""

    points: Points
    calls: int
    """Calls behind each point."""
    made_by: str
    grader: str


class Measured(Strict):
    """The whole file."""

    format: Literal[1]
    made_by: Text
    """The command that wrote it."""
    grader: Text
    """Who graded the calls."""
    calls_per_point: Annotated[int, Field(ge=1)]
    curves: dict[Name, Points] = Field(min_length=1)
    """By id of the persona."""

    def curve(self, persona_id: str) -> Curve | None:
        """The curve of that persona. None: it was not measured."""
        points = self.curves.get(persona_id)
        return Curve(points, self.calls_per_point, self.made_by, self.grader) if points else None


def read(source: Path | Traversable) -> Measured | None:
    """The file `source`. None: there is none. Raises DataError if it is wrong."""
    return read_model(Measured, source) if source.is_file() else None


@lru_cache(maxsize=1)
def shipped() -> Measured | None:
    """What comes with the personas. None: nothing was measured yet."""
    return read(files("personas") / "measured.json")


def curve_of(persona: Persona) -> Curve | None:
    """The curve of a shipped persona. None: it was not measured, or this is somebody's own persona, even one that took
    over the id of a shipped one."""
    found = shipped()
    same = found is not None and personas().get(persona.id) == persona
    return found.curve(persona.id) if found is not None and same else None


__all__ = ["FORMAT", "Curve", "Measured", "Point", "Points", "curve_of", "read", "shipped"]
