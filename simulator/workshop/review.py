"""What people have said about the machine's grades of a call. Both are kept apart everywhere; where a person has graded a
turn again, their last word takes the machine's place in what is called human. Pure: grades in, numbers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simulator.call import Call
from simulator.vocabulary import Dimension
from simulator.workshop.records import Regrade

Levels = dict[Dimension, int | None]
Means = dict[Dimension, float | None]


def levels(call: Call, regrades: Iterable[Regrade] = ()) -> dict[int, Levels]:
    """The levels of every graded turn; with `regrades` (the oldest first), the last person's where there is one."""
    found = {turn: dict(grades.levels) for turn, grades in sorted(call.grades.items())}
    for turn, theirs in by_people(call, regrades).items():
        found[turn] |= theirs
    return found


def by_people(call: Call, regrades: Iterable[Regrade]) -> dict[int, Levels]:
    """The last levels that people gave, by turn; turns and dimensions that nobody graded again are left out."""
    found: dict[int, Levels] = {}
    for given in regrades:
        if given.levels and given.turn in call.grades:  # a comment alone is no grade
            found.setdefault(given.turn, {}).update(given.levels)
    return found


def of_turn(machine: Mapping[Dimension, int | None], turn: int, regrades: Iterable[Regrade]) -> Levels:
    """The levels of one turn, given the machine's: the last person's where there is one."""
    found = dict(machine)
    for given in regrades:
        if given.turn == turn:
            found |= given.levels
    return found


def means(turns: Iterable[Mapping[Dimension, int | None]]) -> Means:
    """The mean level of each dimension over these turns; None where it never applied."""
    seen = [level for turn in turns for level in turn.items()]
    found: Means = {}
    for dimension in Dimension:
        applied = [level for d, level in seen if d is dimension and level is not None]
        found[dimension] = round(sum(applied) / len(applied), 2) if applied else None
    return found


def reviewers(regrades: Iterable[Regrade]) -> tuple[str, ...]:
    """Who has graded again, each once, in the order in which they first did."""
    return tuple(dict.fromkeys(given.by for given in regrades))
