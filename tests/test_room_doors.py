"""Who may come in, over real HTTP: every door and every role, every event of the call page, logins and cookies."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from roomkit import (
    ACT,
    ACT_CALIBRATE,
    ACT_LAB,
    LAST,
    LOAD,
    LOAD_CALIBRATE,
    LOAD_LAB,
    PASSWORD,
    SCRIPT,
    SEND,
    SETTINGS,
    Person,
    Served,
    begin,
    fresh,
    owner_of_person,
    room,
)

from simulator.app.room.doors import DOORS, Door
from simulator.workshop.records import Role

pytest_plugins = ["roomfixtures"]


@pytest.fixture(scope="module")
def people(served: Served, ann: Person, shop: str) -> dict[Role, Person]:
    """One browser for each role, and a facilitator who owns another workshop."""
    trainee = served.person()
    trainee.join(ann.join_code(shop), "Bo")
    other = served.facilitator("Olga")
    other.workshop(title="Another")
    return {
        Role.NOBODY: served.person(),
        Role.TRAINEE: trainee,
        Role.FACILITATOR: other,
        Role.OWNER: ann,
        Role.RESEARCHER: served.researcher("Rae"),
    }


ENOUGH = {
    Role.NOBODY: set(Role),
    Role.TRAINEE: {Role.TRAINEE},
    Role.FACILITATOR: {Role.FACILITATOR, Role.OWNER},
    Role.OWNER: {Role.OWNER},
    Role.RESEARCHER: {Role.RESEARCHER},
}
"""Who may come through a door of that role."""


@pytest.mark.parametrize("door", DOORS, ids=lambda d: f"{d.method} {d.path}")
@pytest.mark.parametrize("role", Role)
def test_every_door_lets_in_whom_the_table_says(
    door: Door, role: Role, people: dict[Role, Person], served: Served, shop: str
) -> None:
    person = people[role]
    path = door.path.replace("{workshop}", shop).replace("{code}", "KTRW").replace("{name}", "room.css")
    path = path.replace("{call}", "0" * 32).replace("{turn}", "0").replace("{member}", "0" * 32)
    if door.method == "GET":
        answer = person.get(path)
    else:
        # Without a token nothing is ever done; who is not let in at all is told so before that is looked at.
        answer = person.http.post(path, data={"x": "y"})
        assert answer.status_code in (403, 404)
        assert ("form is too old" in answer.text) == (role in ENOUGH[door.role] or role_enough_before_owner(door, role))
        return
    if role in ENOUGH[door.role]:
        assert answer.status_code in (200, 303, 403 if "first" in path else 200, 404 if "0" * 32 in path else 200)
        assert "/room/login" not in answer.headers.get("location", "") or "login" in path or "first" in path
    elif door.role is Role.OWNER and role is Role.FACILITATOR:
        assert answer.status_code == 404  # another facilitator's workshop is as unknown as one that never was
        assert answer.text == person.get(path.replace(shop, "f" * 32)).text
    elif door.path.endswith("/now") or door.path.endswith("/live"):
        assert answer.status_code == 403
        assert set(answer.json()) == {"error"}
    else:
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/join" if door.role is Role.TRAINEE else "/room/login",
        )
    for header in ("content-security-policy", "x-content-type-options", "x-frame-options"):
        assert header in answer.headers


def role_enough_before_owner(door: Door, role: Role) -> bool:
    """A facilitator's form is looked at before whose workshop it is about."""
    return door.role is Role.OWNER and role is Role.FACILITATOR


@pytest.mark.parametrize(
    "door", [d for d in DOORS if d.role is Role.OWNER and d.method == "POST"], ids=lambda d: d.path
)
def test_another_facilitators_form_with_a_token_of_their_own_finds_nothing(
    door: Door, people: dict[Role, Person], served: Served, shop: str
) -> None:
    store = served.rehearsals.store
    owner = store.logins.find("ann")
    assert owner is not None
    before = store.workshops.workshops(owner[0].id), store.workshops.room(shop)
    assert [w.id for w, _ in before[0]] == [shop]
    path = door.path.replace("{workshop}", shop).replace("{call}", "0" * 32).replace("{turn}", "0")
    answer = people[Role.FACILITATOR].post(path, on="/room/new", **SETTINGS, message="x")
    assert answer.status_code == 404
    assert (store.workshops.workshops(owner[0].id), store.workshops.room(shop)) == before


def test_the_numbers_of_the_events_are_those_of_the_page(ann: Person) -> None:
    events = ann.get("/config").json()["dependencies"]
    kinds = [(e["id"], e["targets"][0][1]) for e in events]
    assert (LOAD, "load") in kinds
    assert (SEND, "submit") in kinds
    assert (ACT, "act") in kinds
    assert [i for i, kind in kinds if kind == "load"] == [LOAD, LOAD_CALIBRATE, LOAD_LAB]
    assert len(kinds) == LAST + 1


