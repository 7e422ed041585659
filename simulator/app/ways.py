"""Which calls the page offers: everything, or what a workshop's settings leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.vocabulary import Difficulty, Dimension, Intensity, Register
from simulator.workshop.records import WorkshopSettings
from simulator.workshop.rules import intensities

PASS_MARK = 4.0
"""Mean level that each dimension that applied has to reach, where no workshop says otherwise."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How calls may go. `hints`: None where the trainee chooses; `marks`: the mean level that each dimension has to reach."""

    difficulties: tuple[Difficulty, ...] = tuple(Difficulty)
    intensities: tuple[Intensity, ...] = tuple(Intensity)
    registers: tuple[Register, ...] = tuple(Register)
    hints: bool | None = None
    marks: Mapping[Dimension, float] = field(default_factory=lambda: dict.fromkeys(Dimension, PASS_MARK))

    @property
    def difficulty(self) -> Difficulty:
        """The one chosen at first."""
        return self.difficulties[0]

    @property
    def intensity(self) -> Intensity:
        """The one chosen at first."""
        return Intensity.REALISTIC if Intensity.REALISTIC in self.intensities else self.intensities[-1]

    @property
    def register(self) -> Register:
        """The one chosen at first."""
        return self.registers[0]


EVERYTHING = Ways()


def ways_of(settings: WorkshopSettings) -> Ways:
    """What that workshop leaves."""
    return Ways(
        tuple(d for d in Difficulty if d in settings.difficulties),
        intensities(settings),
        (settings.medium,),
        settings.hints,
        settings.pass_marks,
    )
