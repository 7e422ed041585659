"""A whole database as one file, and back: gzipped JSON lines that know no engine (`formats.md`, Backup).

`write` reads one moment of all tables. `restore` puts an archive of this or an older version into a database, or changes
nothing at all: it builds the tables as they were in the archive's version, fills them, and brings them forward by the same
migrations that a living database goes through. So SQLite → PostgreSQL, and back, is a backup and a restore.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, inspect, select
from sqlalchemy.exc import IntegrityError

from simulator import __version__
from simulator.errors import FormatError, StoreError, shorten
from simulator.store import engine as backend
from simulator.store.migrate import upgrade
from simulator.store.migrations import HEAD
from simulator.store.tables import metadata

FORMAT = 1
"""Version of the archive; raised when an old reader would read it wrongly."""
AT_ONCE = 500
"""Rows read or written at once."""
MAX_LINE = 64_000_000
"""Longest line that is read, in bytes."""

Told = Callable[[int], None]
"""Told how many rows are done."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of an archive. `schema`: the newest migration of its database; `tables`: rows by table, in the order
    in which they can be put back."""

    schema: str
    program: str
    made_at: float
    tables: dict[str, int]

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(self.tables.values())


def count(engine: Engine) -> dict[str, int]:
    """Rows by table. Raises StoreError."""
    with backend.told(engine), engine.begin() as connection:
        return _counts(connection, metadata)


def write(engine: Engine, target: IO[bytes], told: Told = lambda done: None) -> Header:
    """Write an archive of all that is in the database at this moment. Raises StoreError, OSError."""
    digest, done = hashlib.sha256(), 0

    def put(**keys: object) -> None:
        line = (json.dumps(keys, ensure_ascii=False, allow_nan=False) + "\n").encode()
        digest.update(line)
        packed.write(line)

    with backend.told(engine), engine.begin() as connection, gzip.GzipFile("", "wb", 6, target, mtime=0) as packed:
        header = Header(HEAD, __version__, time.time(), _counts(connection, metadata))
        put(
            kind="backup", format=FORMAT, schema=header.schema, program=header.program, made_at=header.made_at,
            tables=header.tables,
        )  # fmt: skip
        for table in metadata.sorted_tables:
            rows = select(table).order_by(*table.primary_key.columns)
            for row in connection.execute(rows, execution_options={"yield_per": AT_ONCE}).mappings():
                put(kind="row", table=table.name, values=dict(row))
                done += 1
                if done % AT_ONCE == 0:
                    told(done)
        put(kind="end", rows=done, sha256=digest.hexdigest())
    told(done)
    return header


def check(path: Path) -> Header:
    """Read an archive to its end and say what is in it. Raises FormatError if it is damaged, cut short or none, and
    StoreError if a newer program wrote it."""
    header = read_header(path)
    found = dict.fromkeys(header.tables, 0)
    for table, rows in groupby(_rows(path), key=lambda row: row[0]):
        if table not in found:
            raise FormatError(f"holds rows of a table {shorten(table)!r} that its first line does not know", file=path)
        found[table] += sum(1 for _ in rows)
    for table, rows_there in found.items():
        if rows_there != header.tables[table]:
            raise FormatError(
                f"holds {rows_there:,} rows of {table}, and should hold {header.tables[table]:,}", file=path
            )
    return header


def restore(
    engine: Engine, path: Path, *, replace: bool = False, dry_run: bool = False, told: Told = lambda done: None
) -> Header:
    """Put the archive into the database: all of it, or nothing. `replace`: what is there goes; without it a database
    with anything in it is refused. `dry_run`: do it all, then take it back.

    Raises FormatError, and StoreError for a newer archive or a database that refuses it.
    """
    header = check(path)
    try:
        with backend.told(engine), backend.of(engine).migrating(engine) as connection:
            there = sum(_counts(connection, metadata).values())
            if there and not replace:
                raise StoreError(
                    f"{backend.of(engine).place(engine)} holds {there:,} rows already: restore into an empty one, or add "
                    "--replace to give them up for those of the archive"
                )
            _fill(connection, path, header, told)
            if dry_run:
                raise _TakenBack
    except _TakenBack:
        return header
    except IntegrityError as error:
        raise FormatError(
            "holds a row twice, or one without what it belongs to; nothing was restored", file=path
        ) from error
    with backend.told(engine):
        backend.forget(engine)
    return header


class _TakenBack(Exception):
    """Rolls the transaction back."""


def _fill(connection: Connection, path: Path, header: Header, told: Told) -> None:
    """Tables as they were in the archive's version, its rows, then the missing migrations."""
    metadata.drop_all(connection)
    connection.exec_driver_sql("DROP TABLE alembic_version")
    strangers = set(inspect(connection).get_table_names())
    upgrade(connection, header.schema)
    ours = set(inspect(connection).get_table_names()) - strangers - {"alembic_version"}
    if set(header.tables) != ours:
        odd = sorted(set(header.tables) ^ ours)[0]
        raise FormatError(f"has other tables than version {header.schema}, such as {shorten(odd)!r}", file=path)
    then = MetaData()
    then.reflect(connection, only=sorted(ours))
    done = 0
    for name, rows in groupby(_rows(path), key=lambda row: row[0]):
        table = then.tables[name]
        while batch := [_checked(table, values, path) for _, values in islice(rows, AT_ONCE)]:
            connection.execute(insert(table), batch)
            done += len(batch)
            told(done)
    backend.of(connection.engine).rows_brought(connection, header.tables)
    if _counts(connection, then) != header.tables:
        raise StoreError("the database did not keep every row; nothing was restored")
    upgrade(connection)


