"""How far the second opinions on a call agree with its grades: counts, and the sentence that tells them.

Agreement of two graders is no proof that either is right; the words used here must not claim more.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.call import Call
from simulator.vocabulary import Dimension

FAR = 2
"""Levels between two grades from which they are called out."""


@dataclass(frozen=True, slots=True)
class Apart:
    """One grade on which the two differ by two levels or more."""

    turn: int
    dimension: Dimension
    level: int
    other: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """`turns`: trainee turns with both views, of `graded`. `compared`: grades where both gave a level; of these `same`,
    and `near` (within one level, the same included). `parted`: grades where only one of the two saw the dimension apply."""

    model: str
    turns: int
    graded: int
    compared: int
    same: int
    near: int
    parted: int
    apart: tuple[Apart, ...]

    @property
    def sentence(self) -> str:
        """All of it in words, without the model's name."""
        if not self.apart:
            return f"{self.counts}."
        far = "; ".join(f"turn {a.turn + 1} ({a.dimension.value} {a.level}, the other {a.other})" for a in self.apart)
        return f"{self.counts}. Two levels or more apart: {far}."

    @property
    def counts(self) -> str:
        """The figures alone, as a clause."""
        told = f"it has given its view on {self.turns} of your {_counted(self.graded, 'turn')}"
        if self.compared:
            told += (
                f": the same level in {self.same} of {_counted(self.compared, 'grade')}, within one level in "
                f"{self.near} of {self.compared}"
            )
        if self.parted:
            told += f"; in {self.parted} more only one of the two saw something to grade"
        return told


def agreement(call: Call) -> Agreement | None:
    """The grades and the second opinions side by side; None if no turn has a second opinion."""
    given = {t: s.assessment for t, s in sorted(call.seconds.items()) if s.assessment is not None}
    if not given:
        return None
    compared = same = near = parted = 0
    apart: list[Apart] = []
    for turn, other in given.items():
        for dimension in Dimension:
            levels = call.grades[turn].level(dimension), other.level(dimension)
            if levels[0] is None or levels[1] is None:
                parted += levels != (None, None)
                continue
            gap = abs(levels[0] - levels[1])
            compared, same, near = compared + 1, same + (gap == 0), near + (gap <= 1)
            if gap >= FAR:
                apart.append(Apart(turn, dimension, levels[0], levels[1]))
    models = ", ".join(dict.fromkeys(call.seconds[turn].model for turn in given))
    return Agreement(models, len(given), len(call.grades), compared, same, near, parted, tuple(apart))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
