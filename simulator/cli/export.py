"""`simulator export`: stored calls as files. Whoever sits at the terminal owns the machine, and so every call on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import columns, counted, say, tell
from simulator.errors import DataError, UnknownNameError, shorten

if TYPE_CHECKING:
    from simulator.events import StoredEvent
    from simulator.spreadsheet import Listed
    from simulator.store import CallRow, Store
    from simulator.workshop.records import Regrade

PAGE = 200
NO_CALLS = "there are no calls yet: `simulator chat` and `simulator serve` make some"


class Format(StrEnum):
    """jsonl: a transcript with grades; csv, xlsx: a table, a row for each turn; html, pdf: the debrief as a page; events:
    the whole stored stream."""

    JSONL = "jsonl"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"
    PDF = "pdf"
    EVENTS = "events"


TABLES = (Format.CSV, Format.XLSX)
"""Formats that hold any number of calls in one file."""
PAGES = (Format.HTML, Format.PDF)
"""Formats of one call each."""
BINARY = (Format.XLSX, Format.PDF)
AT_THE_TERMINAL = "whoever is at the machine's terminal"


def export(
    call_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of calls, or how they begin; --list shows them.", metavar="CALL", show_default=False),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every call on this machine.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the calls and stop.")] = False,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            help="jsonl: transcript with grades; csv, xlsx: a table, a row per turn; html, pdf: debrief; events: whole stream.",
        ),
    ] = Format.JSONL,
    output: Annotated[
        str, typer.Option(help="A file, or for several calls a folder (a table is one file); '-' for stdout.")
    ] = "-",
    redact: Annotated[
        bool,
        typer.Option(
            "--redact", help="Put tags for names, addresses and numbers of people. Read it before you pass it on."
        ),
    ] = False,
    workshop: Annotated[
        str,
        typer.Option(
            help="A whole workshop as one ZIP file: its title, join code or id.", metavar="NAME", show_default=False
        ),
    ] = "",
    pdf: Annotated[
        bool | None,
        typer.Option(
            "--pdf/--no-pdf",
            help="With --workshop: also PDF debriefs. [default: if the extra pdf is there]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write transcripts, tables and debriefs of stored calls; or a whole workshop."""
    from simulator.settings import settings
    from simulator.store import is_made, open_store

    asked = list(dict.fromkeys(call_ids or ()))
    if sum((bool(asked), every, list_, bool(workshop))) != 1:
        raise typer.BadParameter("say one of: ids of calls, --all, --list, or --workshop")
    several = every or len(asked) > 1
    if output == "-" and several and format_ in PAGES:
        raise typer.BadParameter(f"several calls as {format_} are a page each: name a folder with --output")
    if output == "-" and (format_ in BINARY or workshop):
        kind = "a ZIP" if workshop else "a PDF" if format_ is Format.PDF else "an Excel"
        raise typer.BadParameter(f"{kind} file cannot go to stdout: name one with --output")
    where = settings().database
    if not is_made(where):
        raise DataError(NO_CALLS, file=where)
    with open_store(where) as store:
        if workshop:
            _workshop(store, workshop, output, redact, pdf)
            return
        rows = _all(store)
        if not rows:
            raise DataError(NO_CALLS)
        if list_:
            columns([_listed(row) for row in rows])
            return
        chosen = rows if every else list({row.id: row for row in (_found(rows, begun) for begun in asked)}.values())
        _note(store, chosen)
        if format_ in TABLES:
            _table(store, rows, chosen, output, format_, redact)
        elif not several:
            _write(output, _file(store, chosen[0], format_, redact))
        elif output == "-":
            for row in chosen:
                say(_file(store, row, format_, redact).decode(), end="")
        else:
            _folder(store, chosen, Path(output), format_, redact)


def find(store: Store, call_id: str) -> CallRow:
    """The call of that id, or the only one whose id begins so. Raises UnknownNameError, DataError."""
    return _found(_all(store), call_id)


def _found(rows: Sequence[CallRow], call_id: str) -> CallRow:
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


def _events(store: Store, row: CallRow, redact: bool) -> Sequence[StoredEvent]:
    from simulator.redaction import redacted

    events = store.events(row.id)
    return redacted(events) if redact else events


def _by_people(store: Store, row: CallRow, redact: bool) -> tuple[Regrade, ...]:
    """What facilitators have said about the grades of that call."""
    from simulator.redaction import names_in, redacted_grades

    given = tuple(store.workshops.regrades([row.id]))
    if not (redact and given):
        return given
    return redacted_grades(given, names_in(store.events(row.id)), store.workshops.name_of(row.owner))


