"""The SQLite file: it survives a killed process, several programs, old and new versions, and what else is on a disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from builders import BEGAN, play, started, worker
from sqlalchemy import Column, Integer, event

from simulator import settings as settings_module
from simulator.call import fold
from simulator.errors import StoreError
from simulator.events import CallerSpoke, NoteWritten
from simulator.store import Store, engine_sqlite, migrations, open_store
from simulator.store.migrate import version_of
from simulator.store.migrations import HEAD
from simulator.store.tables import metadata
from simulator.vocabulary import Difficulty, Ending

HERE = Path(__file__).parent
OLD = sorted((HERE / "fixtures").glob("store_*.db"))
"""One database of every released version, each with the same three calls."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.db"


def note(text: str) -> NoteWritten:
    return NoteWritten(at=BEGAN, text=text)


# --- what has been stored stays stored -------------------------------------------------------------------------------


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with open_store(path) as store:
        pragmas = [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)]
        with store._engine.connect() as connection:
            for name, wanted in [*pragmas, ("busy_timeout", 5000)]:
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == wanted


def test_what_is_deleted_is_in_no_file_any_more(path: Path) -> None:
    with open_store(path) as store:
        call = store.create([started()], owner="ann")
        store.append(call.id, note("my colleague Xanthippe was rude"), seq=1)
        assert any(b"Xanthippe" in f.read_bytes() for f in path.parent.iterdir())
        store.delete(call.id, "ann")
        assert not any(b"Xanthippe" in f.read_bytes() for f in path.parent.iterdir())


# --- versions --------------------------------------------------------------------------------------------------------


def test_migrations_lead_to_the_tables_of_the_code(path: Path) -> None:
    with open_store(path) as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert version_of(connection) == HEAD
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert script.get_heads() == [HEAD]
    for step in script.walk_revisions():
        assert "Why:" in (step.module.__doc__ or ""), f"{step.path} does not say why"
    assert OLD[-1].stem == f"store_{HEAD}", "a database of the newest version belongs into tests/fixtures"


@pytest.mark.parametrize("old", OLD, ids=lambda p: p.stem)
def test_a_database_of_every_version_opens(old: Path, path: Path) -> None:
    shutil.copy(old, path)
    with open_store(path) as store:
        first, second = store.calls("ann")[::-1]
        assert (first.id, first.ending, first.trainee_turns) == (f"{1:032}", Ending.TRAINEE_ENDED, 2)
        assert (second.id, second.parent_id, second.parent_turn) == (f"{2:032}", first.id, 2)
        assert store.calls("bob")[0].difficulty is Difficulty.HARD
        call = fold(store.events(first.id))
        assert [t.text for t in call.transcript][2] == "I am sorry. I will refund the £40 today."
        store.append(first.id, note("Seen again."), seq=first.length)
        assert fold(store.events(first.id)).note == "Seen again."


def test_alembic_is_not_loaded_for_a_current_database(path: Path) -> None:
    open_store(path).close()
    code = "import sys, simulator.store as s; s.open_store(sys.argv[1]); print('alembic' in sys.modules)"
    assert worker(code, str(path)).communicate(timeout=60)[0] == "False\n"


@pytest.mark.parametrize("newer", ["0005", "0417", "a1b2c3"])
def test_a_newer_database_is_refused_and_left_alone(path: Path, newer: str) -> None:
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (newer,))
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=f"version {newer}.*newer program.*up to {HEAD}.*pip install --upgrade"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_strangers_database_is_refused_and_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="database of another program"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_failed_migration_leaves_the_database_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: object) -> None:
        connection.exec_driver_sql("CREATE TABLE half_done (x)")  # type: ignore[attr-defined]
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("simulator.store.migrate.upgrade", broken)
        with pytest.raises(RuntimeError):
            open_store(path)
    with open_store(path) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = 'half_done'").scalar() == 0


def test_a_migration_that_rebuilds_a_table_keeps_every_event(path: Path) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")
        with engine_sqlite.migrating(store._engine) as connection:
            operations = Operations(MigrationContext.configure(connection, opts={"render_as_batch": True}))
            with operations.batch_alter_table("calls", recreate="always") as batch:
                batch.add_column(Column("stars", Integer))
        assert len(store.events(call.id)) == 9 == call.length
        with (
            pytest.raises(StoreError, match="without their 'calls'"),
            engine_sqlite.migrating(store._engine) as connection,
        ):
            connection.exec_driver_sql("DELETE FROM calls")
        assert len(store.events(call.id)) == 9


# --- where and what the file is --------------------------------------------------------------------------------------


def test_the_default_is_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "not" / "yet"
    monkeypatch.setattr("simulator.store.calls.settings", lambda: settings_module.Settings(data_dir=folder))
    open_store().close()
    assert (folder / "calls.db").is_file()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "calls.db").stat().st_mode) == 0o600


