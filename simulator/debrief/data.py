"""What a debrief consists of, as frozen data. Turns are indices in the transcript, from 0; quotes are verbatim."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.caller.reason import Reason
from simulator.vocabulary import Dimension, Ending, Fault, Intent, Technique


@dataclass(frozen=True, slots=True)
class Figure:
    """One number as a contact centre shows it. `how` says how it was computed, in one or two sentences."""

    name: str
    shown: str
    value: float
    how: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the call went: the ending in words, and the figures (first-call resolution, satisfaction 1-5, handle time in
    seconds, net promoter answer 0-10, escalation). A figure that cannot be computed is not there. While the call has
    no ending, `finished` is False and `ending` reads TRAINEE_ENDED."""

    ending: Ending
    headline: str
    figures: tuple[Figure, ...]
    finished: bool = True


@dataclass(frozen=True, slots=True)
class DimensionSummary:
    """One dimension over the call: mean of the levels that apply (None: never applied) and each (turn, level)."""

    dimension: Dimension
    mean: float | None
    levels: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class MoodPoint:
    """The caller after trainee turn `turn`; feelings 0-10; `thought` is what they keep to themselves; `reasons` what
    moved them most; `gained` how much better (worse: negative) the turn left them, all four feelings together."""

    turn: int
    agitation: float
    trust: float
    patience: float
    heard: float
    intent: Intent
    thought: str
    reasons: tuple[Reason, ...]
    gained: float = 0.0


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to keep or to change: where, in whose words, and why (`text`: short lines, parted by line ends). The
    `dimension` it is about got `level` there."""

    turn: int
    quote: str
    text: str
    dimension: Dimension | None = None
    level: int | None = None


@dataclass(frozen=True, slots=True)
class TechniqueUse:
    """A technique, the turns it was seen in, and (when it was missed) why it would have helped here, and in which
    trainee turn."""

    technique: Technique
    turns: tuple[int, ...]
    why_missed: str = ""
    moment: int | None = None


@dataclass(frozen=True, slots=True)
class Debrief:
    """Everything a trainee is told after a call. `weakest_turn` is the one to try again (None: no graded turn)."""

    outcome: Outcome
    dimensions: tuple[DimensionSummary, ...]
    mood: tuple[MoodPoint, ...]
    used: tuple[TechniqueUse, ...]
    missed: tuple[TechniqueUse, ...]
    faults: tuple[tuple[Fault, tuple[int, ...]], ...]
    strength: Advice | None
    fix: Advice | None
    weakest_turn: int | None
    weakest_dimension: Dimension | None
    note_comments: tuple[str, ...]
    """How the wrap-up note compares with what happened."""
    rough: bool
    """Whether the call was rough enough to offer a short pause."""
