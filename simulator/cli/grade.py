"""`simulator grade`: grades single trainee turns from JSON lines (`formats.md`). A bad row stops none."""

from __future__ import annotations

import contextlib
import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import Steps, counted, tell

if TYPE_CHECKING:
    from simulator.assessment import Assessment
    from simulator.cli.rows import GradeRequest, GradeRow, SecondRow
    from simulator.evaluator.second_opinion import Failed


class Offsets(StrEnum):
    """current: on the organisation's scale, where one was adopted on `/calibrate`; none: on the machine's own."""

    CURRENT = "current"
    NONE = "none"


def grade(
    input_: Annotated[str, typer.Option("--input", help="Turns to grade, JSON lines; '-' for stdin.")] = "-",
    output: Annotated[str, typer.Option(help="Where the grades go, JSON lines; '-' for stdout.")] = "-",
    evaluator: Annotated[str | None, typer.Option(help="auto, standard or small.", show_default=False)] = None,
    second_opinion: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another model that looks at every turn, too; '' for none.", show_default=False
        ),
    ] = None,
    offsets: Annotated[
        Offsets, typer.Option(help="current: on your organisation's scale, if it has one; none: the machine's own.")
    ] = Offsets.CURRENT,
) -> int:
    """Grade trainee turns. Exit code 1 if a row could not be graded; the others are all written."""
    from simulator import opening
    from simulator.cli.logs import log_to_file
    from simulator.cli.rows import GradeRequest, lines, parsed, put, reading, writing
    from simulator.errors import FormatError, ModelError
    from simulator.evaluator.facts import check, with_checks
    from simulator.transcript import Speaker, Turn

    log_to_file()
    name = "stdin" if input_ == "-" else input_
    total = _count(input_)
    bad, done, seen = 0, 0, dict[str, int]()
    with reading(input_) as source:
        with Steps("the evaluator") as steps:
            machine, second, models = opening.open_graders(evaluator, second_opinion, progress=steps)
            if second is not None:
                with contextlib.suppress(ModelError):  # every row will tell it
                    second.read_ahead()
        grader = opening.on_scale(machine) if offsets is Offsets.CURRENT else machine
        with writing(output) as target:
            update = counted("graded", total)
            try:
                for number, line in lines(source):
                    try:
                        row = parsed(GradeRequest, line, number, name)
                        if row.id in seen:
                            raise FormatError(
                                f"id {row.id!r} was line {seen[row.id]}'s already", file=name, line=number
                            )
                        seen[row.id] = number
                    except FormatError as error:
                        bad += 1
                        tell(f"error: {error}")
                        continue
                    before = row.before
                    turn = Turn(len(before), Speaker.TRAINEE, row.turn)
                    try:
                        grades = grader.grade(turn, before, row.brief, cache_key=_key(row))
                        grades = with_checks(grades, check(turn, before, row.brief))
                    except ModelError as error:
                        bad += 1
                        tell(f"error: {name}, line {number}: {error}")
                        continue
                    told = graded(row.id, grades)
                    if second is not None:
                        other = second.grade(turn, before, row.brief)
                        told = told.model_copy(update={"second_opinion": seconded(second.model_name, other)})
                    put(target, told.model_dump_json(exclude={"second_opinion"} if second is None else None))
                    done += 1
                    update(done)
            finally:
                update(-1)
                for model in models:
                    model.close()
    if bad:
        tell(f"{done} graded, {bad} could not be read")
    elif not done:
        raise FormatError("holds no row", file=name)
    return 1 if bad else 0


def graded(row_id: str, grades: Assessment) -> GradeRow:
    """The row that tells these grades."""
    from simulator.cli.rows import GradeRow
    from simulator.vocabulary import Dimension

    levels = {d.value: grades.level(d) for d in Dimension}
    return GradeRow.model_validate(
        {
            "id": row_id,
            **levels,
            "techniques": [t.value for t in grades.techniques],
            "faults": [f.value for f in grades.faults],
            "evidence": [
                {"dimension" if isinstance(e.about, Dimension) else "tag": e.about.value, "quote": e.quote}
                for e in grades.evidence
            ],
            "confidence": {
                **{d.value: s.confidence for d, s in grades.scores.items()},
                **{t.value: p for t, p in grades.tag_confidence.items()},
            },
            "checks": [c.model_dump(mode="json") for c in grades.checks],
            "grader": grades.grader,
            "seconds": grades.seconds,
        }
    )


def seconded(model: str, given: Assessment | Failed) -> SecondRow:
    """What another model says of the turn, or why it says nothing."""
    from simulator.cli.rows import SecondRow
    from simulator.evaluator.second_opinion import Failed

    if isinstance(given, Failed):
        return SecondRow(model=model, levels=None, confidence=None, seconds=None, reason=given.reason)
    levels = {d.value: score.level for d, score in given.scores.items()}
    confidence = {d.value: score.confidence for d, score in given.scores.items()}
    return SecondRow(model=model, levels=levels, confidence=confidence, seconds=given.seconds, reason="")


def _key(row: GradeRequest) -> str:
    """Rows of one situation share what has been read of it; it never changes a grade."""
    return hashlib.blake2s(row.scenario.model_dump_json().encode("utf-8", "replace"), digest_size=8).hexdigest()


def _count(name: str) -> int | None:
    """How many rows a file holds, for the time left; None for stdin, or what is no plain file."""
    from pathlib import Path

    try:
        if name == "-" or not Path(name).is_file():
            return None
        with open(name, "rb") as file:
            return sum(bool(line.strip()) for line in file)
    except (OSError, ValueError):
        return None
