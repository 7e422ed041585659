"""What is allowed now, in a workshop and at its door. Every refusal is a sentence for whoever is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.errors import CallError, DataError
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register
from simulator.workshop.records import Status, Workshop, WorkshopSettings

_CLOSED = {
    Status.WAITING: "the workshop has not started yet: your facilitator will start it",
    Status.PAUSED: "your facilitator has paused the room: what you typed stays here, send it when the room goes on",
    Status.ENDED: "this workshop has ended: you can still read your debriefs",
}
FORGOTTEN_AFTER = 3600.0
"""Seconds without a wrong guess after which earlier ones count no more."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How wrong guesses are slowed: after `free` of them each one doubles the wait, up to `longest` seconds."""

    free: int
    longest: float

    def wait(self, count: int) -> float:
        """Seconds to wait after the wrong guess number `count`."""
        return 0.0 if count < self.free else min(self.longest, 2.0 ** min(count - self.free, 30))


LOGIN_NAME = Limit(8, 300.0)
LOGIN_ADDRESS = Limit(5, 900.0)
JOIN_ADDRESS = Limit(20, 60.0)
"""Milder, as thirty people behind one address mistype; the code is long enough for it."""


def playing(workshop: Workshop) -> None:
    """Raises CallError unless calls may start and go on now."""
    if workshop.status in _CLOSED:
        raise CallError(_CLOSED[workshop.status])


def joining(workshop: Workshop) -> None:
    """Raises DataError once nobody can join any more."""
    if workshop.status is Status.ENDED:
        raise DataError("this workshop has ended: nobody can join it any more; with your return code you can come back")


def intensities(settings: WorkshopSettings) -> tuple[Intensity, ...]:
    """What trainees may choose: nobody has to have it harsher than they like."""
    every = tuple(Intensity)
    return every[: every.index(settings.intensity) + 1]


def allowed(
    settings: WorkshopSettings,
    *,
    persona: str,
    scenario: str,
    difficulty: Difficulty,
    medium: Register,
    intensity: Intensity,
    hints: bool,
) -> None:
    """Raises CallError if the workshop does not offer such a call."""
    offered = (
        (persona in settings.personas, "this caller"),
        (scenario in settings.scenarios, "this situation"),
        (difficulty in settings.difficulties, "this difficulty"),
        (medium is settings.medium, "phone and chat as you choose"),
        (intensity in intensities(settings), "a caller as harsh as this"),
        (hints == settings.hints, "hints and exams as you choose"),
    )
    for fits, what in offered:
        if not fits:
            raise CallError(f"your workshop does not offer {what}: reload the page and choose again")


def stricter_only(old: WorkshopSettings, new: WorkshopSettings) -> None:
    """Raises DataError if a change would take back what people were promised when they joined."""
    if new.may_read and not old.may_read:
        raise DataError(
            "somebody has joined already, and was told that nobody reads what they say: duplicate the workshop instead"
        )
    if new.research and not old.research:
        raise DataError(
            "somebody has joined already, and was not told that researchers may take their calls: duplicate the workshop instead"
        )
    if new.retention_days > old.retention_days:
        raise DataError(
            f"somebody has joined already, and was told that calls are deleted after {old.retention_days} days: "
            "choose as many or fewer"
        )


def passed(marks: Mapping[Dimension, float], means: Mapping[Dimension, float | None]) -> bool | None:
    """Whether every dimension that applied has reached its mark; None if none applied."""
    applied = {d: mean for d, mean in means.items() if mean is not None}
    return all(mean >= marks.get(d, 1.0) for d, mean in applied.items()) if applied else None
