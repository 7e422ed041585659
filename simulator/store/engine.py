"""The database engines behind one protocol: SQLite in a file, or PostgreSQL on a server.

Everything particular to one of them is in `engine_sqlite.py` and `engine_postgres.py`; the rest of the store speaks
portable SQL and calls the functions below. Both promise the same: a reader sees one moment of the whole database, writers
take turns (each sees all that the one before it has committed), and what is committed is on the disk. A URL may hold a
password: neither an error nor a log ever shows one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from simulator.errors import StoreError, shorten
from simulator.store import engine_postgres, engine_sqlite


class Backend(Protocol):
    """What an engine has to bring. A module is one."""

    def connect(self, url: URL) -> Engine:
        """An engine for transactions that read. Nothing has been written yet. Raises StoreError."""

    def writing(self, engine: Engine) -> Engine:
        """The same engine, for transactions that write: one at a time, over all processes."""

    def settle(self, engine: Engine) -> None:
        """What is to be done on opening, once it is known that the database is ours. Raises StoreError."""

    def migrating(self, engine: Engine) -> AbstractContextManager[Connection]:
        """One transaction, alone in the database, in which tables may be rebuilt."""

    def forget(self, engine: Engine) -> None:
        """What is left to do once data has been deleted."""

    def rows_brought(self, connection: Connection, tables: Iterable[str]) -> None:
        """What is left to do once rows of those tables were inserted with the numbers that they had elsewhere."""

    def place(self, engine: Engine) -> str:
        """Which database it is, for a message."""

    def another(self) -> str:
        """What to name instead of a database that will not do."""

    def sentence(self, error: Exception, engine: Engine) -> str:
        """What happened and what to do, for a user."""


BACKENDS: dict[str, Backend] = {"sqlite": engine_sqlite, "postgresql": engine_postgres}
_HOW = (
    "write a path, sqlite:///path/to/calls.db, or postgresql://user:password@host/database into SIMULATOR_DATABASE_URL "
    "(it goes before DATABASE_URL)"
)


def connect(url_or_path: str | Path) -> Engine:
    """An engine for that file or URL. Raises StoreError."""
    url = _url(url_or_path)
    return BACKENDS[url.get_backend_name()].connect(url)


def is_made(url_or_path: str | Path) -> bool:
    """Whether there may be something in it: a file that is there, or any server. Makes nothing. Raises StoreError."""
    url = _url(url_or_path)
    return url.get_backend_name() != "sqlite" or engine_sqlite.file_of(url).is_file()


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return of(engine).writing(engine)


def forget(engine: Engine) -> None:
    """To be called after a deletion."""
    of(engine).forget(engine)


def of(engine: Engine) -> Backend:
    """What that engine brings."""
    return BACKENDS[engine.dialect.name]


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Database errors leave as a StoreError of one sentence. IntegrityError passes: its meaning is the caller's."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OverflowError) as error:
        raise StoreError(of(engine).sentence(error, engine)) from error


def _url(url_or_path: str | Path) -> URL:
    """A URL of a kind that is supported. Its text is in no message: it may hold a password."""
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).expanduser().absolute()))
    try:
        url = make_url(url_or_path.strip())
    except (ArgumentError, ValueError):
        raise StoreError(
            f"the database URL cannot be read; {_HOW}; in a password, @ is written %40, : %3A and / %2F"
        ) from None
    name = "postgresql" if url.get_backend_name() == "postgres" else url.get_backend_name()
    if name not in BACKENDS:
        raise StoreError(f"databases of kind {shorten(name)!r} are not supported; {_HOW}")
    return url.set(drivername=name)
