"""Who said what: the frozen record that callers, evaluators and screens share. It knows nothing of grades or moods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Speaker(StrEnum):
    """The two people on the line."""

    TRAINEE = "trainee"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything one speaker says before the other does. `index` counts both speakers' turns from 0."""

    index: int
    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """Turns in order; `turns[i].index == i`."""

    turns: tuple[Turn, ...] = ()

    def plus(self, speaker: Speaker, text: str) -> Transcript:
        """A new transcript with one more turn."""
        return Transcript((*self.turns, Turn(len(self.turns), speaker, text)))

    def before(self, index: int) -> Transcript:
        """The transcript up to, and without, turn `index`."""
        return Transcript(self.turns[:index])

    def by(self, speaker: Speaker) -> tuple[Turn, ...]:
        """That speaker's turns, in order."""
        return tuple(t for t in self.turns if t.speaker is speaker)

    def last(self, speaker: Speaker) -> Turn | None:
        """That speaker's latest turn."""
        return next((t for t in reversed(self.turns) if t.speaker is speaker), None)

    def __len__(self) -> int:
        return len(self.turns)

    def __iter__(self) -> Iterator[Turn]:
        return iter(self.turns)
