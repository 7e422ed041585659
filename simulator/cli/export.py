"""`simulator export`: stored calls as files. Whoever sits at the terminal owns the machine, and so every call on it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import columns, say, tell
from simulator.errors import DataError, UnknownNameError, shorten

if TYPE_CHECKING:
    from simulator.store import CallRow, Store

PAGE = 200
NO_CALLS = "there are no calls yet: `simulator chat` and `simulator serve` make some"


class Format(StrEnum):
    """jsonl: a transcript with grades; html: the debrief as a page; events: the whole stored stream."""

    JSONL = "jsonl"
    HTML = "html"
    EVENTS = "events"


def export(
    call_id: Annotated[
        str, typer.Argument(help="Id of a call, or how it begins; --list shows them.", show_default=False)
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every call on this machine.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the calls and stop.")] = False,
    format_: Annotated[
        Format, typer.Option("--format", help="jsonl: transcript with grades; html: debrief; events: whole stream.")
    ] = Format.JSONL,
    output: Annotated[str, typer.Option(help="A file, or with --all a folder; '-' for stdout.")] = "-",
) -> None:
    """Write transcripts and debriefs of stored calls."""
    from simulator.settings import settings
    from simulator.store import is_made, open_store

    if sum((bool(call_id), every, list_)) != 1:
        raise typer.BadParameter("say one of: the id of a call, --all, or --list")
    if every and output == "-" and format_ is Format.HTML:
        raise typer.BadParameter("--all --format html writes a page per call: name a folder with --output")
    where = settings().database
    if not is_made(where):
        raise DataError(NO_CALLS, file=where)
    with open_store(where) as store:
        if list_:
            columns([_listed(row) for row in _all(store)])
        elif not every:
            row = find(store, call_id)
            _write(output, _text(store, row, format_))
        elif output == "-":
            for row in _all(store):
                say(_text(store, row, format_), end="")
        else:
            _folder(store, Path(output), format_)


def find(store: Store, call_id: str) -> CallRow:
    """The call of that id, or the only one whose id begins so. Raises UnknownNameError, DataError."""
    rows = _all(store)
    exact = [row for row in rows if row.id == call_id]
    begun = exact or [row for row in rows if len(call_id) >= 4 and row.id.startswith(call_id)]
    if len(begun) > 1:
        raise DataError(f"{len(begun)} calls begin with {shorten(call_id)!r}: type more of the id")
    if not begun:
        raise UnknownNameError("call", call_id, (), next_command="simulator export --list")
    return begun[0]


def _all(store: Store) -> list[CallRow]:
    rows: list[CallRow] = []
    while page := store.calls(None, limit=PAGE, offset=len(rows)):
        rows += page
    return rows


def _listed(row: CallRow) -> tuple[str, ...]:
    day = datetime.fromtimestamp(row.created_at).strftime("%Y-%m-%d %H:%M")
    ending = row.ending.value if row.ending else "open"
    return (row.id, day, ending, f"{row.trainee_turns} turns", row.difficulty.value, row.persona_id, row.scenario_id)


def _text(store: Store, row: CallRow, format_: Format) -> str:
    events = store.events(row.id)
    if format_ is Format.EVENTS:
        return "".join(event.model_dump_json() + "\n" for event in events)
    from simulator.call import fold
    from simulator.debrief import debrief
    from simulator.report import render, transcript_jsonl

    call = fold(events)
    return render(call, debrief(call), None) if format_ is Format.HTML else transcript_jsonl(call)


def _folder(store: Store, place: Path, format_: Format) -> None:
    from simulator.cli.rows import folder

    ending = "html" if format_ is Format.HTML else "jsonl"
    inside, rows = folder(place), _all(store)
    for row in rows:
        _write(str(inside / f"{row.id}.{ending}"), _text(store, row, format_), quiet=True)
    tell(f"{len(rows)} calls written to {inside}")


def _write(name: str, text: str, *, quiet: bool = False) -> None:
    from simulator.cli.rows import writing

    with writing(name) as target:
        target.write(text)
    if name != "-" and not quiet:
        tell(f"written to {name}")