@pytest.mark.parametrize(
    "before", ["", "/", "/join", "/stored", "/room", "/room/..", "/static/..", "/assets/..", "/svelte/../.."]
)
@pytest.mark.parametrize(
    "path", ["/config", "/gradio_api/info", "/calibrate", "/lab", "/gradio_api/startup-events/../info"]
)
def test_a_closed_page_has_no_way_round(before: str, path: str, served: Served) -> None:
    for asked in (before + path, f"{before}{path}/", (before + path).replace("..", "%2e%2e")):
        with socket.create_connection((urlsplit(served.address).hostname, urlsplit(served.address).port)) as bare:
            bare.sendall(f"GET {asked} HTTP/1.0\r\nHost: x\r\n\r\n".encode())  # as it is: no client tidies it
            answer = b"".join(iter(lambda: bare.recv(65536), b"")).decode(errors="replace")
        assert "dependencies" not in answer and "named_endpoints" not in answer, asked
        assert int(answer.split()[1]) in (303, 307, 400, 403, 404) or "Join a workshop" in answer, asked


@pytest.mark.parametrize("number", range(LAST + 1))
def test_a_closed_page_answers_no_event_of_a_stranger(number: int, served: Served) -> None:
    stranger = served.person()
    assert stranger.event(number, [{"owner": "a" * 32, "call": ""}, "hi", None]) == [{"msg": "refused", "status": 403}]
    for path in ("/config", "/gradio_api/info", "/gradio_api/queue/data?session_hash=x", "/gradio_api/heartbeat/x"):
        assert stranger.get(path).status_code == 403
    assert stranger.http.post("/gradio_api/upload", files={"files": b"x"}).status_code == 403
    assert stranger.get("/").headers["location"] == "/join"


def test_every_event_of_a_trainee_is_their_own_whatever_it_says(served: Served, ann: Person) -> None:
    victim, _ = fresh(served, ann, "Victim")
    call = begin(victim)
    forged = {"owner": owner_of_person(victim), "call": call}
    victim.say("My secret word is marzipan.", forged)
    assert "marzipan" in victim.act(forged, do="go-on", call=call)
    thief, _ = fresh(served, ann, "Thief")
    acts = ("open", "go-on", "branch", "download", "delete", "history", "resume", "end", "note", "debrief", "hold")
    told = [thief.event(ACT, [forged, "hi"], {"do": do, "call": call, "turn": "0", "what": "jsonl"}) for do in acts]
    for number in range(ACT_CALIBRATE + 1):
        data = [forged, "hi", None] if number == SEND else [forged, "hi"] if 2 <= number <= 9 else [forged]
        told.append(thief.event(number, data, {"do": "open", "call": call}))
    assert all(len(messages) > 1 for messages in told)
    assert "marzipan" not in json.dumps(told)
    assert [e.kind for e in served.rehearsals.store.events(call)].count("trainee_spoke") == 1
    assert "marzipan" in victim.act(forged, do="go-on", call=call)


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "'; DROP TABLE seats; --", "a" * 20_000, "%00"])
def test_a_forged_cookie_is_nobody(cookie: str, served: Served) -> None:
    forger = served.person(Cookie=f"dcs_seat={cookie}; dcs_login={cookie}; dcs_form={cookie}")
    assert forger.get("/workshop").headers.get("location") in ("/join", None)
    assert forger.get("/room").status_code in (303, 400, 431)
    assert forger.get("/config").status_code in (403, 400, 431)


def test_calibration_is_not_for_trainees(served: Served, ann: Person) -> None:
    person, _ = fresh(served, ann)
    for number, data in ((LOAD_CALIBRATE, [None]), (ACT_CALIBRATE, [{"owner": "a" * 32, "call": ""}])):
        assert "for whoever runs this server" in json.dumps(person.event(number, data, {"do": "home"}))
    assert "screen" in json.dumps(ann.event(LOAD_CALIBRATE, [None]))


def test_the_persona_lab_is_for_facilitators(served: Served, ann: Person) -> None:
    person, _ = fresh(served, ann)
    for number in (LOAD_LAB, *range(ACT_LAB, LAST + 1)):
        told = json.dumps(person.event(number, [{"owner": "a" * 32, "call": ""}], {"do": "open", "text": "anxious"}))
        assert "changes callers for everybody" in told
        assert "lab-text" not in told
    assert "lab-text" in json.dumps(ann.event(LOAD_LAB, [None]))
    assert "nav-lab" in ann.load()
    assert "nav-lab" not in person.load()