def _note(store: Store, rows: Sequence[CallRow]) -> None:
    """Trainees of workshops see who has taken what they said; what is not in one is only the machine's."""
    from simulator.workshop.records import Reading

    for row in rows:
        line = Reading(at=time.time(), who=AT_THE_TERMINAL, what="a call, to export it", call_id=row.id)
        store.workshops.note_export(row.owner, line)


def _file(store: Store, row: CallRow, format_: Format, redact: bool) -> bytes:
    """One call in a format of one call each."""
    from simulator.pdf import to_pdf

    text = _text(store, row, format_, redact)
    return to_pdf(text) if format_ is Format.PDF else text.encode()


def _text(store: Store, row: CallRow, format_: Format, redact: bool) -> str:
    events = _events(store, row, redact)
    if format_ is Format.EVENTS:
        return "".join(event.model_dump_json() + "\n" for event in events)
    from simulator.call import fold
    from simulator.debrief import debrief
    from simulator.report import render, transcript_jsonl

    call, given = fold(events), _by_people(store, row, redact)
    return render(call, debrief(call), None, given) if format_ in PAGES else transcript_jsonl(call, given)


def _table(
    store: Store, rows: Sequence[CallRow], chosen: Sequence[CallRow], output: str, format_: Format, redact: bool
) -> None:
    """All the chosen calls as one table, the one begun first on top."""
    from simulator.call import fold
    from simulator.cli.rows import writing, writing_bytes
    from simulator.spreadsheet import Listed, attempts, rows_of, to_csv, to_xlsx

    numbers = attempts((row.id, row.parent_id, row.created_at) for row in rows)
    update = counted("calls", len(chosen))

    def listed() -> Iterator[Listed]:
        for done, row in enumerate(reversed(chosen)):
            update(done)
            call, given = fold(_events(store, row, redact)), _by_people(store, row, redact)
            yield Listed(row.id, row.owner, numbers[row.id], call, given)

    try:
        table = [cells for call in listed() for cells in rows_of(call)]
    finally:
        update(-1)
    if output == "-":
        say(to_csv(table, line_end="\n"), end="")
        return
    if format_ is Format.CSV:
        with writing(output) as target:
            target.write("\ufeff" + to_csv(table))  # Excel takes UTF-8 for something else without this mark
    else:
        with writing_bytes(output) as packed:
            packed.write(to_xlsx(table))
    tell(f"{len(table)} turns of {len(chosen)} calls written to {output}")


def _folder(store: Store, rows: Sequence[CallRow], place: Path, format_: Format, redact: bool) -> None:
    from simulator.cli.rows import folder

    ending = format_.value if format_ in PAGES else "jsonl"
    inside = folder(place)
    for row in rows:
        _write(str(inside / f"{row.id}.{ending}"), _file(store, row, format_, redact), quiet=True)
    tell(f"{len(rows)} calls written to {inside}")


def _workshop(store: Store, name: str, output: str, redact: bool, pdf: bool | None) -> None:
    """All of a workshop that may be read, in one file. Without a word about PDFs there are some where they can be made."""
    from simulator.cli.rows import writing_bytes
    from simulator.pdf import available
    from simulator.takeaway import Wanted, pack
    from simulator.workshop.codes import JOIN, tidy
    from simulator.workshop.records import Reading

    every = [shop for shop, _ in store.workshops.every()]
    code = tidy(name, JOIN)
    found = [w for w in every if name in (w.settings.title, w.id) or (code and code == w.join_code)]
    if len(found) > 1:
        told = ", ".join(w.id for w in found)
        raise DataError(f"{len(found)} workshops are called {shorten(name)!r}: give one of their ids ({told})")
    if not found:
        raise UnknownNameError("workshop", name, [w.settings.title for w in every])
    [shop] = found
    with_pdf = available() if pdf is None else pdf
    wanted, update, now = Wanted(shop.settings.may_read, redact, with_pdf), counted("calls", None), time.time()
    try:
        content = pack(store, shop, wanted, at=now, told=lambda done, _of: update(done))
    finally:
        update(-1)
    what = f"the whole workshop, as a file{' without names' if redact else ''}"
    store.workshops.note_reading(shop.id, Reading(at=now, who=AT_THE_TERMINAL, what=what))
    with writing_bytes(output) as target:
        target.write(content)
    without = "" if wanted.words else "; what was said is not in it, as its trainees were told that nobody reads it"
    tell(f"written to {output}{without}")


def _write(name: str, content: bytes, *, quiet: bool = False) -> None:
    from simulator.cli.rows import writing_bytes

    if name == "-":
        say(content.decode(), end="")
        return
    with writing_bytes(name) as target:
        target.write(content)
    if not quiet:
        tell(f"written to {name}")
