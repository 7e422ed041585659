"""`simulator calibration`: rating sets and scales from the terminal. Rating itself is done on the page `/calibrate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import columns, say, tell
from simulator.errors import DataError, UnknownNameError, shorten

if TYPE_CHECKING:
    from simulator.store.calibration import CalibrationStore, SessionRow

calibration_app = typer.Typer(
    help="Compare your grading with the machine's: list, export, adopt, revert.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Set = Annotated[str, typer.Argument(help="Id of a set, or how it begins; `list` shows them.", show_default=False)]
By = Annotated[str, typer.Option(help="Who decides this; it is kept beside the choice.")]


@calibration_app.command("list")
def list_sets() -> None:
    """The scale in use, every rating set, and every scale there ever was."""
    with _opened() as store:
        active = store.active()
        say(f"in use: {active.label if active else 'the machine’s own scale'}")
        columns([_listed(row) for row in store.sessions()])
        columns([(m.label, _day(m.made_at), m.made_by, f"{m.n} turns", m.grader) for m in store.maps()])


@calibration_app.command("export")
def export_set(session: Set, output: Annotated[str, typer.Option(help="A file; '-' for stdout.")] = "-") -> None:
    """Write the ratings of a set as JSON lines; the machine's levels too, once the set is finished."""
    from simulator.calibration.export import ratings_jsonl
    from simulator.cli.rows import writing

    with _opened() as store:
        row = _find(store, session)
        graders = store.graders(row.id)
        grades = store.grades(row.id, graders[-1]) if graders else {}
        text = ratings_jsonl(store.session(row.id), store.ratings(row.id), grades)
    with writing(output) as target:
        target.write(text)
    if output != "-":
        tell(f"written to {output}")


@calibration_app.command("adopt")
def adopt(
    session: Set,
    grader: Annotated[str, typer.Option(help="Full name of the grader, where several have graded the set.")] = "",
    by: By = "",
) -> None:
    """Put later grades onto the scale that follows from a finished set."""
    import time

    from simulator.calibration.results import results

    with _opened() as store:
        kept = store.session(_find(store, session).id)
        if kept.finished_at is None:
            raise DataError("this set is not finished: rate the rest of it on the page /calibrate of `simulator serve`")
        graders = store.graders(kept.id)
        if not graders:
            raise DataError("no grader has graded this set yet: look at its results on the page /calibrate first")
        if not grader and len(graders) > 1:
            raise DataError(f"several graders have graded this set; say one with --grader: {', '.join(graders)}")
        name = grader or graders[0]
        if name not in graders:
            raise UnknownNameError("grader of this set", name, graders)
        found = results(kept, store.ratings(kept.id), store.grades(kept.id, name), grader=name, at=time.time())
        if not found.offsets.maps:
            raise DataError("there is nothing to move: no dimension would come nearer to these ratings")
        offsets = store.adopt(found.offsets, by=by or kept.rater)
        for dimension, levels in offsets.maps.items():
            say(f"{dimension.value}: 1 to 5 become {', '.join(f'{value:.2f}' for value in levels)}")
        tell(f"{offsets.label} is in use from now on; `simulator calibration revert` goes back")


@calibration_app.command("revert")
def revert(
    to: Annotated[str, typer.Option(help="A scale as `list` names it; without it, the machine's own.")] = "",
    by: By = "somebody at the terminal",
) -> None:
    """Go back to the machine's own scale, or to an earlier one of yours."""
    with _opened() as store:
        used = store.use(to or None, by=by)
    tell(f"in use from now on: {used.label if used else 'the machine’s own scale'}")


@contextmanager
def _opened() -> Iterator[CalibrationStore]:
    from simulator.settings import settings
    from simulator.store import is_made, open_store

    where = settings().database
    if not is_made(where):
        raise DataError("nothing has been rated yet: open the page /calibrate of `simulator serve`", file=where)
    with open_store(where) as store:
        yield store.calibration


def _find(store: CalibrationStore, wanted: str) -> SessionRow:
    rows = store.sessions()
    found = [r for r in rows if r.id == wanted] or [r for r in rows if len(wanted) >= 4 and r.id.startswith(wanted)]
    if len(found) > 1:
        raise DataError(f"{len(found)} sets begin with {shorten(wanted)!r}: type more of the id")
    if not found:
        raise UnknownNameError("rating set", wanted, (), next_command="simulator calibration list")
    return found[0]


def _listed(row: SessionRow) -> tuple[str, ...]:
    state = "finished" if row.finished_at is not None else "open"
    return (row.id, _day(row.made_at), state, f"{row.rated} of {row.turns}", row.organisation, row.rater)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
