"""Brings a database forward to this program's version, or says why not. Alembic is loaded only if there is work."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, column, inspect, select, table

from simulator.errors import StoreError, shorten
from simulator.store import engine as backend
from simulator.store.migrations import HEAD

_VERSION = table("alembic_version", column("version_num"))


def bring_forward(engine: Engine) -> None:
    """Run whatever steps are missing. Raises StoreError for a newer database and for one that is not ours."""
    with engine.connect() as connection:
        found = version_of(connection)
    if found is not None and found != HEAD:
        _refuse_newer(found, engine)
    backend.of(engine).settle(engine)
    if found != HEAD:
        with backend.of(engine).migrating(engine) as connection:
            found = version_of(connection)  # another program may have been quicker
            if found is not None and found != HEAD:
                _refuse_newer(found, engine)
            upgrade(connection)


def version_of(connection: Connection) -> str | None:
    """The version that is written in the database; None for an empty one. Raises StoreError for a stranger's."""
    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        found = connection.scalars(select(_VERSION.c.version_num)).all()
        if len(found) == 1:
            return str(found[0])
    if names - {"alembic_version"}:
        engine = connection.engine
        raise StoreError(
            f"{backend.of(engine).place(engine)} is the database of another program; "
            f"name {backend.of(engine).another()} for the calls"
        )
    return None


def upgrade(connection: Connection, to: str = "head") -> None:
    """Run the missing steps up to `to`, inside the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "simulator.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _refuse_newer(found: str, engine: Engine) -> None:
    """Versions are numbers written with leading zeros; anything that is not an older number is none of ours."""
    if found.isdecimal() and int(found) < int(HEAD):
        return
    raise StoreError(
        f"{backend.of(engine).place(engine)} has version {shorten(found, 20)}, made by a newer program; this one knows "
        f"versions up to {HEAD}: run `pip install --upgrade difficult-customer-simulator`, or name "
        f"{backend.of(engine).another()}"
    )
