"""A workshop as one file: what is in it, what is never in it, who is told; at the terminal, in the room, and for researchers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import BEGAN, assessment, play
from roomkit import ACT, ACT_CALIBRATE, LOAD, SEND, SETTINGS, Person, Served, room
from test_export import sheet

from simulator.errors import DataError
from simulator.pdf import available, to_pdf
from simulator.store import Store, open_store
from simulator.takeaway import Wanted, pack
from simulator.vocabulary import Dimension
from simulator.workshop.records import Member, Regrade, Role, Workshop, WorkshopSettings

if TYPE_CHECKING:
    from clikit import Terminal

pytest_plugins = ["clikit"]
NOW = BEGAN + 86_400
NAMES = ("Bartholomew", "../../etc/passwd", "=HYPERLINK(1)")
SAID = (
    ("Good morning, Bartholomew speaking. Write to bart@example.com.", "Xanthippe <script>alert(1)</script>."),
    ("Hello, I sit beside Bartholomew.", "=1+1"),
)
needs_pdf = pytest.mark.skipif(not available(), reason="NO PDF: WeasyPrint or Pango is missing; pip install '.[pdf]'")


def filled(store: Store, **settings: Any) -> tuple[Workshop, list[Member]]:
    """A workshop with three trainees, of whom two have played; one of their turns has been graded again."""
    host = store.logins.add("Ann", "hash", at=1.0)
    given = {"title": "Billing & team", "personas": ("anxious",), "scenarios": ("parcel_lost",)} | settings
    shop = store.workshops.create(host.id, WorkshopSettings(**given), at=BEGAN)
    people = [store.workshops.join(shop.id, name, return_hash=name, at=BEGAN + n) for n, name in enumerate(NAMES)]
    for who, said in zip(people, SAID, strict=False):
        call = f"call-{who.name[:1].strip('.') or 'x'}"
        store.workshops.claim(who.id, call, most=3, at=BEGAN)
        store.create(play(*said, grades=[assessment(empathy=2)], end=True), owner=who.owner, call_id=call)
        store.workshops.share(who.id, True)
    store.create(play("A second try.", grades=[assessment()]), owner=people[0].owner, call_id="practice")
    again = Regrade(
        call_id="call-B", turn=0, at=NOW, by="Ann", levels={Dimension.EMPATHY: 5}, comment="Warm, Bartholomew."
    )
    store.workshops.regrade(again)
    return shop, people


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "calls.db") as made:
        yield made


def test_everything_is_in_it_with_its_checksum(store: Store) -> None:
    shop, _ = filled(store, may_read=True)
    files = unpacked(pack(store, shop, Wanted(words=True), at=NOW))
    calls = [f"trainee-{number:02}-attempt-1" for number in (1, 2)]
    assert set(files) == {
        "manifest.json", "results.csv", "turns.csv", "turns.xlsx", "group.html",
        *(f"transcripts/{name}.jsonl" for name in calls), *(f"debriefs/{name}.html" for name in calls),
    }  # fmt: skip
    manifest = json.loads(files["manifest.json"])
    listed = {f["name"]: (f["bytes"], f["sha256"]) for f in manifest["files"]}
    assert listed == {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name, content in files.items()
        if name != "manifest.json"
    }
    assert (manifest["format"], manifest["words"], manifest["redacted"]) == (1, True, False)
    assert (manifest["trainees"], manifest["calls"], manifest["graders"]) == (2, 2, ["scripted"])
    assert manifest["workshop"]["settings"]["title"] == "Billing & team"
    whole = b"".join(files.values()).decode(errors="replace")
    assert "Xanthippe" in whole and "Bartholomew" in whole and "Warm, Bartholomew." in whole
    assert "<script>alert" not in files["group.html"].decode() + "".join(
        content.decode() for name, content in files.items() if name.endswith(".html")
    )
    assert "second try" not in whole
    rows = list(csv.DictReader(io.StringIO(files["turns.csv"].decode("utf-8-sig"))))
    assert {row["trainee"] for row in rows} == {"Bartholomew", "../../etc/passwd"}
    assert {row["empathy_human"] for row in rows} == {"5", ""}
    assert [row["text"] for row in rows if "1+1" in row["text"]] == ["'=1+1"]
    assert len(sheet(files["turns.xlsx"])[0]) == len(rows) + 1
    results = list(csv.DictReader(io.StringIO(files["results.csv"].decode("utf-8-sig"))))
    assert sorted(row["trainee"] for row in results) == ["../../etc/passwd", "Bartholomew"]


def test_the_groups_debrief_has_one_moment_of_those_who_agreed_side_by_side(store: Store) -> None:
    shop, people = filled(store, may_read=True)
    sides = "The same moment, side by side"
    page = unpacked(pack(store, shop, Wanted(words=True), at=NOW))["group.html"].decode()
    assert sides in page
    part = page.partition(sides)[2]
    assert "Xanthippe &lt;script&gt;" in part and "=1+1" in part
    assert "What the caller thinks" in part and "</script>" not in page
    assert sides not in unpacked(pack(store, shop, Wanted(words=False), at=NOW))["group.html"].decode()
    store.workshops.share(people[0].id, False)
    page = unpacked(pack(store, shop, Wanted(words=True), at=NOW))["group.html"].decode()
    assert sides not in page and "Xanthippe" not in page
    assert "evaluator 2.0" in page  # the mean of the call that was graded again has the machine's below it


def test_without_names_there_are_none(store: Store) -> None:
    shop, people = filled(store, may_read=True, title="Ann's team, ann@example.com")
    files = unpacked(pack(store, shop, Wanted(words=True, redact=True), at=NOW))
    for name, content in files.items():
        content = b"".join(unpacked(content).values()) if name.endswith(".xlsx") else content
        for hidden in ("Bartholomew", "bart@", "ann@example.com", people[0].owner, "etc/passwd", "Ada Quist"):
            assert hidden.encode() not in content, (name, hidden)
    rows = list(csv.DictReader(io.StringIO(files["turns.csv"].decode("utf-8-sig"))))
    assert {row["trainee"] for row in rows} == {"Trainee 1", "Trainee 2"}
    whole = b"".join(files.values()).decode(errors="replace")
    assert "[trainee] speaking. Write to [e-mail]." in whole
    assert "I sit beside [name]." in whole
    assert "Warm, [trainee]." in whole
    assert "[facilitator]" in whole
    assert "Trainee 1" in files["group.html"].decode()


def test_what_nobody_reads_is_not_in_it(store: Store) -> None:
    shop, _ = filled(store)
    files = unpacked(pack(store, shop, Wanted(words=False), at=NOW))
    assert set(files) == {"manifest.json", "results.csv", "turns.csv", "turns.xlsx", "group.html"}
    whole = b"".join(b"".join(unpacked(c).values()) if n.endswith(".xlsx") else c for n, c in files.items())
    for word in (b"Xanthippe", b"Good morning", b"This is turn"):
        assert word not in whole
    rows = list(csv.DictReader(io.StringIO(files["turns.csv"].decode("utf-8-sig"))))
    assert {row["text"] for row in rows} == {""}
    assert {row["empathy_machine"] for row in rows} == {"2", ""}


def test_a_call_that_cannot_be_read_is_told(store: Store) -> None:
    from sqlalchemy import update

    from simulator.store.tables import events

    shop, _ = filled(store, may_read=True)
    with store._engine.begin() as connection:
        connection.execute(update(events).where(events.c.call_id == "call-B", events.c.seq == 1).values(payload="{"))
    files = unpacked(pack(store, shop, Wanted(words=True), at=NOW))
    manifest = json.loads(files["manifest.json"])
    assert (manifest["calls"], manifest["left_out"]) == (1, ["call-B"])


def test_an_empty_workshop_is_a_file_too(store: Store) -> None:
    host = store.logins.add("Ann", "hash", at=1.0)
    settings = WorkshopSettings(title="Empty", personas=("anxious",), scenarios=("parcel_lost",))
    shop = store.workshops.create(host.id, settings, at=BEGAN)
    files = unpacked(pack(store, shop, Wanted(words=True), at=NOW))
    assert "Nothing to talk over" in files["group.html"].decode()
    assert len(files["turns.csv"].decode().splitlines()) == 1


def test_the_same_calls_give_the_same_file(store: Store) -> None:
    shop, _ = filled(store, may_read=True)
    first, second = (unpacked(pack(store, shop, Wanted(words=True), at=NOW)) for _ in range(2))
    different = {name for name in first if first[name] != second[name]}
    assert different <= {"turns.xlsx", "manifest.json"}  # a workbook holds the time at which it was made


# ---- PDF ----


@needs_pdf
def test_a_debrief_becomes_a_pdf_and_nothing_is_fetched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    from urllib import request

    def refuse(*args: object, **_: object) -> None:
        raise AssertionError(f"something is fetched: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(request.OpenerDirector, "open", refuse)
    page = '<p>Hello<img src="http://127.0.0.1:9/x.png"><img src="file:///etc/passwd"><link rel=stylesheet href="http://x.test/a.css">'
    assert to_pdf(page).startswith(b"%PDF-")
    shop, _ = filled(store, may_read=True)
    files = unpacked(pack(store, shop, Wanted(words=True, pdf=True), at=NOW))
    pdfs = {name: content for name, content in files.items() if name.endswith(".pdf")}
    assert set(pdfs) == {
        "group.pdf",
        "debriefs/trainee-01-attempt-1.pdf",
        "debriefs/trainee-02-attempt-1.pdf",
    }
    assert all(content.startswith(b"%PDF-") and len(content) > 4000 for content in pdfs.values())


def test_without_weasyprint_the_command_that_helps_is_named(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    call = kept(terminal)
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    ran = terminal("export", call, "--format", "pdf", "--output", tmp_path / "x.pdf")
    assert ran.code == 2
    assert "pip install 'difficult-customer-simulator[pdf]'" in ran.err
    assert not list(tmp_path.glob("x.pdf*"))
    assert not available()


def test_without_pango_the_package_that_helps_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    with pytest.raises(DataError, match="libpango"):
        to_pdf("<p>Hello")


# ---- at the terminal ----


def kept(terminal: Terminal, **settings: Any) -> str:
    terminal.data.mkdir(parents=True, exist_ok=True)
    with open_store(terminal.data / "calls.db") as store:
        filled(store, **settings)
    return "call-B"


def lines(terminal: Terminal) -> list[tuple[str, str, str]]:
    with open_store(terminal.data / "calls.db") as store:
        [(shop, _)] = store.workshops.every()
        return [(r.who, r.what, r.call_id) for r in store.workshops.readings(shop.id)]


def test_the_terminal_writes_a_workshop_and_says_so_in_the_log(terminal: Terminal, tmp_path: Path) -> None:
    kept(terminal, may_read=True)
    out = tmp_path / "away.zip"
    for name in ("Billing & team", "billing"):
        ran = terminal("export", "--workshop", name, "--output", out, "--redact", "--no-pdf")
        assert (ran.code == 0) == (name == "Billing & team"), ran.err
    assert "Did you mean Billing & team?" in ran.err
    assert b"Bartholomew" not in b"".join(unpacked(out.read_bytes()).values())
    who = "whoever is at the machine's terminal"
    assert lines(terminal) == [(who, "the whole workshop, as a file without names", "")]
    assert "name one with --output" in terminal("export", "--workshop", "Billing & team").err
    assert "say one of" in terminal("export", "--workshop", "x", "--all").err


def test_a_call_of_a_workshop_that_is_exported_is_in_the_log(terminal: Terminal, tmp_path: Path) -> None:
    call = kept(terminal)
    assert terminal("export", call, "--output", tmp_path / "x.jsonl").code == 0
    assert terminal("export", "--list").code == 0
    assert [line[1:] for line in lines(terminal)] == [("a call, to export it", call)]


@needs_pdf
def test_the_terminal_writes_pdfs(terminal: Terminal, tmp_path: Path) -> None:
    call = kept(terminal)
    assert terminal("export", call, "--format", "pdf", "--output", tmp_path / "one.pdf").code == 0
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF-")
    assert terminal("export", "--all", "--format", "pdf", "--output", tmp_path / "many").code == 0
    assert len(list((tmp_path / "many").glob("*.pdf"))) == 3
    assert "name one with --output" in terminal("export", call, "--format", "pdf").err
    assert "name a folder" in terminal("export", "--all", "--format", "pdf").err


# ---- in the room ----


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with room(tmp_path_factory.mktemp("room")) as app:
        yield app


def spoken(served: Served, ann: Person, **changed: str) -> tuple[Person, str]:
    """A trainee who has said something in a workshop."""
    shop = ann.workshop(**changed)
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    person = served.person()
    person.join(ann.join_code(shop), "Bartholomew")
    begun = person.act(do="start", persona="demanding", scenario="telecom_double_billing")
    call = re.findall(r'data-call=\\?"([0-9a-f]{32})', begun)[-1]
    owner = re.findall(r"member:[0-9a-f]{32}", person.load())[0]
    assert "This is turn 1" in person.say("Bartholomew speaking. Marzipan.", {"owner": owner, "call": call})
    return person, shop


def test_a_facilitator_takes_the_workshop_home_and_trainees_see_it(served: Served) -> None:
    ann = served.facilitator("Ann")
    person, shop = spoken(served, ann, may_read="yes", title="Tués/day: ../team")
    assert f'action="/room/w/{shop}/archive.zip"' in ann.get(f"/room/w/{shop}").text
    answer = ann.get(f"/room/w/{shop}/archive.zip")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="tu-s-day-team.zip"'
    assert b"Marzipan" in b"".join(unpacked(answer.content).values())
    without = unpacked(ann.get(f"/room/w/{shop}/archive.zip?redact=yes").content)
    assert b"Bartholomew" not in b"".join(without.values()) and b"Marzipan" in b"".join(without.values())
    ann.get(f"/room/w/{shop}/results.csv")
    page, log = person.get("/workshop").text, ann.get(f"/room/w/{shop}/audit").text
    for what in (
        "the whole workshop, as a file</td>",
        "the whole workshop, as a file without names",
        "the results, as a file",
    ):
        assert what in log
        assert what.removesuffix("</td>") in page


def test_a_facilitator_who_may_not_read_gets_no_words(served: Served) -> None:
    ann = served.facilitator("Ann")
    _, shop = spoken(served, ann)
    assert "What was said is not in it" in ann.get(f"/room/w/{shop}").text
    for asked in ("", "?redact=yes", "?redact=no&words=yes"):
        files = unpacked(ann.get(f"/room/w/{shop}/archive.zip{asked}").content)
        assert not any(b"Marzipan" in content for content in files.values())
        assert "Marzipan" not in str(sheet(files["turns.xlsx"]))


def test_a_trainee_who_takes_their_own_data_sees_that_somebody_did(served: Served) -> None:
    """It may have been whoever got hold of their return code."""
    person, _ = spoken(served, served.facilitator("Ann"))
    assert "their own data, as a file" not in person.get("/workshop").text
    person.get("/workshop/data.json")
    assert "their own data, as a file" in person.get("/workshop").text


# ---- researchers ----


def test_a_researcher_gets_what_is_open_to_research_without_names_and_nothing_else(served: Served) -> None:
    ann, rae = served.facilitator("Ann"), served.researcher("Rae")
    person, shop = spoken(served, ann, research="yes", title="Open to research")
    _, closed = spoken(served, ann, may_read="yes", title="Closed to research")
    page = rae.get("/research").text
    assert "Open to research" in page and "Closed to research" not in page and "Bartholomew" not in page
    answer = rae.get(f"/research/w/{shop}/archive.zip?redact=no")
    whole = b"".join(unpacked(answer.content).values())
    assert b"Marzipan" in whole and b"Bartholomew" not in whole
    assert "Rae" in person.get("/workshop").text and "Rae" in ann.get(f"/room/w/{shop}/audit").text
    assert rae.get(f"/research/w/{closed}/archive.zip").status_code == 404
    assert rae.get(f"/research/w/{closed}/archive.zip").text == rae.get(f"/research/w/{'f' * 32}/archive.zip").text
    for path in ("/room", f"/room/w/{shop}", f"/room/w/{shop}/results.csv", f"/room/w/{shop}/archive.zip", "/room/new"):
        assert rae.get(path).headers["location"] == "/room/login", path
    assert rae.get("/room/login").headers["location"] == "/research"
    assert ann.get("/room/login").headers["location"] == "/room"
    assert ann.get("/research").headers["location"] == "/room/login"


@pytest.mark.parametrize("number", [LOAD, SEND, ACT, ACT_CALIBRATE])
def test_a_researcher_is_a_stranger_to_the_call_page(served: Served, number: int) -> None:
    rae = served.researcher("Rae")
    assert rae.event(number, [{"owner": "a" * 32, "call": ""}, "hi", None]) == [{"msg": "refused", "status": 403}]
    assert rae.get("/").headers["location"] == "/join"


def test_trainees_are_told_of_researchers_before_and_it_cannot_be_added_later(served: Served) -> None:
    ann = served.facilitator("Ann")
    person, shop = spoken(served, ann, research="yes")
    assert "Researchers may take your calls" in person.get("/workshop").text
    assert "with tags in place of names" in person.get("/stored").text
    other, private = spoken(served, ann)
    assert "Researchers may" not in other.get("/workshop").text
    assert "nothing of this workshop" in other.get("/stored").text
    refused = ann.post(f"/room/w/{private}/edit", **SETTINGS, research="yes")
    assert refused.status_code == 400 and "was not told that researchers" in refused.text
    assert ann.post(f"/room/w/{shop}/edit", **SETTINGS).status_code == 303
    rae = served.researcher("Rae")
    assert rae.get(f"/research/w/{shop}/archive.zip").status_code == 404


def test_a_researcher_logs_out_and_is_no_facilitator(served: Served) -> None:
    rae = served.researcher("Rae")
    assert rae.post("/research/logout", on="/research").headers["location"] == "/room/login"
    assert rae.get("/research").headers["location"] == "/room/login"
    store = served.rehearsals.store.logins
    assert "Rae" not in [f.name for f in store.facilitators()]
    assert ("Rae", Role.RESEARCHER) in [(f.name, f.role) for f in store.everybody()]


def test_a_server_with_only_a_researcher_has_nobody_to_run_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["four plain words here"] * 2)
    monkeypatch.setattr("simulator.cli.facilitator.typer.prompt", lambda *_, **__: next(typed))
    ran = terminal("facilitator", "add", "Rae", "--role", "researcher")
    assert ran.code == 0 and "opened to research" in ran.err
    assert terminal("facilitator", "list").out.split("\t")[::2] == ["Rae", "researcher\n"]
    assert "facilitator add" in terminal("serve", "--host", "0.0.0.0").err
