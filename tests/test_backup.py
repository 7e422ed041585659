"""The whole database as one file: it comes back whole, on either engine, or not at all."""

from __future__ import annotations

import gzip
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import BEGAN, assessment, play, started
from ratingkit import rated, sample, scale
from sqlalchemy import select

from simulator.errors import FormatError, StoreError
from simulator.settings import settings
from simulator.store import Store, archive, open_store
from simulator.store.calls import open_engine
from simulator.store.tables import metadata
from simulator.vocabulary import Dimension
from simulator.workshop.records import Reading, Regrade, WorkshopSettings
from simulator.workshop.rules import JOIN_ADDRESS

if TYPE_CHECKING:
    from clikit import Terminal
    from postgres import Server

pytest_plugins = ["clikit"]
HERE = Path(__file__).parent


def fill(where: str) -> None:
    """A little of everything."""
    with open_store(where) as store:
        store.create(play(end=True), owner="ann", call_id="one")
        store.create(play("Grüß Gott 🙂 \u2028 it's me."), owner="bob", call_id="two")
        session = sample()
        store.calibration.begin(session)
        for rating in list(rated(session).values())[:3]:
            store.calibration.rate(session.id, rating)
        store.calibration.keep_grade(session.id, session.turns[0].id, assessment())
        store.calibration.adopt(scale(version=0), by="Rowan")
        store.calibration.use(None, by="Kim")
        fill_room(store)


def fill_room(store: Store) -> None:
    """A workshop with a trainee who has taken a call."""
    ann, rooms = store.logins.add("Änn", "hash", at=BEGAN), store.workshops
    store.logins.log_in(ann.id, "a" * 64, at=BEGAN, until=BEGAN + 9.5)
    store.logins.knock({"code:203.0.113.7": JOIN_ADDRESS}, at=BEGAN)
    shop = rooms.create(ann.id, WorkshopSettings(title="T", personas=("tester",), scenarios=("kettle",)), at=BEGAN)
    member = rooms.join(shop.id, "Bo 🙂", return_hash="b" * 64, at=BEGAN)
    rooms.share(member.id, True)
    rooms.sit(member.id, "c" * 64, at=BEGAN, until=BEGAN + 9)
    rooms.claim(member.id, "three", most=3, at=BEGAN)
    store.create(play(end=True), owner=member.owner, call_id="three")
    rooms.regrade(Regrade(call_id="three", turn=0, at=BEGAN, by="Änn", levels={Dimension.CALMNESS: 2}))
    rooms.note_reading(shop.id, Reading(at=BEGAN, who="Änn", what="a call", member_id=member.id, call_id="three"))


def all_of(where: str) -> dict[str, list[Any]]:
    """Every row of every table."""
    engine = open_engine(where)
    with engine.begin() as connection:
        found = {
            t.name: [tuple(r) for r in connection.execute(select(t).order_by(*t.primary_key.columns))]
            for t in metadata.sorted_tables
        }
    engine.dispose()
    return found


def back_up(where: str, file: Path) -> archive.Header:
    engine = open_engine(where)
    with file.open("wb") as target:
        header = archive.write(engine, target)
    engine.dispose()
    return header