def test_on_an_open_page_the_persona_lab_is_for_this_machine(tmp_path: Path) -> None:
    with room(tmp_path, closed=False) as app:
        assert "lab-text" in json.dumps(app.person().event(LOAD_LAB, [None]))
        for header in ({"x-forwarded-for": "192.0.2.7"}, {"host": "elsewhere.example"}):
            told = json.dumps(app.person(**header).event(LOAD_LAB, [None]))
            assert "lab-text" not in told
            assert "changes callers for everybody" in told


def test_an_open_page_stays_as_it_was(tmp_path: Path) -> None:
    with room(tmp_path, closed=False) as app:
        somebody = app.person()
        assert somebody.get("/").status_code == 200
        page = somebody.load()
        assert "persona-abusive" in page
        assert "member:" not in page
        me = {"owner": "a" * 32, "call": ""}
        assert "data-opening" in somebody.act(me, do="start", persona="demanding")
        forged = {"owner": "member:" + "a" * 32, "call": ""}
        assert "no identity" in somebody.act(forged, do="history")


def test_the_first_facilitator_sets_a_password_on_this_machine_and_only_once(tmp_path: Path) -> None:
    with room(tmp_path) as app:
        for headers in ({"X-Forwarded-For": "203.0.113.9"}, {"Host": "evil.example"}, {"Forwarded": "for=203.0.113.9"}):
            away = app.person(**headers)
            assert away.get("/room/first").status_code == 403
            assert "facilitator add" in away.get("/room/first").text
        here = app.person()
        assert here.get("/room/login").headers["location"] == "/room/first"
        for password, again, told in (("short", "short", "10 to 200"), (PASSWORD, PASSWORD + "x", "not the same")):
            answer = here.post("/room/first", name="Ann", password=password, again=again)
            assert (answer.status_code, told in answer.text) == (400, True)
            assert password not in answer.text.replace(SCRIPT, "")
        assert here.post("/room/first", name="Ann", password=PASSWORD, again=PASSWORD).headers["location"] == "/room"
        assert here.get("/room").status_code == 200
        other = app.person()
        assert other.get("/room/first").headers["location"] == "/room/login"
        answer = other.post("/room/first", on="/join", name="Eve", password=PASSWORD, again=PASSWORD)
        assert answer.status_code == 303
        assert [f.name for f in app.rehearsals.store.logins.facilitators()] == ["Ann"]


def test_guessing_a_password_is_slowed_also_over_a_restart(tmp_path: Path) -> None:
    with room(tmp_path) as app:
        ann = app.facilitator("Ann")
        guesser = app.person()
        codes = [guesser.log_in("Ann", f"wrong password {n}").status_code for n in range(7)]
        assert codes == [401] * 5 + [429] * 2
        assert guesser.log_in("Ann").status_code == 429  # the right one has to wait, too
        assert guesser.log_in("Nobody", "wrong password").status_code == 429  # by address, whatever the name
        assert ann.get("/room").status_code == 200  # who is in stays in
    with room(tmp_path) as app:
        codes = [app.person().log_in("Ann", f"wrong password {n}").status_code for n in range(4)]
        assert 429 in codes  # where the count began anew, five more were free; on a slow machine a wait is over sooner


def test_logging_out_and_another_password_end_a_login(served: Served) -> None:
    eve = served.facilitator("Eve")
    again = served.facilitator("Eve")
    assert eve.post("/room/logout", on="/room/new", token=again_token(eve)).status_code == 303
    assert eve.get("/room").status_code == 303
    assert again.get("/room").status_code == 200
    from simulator.workshop.codes import hash_password

    served.rehearsals.store.logins.set_password("EVE", hash_password("another password"))
    assert again.get("/room").status_code == 303


def again_token(person: Person) -> str:
    return str(re.findall(r'name="token" value="([0-9a-f]+)"', person.get("/room").text)[0])


def test_cookies_can_be_read_by_no_script_and_sent_by_no_other_site(served: Served, ann: Person) -> None:
    person = served.person()
    form = person.get("/join").headers["set-cookie"].lower()
    joined = person.post("/join", code=ann.join_code(ann.workshop()), name="Bo").headers["set-cookie"].lower()
    login = served.person().log_in("Ann").headers["set-cookie"].lower()
    assert all("httponly" in cookie for cookie in (form, joined, login))
    assert "samesite=strict" in form and "samesite=strict" in login and "samesite=lax" in joined
    database = (Path(str(served.rehearsals.store._engine.url.database))).read_bytes()
    for cookie in (joined, login):
        assert cookie.partition("=")[2].partition(";")[0].encode() not in database.lower()
