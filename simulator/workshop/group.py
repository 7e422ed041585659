"""What the calls of a group say together: means per trainee, what most of them missed, and the rows of its results. Pure:
calls in, numbers out.

Only attempts count; a second try from some turn is practice. Machine's and people's grades are kept apart (`review.py`).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.call import Call
from simulator.cells import harmless
from simulator.debrief import debrief
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Technique
from simulator.workshop.records import Member, Regrade
from simulator.workshop.review import Means, by_people, levels, means, reviewers
from simulator.workshop.rules import passed

FEW = 4
"""So many trainees from which numbers without names do not tell who is who."""
MOST_MISSED = 6

COLUMNS = (
    "workshop", "trainee", "trainee_id", "attempt", "started_utc", "ended_utc", "caller", "situation", "difficulty", "register", "intensity",
    "help", "ending", "turns", *(f"{d.value}_machine" for d in Dimension), *(f"{d.value}_human" for d in Dimension),
    "passed_machine", "passed_human", "turns_regraded", "regraded_by", "comments", "completed", "grader",
)  # fmt: skip
"""Of the results, as `formats.md` explains them."""


@dataclass(frozen=True, slots=True)
class Played:
    """A call that counts: whose, which attempt, and what people have said about its grades (the oldest first)."""

    member: Member
    attempt: int
    call_id: str
    call: Call
    regrades: tuple[Regrade, ...] = ()


@dataclass(frozen=True, slots=True)
class Trainee:
    """A line of the heat map: means over all turns of their `calls` calls; `number` stands for the name. In `means` and
    `passed` people's grades count, `machine` is the evaluator's alone; `regraded` turns were graded again."""

    member: Member
    number: int
    calls: int
    means: Means
    passed: bool | None
    machine: Means
    regraded: int


def heat(played: Sequence[Played], marks: Mapping[Dimension, float]) -> list[Trainee]:
    """A line for every trainee who has a graded turn, in an order that tells nothing about them; people's grades count."""
    by_member: dict[str, list[Played]] = {}
    for one in played:
        by_member.setdefault(one.member.id, []).append(one)
    rows: list[Trainee] = []
    for number, (_, theirs) in enumerate(sorted(by_member.items()), 1):  # ids are drawn at random
        found, machine = overall(theirs), overall(theirs, machine=True)
        regraded = sum(len(by_people(one.call, one.regrades)) for one in theirs)
        verdict = passed(marks, found)
        rows.append(Trainee(theirs[0].member, number, len(theirs), found, verdict, machine, regraded))
    return rows


def overall(played: Iterable[Played], *, machine: bool = False) -> Means:
    """Means over all turns of these calls: with people's grades, or the machine's alone."""
    return means(turn for one in played for turn in levels(one.call, () if machine else one.regrades).values())


def missed(played: Iterable[Played]) -> list[tuple[Technique, int]]:
    """Techniques that calls asked for and did not get, with in how many calls, the most often missed first."""
    counted = Counter(use.technique for one in played for use in debrief(one.call).missed)
    return counted.most_common(MOST_MISSED)


def unsure(one: Played) -> tuple[int, ...]:
    """Turns of that call that the evaluator marked unsure and nobody has graded again."""
    seen = {given.turn for given in one.regrades}
    return tuple(turn for turn, grades in sorted(one.call.grades.items()) if grades.unsure and turn not in seen)


# ---- results ----


def results_csv(title: str, played: Iterable[Played], marks: Mapping[Dimension, float]) -> str:
    """One row for each call, in the order of trainees and attempts. `…_machine` is the evaluator's mean level (1-5),
    `…_human` the mean with people's grades in place of the machine's where they gave some, else empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in played:
        writer.writerow([harmless(value) for value in _result(title, one, marks)])
    return out.getvalue()


def _result(title: str, one: Played, marks: Mapping[Dimension, float]) -> list[object]:
    call, start = one.call, one.call.start
    machine = means(levels(call).values())
    again = by_people(call, one.regrades)
    human = means(levels(call, one.regrades).values()) if again else dict.fromkeys(Dimension)
    return [
        title, one.member.name, one.member.id[:8], one.attempt, _utc(start.at),
        _utc(call.ended.at) if call.ended else "",
        start.persona.id, start.scenario.id, start.difficulty.value, start.medium.value, start.intensity.value,
        "hints" if start.hints else "exam", call.ended.ending.value if call.ended else "",
        sum(t.speaker is Speaker.TRAINEE for t in call.transcript), *machine.values(), *human.values(),
        _word(passed(marks, machine)), _word(passed(marks, human)), len(again),
        ", ".join(reviewers(one.regrades)),
        " | ".join(f"turn {g.turn + 1}, {g.by}: {g.comment}" for g in one.regrades if g.comment),
        "yes" if call.ended else "no", start.grader,
    ]  # fmt: skip


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _word(verdict: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[verdict]
