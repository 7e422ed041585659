"""What is particular to PostgreSQL, as `engine.py` asks for it: one server that several programs share.

A transaction that writes takes an advisory lock first, so writers take turns as they do in SQLite, and code that looks
before it writes is as right here as there. It costs concurrency that calls do not need: a turn is a handful of commits.
The driver (psycopg 3) is imported when a server is named, not before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from simulator.errors import StoreError, shorten

BUSY_SECONDS = 5.0
"""How long to wait for another program that is writing, before giving up."""
MIGRATION_SECONDS = 120.0
"""How long to wait for another program that is bringing the same database forward."""
CONNECT_SECONDS = 5
SILENT_SECONDS = 30
"""After so long without an answer a server counts as gone; a program that hangs in a transaction loses it."""
LOCK = 0x63616C6C73  # "calls"
"""Key of the advisory lock that whoever writes holds until the end of the transaction."""
INSTALL = "pip install 'difficult-customer-simulator[postgres]'"

_CONNECTING = (
    (
        "password authentication failed",
        "{place} refuses the user or the password; check both in SIMULATOR_DATABASE_URL",
    ),
    ("no password supplied", "{place} wants a password; add it: postgresql://user:password@host/database"),
    ("no pg_hba.conf entry", "{place} lets nobody in from this machine; add a line for it to the server's pg_hba.conf"),
    ("too many clients", "{place} has no connection left; close other programs, or raise the server's max_connections"),
    ("connection slots", "{place} has no connection left; close other programs, or raise the server's max_connections"),
    ("starting up", "{place} is just starting; try again in a moment"),
    ("shutting down", "{place} is shutting down; start the server, then try again"),
    ("invalid connection option", "SIMULATOR_DATABASE_URL holds something that PostgreSQL does not know: {said}"),
    (
        "does not exist",
        "{place} or its user is not there ({said}); make them with `createuser --pwprompt` and `createdb`",
    ),
)
"""What libpq says when there is no connection, which comes without a code → what to tell."""


def connect(url: URL) -> Engine:
    """An engine for that server's database. Nobody has been connected to yet.

    Raises StoreError if the driver is missing, or the URL names no database.
    """
    try:
        from psycopg import IsolationLevel
    except ImportError:
        raise StoreError(f"a PostgreSQL database needs its driver: run `{INSTALL}`") from None
    if not url.database and "dbname" not in url.query:
        raise StoreError("the database URL names no database: write postgresql://user:password@host/database")
    wanted: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "tcp_user_timeout": SILENT_SECONDS * 1000,
        "application_name": "difficult-customer-simulator",
    }
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,  # a server that was restarted is met with a new connection
        hide_parameters=True,  # they are people's words
        connect_args={name: value for name, value in wanted.items() if name not in url.query},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            for name, seconds in (
                ("lock_timeout", BUSY_SECONDS),
                ("idle_in_transaction_session_timeout", SILENT_SECONDS),
            ):
                cursor.execute("SELECT set_config(%s, %s, false)", (name, f"{int(seconds * 1000)}ms"))
            # A commit is on the disk before it returns, also where the server was told not to bother.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver sends its BEGIN with the first statement. A reader sees one moment; each statement of a writer sees
        # what was committed before it, as the lock is waited for inside the transaction.
        options = connection.get_execution_options()
        writes, driver = options.get("writes", False), connection.connection.driver_connection
        assert driver is not None
        driver.read_only = not writes
        driver.isolation_level = IsolationLevel.READ_COMMITTED if writes else IsolationLevel.REPEATABLE_READ
        if patience := options.get("patience"):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(patience)}s'")
        if writes:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")

    return engine


def writing(engine: Engine) -> Engine:
    """The same engine, for transactions that write."""
    return engine.execution_options(writes=True)


def settle(engine: Engine) -> None:
    """Refuse a database that cannot hold every language."""
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise StoreError(
            f"{place(engine)} is kept in {encoding}, which lacks letters that people use: make one with "
            f"`createdb --encoding=UTF8 --template=template0 NAME`"
        )


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the writers' lock from the start, in which tables may be changed."""
    with writing(engine).execution_options(patience=MIGRATION_SECONDS).begin() as connection:
        yield connection


def forget(engine: Engine) -> None:
    """Nothing to do: nobody can read a deleted row any more. Its bytes leave the server's files when PostgreSQL clears
    them up by itself (autovacuum, the recycling of its log), and the server's own backups in their time."""


def rows_brought(connection: Connection, tables: Iterable[str]) -> None:
    """Rows came with their numbers: the next one of each table is numbered after them."""
    look = inspect(connection)
    for table in tables:
        for column in look.get_columns(table):
            if str(column.get("default")).startswith("nextval("):
                name = column["name"]
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{name}'), max({name})) FROM {table} HAVING max({name}) > 0"
                )


def place(engine: Engine) -> str:
    """The database and its server, for a message: never the user's name or password."""
    url = engine.url
    host = url.host or _one(url, "host") or "this machine"
    port = f":{url.port}" if url.port else ""
    return f"the PostgreSQL database {shorten(url.database or _one(url, 'dbname'))} on {shorten(host)}{port}"


def another() -> str:
    """What to name instead of a database that will not do."""
    return "another database in SIMULATOR_DATABASE_URL"


def sentence(error: Exception, engine: Engine) -> str:
    """What happened and what to do, for a user. Of what the server says only the first line: the rest may quote rows."""
    where = place(engine)
    if isinstance(error, PoolTimeout):
        return f"all connections to {where} are in use; try again in a moment"
    cause = error.orig if isinstance(error, DBAPIError) else error
    said = _said(cause, engine.url)
    match str(getattr(cause, "sqlstate", None) or ""):
        case "28P01" | "28000":
            return f"{where} refuses the user or the password; check both in SIMULATOR_DATABASE_URL"
        case "3D000":
            return f"{where} is not there; make it with `createdb --encoding=UTF8 --template=template0 NAME`"
        case "42501":
            return f"{where} refused: {said}; let the user of SIMULATOR_DATABASE_URL own the database, or grant that"
        case "25006":
            return f"{where} takes no changes now ({said}); name the server that does"
        case "53100":
            return f"the disk of {where} is full: nothing more can be stored until some space is made there"
        case "53300":
            return f"{where} has no connection left; close other programs, or raise the server's max_connections"
        case "55P03" | "40P01" | "40001":
            return f"{where} is being used by another program; close that one, or try again in a moment"
        case "58030" | "XX001" | "XX002":
            return f"the disk of {where} failed ({said}); look at the server's log before going on"
        case "":
            for sign, told in _CONNECTING:
                if sign in str(cause):
                    return told.format(place=where, said=said)
        case state if not state.startswith(("08", "57")):
            return f"{where} refused: {said}"
    return f"{where} cannot be reached ({said}); check that the server runs and lets this machine in, then try again"


def _said(cause: BaseException | None, url: URL) -> str:
    """The first line of what the driver or the server says, without a password."""
    first = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause).partition("\n")[0]
    first = first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()
    for secret in (url.password, _one(url, "password"), _one(url, "sslpassword")):
        if secret:
            first = first.replace(str(secret), "…")
    return shorten(first, 160)


def _one(url: URL, key: str) -> str:
    value = url.query.get(key, "")
    return value if isinstance(value, str) else value[-1]
