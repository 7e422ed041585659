"""What somebody tries who means harm: every event of every page with values that no page of ours sends, on both engines; bodies,
files and paths. SECURITY.md lists the attempts, and what comes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ScriptedGrader, ScriptedVoice
from postgres import Server
from roomkit import ACT_CALIBRATE, SEND, Person, Served, room

from simulator.app.calibrate import Studio
from simulator.app.handlers import Handlers
from simulator.app.scales import MOST
from simulator.app.views import View
from simulator.errors import UnknownNameError
from simulator.rehearsal import Rehearsals
from simulator.store import open_store

HERE = Path(__file__).parent
FIELDS = (
    "call", "what", "session", "turn", "position", "page", "text", "persona", "scenario", "seed", "difficulty", "intensity",
    "register", "mode", "consented", "accepted", "rater", "organisation", "source", "calmness", "empathy",
)  # fmt: skip
HOSTILE: dict[str, Any] = {
    "NUL": "a\0b",
    "NUL alone": "\0",
    "half a character": "\ud800",
    "SQL": "'; DROP TABLE calls; --",
    "SQL that is true": "' OR '1'='1",
    "a path": "../../../etc/passwd",
    "a script": "<script>alert(1)</script>",
    "a formula": "=cmd|' /C calc'!A0",
    "a digit that is none": "²",
    "a long number": "9" * 30,
    "a longer number": "9" * 5000,
    "less than nothing": "-1",
    "no number": "NaN",
    "long": "x" * 200_000,
    "an object": {"a": {"b": 1}},
    "a list": ["x", None],
    "true": True,
    "a float": 1e308,
}


@pytest.fixture
def rehearsals(where: str) -> Iterator[Rehearsals]:
    with open_store(where) as store:
        yield Rehearsals(ScriptedVoice(), ScriptedGrader(), store)


def together(views: Iterator[View]) -> View:
    found: View = {}
    for view in views:
        found |= view
    return found


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_every_act_answers_any_value_with_a_sentence(value: Any, rehearsals: Rehearsals) -> None:
    """No act may fail as a bug does, whichever field holds the value; nor be taken for a call that is there."""
    page, studio = Handlers(rehearsals), Studio(rehearsals)
    me = {"owner": "a" * 32, "call": ""}
    begun = together(page.act(me, {"do": "start", "persona": "anxious", "scenario": "parcel_lost"}))["me"]
    together(page.send(begun, "Hello, this is Ada."))
    for where, acts in ((page, page._acts), (studio, studio._acts)):
        for do in (*acts, value):
            for real in ({}, {"call": begun["call"]}):
                for kept in (me, begun):
                    told = together(where.act(kept, {**dict.fromkeys(FIELDS, value), **real, "do": do}))
                    assert "on our side" not in str(told.get("banner")), (do, real)
                    str(told).encode()  # it can be sent
                    assert "<script>alert" not in str(told)
    for text in (value, "Hello."):
        for kept in (begun, {"owner": value, "call": value}, {"owner": "a" * 32, "call": value}, value):
            told = together(page.send(kept, text, value))
            assert "on our side" not in str(told.get("banner"))
    studio.close()
    assert rehearsals.store.count("b" * 32) == 0


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "' OR 1=1 --", "x" * 5000, "", "ä"])
def test_an_id_that_none_can_be_is_unknown(value: str, where: str) -> None:
    with open_store(where) as store:
        for look in (
            lambda s: s.call(value),
            lambda s: s.events(value, owner="a"),
            lambda s: s.calibration.session(value),
            lambda s: s.calibration.finish(value),
            lambda s: s.workshops.workshop(value, "a"),
            lambda s: s.workshops.member(value, "a"),
        ):
            with pytest.raises(UnknownNameError):
                look(store)


# ---- over HTTP ----


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Served]:
    """On PostgreSQL, which refuses more than SQLite does."""
    with room(tmp_path_factory.mktemp("room"), database=postgres.database()) as app:
        yield app


@pytest.fixture(scope="module")
def bo(served: Served) -> Person:
    ann = served.facilitator("Ann")
    shop = ann.workshop()
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    person = served.person()
    person.join(ann.join_code(shop), "Bo")
    return person


@pytest.mark.parametrize("value", ["a\0b", "'; DROP TABLE rating_sessions; --"])
def test_a_rating_session_that_none_can_be_is_told_kindly(value: str, served: Served) -> None:
    ann = served.facilitator("Ann")
    me = {"owner": "c" * 32, "call": ""}
    for do in ("go-on", "results", "discard", "again", "enough", "finish", "rate", "back"):
        told = json.dumps(ann.event(ACT_CALIBRATE, [me], {"do": do, "what": value, "session": value, "position": "0"}))
        assert "there is no rating session" in told.lower(), do


def test_a_body_that_is_too_large_is_not_read(served: Served, bo: Person) -> None:
    for who in (bo, served.person()):
        for path in ("/gradio_api/queue/join", "/join", "/gradio_api/run/predict", "/"):
            assert who.http.post(path, content=b"x" * (MOST + 1)).status_code == 413, path
    endless = (b"x" * 1024 for _ in range(4))
    assert bo.http.post("/gradio_api/queue/join", content=endless).status_code == 411
    long = json.dumps(bo.event(SEND, [None, "x" * 100_000, None]))
    assert "Something went wrong" not in long
    assert bo.get("/workshop").status_code == 200


def test_no_file_is_taken_from_anybody(served: Served, bo: Person) -> None:
    for who in (bo, served.facilitator("Ann"), served.person()):
        for path in ("/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/upload?upload_id=x"):
            assert who.http.post(path, files={"files": ("x.txt", b"x")}).status_code == 403


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "calls.db", "browser.key", "//etc/passwd"])
def test_no_file_is_given_to_anybody(path: str, served: Served, bo: Person) -> None:
    for who in (bo, served.facilitator("Ann")):
        for way in (
            "/gradio_api/file=",
            "/gradio_api/file/",
            "/file=",
            "/gradio_api/proxy=http://127.0.0.1:9/",
            "/static/",
        ):
            answer = who.get(way + path)
            assert answer.status_code in (303, 307, 400, 403, 404), way
            assert "root:" not in answer.text


def test_gradios_other_ways_to_an_event_lead_to_the_same_gate(served: Served, bo: Person) -> None:
    """An event can be called by name, too: a stranger is refused, a trainee is themself and nobody else."""
    forged = {"owner": "a" * 32, "call": ""}
    for path in ("/gradio_api/call/on_send", "/gradio_api/run/on_send", "/gradio_api/call/on_act"):
        assert served.person().http.post(path, json={"data": [forged, "hi", None]}).status_code == 403
        asked = bo.http.post(path, json={"data": [forged, "hi", None]})
        assert asked.status_code in (200, 403, 404, 422, 500)
        if asked.status_code == 200:
            told = bo.get(f"{path}/{asked.json()['event_id']}").text
            assert "data-call" not in told and "Traceback" not in told
    assert bo.get("/gradio_api/info").json() == {"named_endpoints": {}, "unnamed_endpoints": {}}


# ---- the list of attempts ----


def test_every_attempt_in_the_list_names_a_test_that_is_there() -> None:
    named = re.findall(r"`(test_\w+)\.py::(test_\w+)`", (HERE.parent / "SECURITY.md").read_text(encoding="utf-8"))
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (HERE / f"{file}.py").read_text(encoding="utf-8"), f"{file}.py::{test}"
