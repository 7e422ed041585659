"""A PostgreSQL server as the store's database: what is particular to it, and what can be wrong with it.

What it has to do as any other store is in `test_store_contract.py`.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from builders import BEGAN, drain, play, session, started, worker
from postgres import PASSWORD, Server
from sqlalchemy import event, insert
from sqlalchemy.engine import make_url

from simulator import settings as settings_module
from simulator.errors import StoreError, UnknownNameError
from simulator.events import NoteWritten
from simulator.settings import settings
from simulator.store import Store, engine_postgres, is_made, open_store
from simulator.store.engine import of, writing
from simulator.store.migrate import upgrade, version_of
from simulator.store.migrations import HEAD
from simulator.store.tables import calls, metadata

if TYPE_CHECKING:
    from clikit import Terminal

pytest_plugins = ["clikit"]


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened


def name_of(url: str) -> str:
    return make_url(url).database or ""


def note(text: str) -> NoteWritten:
    return NoteWritten(at=BEGAN, text=text)


# --- its shape -------------------------------------------------------------------------------------------------------


def test_every_migration_from_nothing_leads_to_the_tables_of_the_code(store: Store, url: str) -> None:
    with store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert version_of(connection) == HEAD


def test_a_database_of_an_older_version_is_brought_forward_with_its_calls(store: Store, postgres: Server) -> None:
    """Step by step: rows written at version 0001 are there at the newest."""
    older = postgres.database()
    stream = play(end=True)
    row = store.create(stream, owner="ann", call_id="kept")
    with store._engine.connect() as connection:
        listed = connection.execute(calls.select()).mappings().one()
        happened = connection.execute(metadata.tables["events"].select()).mappings().all()
    engine = engine_postgres.connect(make_url(older))
    with engine_postgres.migrating(engine) as connection:
        upgrade(connection, "0001")
        connection.execute(insert(calls), dict(listed))
        connection.execute(insert(metadata.tables["events"]), [dict(e) for e in happened])
    engine.dispose()
    with open_store(older) as forward:
        assert forward.call("kept") == row
        assert forward.events("kept") == list(stream)


def test_a_failed_migration_leaves_the_database_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: object) -> None:
        connection.exec_driver_sql("CREATE TABLE half_done (x int)")  # type: ignore[attr-defined]
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("simulator.store.migrate.upgrade", broken)
        with pytest.raises(RuntimeError):
            open_store(url)
    with open_store(url) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT to_regclass('half_done')").scalar() is None


@pytest.mark.parametrize("newer", ["0417", "a1b2c3"])
def test_a_newer_database_is_refused(url: str, postgres: Server, newer: str) -> None:
    open_store(url).close()
    postgres.sql(f"UPDATE alembic_version SET version_num = '{newer}'", database=name_of(url))
    with pytest.raises(StoreError, match=rf"version {newer}.*newer program.*up to {HEAD}.*another database in SIMUL"):
        open_store(url)


def test_a_strangers_database_is_refused_and_left_alone(url: str, postgres: Server) -> None:
    postgres.sql("CREATE TABLE bookmarks (url text)", database=name_of(url))
    with pytest.raises(
        StoreError, match="database of another program; name another database in SIMULATOR_DATABASE_URL"
    ):
        open_store(url)
    postgres.sql(
        "SELECT * FROM bookmarks", "DO $$BEGIN ASSERT to_regclass('calls') IS NULL; END$$", database=name_of(url)
    )


def test_letters_of_every_language_are_asked_for(postgres: Server) -> None:
    postgres.sql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(StoreError, match=r"kept in LATIN1.*createdb --encoding=UTF8"):
        open_store(postgres.url("latin"))


# --- its transactions ------------------------------------------------------------------------------------------------


def test_a_commit_waits_for_the_disk_also_where_the_server_does_not(url: str, postgres: Server) -> None:
    postgres.sql(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off")
    with open_store(url) as store, writing(store._engine).begin() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


def test_a_reader_sees_one_moment_and_changes_nothing(store: Store) -> None:
    call = store.create(play(), owner="ann")
    with store._engine.begin() as connection:
        assert connection.execute(calls.select()).all()
        store.delete(call.id, "ann")
        assert connection.execute(calls.select()).all(), "the reader began before the deletion"
    with pytest.raises(StoreError, match="takes no changes now"), store._told(), store._engine.begin() as connection:
        connection.execute(calls.delete())
    with pytest.raises(UnknownNameError):
        store.call(call.id)


def test_a_writer_waits_for_the_one_before_it_then_is_told(store: Store, url: str, postgres: Server) -> None:
    call = store.create([started()], owner="ann")
    with writing(store._engine).begin():
        assert store.events(call.id) == [started()]  # readers do not wait
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_postgres, "BUSY_SECONDS", 0.2)
            with open_store(url) as other, pytest.raises(StoreError, match="being used by another program"):
                other.append(call.id, note("x"), seq=1)
        threading.Timer(0.3, lambda: store.append(call.id, note("waits"), seq=1)).start()
        time.sleep(0.6)
        assert store.call(call.id).length == 1
    until = time.monotonic() + 5
    while store.call(call.id).length == 1 and time.monotonic() < until:
        time.sleep(0.02)
    assert store.events(call.id)[1:] == [note("waits")]


def test_scales_adopted_at_once_get_different_numbers(store: Store) -> None:
    """Looking for the last number and taking the next one is one piece of work, also over several connections."""
    from ratingkit import scale

    threads = [threading.Thread(target=lambda: store.calibration.adopt(scale(version=0), by="Rowan")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [m.label for m in store.calibration.maps()] == [f"Acme {n}" for n in range(1, 7)]


# --- what can be wrong with it ---------------------------------------------------------------------------------------


def test_a_restarted_server_is_found_again(store: Store, postgres: Server) -> None:
    call = store.create([started()], owner="ann")
    postgres.stop()
    try:
        for use in (lambda: store.call(call.id), lambda: store.append(call.id, note("lost"), seq=1)):
            with pytest.raises(StoreError, match=r"cannot be reached \(.*refused.*\); check that the server runs"):
                use()
    finally:
        postgres.start()
    store.append(call.id, note("kept"), seq=1)
    assert store.events(call.id)[1:] == [note("kept")]


def test_a_connection_that_is_cut_in_the_middle_loses_nothing(store: Store, postgres: Server, url: str) -> None:
    call = store.create([started()], owner="ann")
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'"

    @event.listens_for(store._engine, "before_cursor_execute")
    def _cut(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO events"):
            postgres.sql(cut)

    with pytest.raises(StoreError, match="cannot be reached"):
        store.append(call.id, note("lost"), seq=1)
    event.remove(store._engine, "before_cursor_execute", _cut)
    assert store.events(call.id) == [started()]
    assert store.call(call.id).length == 1
    store.append(call.id, note("kept"), seq=1)


WRONG = {
    "password": ({"password": "open-sesame"}, "refuses the user or the password"),
    "no password": ({"password": None}, "wants a password"),
    "user": ({"username": "nobody"}, "refuses the user or the password"),
    "port": ({"port": 1}, "cannot be reached .*refused"),
    "host": ({"host": "no.such.host.invalid"}, "cannot be reached"),
    "database": ({"database": "nowhere"}, r"nowhere on .* not there .*createdb"),
    "option": ({"query": {"sslmod": "x"}}, "does not know: invalid connection option .sslmod"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_is_wrong_is_one_sentence_without_the_password(postgres: Server, what: str) -> None:
    other, told = WRONG[what]
    began = time.monotonic()
    with pytest.raises(StoreError, match=told) as caught:
        open_store(postgres.url(**other))  # type: ignore[arg-type]
    whole = "".join(traceback.format_exception(caught.value))
    for secret in (PASSWORD, "p%40ss", "open-sesame"):
        assert secret not in whole
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert time.monotonic() - began < 2 * engine_postgres.CONNECT_SECONDS


def test_a_url_without_a_database_is_refused() -> None:
    with pytest.raises(StoreError, match="names no database"):
        open_store("postgresql://user:secret@127.0.0.1")


def test_a_missing_right_is_told(url: str, postgres: Server) -> None:
    postgres.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM public", database=name_of(url))
    with pytest.raises(StoreError, match=r"permission denied for schema public.*own the database"):
        open_store(postgres.url(name_of(url), username="guest", password="guest"))


def test_a_full_disk_is_told_and_loses_nothing(store: Store, url: str, postgres: Server) -> None:
    call = store.create(play(), owner="ann")
    postgres.sql(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON events EXECUTE FUNCTION full_disk()",
        database=name_of(url),
    )
    with pytest.raises(StoreError, match=r"the disk of the PostgreSQL database .* is full"):
        store.append(call.id, note("x"), seq=9)
    assert len(store.events(call.id)) == 9 == store.call(call.id).length


def test_what_people_said_is_in_no_error(store: Store) -> None:
    with pytest.raises(StoreError, match="refused: value too long") as caught:
        store.create([started()], owner=chr(0x2603) * 300)
    assert chr(0x2603) not in "".join(traceback.format_exception(caught.value))


def test_a_missing_driver_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'difficult-customer-simulator\[postgres\]'"):
        open_store("postgresql://user:secret@127.0.0.1/calls")


def test_the_driver_is_loaded_only_for_a_server(tmp_path: Path) -> None:
    code = "import sys, simulator.store as s; s.open_store(sys.argv[1]); print('psycopg' in sys.modules)"
    assert worker(code, str(tmp_path / "calls.db")).communicate(timeout=60)[0] == "False\n"


# --- how it is named -------------------------------------------------------------------------------------------------


def test_both_variables_name_it_and_neither_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings_module.Settings(data_dir=tmp_path).database == tmp_path / "calls.db"
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@elsewhere/calls")
    assert settings_module.Settings().database == "postgresql://user:secret@elsewhere/calls"
    monkeypatch.setenv("SIMULATOR_DATABASE_URL", "postgres://user:secret@here/calls")
    ours = settings_module.Settings()
    assert ours.database == "postgres://user:secret@here/calls"
    assert "secret" not in repr(ours) and "secret" not in ours.model_dump_json()
    assert is_made(ours.database)


def test_an_address_in_the_old_spelling_is_the_same_database(url: str) -> None:
    with open_store(url) as store, open_store(url.replace("postgresql://", "postgres://")) as same:
        store.create([started()], owner="ann")
        assert same.count("ann") == 1
        assert PASSWORD not in of(store._engine).place(store._engine) + repr(store._engine)


def test_commands_use_it_and_log_no_password(terminal: Terminal, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_DATABASE_URL", url)
    settings.cache_clear()
    call = ("--persona", "indecisive", "--scenario", "parcel_lost")
    done = terminal("chat", *call, stdin="Good morning, how can I help?\n/end\n")
    assert done.code == 0, done.err
    assert not (terminal.data / "calls.db").exists()
    listed = terminal("export", "--list").out.splitlines()
    assert len(listed) == 1
    rows = [json.loads(line) for line in terminal("export", listed[0][:8]).out.splitlines()]
    assert rows[1]["text"] == "Good morning, how can I help?"
    monkeypatch.setenv("SIMULATOR_DATABASE_URL", url.replace("simulator:", "stranger:"))
    settings.cache_clear()
    done = terminal("export", "--list")
    assert done.code == 2
    assert "refuses the user or the password" in done.err
    logging.getLogger("simulator").error("%r %s", settings(), settings())
    log = terminal.data / "simulator.log"
    shown = done.err + (log.read_text() if log.exists() else "")
    assert PASSWORD not in shown and "p%40ss" not in shown


def test_a_played_call_is_the_same_on_both_engines(store: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "calls.db") as file:
        for kept in (store, file):
            playing = session()
            kept.create([playing.call.start], owner="ann", call_id="one")
            for event_ in drain(playing.submit("Good morning, Ada speaking.")):
                kept.append("one", event_, seq=kept.call("one").length)
        assert store.events("one") == file.events("one")
        assert store.call("one") == file.call("one")
