"""One trainee over their attempts: each dimension and technique, which callers still beat them, what to practise next, and
whether the pass mark is met. Pure: calls in, facts out.

Only attempts that have ended count: an exam tells nothing before its end, and a second try from some turn is practice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from simulator.assessment import Assessment
from simulator.debrief import debrief
from simulator.vocabulary import Difficulty, Dimension, Ending, Technique
from simulator.workshop.group import Played, overall
from simulator.workshop.review import Means, by_people, reviewers
from simulator.workshop.rules import passed

LATELY = 3
"""So many of the last attempts decide what to practise next."""


@dataclass(frozen=True, slots=True)
class Step:
    """One finished attempt. In `means` people's grades count, `machine` is the evaluator's alone; `regraded` turns were
    graded again; `used` and `missed` are the techniques of its debrief."""

    played: Played
    ended_at: float
    ending: Ending
    means: Means
    machine: Means
    regraded: int
    used: frozenset[Technique]
    missed: frozenset[Technique]

    def lacks(self, marks: Mapping[Dimension, float]) -> dict[Dimension, float | None]:
        """The means that do not reach their mark; None: the dimension never applied. Empty: the pass mark is met."""
        return _lacking(self.means, marks)


@dataclass(frozen=True, slots=True)
class Habit:
    """A technique, attempt by attempt: used (True), asked for and not used (False), or neither (None)."""

    technique: Technique
    seen: tuple[bool | None, ...]

    @property
    def used(self) -> int:
        """In how many attempts it was used."""
        return self.seen.count(True)

    @property
    def missed(self) -> int:
        """In how many attempts the call asked for it and did not get it."""
        return self.seen.count(False)


@dataclass(frozen=True, slots=True)
class Met:
    """A caller in the attempts: how often met and won (resolved), and how it ended last."""

    persona: str
    label: str
    calls: int
    won: int
    last: Ending

    @property
    def beats(self) -> bool:
        """Whether they still win: the last call with them was not resolved."""
        return self.last is not Ending.RESOLVED


@dataclass(frozen=True, slots=True)
class Next:
    """What to practise next: whom to call at which difficulty and why (`met`: how it went so far, None: not met yet), and
    what to look at: the dimension furthest below its mark (`reached`: none is), and a technique (None: none was missed)."""

    persona: str
    difficulty: Difficulty
    met: Met | None
    dimension: Dimension
    reached: bool
    technique: Technique | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate rests on: the attempts that met the pass mark, of how many; who graded them. `by_machine`: whether
    the evaluator's grades alone would do."""

    steps: tuple[Step, ...]
    finished: int
    evaluators: tuple[str, ...]
    reviewers: tuple[str, ...]
    by_machine: bool


def steps(played: Iterable[Played]) -> tuple[Step, ...]:
    """The attempts that have ended and have a grade, in their order."""
    found = []
    for one in sorted(played, key=lambda p: p.attempt):
        call = one.call
        if call.ended is None or not call.grades:
            continue
        told = debrief(call)
        found.append(
            Step(
                played=one,
                ended_at=call.ended.at,
                ending=call.ended.ending,
                means=overall([one]),
                machine=overall([one], machine=True),
                regraded=len(by_people(call, one.regrades)),
                used=frozenset(use.technique for use in told.used),
                missed=frozenset(use.technique for use in told.missed),
            )
        )
    return tuple(found)


def habits(done: Sequence[Step]) -> tuple[Habit, ...]:
    """Every technique that was used or asked for, the most often missed first, then the most used."""
    found = []
    for technique in Technique:
        seen = tuple(True if technique in s.used else False if technique in s.missed else None for s in done)
        if any(mark is not None for mark in seen):
            found.append(Habit(technique, seen))
    return tuple(sorted(found, key=lambda h: (-h.missed, -h.used)))


def met(done: Sequence[Step]) -> tuple[Met, ...]:
    """Every caller, those who still win first, in the order in which they were met last."""
    found: dict[str, Met] = {}
    for step in done:
        persona = step.played.call.start.persona
        before = found.pop(persona.id, None)
        calls, won = (before.calls, before.won) if before else (0, 0)
        found[persona.id] = Met(
            persona.id, persona.label, calls + 1, won + (step.ending is Ending.RESOLVED), step.ending
        )
    last_first = list(found.values())[::-1]
    return tuple(sorted(last_first, key=lambda m: not m.beats))


def next_practice(
    done: Sequence[Step], marks: Mapping[Dimension, float], difficulties: Sequence[Difficulty], offered: Sequence[str]
) -> Next | None:
    """What to practise next with one of the `offered` callers (ids) at one of the `difficulties`; None before the first
    finished attempt, or if nobody is offered. A caller who still wins comes first, then one not met yet, then the one met longest ago, a step harder."""
    if not done or not offered:
        return None
    known = {one.persona: one for one in met(done)}
    still = [one for one in known.values() if one.beats and one.persona in offered]
    new = [persona for persona in offered if persona not in known]
    lately = done[-LATELY:]
    if still:
        persona = still[0].persona
    elif new:
        persona = new[0]
    else:
        persona = [one.persona for one in known.values() if one.persona in offered][-1]
    difficulty = _difficulty(done, difficulties, persona, harder=not still and not new)
    means = overall(step.played for step in lately)
    gaps = {d: mean - marks.get(d, 1.0) for d, mean in means.items() if mean is not None}
    if not gaps:
        return None
    weak = min(gaps, key=lambda d: gaps[d])
    asked = [habit for habit in habits(lately) if habit.missed and habit.missed >= habit.used]
    technique = asked[0].technique if asked else None
    return Next(persona, difficulty, known.get(persona), weak, gaps[weak] >= 0, technique)


def certificate(done: Sequence[Step], marks: Mapping[Dimension, float]) -> Certificate | None:
    """What the trainee's certificate rests on, or None: it takes one finished attempt in which every dimension applied and
    reached its mark, people's grades in place of the machine's where they gave some."""
    good = tuple(step for step in done if not step.lacks(marks))
    if not good:
        return None
    graders = dict.fromkeys(grades.grader or step.played.call.start.grader for step in good for grades in _grades(step))
    return Certificate(
        steps=good,
        finished=len(done),
        evaluators=tuple(graders),
        reviewers=reviewers(given for step in good for given in step.played.regrades if given.levels),
        by_machine=any(not _lacking(step.machine, marks) for step in good),
    )


def nearest(done: Sequence[Step], marks: Mapping[Dimension, float]) -> Step | None:
    """The attempt that came closest to the pass mark (a dimension that never applied counts as a whole level short)."""

    def short(step: Step) -> float:
        return sum(1.0 if mean is None else marks[d] - mean for d, mean in step.lacks(marks).items())

    return min(reversed(done), key=short, default=None)


def _lacking(means: Means, marks: Mapping[Dimension, float]) -> dict[Dimension, float | None]:
    return {d: mean for d, mean in means.items() if mean is None or not passed(marks, {d: mean})}


def _grades(step: Step) -> list[Assessment]:
    return [grades for _, grades in sorted(step.played.call.grades.items())]


def _difficulty(done: Sequence[Step], difficulties: Sequence[Difficulty], persona: str, *, harder: bool) -> Difficulty:
    """As the last call with that caller was, or a step harder; else the easiest that is offered."""
    offered = [d for d in Difficulty if d in difficulties]
    before = [s.played.call.start.difficulty for s in done if s.played.call.start.persona.id == persona]
    if not before or before[-1] not in offered:
        return offered[0]
    at = offered.index(before[-1])
    return offered[min(at + 1, len(offered) - 1)] if harder else offered[at]