def test_a_path_and_its_url_are_the_same_store(tmp_path: Path) -> None:
    path = tmp_path / "a % strange? #name.db"
    with open_store(path) as store:
        store.create([started()], owner="ann")
    with open_store(str(path)) as store:
        assert store.count("ann") == 1
    plain = tmp_path / "plain.db"
    with open_store(f"sqlite:///{plain}") as store, open_store(plain) as same:
        store.create([started()], owner="ann")
        assert same.count("ann") == 1


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://user:secret@host/calls", "'mysql' are not supported"),
        ("postgresql://user:sec:ret@host:port/calls", "cannot be read"),
        ("sqlite://", "kept in a file"),
        ("sqlite:///:memory:", "kept in a file"),
        ("://", "cannot be read"),
        ("sqlite:///file:calls.db?mode=memory&uri=true", "kept in a file"),
    ],
)
def test_other_urls_are_refused(url: str, told: str) -> None:
    with pytest.raises(StoreError, match=told) as caught:
        open_store(url)
    assert not {"secret", "sec:ret"} & set(str(caught.value).split())
    assert caught.value.__cause__ is None, "a cause ends in logs, and may quote the password"


def test_a_closed_store_says_so(path: Path) -> None:
    store = open_store(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.calls("ann")


# --- what can be wrong with it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("junk", [b"not a database, just text" * 200, b"SQLite format 3\0" + b"\xff" * 8192])
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, junk: bytes) -> None:
    path.write_bytes(junk)
    with pytest.raises(StoreError, match=r"calls\.db (is not a database|is damaged)"):
        open_store(path)
    assert path.read_bytes() == junk


def test_damage_in_the_middle_is_told(path: Path) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
    with pytest.raises(StoreError, match=r"calls\.db is damaged"), open_store(path) as store:
        store.events(call.id)


def change(path: Path, sql: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql, values)
    connection.close()


@pytest.mark.parametrize("payload", ["", "{", "null", '{"kind": "alien"}', '{"kind": "note_written", "at": 1}'])
def test_a_row_that_cannot_be_read_is_named(path: Path, payload: str) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")
        change(path, "UPDATE events SET payload = ? WHERE seq = 3", payload)
        with pytest.raises(StoreError, match=f"event 3 of call {call.id} cannot be read"):
            store.events(call.id)


def test_a_row_that_is_missing_is_named(path: Path) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")
        change(path, "DELETE FROM events WHERE seq = 5")
        with pytest.raises(StoreError, match="lacks its event 5"):
            store.events(call.id)


def test_a_damaged_listing_row_is_named(path: Path) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")
        change(path, "UPDATE calls SET medium = 'fax'")
        with pytest.raises(StoreError, match=f"row of call {call.id} is damaged.*fax"):
            store.calls("ann")


def test_events_of_a_newer_format_are_refused(path: Path) -> None:
    with open_store(path) as store:
        later = started().model_copy(update={"format": 99})
        call = store.create([later], owner="ann")
        with pytest.raises(StoreError, match=r"format 99; this program reads up to 1.*pip install --upgrade"):
            store.events(call.id)


def test_a_locked_database_is_waited_for_then_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_sqlite, "BUSY_SECONDS", 0.2)
    with open_store(path) as store:
        call = store.create([started()], owner="ann")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert store.events(call.id) == [started()]
        with pytest.raises(StoreError, match="being used by another program"):
            store.append(call.id, note("x"), seq=1)
        other.execute("COMMIT")
        other.close()
        store.append(call.id, note("x"), seq=1)


def test_opening_waits_for_a_writer_of_a_file_that_has_no_log_yet(path: Path) -> None:
    open_store(path).close()
    change(path, "PRAGMA journal_mode=DELETE")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: other.execute("COMMIT")).start()
    with open_store(path) as store:
        assert store.count("ann") == 0
    other.close()


def test_deleting_does_not_wait_for_a_reader(path: Path) -> None:
    with open_store(path) as store:
        call = store.create([started()], owner="ann")
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM calls").fetchall()
        store.delete(call.id, "ann")
        assert store.count("ann") == 0
        reader.close()


def test_a_full_disk_is_told_and_loses_nothing(path: Path) -> None:
    with open_store(path) as store:
        call = store.create(play(), owner="ann")

        @event.listens_for(store._engine, "begin")
        def _full(connection: object) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count=1")  # type: ignore[attr-defined]

        with pytest.raises(StoreError, match="disk is full"):
            store.append(call.id, note("x" * 100_000), seq=9)
        assert len(store.events(call.id)) == 9 == store.call(call.id).length


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """An empty folder, and no rights beyond those of its owner (root may write anywhere)."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs POSIX permissions")
    folder = Path(tempfile.mkdtemp())
    nobody, me = 65534, os.geteuid()
    if me == 0:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
    yield folder
    folder.chmod(0o700)
    if me == 0:
        os.seteuid(me)
    shutil.rmtree(folder)


def test_a_read_only_folder_is_told(unprivileged: Path) -> None:
    unprivileged.chmod(0o500)
    for where in (unprivileged / "calls.db", unprivileged / "deeper" / "calls.db"):
        with pytest.raises(StoreError, match=r"cannot be made .permission denied.*SIMULATOR_DATA_DIR"):
            open_store(where)


def test_a_read_only_file_is_told(unprivileged: Path) -> None:
    path = unprivileged / "calls.db"

    def use(store: Store) -> None:
        store.append(call.id, CallerSpoke(at=BEGAN, turn=1, text="x"), seq=9)

    with open_store(path) as store:
        call = store.create(play(), owner="ann")
    path.chmod(0o400)
    with pytest.raises(StoreError, match="cannot be written to"), open_store(path) as store:
        use(store)
    unprivileged.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be (written to|opened)"), open_store(path) as store:
        use(store)


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        open_store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        open_store(tmp_path / "file" / "calls.db")
