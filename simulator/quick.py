"""A quick check of an edited caller: what is asked, what is answered. Who plays it is found when it is wanted.

The scripted trainees and the statistics are the research harness's, which the program never imports: it registers its check
as the entry point `check` of the group `simulator.lab`, as it does its benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from simulator.caller.principles import Keeper
from simulator.errors import DataError
from simulator.persona import Persona
from simulator.session import Grader, Speech
from simulator.vocabulary import Difficulty

GROUP, NAME = "simulator.lab", "check"
CALLS = 20
"""Calls that each version takes, if nobody says otherwise."""
FEWEST, MOST = 5, 200
CHANCE = 0.05
"""Corrected p below which a difference counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Two versions of a caller; each takes the same `calls` calls. `keeper`: who says whether lines
    keep to the edited version's principles (None: nobody counts)."""

    before: Persona
    after: Persona
    voice: Speech
    grader: Grader
    calls: int = CALLS
    difficulty: Difficulty = Difficulty.MEDIUM
    keeper: Keeper | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over calls with its 95 % interval (None: too few situations to tell, or nothing to count)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of both versions, and the paired difference: after minus before in the same call. `p`: the probability of a
    difference as large if the edit did nothing, corrected for the number of measures; None: cannot be told."""

    name: str
    before: Figure
    after: Figure
    difference: Figure
    p: float | None

    @property
    def moved(self) -> bool:
        """Whether chance alone hardly does this: the interval of the difference leaves 0 out, and the corrected p says so."""
        d = self.difference
        if d.low is None or d.high is None or self.p is None:
            return False
        return not d.low <= 0 <= d.high and self.p < CHANCE


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer. `notes`: sentences on how it was made."""

    measures: tuple[Measure, ...]
    calls: int
    notes: tuple[str, ...]


class Stopped(Exception):
    """The check was given up before its end."""


class Check(Protocol):
    """Plays and measures. `told` is called after each played call with how many of them there are; `stop` says whether to
    give up, and is asked before each step of a call. Raises Stopped, SimulatorError."""

    def __call__(self, asked: Asked, told: Callable[[int], None], stop: Callable[[], bool]) -> Checked: ...


def installed() -> Check:
    """The check that is installed. Raises DataError with what to do if none is."""
    point = next((p for p in entry_points(group=GROUP) if p.name == NAME), None)
    try:
        if point is not None:
            check: Check = point.load()
            return check
    except ImportError as error:
        raise DataError(
            f'the check needs {error.name}: type `pip install -c constraints.txt -e ".[eval]"` where pyproject.toml is'
        ) from error
    raise DataError(
        "the check comes with the repository's `eval` folder: type `pip install -e .` where pyproject.toml is"
    )
