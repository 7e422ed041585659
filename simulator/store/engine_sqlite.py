"""What is particular to SQLite, as `engine.py` asks for it: one file, one writer at a time, nothing to install."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from simulator.errors import StoreError, shorten

BUSY_SECONDS = 5.0
"""How long to wait for another program that is writing, before giving up."""


def connect(url: URL) -> Engine:
    """An engine for a SQLite file (made, with its folder, if it is not there). It has not been written to yet.

    Raises StoreError.
    """
    path = file_of(url)
    _make(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver leaves BEGIN to us
        for pragma in (
            f"busy_timeout={int(BUSY_SECONDS * 1000)}",
            "foreign_keys=ON",
            "synchronous=FULL",  # a commit is on the disk before it returns, also in WAL mode
            "fullfsync=ON",  # macOS: really on the disk
            "secure_delete=ON",  # what a trainee deletes is overwritten, not only forgotten
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: it waits for its turn instead of failing half way.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(writes=True)


def settle(engine: Engine) -> None:
    """Once it is known that the database is ours: write-ahead logging, so that readers and a writer do not wait."""
    with _driver(engine) as connection:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:  # SQLite does not wait for a writer here by itself
                if not _is_busy(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.02)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock from the start, in which tables may be rebuilt.

    Foreign keys are off: SQLite changes a table by copying and dropping it, and the drop would delete the events of
    every call. They are checked before the commit instead.
    """
    with writing(engine).connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise StoreError(
                        f"rows of {broken[0]!r} would be left without their {broken[2]!r}; nothing was changed"
                    )
        finally:
            driver.execute("PRAGMA foreign_keys=ON")


def forget(engine: Engine) -> None:
    """After a deletion: empty the write-ahead log, which still holds the deleted text, unless somebody is reading."""
    with _driver(engine) as connection:
        connection.execute("PRAGMA busy_timeout=100")
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def rows_brought(connection: Connection, tables: Iterable[str]) -> None:
    """Nothing to do: SQLite numbers a row one above the highest number that is there."""


def place(engine: Engine) -> str:
    """The file, for a message."""
    return f"the database {engine.url.database}"


def another() -> str:
    """What to name instead of a database that will not do."""
    return "another file"


def file_of(url: URL) -> Path:
    """The file that a `sqlite:///` URL means. Raises StoreError for one that means none."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError("calls are kept in a file: write a path, or sqlite:///path/to/calls.db")
    return Path(url.database).expanduser().absolute()


def _make(path: Path) -> None:
    """The folder, and an empty file that only this user may read."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if path.is_dir():
                raise StoreError(f"{path} is a folder; the database is a file, such as {path / 'calls.db'}") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(
            f"the database {path} cannot be made ({reason}); set SIMULATOR_DATA_DIR to a folder that you may write to"
        ) from error


@contextmanager
def _driver(engine: Engine) -> Iterator[Any]:
    """A bare driver connection, outside any transaction."""
    pooled = engine.raw_connection()
    try:
        yield pooled.driver_connection
    finally:
        pooled.close()


def _primary_code(error: BaseException | None) -> int:
    """SQLite's primary result code; -1 where there is none."""
    code = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else int(code) & 0xFF


def _is_busy(error: BaseException) -> bool:
    return _primary_code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def sentence(error: Exception, engine: Engine) -> str:
    """What happened and what to do, for a user."""
    path = engine.url.database
    cause = error.orig if isinstance(error, DBAPIError) else error
    match _primary_code(cause):
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a database; move it away, or name another file"
        case sqlite3.SQLITE_CORRUPT:
            return f"the database {path} is damaged; move it away and put back a backup, or start a new one"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"the database {path} is being used by another program; close that one, or try again in a moment"
        case sqlite3.SQLITE_FULL:
            return f"the disk is full: nothing more can be stored in {path} until some space is made"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return f"the database {path} cannot be written to; make the file and its folder writable"
        case sqlite3.SQLITE_CANTOPEN:
            return f"the database {path} cannot be opened; check that the file and its folder exist and are writable"
        case sqlite3.SQLITE_IOERR:
            return f"the disk failed while {path} was being read or written; check that it is not full or unplugged"
    return f"the database {path} refused: {shorten(str(cause), 200)}"
