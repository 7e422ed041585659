"""`simulator grade`: grades single trainee turns from JSON lines (`formats.md`). A bad row stops none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

import typer

from simulator.cli.screen import Steps, counted, tell

if TYPE_CHECKING:
    from simulator.assessment import Assessment
    from simulator.cli.rows import GradeRequest, GradeRow, SecondRow
    from simulator.evaluator.second_opinion import Failed

AT_ONCE = 24
"""Rows of a file that are read before they are graded: some three calls."""
T = TypeVar("T")


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
    """Grade trainee turns. Rows of a file that follow each other in one call are read together, which is quicker than the same
    through a pipe, where each row is answered before the next is read. Exit code 1 if a row could not be graded; the others
    are all written."""
    from simulator import opening
    from simulator.cli.logs import log_to_file
    from simulator.cli.rows import lines, put, reading, writing
    from simulator.errors import FormatError, ModelError
    from simulator.evaluator import batch
    from simulator.evaluator.facts import check, with_checks

    log_to_file()
    name = "stdin" if input_ == "-" else input_
    total = _count(input_)
    told_wrong = _Wrong()
    done, seen, began = 0, dict[str, int](), 0.0
    with reading(input_) as source:
        with Steps("the evaluator") as steps:
            machine, second, models = opening.open_graders(evaluator, second_opinion, progress=steps)
            if second is not None:
                with contextlib.suppress(ModelError):  # every row will tell it
                    second.read_ahead()
        grader = opening.on_scale(machine) if offsets is Offsets.CURRENT else machine
        with writing(output) as target:
            update, began = counted("graded", total), time.monotonic()
            try:
                for some in batched(lines(source), AT_ONCE if _is_file(source) else 1):
                    rows = [(n, row) for n, line in some if (row := _row(line, n, name, seen, told_wrong)) is not None]
                    asked = [batch.Asked(row.turn, row.before, row.brief, _key(row)) for _, row in rows]
                    for (number, row), one, grades in zip(rows, asked, batch.graded(grader, asked), strict=True):
                        if isinstance(grades, ModelError):
                            told_wrong(f"{name}, line {number}: {grades}")
                            continue
                        checked = with_checks(grades, check(one.turn, one.before, one.brief))
                        told = graded(row.id, checked)
                        if second is not None:
                            other = second.grade(one.turn, one.before, one.brief)
                            told = told.model_copy(update={"second_opinion": seconded(second.model_name, other)})
                        put(target, told.model_dump_json(exclude={"second_opinion"} if second is None else None))
                        done += 1
                        update(done)
            finally:
                update(-1)
                for model in models:
                    model.close()
    if told_wrong.count:
        tell(f"{done} graded, {told_wrong.count} could not be read")
    elif not done:
        raise FormatError("holds no row", file=name)
    elif sys.stderr.isatty():
        tell(f"{done} graded, {done / max(0.001, time.monotonic() - began):.1f} a second")
    return 1 if told_wrong.count else 0


class _Wrong:
    """Tells what is wrong with a row, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, why: str) -> None:
        self.count += 1
        tell(f"error: {why}")


def _row(line: str, number: int, name: str, seen: dict[str, int], wrong: _Wrong) -> GradeRequest | None:
    """The row of that line; None, once it has been told, for one that cannot be read or whose id was `seen` already."""
    from simulator.cli.rows import GradeRequest, parsed
    from simulator.errors import FormatError

    try:
        row = parsed(GradeRequest, line, number, name)
        if row.id in seen:
            raise FormatError(f"id {row.id!r} was line {seen[row.id]}'s already", file=name, line=number)
    except FormatError as error:
        wrong(str(error))
        return None
    seen[row.id] = number
    return row


def batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """`size` rows at a time."""
    source = iter(rows)
    while some := list(islice(source, size)):
        yield some


def _is_file(source: TextIO) -> bool:
    """Whether all of it is there: nobody waits for one answer before writing the next row."""
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except (OSError, ValueError):
        return False


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