def bring_back(where: str, file: Path, **how: bool) -> archive.Header:
    engine = open_engine(where)
    try:
        return archive.restore(engine, file, **how)
    finally:
        engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A backup of a filled SQLite database."""
    fill(str(tmp_path / "from.db"))
    back_up(str(tmp_path / "from.db"), tmp_path / "b.jsonl.gz")
    return tmp_path / "b.jsonl.gz"


@pytest.fixture
def other(postgres: Server, tmp_path: Path, where: str) -> str:
    """An empty database of the other kind than `where`."""
    return str(tmp_path / "other.db") if where.startswith("postgresql") else postgres.database()


def test_everything_comes_back_on_the_other_engine_and_home_again(where: str, other: str, tmp_path: Path) -> None:
    fill(where)
    header = back_up(where, tmp_path / "there.gz")
    assert header.tables["calls"] == 3 and header.tables["ratings"] == 3
    assert all(header.tables.values()), "a table without rows is not tried"
    assert bring_back(other, tmp_path / "there.gz") == header
    assert all_of(other) == all_of(where)
    with open_store(other) as store:
        row = store.call("one")
        store.delete("two", "bob")
        store.calibration.use("Acme 1", by="Kim")  # rows that are numbered by the database go on after those that came
        assert [c.label for c in store.calibration.history()] == ["Acme 1", None, "Acme 1"]
        session = store.calibration.sessions()[0].id
        store.calibration.rate(session, rated(sample())[0])
        assert store.events("one") == list(play(end=True)) and row.length == len(store.events("one"))
        seat = store.workshops.seat("c" * 64, at=BEGAN)
        assert seat is not None and seat.member.shares
        line = Reading(at=BEGAN, who="Änn", what="again")
        store.workshops.note_reading(seat.workshop.id, line)
        assert store.workshops.readings(seat.workshop.id)[0] == line
    back_up(other, tmp_path / "back.gz")
    bring_back(where, tmp_path / "back.gz", replace=True)
    assert all_of(where) == all_of(other)


def test_the_same_database_gives_the_same_rows(where: str, tmp_path: Path) -> None:
    fill(where)
    for name in ("a", "b"):
        back_up(where, tmp_path / name)
    first, second = (gzip.decompress((tmp_path / n).read_bytes()).splitlines()[1:-1] for n in ("a", "b"))
    assert first == second


def test_an_empty_database_is_a_backup_too(where: str, other: str, tmp_path: Path) -> None:
    assert back_up(where, tmp_path / "empty.gz").rows == 0
    bring_back(other, tmp_path / "empty.gz")
    assert not any(all_of(other).values())


def test_a_database_with_anything_in_it_is_left_alone_unless_told(where: str, file: Path) -> None:
    with open_store(where) as store:
        store.create([started()], owner="ann", call_id="mine")
    before = all_of(where)
    with pytest.raises(StoreError, match=r"holds 2 rows already.*--replace"):
        bring_back(where, file)
    assert all_of(where) == before
    bring_back(where, file, replace=True)
    with open_store(where) as store:
        assert {row.id for row in store.calls(None)} == {"one", "two", "three"}


@pytest.mark.parametrize("replace", [False, True])
def test_a_dry_run_changes_nothing(where: str, file: Path, replace: bool) -> None:
    with open_store(where) as store:
        if replace:
            store.create([started()], owner="ann", call_id="mine")
    before = all_of(where)
    assert bring_back(where, file, replace=replace, dry_run=True).tables["calls"] == 3
    assert all_of(where) == before


@pytest.mark.parametrize("at", [0, 1, 5])
def test_a_restore_that_is_broken_off_changes_nothing(where: str, file: Path, at: int) -> None:
    with open_store(where) as store:
        store.create([started()], owner="ann", call_id="mine")
    before = all_of(where)

    def told(done: int) -> None:
        if done > at:
            raise KeyboardInterrupt

    engine = open_engine(where)
    with pytest.raises(KeyboardInterrupt):
        archive.restore(engine, file, replace=True, told=told)
    engine.dispose()
    assert all_of(where) == before


def test_what_is_replaced_is_in_no_file_any_more(tmp_path: Path, file: Path) -> None:
    place = tmp_path / "folder" / "calls.db"
    with open_store(place) as store:
        store.create(play("My colleague Xanthippe was rude."), owner="ann")
    bring_back(str(place), file, replace=True)
    assert not any(b"Xanthippe" in f.read_bytes() for f in place.parent.iterdir())


@pytest.mark.parametrize("old", ["calls-0.1.0.db", "store_0001.db", "store_0002.db", "store_0003.db"])
def test_an_archive_of_an_older_version_goes_through_the_migrations(
    where: str, tmp_path: Path, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made as that version would have: from a database that is still in its shape."""
    import sqlite3

    shutil.copy(HERE / "fixtures" / old, tmp_path / "old.db")
    connection = sqlite3.connect(tmp_path / "old.db")
    [[schema]] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    names = {n for [n] in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    engine = archive.backend.connect(str(tmp_path / "old.db"))
    shape = type(metadata)()
    shape.reflect(engine, only=sorted(names & set(metadata.tables)))
    with monkeypatch.context() as then:
        then.setattr(archive, "metadata", shape)
        then.setattr(archive, "HEAD", schema)
        with (tmp_path / "old.gz").open("wb") as target:
            header = archive.write(engine, target)
        engine.dispose()
    assert header.schema == schema and set(header.tables) == set(shape.tables)
    bring_back(where, tmp_path / "old.gz")
    with open_store(tmp_path / "old.db") as forward, open_store(where) as restored:
        assert restored.calls(None) == forward.calls(None)
        for row in forward.calls(None):
            assert restored.events(row.id) == forward.events(row.id)


# --- archives that are not what they should be -----------------------------------------------------------------------


def changed(file: Path, change: Callable[[list[dict[str, Any]]], object], *, sealed: bool) -> None:
    """Change the rows; `sealed`: with a checksum that fits again."""
    import hashlib

    rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    change(rows)
    lines = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]
    if sealed:
        rows[-1] |= {"sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest(), "rows": len(rows) - 2}
        lines[-1] = json.dumps(rows[-1]).encode() + b"\n"
    file.write_bytes(gzip.compress(b"".join(lines)))


def first(rows: list[dict[str, Any]], table: str) -> dict[str, Any]:
    return next(row for row in rows if row.get("table") == table)


WRONG: dict[str, tuple[Callable[[list[dict[str, Any]]], object], bool, str]] = {
    "a word is another": (lambda r: first(r, "calls")["values"].update(owner="bob"), False, "checksum is another"),
    "a row is missing": (lambda r: r.remove(first(r, "events")), False, "checksum is another"),
    "fewer than it says": (lambda r: r.remove(first(r, "events")), True, "should hold"),
    "no end": (lambda r: r.pop(), False, "cut short: its last line is missing"),
    "more after the end": (lambda r: r.append(r[1]), False, "goes on after its last line"),
    "a newer format": (lambda r: r[0].update(format=2), True, r"newer program.*pip install --upgrade"),
    "a newer schema": (lambda r: r[0].update(schema="9999"), True, "newer program"),
    "no schema": (lambda r: r[0].update(schema="../x"), True, "newer program"),
    "a table less": (lambda r: r[0]["tables"].pop("ratings"), True, "'ratings'"),
    "no counts": (lambda r: r[0].update(tables={"calls": -1}), True, "first line that cannot be read"),
    "a day beyond all years": (lambda r: r[0].update(made_at=1e300), True, "first line that cannot be read"),
    "another table": (
        lambda r: (r[0]["tables"].update(spies=1), r.insert(-1, {"kind": "row", "table": "spies", "values": {}})),
        True,
        "other tables than version .*'spies'",
    ),
    "the version itself": (
        lambda r: (
            r[0]["tables"].update(alembic_version=1),
            r.insert(-1, {"kind": "row", "table": "alembic_version", "values": {"version_num": "1"}}),
        ),
        True,
        "other tables than version .*'alembic_version'",
    ),
    "another column": (lambda r: first(r, "calls")["values"].update({"x\" = 1; --": 1}), True, "other columns"),
    "a number as words": (lambda r: first(r, "calls")["values"].update(length="9"), True, "length is no int"),
    "a truth value": (lambda r: first(r, "calls")["values"].update(length=True), True, "length is no int"),
    "a truth value as a number": (
        lambda r: first(r, "members")["values"].update(shares=1), True, "shares is no bool",
    ),
    "an owner that is null": (lambda r: first(r, "calls")["values"].update(owner=None), True, "owner is no str"),
    "events of no call": (
        lambda r: [row["values"].update(call_id="gone") for row in r if row.get("table") == "events"],
        True,
        r"without (their|what)|holds a row twice",
    ),
    "a row twice": (
        lambda r: (r.insert(-1, first(r, "calls")), r[0]["tables"].update(calls=4)), True, "holds a row twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", list(WRONG))
def test_a_wrong_archive_is_told_and_nothing_is_restored(where: str, file: Path, what: str) -> None:
    change, sealed, told = WRONG[what]
    changed(file, change, sealed=sealed)
    with pytest.raises((FormatError, StoreError), match=told):
        bring_back(where, file)
    assert not any(all_of(where).values())


@pytest.mark.parametrize("keep", [0, 1, 9, 300, -9])
def test_a_file_that_is_cut_short_is_told(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(FormatError):
        archive.check(file)


@pytest.mark.parametrize("junk", [b"hello", *(gzip.compress(b, mtime=0) for b in (b"hello\n", b"[1]\n", b"{}\n"))])
def test_another_file_is_no_backup(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "x").write_bytes(junk)
    with pytest.raises(FormatError):
        archive.check(tmp_path / "x")
    with pytest.raises(FormatError, match="cannot be read"):
        archive.check(tmp_path / "none")


def test_columns_hold_only_what_json_keeps() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            assert column.type.python_type in (str, int, float, bool), f"{table.name}.{column.name}"


# --- at the terminal -------------------------------------------------------------------------------------------------


def test_backup_and_restore_at_the_terminal(
    terminal: Terminal, tmp_path: Path, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.jsonl.gz"
    done = terminal("backup", file)
    assert done.code == 2 and "nothing to back up yet" in done.err and not (terminal.data / "calls.db").exists()
    terminal.data.mkdir()
    fill(str(terminal.data / "calls.db"))
    done = terminal("backup", file)
    assert done.code == 0 and "(calls: 3, rating sets: 1) written to" in done.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert terminal("backup", file).err.endswith("is there already: name another file\n")
    assert "cannot be written" in terminal("backup", tmp_path / "no" / "where.gz").err
    assert not list(tmp_path.glob("*.part"))
    assert "--replace" in terminal("restore", file).err
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "new"))
    settings.cache_clear()
    assert "nothing was changed" in terminal("restore", file, "--dry-run").out
    assert not (tmp_path / "new" / "calls.db").exists()
    url = postgres.database()
    monkeypatch.setenv("SIMULATOR_DATABASE_URL", url)
    settings.cache_clear()
    assert "would be restored; nothing was changed" in terminal("restore", file, "--dry-run").out
    assert not any(all_of(url).values())
    assert "restored." in terminal("restore", file).out
    assert all_of(url) == all_of(str(terminal.data / "calls.db"))
    assert len(terminal("export", "--list").out.splitlines()) == 3


def test_a_backup_that_fails_leaves_nothing(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.data.mkdir()
    fill(str(terminal.data / "calls.db"))

    def fail(*_a: object, **_k: object) -> None:
        raise StoreError("the disk failed")

    monkeypatch.setattr(archive, "write", fail)
    assert terminal("backup", tmp_path / "x.gz").code == 2
    assert not list(tmp_path.glob("x.gz*"))
