"""`simulator grade`: grades single trainee turns from JSON lines (`formats.md`). A bad row stops none."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import Steps, counted, tell

if TYPE_CHECKING:
    from simulator.assessment import Assessment
    from simulator.cli.rows import GradeRequest, GradeRow


def grade(
    input_: Annotated[str, typer.Option("--input", help="Turns to grade, JSON lines; '-' for stdin.")] = "-",
    output: Annotated[str, typer.Option(help="Where the grades go, JSON lines; '-' for stdout.")] = "-",
    evaluator: Annotated[str | None, typer.Option(help="auto, standard or small.", show_default=False)] = None,
) -> int:
    """Grade trainee turns. Exit code 1 if a row could not be graded; the others are all written."""
    from simulator import opening
    from simulator.cli.logs import log_to_file
    from simulator.cli.rows import GradeRequest, lines, parsed, put, reading, writing
    from simulator.errors import FormatError, ModelError
    from simulator.transcript import Speaker, Turn

    log_to_file()
    name = "stdin" if input_ == "-" else input_
    total = _count(input_)
    bad, done, seen = 0, 0, dict[str, int]()
    with reading(input_) as source:
        with Steps("the evaluator") as steps:
            grader, model = opening.open_evaluator(evaluator, progress=steps)
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
                    except ModelError as error:
                        bad += 1
                        tell(f"error: {name}, line {number}: {error}")
                        continue
                    put(target, graded(row.id, grades).model_dump_json())
                    done += 1
                    update(done)
            finally:
                update(-1)
                if model is not None:
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
            "seconds": grades.seconds,
        }
    )


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
