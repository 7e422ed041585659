"""`simulator backup` and `simulator restore`: everything in the database as one file, and back, into either engine."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from simulator.cli.screen import counted, say, size
from simulator.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from simulator.store.archive import Header


def backup(
    file: Annotated[Path, typer.Argument(help="A new file, such as calls.jsonl.gz.", show_default=False)],
) -> None:
    """Write everything in the database to one file: calls, ratings and scales. Servers may go on meanwhile."""
    from simulator.settings import settings
    from simulator.store import archive, is_made

    if not is_made(settings().database):
        raise DataError("there is nothing to back up yet: `simulator chat` and `simulator serve` make some calls")
    with _database(settings().database) as engine, _new(file) as target:
        update = counted("rows", sum(archive.count(engine).values()))
        try:
            header = archive.write(engine, target, update)
        finally:
            update(-1)
    say(f"{_told(header)} written to {file} ({size(file.stat().st_size)}). It holds what people said: keep it safe.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `simulator backup` wrote.", show_default=False)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Give up what is in the database for what is in the file.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try it all, and change nothing.")] = False,
) -> None:
    """Put a backup into the database: all of it, or nothing. Stop servers that use the database before."""
    from simulator.settings import settings
    from simulator.store import archive, is_made

    header = archive.read_header(file)
    made = datetime.fromtimestamp(header.made_at).strftime("%Y-%m-%d %H:%M")
    with tempfile.TemporaryDirectory() as elsewhere:
        where = settings().database
        if dry_run and not is_made(where):  # else trying it would make the file
            where = Path(elsewhere) / "calls.db"
        _restore(where, file, header, replace=replace, dry_run=dry_run)
    say(f"{_told(header)} of {made} {'would be restored; nothing was changed' if dry_run else 'restored'}.")


def _restore(where: str | Path, file: Path, header: Header, *, replace: bool, dry_run: bool) -> None:
    from simulator.store import archive

    with _database(where) as engine:
        update = counted("rows", header.rows)
        try:
            archive.restore(engine, file, replace=replace, dry_run=dry_run, told=update)
        finally:
            update(-1)


def _told(header: Header) -> str:
    tables = header.tables
    calls, sets = tables.get("calls", 0), tables.get("rating_sessions", 0)
    return f"{header.rows:,} rows (calls: {calls:,}, rating sets: {sets:,})"


@contextmanager
def _database(where: str | Path) -> Iterator[Engine]:
    """That database, brought forward."""
    from simulator.store.calls import open_engine

    engine = open_engine(where)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """A new file that only this user may read, under its name once it is whole; broken off, nothing is left of it."""
    part = file.with_name(file.name + ".part")
    try:
        if file.exists():
            raise DataError("is there already: name another file", file=file)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(handle, "wb") as target:
                yield target
                target.flush()
                os.fsync(target.fileno())
            os.replace(part, file)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", file=file) from error