def _checked(table: Table, values: dict[str, Any], path: Path) -> dict[str, Any]:
    """A row whose keys and kinds of values are those of the table."""
    if set(values) != set(table.columns.keys()):
        raise FormatError(f"holds a row of {table.name} with other columns than that has", file=path)
    for column in table.columns:
        value, kind = values[column.name], column.type.python_type
        right = column.nullable if value is None else type(value) is kind or (kind is float and type(value) is int)
        if not right:
            raise FormatError(f"holds a row of {table.name} whose {column.name} is no {kind.__name__}", file=path)
    return values


def _counts(connection: Connection, tables: MetaData) -> dict[str, int]:
    """Rows by table."""
    return {t.name: connection.scalars(select(func.count()).select_from(t)).one() for t in tables.sorted_tables}


def read_header(path: Path) -> Header:
    """The first line alone. Raises FormatError, and StoreError if a newer program wrote it."""
    first = next(_lines(path), None)
    keys = {} if first is None else first[1]
    if keys.get("kind") != "backup":
        raise FormatError("is no backup of this program", file=path)
    version, schema = keys.get("format"), str(keys.get("schema"))
    if not isinstance(version, int) or version > FORMAT or not schema.isdecimal() or int(schema) > int(HEAD):
        raise StoreError(
            f"{path} was made by a newer program ({shorten(str(keys.get('program')), 20)}): run `pip install --upgrade "
            "difficult-customer-simulator`, then restore it"
        )
    tables, made_at = keys.get("tables"), keys.get("made_at")
    if (
        not isinstance(tables, dict)
        or not all(type(n) is int and n >= 0 for n in tables.values())
        or not isinstance(made_at, float | int)
        or not 0 <= made_at < 1e11
    ):
        raise FormatError("has a first line that cannot be read", file=path, line=1)
    return Header(schema, str(keys.get("program")), float(made_at), tables)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, values) of every row. Raises FormatError at the end unless all is there, as it was written."""
    digest, done, ended = hashlib.sha256(), 0, False
    for number, (line, keys) in enumerate(_lines(path), 1):
        if ended:
            raise FormatError("goes on after its last line", file=path, line=number)
        kind = keys.get("kind")
        if kind == "row" and isinstance(keys.get("values"), dict):
            done += 1
            yield str(keys.get("table")), keys["values"]
        elif kind == "end":
            ended = True
            if keys.get("rows") != done or keys.get("sha256") != digest.hexdigest():
                raise FormatError("has been changed since it was written: its checksum is another", file=path)
        elif number > 1:
            raise FormatError("holds a line that cannot be read", file=path, line=number)
        digest.update(line)
    if not ended:
        raise FormatError("is cut short: its last line is missing", file=path)


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Every line, as it stands and as an object. Raises FormatError."""
    number = 0
    try:
        with gzip.open(path, "rb") as packed:
            while line := packed.readline(MAX_LINE):
                number += 1
                keys = json.loads(line)
                if not isinstance(keys, dict):
                    raise ValueError("not an object")
                yield line, keys
    except (EOFError, zlib.error) as error:
        raise FormatError("is cut short or damaged", file=path) from error
    except gzip.BadGzipFile as error:
        raise FormatError("is no backup of this program, or damaged", file=path) from error
    except OSError as error:
        raise FormatError(f"cannot be read ({error.strerror or error})", file=path) from error
    except (ValueError, RecursionError) as error:
        raise FormatError("holds a line that cannot be read", file=path, line=number) from error
