"""The room's pages over real HTTP: every door and every role, and what people try who should not."""

from __future__ import annotations

import html
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from postgres import PASSWORD as PLACE_PASSWORD
from postgres import Server
from roomkit import (
    ACT,
    ACT_CALIBRATE,
    ACT_LAB,
    CODE,
    LAST,
    LOAD,
    LOAD_CALIBRATE,
    LOAD_LAB,
    PASSWORD,
    SEND,
    SETTINGS,
    Person,
    Served,
    room,
)

from simulator.app.room.doors import DOORS, LONGEST_FORM, Door
from simulator.workshop.records import Role

FORM = "application/x-www-form-urlencoded"
SCRIPT = "<script>alert(1)</script>\"'&{{7*7}}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with room(tmp_path_factory.mktemp("room")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(served: Served) -> Person:
    return served.facilitator("Ann")


@pytest.fixture(scope="module")
def shop(ann: Person) -> str:
    made = ann.workshop(may_read="yes", research="yes")
    assert ann.post(f"/room/w/{made}/start", on=f"/room/w/{made}").status_code == 303
    return made


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


# ---- roles ----

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


# ---- the call page's events ----


def begin(person: Person, **chosen: str) -> str:
    """A call in a workshop, begun; its id."""
    answer = person.act(do="start", persona="demanding", scenario="telecom_double_billing", **chosen)
    found = re.findall(r'data-call=\\?"([0-9a-f]{32})', answer)
    assert found, answer
    return str(found[-1])


def fresh(served: Served, ann: Person, name: str = "Bo", **changed: str) -> tuple[Person, str]:
    """A trainee in a started workshop of their own."""
    shop = ann.workshop(**changed)
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    person = served.person()
    person.join(ann.join_code(shop), name)
    return person, shop


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


def test_a_trainee_plays_by_the_rules_of_the_workshop(served: Served, ann: Person) -> None:
    person, _ = fresh(served, ann)
    page = person.load()
    assert "persona-anxious" in page
    for left_out in (
        "persona-abusive",
        "scenario-parcel_lost",
        "difficulty-medium",
        "intensity-harsh",
        "register-chat",
        "mode-exam",
    ):
        assert left_out not in page
    assert "empathy <b>3.5</b>" in page
    assert "Billing team" in page
    start = {"do": "start", "persona": "demanding", "scenario": "telecom_double_billing"}
    refused = (
        {"persona": "abusive"}, {"scenario": "parcel_lost"}, {"difficulty": "medium"}, {"intensity": "harsh", "consented": True},
        {"register": "chat"},
    )  # fmt: skip
    for change in refused:
        assert "banner-text" in person.act(**{**start, **change}), change
    assert served.rehearsals.store.count(owner_of_person(person)) == 0
    call = begin(person, mode="exam")  # what is not theirs to choose is as the workshop says
    assert served.rehearsals.take_up(call, owner=owner_of_person(person)).call.start.hints


def owner_of_person(person: Person) -> str:
    found = re.findall(r"member:[0-9a-f]{32}", person.load())
    return str(found[0])


def test_attempts_run_out_and_deleting_a_call_wins_none_back(served: Served, ann: Person) -> None:
    person, _ = fresh(served, ann, attempts="2")
    first = begin(person)
    person.act({"owner": owner_of_person(person), "call": first}, do="end")
    person.act(do="delete", call=first)
    assert served.rehearsals.store.count(owner_of_person(person)) == 0
    second = begin(person)
    assert "used your 2 attempts" in person.act(do="start", persona="demanding", scenario="telecom_double_billing")
    assert "used your 2 attempts" in person.act(do="same-again", call=second)
    person.say("Hello.", {"owner": owner_of_person(person), "call": second})
    assert "data-opening" in person.act(do="branch", call=second, turn="0")  # a second try is practice
    assert "0 of 2 attempts left" in person.get("/workshop").text


def test_an_exam_cannot_be_tried_again(served: Served, ann: Person) -> None:
    person, _ = fresh(served, ann, mode="exam")
    call = begin(person)
    person.say("Hello.", {"owner": owner_of_person(person), "call": call})
    assert "no turn is tried again" in person.act(do="branch", call=call, turn="0")


def test_nothing_starts_before_the_workshop_does_nor_after(served: Served, ann: Person) -> None:
    shop = ann.workshop()
    person = served.person()
    code = ann.join_code(shop)
    person.join(code, "Early")
    assert "has not started yet" in person.act(do="start", persona="demanding", scenario="telecom_double_billing")
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    call = begin(person)
    ann.post(f"/room/w/{shop}/end", on=f"/room/w/{shop}")
    here = {"owner": owner_of_person(person), "call": call}
    for refused in (
        person.say("Hello.", here),
        person.act(here, do="same-again"),
        person.act(here, do="start", persona="demanding"),
    ):
        assert "has ended" in refused
    assert "debrief" in person.act(here, do="end")
    late = served.person().post("/join", code=code, name="Late")
    assert late.status_code == 400
    assert "has ended" in late.text


def test_a_trainee_comes_back_in_another_browser(served: Served, ann: Person) -> None:
    shop = ann.workshop()
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    first, second = served.person(), served.person()
    back = first.join(ann.join_code(shop), "Bo")
    call = begin(first)
    assert second.post("/return", on="/join", back=back.lower().replace("-", " ")).headers["location"] == "/workshop"
    assert call in second.load()
    assert owner_of_person(first) == owner_of_person(second)
    first.post("/workshop/leave", on="/workshop")
    assert first.get("/workshop").headers["location"] == "/join"
    assert second.get("/workshop").status_code == 200
    member = served.rehearsals.store.workshops.room(shop)[0].member
    newer = CODE.findall(ann.post(f"/room/w/{shop}/code", on=f"/room/w/{shop}", member=member.id).text)
    assert first.post("/return", on="/join", back=back).status_code == 400
    assert any(first.post("/return", on="/join", back=code).status_code == 303 for code in newer)


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


# ---- passwords ----


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


# ---- what people try ----


def test_what_people_type_is_shown_as_text(served: Served, ann: Person) -> None:
    shop = ann.workshop(title=SCRIPT)
    bo = served.person()
    bo.join(ann.join_code(shop), SCRIPT[:40])
    pages = [bo.get("/workshop"), ann.get("/room"), ann.get(f"/room/w/{shop}"), ann.get(f"/room/w/{shop}/edit")]
    pages += [served.person().post("/join", code=SCRIPT, name=SCRIPT), served.person().log_in(SCRIPT[:40], "x" * 12)]
    pages += [served.person().get("/join/%3Cscript%3E"), bo.get("/join")]
    for answer in pages:
        assert "<script>alert" not in answer.text
        assert "49" not in re.findall(r"&amp;(\\S*)", answer.text)
        assert "&lt;script&gt;" in answer.text
    told = bo.load()
    assert "<script>alert" not in told
    assert "&lt;script&gt;" in told


@pytest.mark.parametrize(
    "name",
    ["Robert'); DROP TABLE members;--", "' OR 1=1 --", "../../etc/passwd", "=cmd|' /C calc'!A0", "𝕬𝖓𝖓 ‮ evil", "x" * 40],
)
def test_any_name_is_only_a_name(name: str, served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann, name)
    kept = served.rehearsals.store.workshops.room(shop)[0].member.name
    assert kept == " ".join("".join(c if c.isprintable() else " " for c in name).split())
    assert html.escape(kept).replace("&#x27;", "&#39;") in ann.get(f"/room/w/{shop}").text
    assert person.get("/workshop").status_code == 200


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "\u200b", "x" * 500])
def test_a_name_that_is_none_is_refused(name: str, served: Served, ann: Person) -> None:
    code = ann.join_code(ann.workshop())
    assert served.person().post("/join", code=code, name=name).status_code == 400


@pytest.mark.parametrize("code", ["", "AAAAAAAA", "KTRWMPH", "' OR ''='", "%", "________", "../room", "K" * 5000])
def test_a_code_that_is_none_leads_nowhere(code: str, served: Served) -> None:
    answer = served.person().post("/join", code=code, name="Eve")
    assert answer.status_code in (400, 429)
    assert "set-cookie" not in {k for k in answer.headers if "dcs_seat" in answer.headers[k]}


def test_guessing_codes_is_slowed(tmp_path: Path) -> None:
    with room(tmp_path) as app:
        right = (ann := app.facilitator("Ann")).join_code(ann.workshop())
        eve = app.person()
        answers = [eve.post("/join", code="KTRWMPHX", name="Eve").status_code for _ in range(24)]
        assert answers[:20] == [400] * 20
        assert 429 in answers[20:]
        assert eve.post("/join", code=right, name="Eve").status_code == 429
        assert eve.post("/return", on="/join", back="KTRWMPHXKTRW").status_code == 429


def test_forms_that_no_page_of_ours_sends(served: Served, ann: Person, shop: str) -> None:
    path, token = f"/room/w/{shop}/end", ann.token(f"/room/w/{shop}")
    send = ann.http.post
    assert send(path, data={"x": ""}).status_code == 403
    assert send(path, data={"token": "0" * 40}).status_code == 403
    assert send(path, data={"token": served.facilitator("Olga").token("/room/new")}).status_code == 403
    assert send(path, data={"token": token}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert send(path, data={"token": token}, headers={"Origin": "null"}).status_code == 403
    assert send(path, data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert send(path, json={"token": token}).status_code == 415
    assert send(path, files={"token": token.encode()}).status_code == 415
    assert send(path, data={"token": token, "x": "y" * LONGEST_FORM}).status_code == 413
    assert send(path, content=b"token=%ff%fe", headers={"Content-Type": FORM}).status_code == 400
    assert (
        send(path, content="&".join(f"f{n}=1" for n in range(400)), headers={"Content-Type": FORM}).status_code == 400
    )
    assert ann.http.request("DELETE", f"/room/w/{shop}").status_code in (404, 405)
    assert served.rehearsals.store.workshops.by_code(ann.join_code(shop).replace("-", "")).status.value == "open"


@pytest.mark.parametrize(
    "path",
    [
        "/room/static/../visit.py",
        "/room/static/..%2fvisit.py",
        "/room/static/%2e%2e%2f%2e%2e%2fserve.py",
        "/room/static/room.py",
        "/join/..%2f..%2fetc%2fpasswd",
        "/room/w/..%2f..",
        "/room/w/%27%20OR%201=1--",
        "/room/w/" + "a" * 5000,
    ],
)
def test_no_path_leads_out(path: str, ann: Person) -> None:
    answer = ann.get(path)
    assert answer.status_code in (200, 303, 404)
    assert "import" not in answer.text
    assert "root:" not in answer.text


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


# ---- workshops ----


def test_a_workshop_is_made_changed_and_copied(served: Served, ann: Person) -> None:
    shop = ann.workshop(title="One", may_read="yes")
    page = ann.get(f"/room/w/{shop}/edit").text
    for part in (
        'value="One"',
        'value="demanding" checked',
        'value="hard" checked',
        'name="may_read" value="yes" checked',
        'value="3.5"',
    ):
        assert part in page
    assert 'value="abusive" checked' not in page
    changed = {**SETTINGS, "title": "Two", "attempts": "5", "mode": "exam", "medium": "chat"}
    assert ann.post(f"/room/w/{shop}/edit", **changed).status_code == 303
    store = served.rehearsals.store.workshops
    host = served.rehearsals.store.logins.find("Ann")
    assert host is not None
    kept = store.workshop(shop, host[0].id).settings
    assert (kept.title, kept.attempts, kept.hints, kept.medium.value, kept.may_read) == ("Two", 5, False, "chat", False)
    copy = ann.post(f"/room/w/{shop}/duplicate", on=f"/room/w/{shop}").headers["location"].split("/")[3]
    again = store.workshop(copy, host[0].id)
    assert again.settings.title == "Two (again)"
    assert again.settings.model_copy(update={"title": "Two"}) == kept
    assert again.join_code != store.workshop(shop, host[0].id).join_code


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("title", "", "title"), ("title", "x" * 81, "title"), ("personas", [], "one caller"), ("personas", ["nobody"], "not on this server"),
     ("scenarios", [], "one situation"), ("difficulties", ["extreme"], "one difficulty"), ("attempts", "0", "whole number"),
     ("attempts", "many", "whole number"), ("mark_empathy", "6", "pass mark"), ("mark_empathy", "nan", "pass mark"),
     ("retention_days", "0", "Days"), ("intensity", "lethal", "intensity"), ("medium", "", "medium")],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_typed_is_lost(field: str, value: object, told: str, ann: Person) -> None:
    answer = ann.post("/room/new", **{**SETTINGS, "title": "Kept title", field: value})
    assert answer.status_code == 400
    assert told in answer.text.partition('id="error"')[2].partition("</p>")[0]
    assert field == "title" or "Kept title" in answer.text
    assert field == "personas" or 'value="demanding" checked' in answer.text


def test_promises_made_to_those_who_joined_are_kept(served: Served, ann: Person) -> None:
    _, shop = fresh(served, ann)
    looser = ann.post(f"/room/w/{shop}/edit", **{**SETTINGS, "may_read": "yes"})
    assert looser.status_code == 400
    assert "was told that nobody reads" in looser.text
    longer = ann.post(f"/room/w/{shop}/edit", **{**SETTINGS, "retention_days": "31"})
    assert "deleted after 30 days" in longer.text
    assert ann.post(f"/room/w/{shop}/edit", **{**SETTINGS, "retention_days": "7"}).status_code == 303


def test_deleting_a_workshop_deletes_the_calls(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann, title="Away")
    call = begin(person)
    person.say("Xanthippe was here.", {"owner": owner_of_person(person), "call": call})
    files = Path(str(served.rehearsals.store._engine.url.database)).parent
    assert any(b"Xanthippe" in f.read_bytes() for f in files.iterdir() if f.is_file())
    assert ann.post(f"/room/w/{shop}/delete", on=f"/room/w/{shop}", title="Wrong").status_code == 400
    assert ann.post(f"/room/w/{shop}/delete", on=f"/room/w/{shop}", title="Away").status_code == 303
    assert ann.get(f"/room/w/{shop}").status_code == 404
    assert person.get("/workshop").headers["location"] == "/join"
    assert not any(b"Xanthippe" in f.read_bytes() for f in files.iterdir() if f.is_file())


# ---- the live room ----


def test_the_room_shows_who_is_where_and_no_words(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann, "Bo", attempts="1")
    waiting = served.person()
    waiting.join(ann.join_code(shop), "Cy")
    live = f"/room/w/{shop}/live"
    assert "Waiting: 2" in ann.get(live).text
    call = begin(person)
    here = {"owner": owner_of_person(person), "call": call}
    person.say("My secret word is marzipan.", here)
    page = ann.get(live).text
    for part in ("Waiting: 1", "In a call: 1", "Done: 0", "emanding", "Calm <b>3</b>"):
        assert part in page, part
    assert re.search(r'<td class="n">1</td>', page)
    person.act(here, do="end")
    assert "Done: 1" in ann.get(live).text
    for path in ("", "/live", "/wall", "/wall/live", "/edit"):
        assert "marzipan" not in ann.get(f"/room/w/{shop}{path}").text


def test_the_wall_has_no_names(served: Served, ann: Person) -> None:
    _, shop = fresh(served, ann, "Bartholomew")
    assert "Bartholomew" in ann.get(f"/room/w/{shop}").text
    for path in ("/wall", "/wall/live"):
        assert "Bartholomew" not in ann.get(f"/room/w/{shop}{path}").text
    assert ann.join_code(shop) in ann.get(f"/room/w/{shop}/wall").text


def test_a_pause_refuses_turns_kindly_and_loses_nothing(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann)
    call = begin(person)
    here = {"owner": owner_of_person(person), "call": call}
    _pause(ann, shop, "yes")
    assert person.get("/workshop/now").json() == {"status": "paused", "message": ""}
    refused = person.event(SEND, [here, "Hello, this is Bo.", None])
    assert "has paused the room" in json.dumps(refused)
    assert "data-sent" not in json.dumps(refused)  # so the page leaves the words in the text box
    assert [e.kind for e in served.rehearsals.store.events(call)] == ["call_started"]
    for do in ("start", "same-again"):
        assert "has paused the room" in person.act(here, do=do, persona="demanding", scenario="telecom_double_billing")
    assert "Saved" in person.act(here, do="note", text="a note")
    _pause(ann, shop, "no")
    assert "This is turn 1." in person.say("Hello, this is Bo.", here)


def _pause(facilitator: Person, shop: str, on: str) -> None:
    token = facilitator.token(f"/room/w/{shop}")
    answer = facilitator.http.post(f"/room/w/{shop}/pause", data={"token": token, "on": on})
    assert answer.status_code == 303


def test_a_message_reaches_everybody_in_the_workshop_only(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann)
    elsewhere, _ = fresh(served, ann)
    assert (
        ann.post(f"/room/w/{shop}/message", on=f"/room/w/{shop}", message=f"  Ask first. {SCRIPT}\n").status_code == 303
    )
    assert person.get("/workshop/now").json()["message"] == f"Ask first. {SCRIPT}"
    assert elsewhere.get("/workshop/now").json()["message"] == ""
    assert "<script>alert" not in ann.get(f"/room/w/{shop}/wall").text
    assert ann.post(f"/room/w/{shop}/message", on=f"/room/w/{shop}", message="x" * 301).status_code == 400
    ann.post(f"/room/w/{shop}/message", on=f"/room/w/{shop}", message=" ")
    assert person.get("/workshop/now").json()["message"] == ""


def test_the_qr_code_is_the_address_and_says_nothing_else(ann: Person, shop: str) -> None:
    page = ann.get(f"/room/w/{shop}").text
    drawn = re.findall(r"<svg.*?</svg>", page, re.S)[0]
    assert set(re.findall(r"<(\w+)", drawn)) <= {"svg", "path"}
    assert f"{ann.address}/join/{ann.join_code(shop).replace('-', '')}" in page


# ---- debriefing, review, privacy ----


@pytest.fixture
def spoken(served: Served, ann: Person) -> tuple[Person, str, str]:
    """A trainee who has said something in a call that may be read, the workshop, and the call."""
    person, shop = fresh(served, ann, "Bartholomew", may_read="yes")
    call = begin(person)
    here = {"owner": owner_of_person(person), "call": call}
    for text in ("My secret word is marzipan.", f"Second turn {SCRIPT}"):
        person.say(text, here)
    return person, shop, call


def test_the_group_is_debriefed_without_names_or_words(
    served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    person, shop, _ = spoken
    empty = ann.workshop()
    assert "Nothing to talk over yet" in ann.get(f"/room/w/{empty}/group").text
    page = ann.get(f"/room/w/{shop}/group").text
    for part in ("Trainee 1", "3.0", "What was missed most", "Nobody has agreed", "Questions for the group"):
        assert part in page
    for hidden in ("Bartholomew", "marzipan", "Second turn"):
        assert hidden not in page
    assert "Bartholomew" in ann.get(f"/room/w/{shop}/group?names=yes").text
    assert _reads(served, shop) == 0
    person.post("/workshop/share", on="/workshop", yes="yes")
    page = ann.get(f"/room/w/{shop}/group").text
    assert "Second turn" in page
    assert "<script>alert" not in page
    assert "Bartholomew" not in page
    assert _reads(served, shop) == 1
    assert "a moment, for the group" in person.get("/workshop").text


def test_one_moment_is_set_side_by_side_of_those_who_agreed_only(served: Served, ann: Person) -> None:
    first, shop = fresh(served, ann, "Bartholomew")
    code = ann.join_code(shop)
    people = {"marzipan": first}
    for word, name in (("nougat", "Cleopatra"), ("liquorice", "Demetrius")):
        people[word] = served.person()
        people[word].join(code, name)
    for word, person in people.items():
        here = {"owner": owner_of_person(person), "call": begin(person)}
        for n in range(3):
            person.say(f"My word number {n} is {word} {SCRIPT}", here)
    page = f"/room/w/{shop}/group"
    assert "As soon as two trainees who agreed" in ann.get(page).text
    first.post("/workshop/share", on="/workshop", yes="yes")
    assert "As soon as two trainees who agreed" in ann.get(page).text
    people["nougat"].post("/workshop/share", on="/workshop", yes="yes")
    before = _reads(served, shop)
    text = ann.get(page).text.partition('id="same"')[2]
    for part in ("Which moment?", "Answer no 1 to the caller (2 people)", "marzipan", "nougat", "Another, turn"):
        assert part in text, part
    for hidden in ("liquorice", "Bartholomew", "Cleopatra", "<script>alert"):
        assert hidden not in text
    assert _reads(served, shop) == before + 2
    keys = re.findall(r'<option value="([^"]+)"', text)
    assert "demanding/telecom_double_billing/answer-2" in keys
    text = ann.get(f"{page}?same=demanding/telecom_double_billing/answer-2").text.partition('id="same"')[2]
    assert "My word number 2 is nougat" in text
    assert "My word number 1 is" not in text
    people["nougat"].post("/workshop/share", on="/workshop", yes="no")
    assert "As soon as two trainees who agreed" in ann.get(f"{page}?same={keys[0]}").text


def _reads(served: Served, shop: str) -> int:
    return len(served.rehearsals.store.workshops.readings(shop))


def test_results_are_a_file_that_no_spreadsheet_runs(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann, "=HYPERLINK(1)", title="+T")
    call = begin(person)
    person.say("=1+1", {"owner": owner_of_person(person), "call": call})
    answer = ann.get(f"/room/w/{shop}/results.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="results-t.csv"'
    lines = answer.text.lstrip("\ufeff").splitlines()
    assert len(lines) == 2
    assert re.match(r"'\+T,'=HYPERLINK\(1\),[0-9a-f]{8},1,", lines[1])
    assert not re.findall(r"(?:^|,)[=+@-]", lines[1])


def test_a_turn_is_graded_again_and_both_grades_are_kept(
    served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    person, shop, call = spoken
    assert call in ann.get(f"/room/w/{shop}/review").text
    assert "marzipan" not in ann.get(f"/room/w/{shop}/review").text
    page = ann.get(f"/room/w/{shop}/call/{call}")
    assert "marzipan" in page.text
    assert "<script>alert" not in page.text
    assert "read a call" in person.get("/workshop").text
    on, to = f"/room/w/{shop}/call/{call}", f"/room/w/{shop}/call/{call}/0"
    assert ann.post(to, on=on, calmness="5", empathy="none", comment=f"Warm. {SCRIPT}").status_code == 303
    assert ann.post(to, on=on, calmness="4").status_code == 303
    given = served.rehearsals.store.workshops.regrades([call])
    assert [(g.by, g.levels) for g in given] == [("Ann", {"calmness": 5, "empathy": None}), ("Ann", {"calmness": 4})]
    row = ann.get(f"/room/w/{shop}/results.csv").text.splitlines()
    found = dict(zip(row[0].lstrip("\ufeff").split(","), row[1].split(","), strict=False))
    assert (found["calmness_machine"], found["calmness_human"]) == ("3.0", "3.5")
    mine = person.get("/workshop").text
    assert "Warm. &lt;script&gt;" in mine
    assert "Calm <b>4</b>" in mine


@pytest.mark.parametrize(
    ("turn", "fields", "status"),
    [
        ("0", {"calmness": "6"}, 400),
        ("0", {"calmness": "none"}, 400),
        ("0", {"empathy": "x"}, 400),
        ("0", {}, 400),
        ("0", {"comment": "x" * 1001}, 400),
        ("1", {"calmness": "3"}, 404),
        ("99", {"calmness": "3"}, 404),
        ("-1", {"calmness": "3"}, 404),
        ("²", {"calmness": "3"}, 404),
    ],
)
def test_grades_that_cannot_be_are_refused(
    turn: str, fields: dict[str, str], status: int, served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    _, shop, call = spoken
    answer = ann.post(f"/room/w/{shop}/call/{call}/{turn}", on=f"/room/w/{shop}/call/{call}", **fields)
    assert answer.status_code == status
    assert served.rehearsals.store.workshops.regrades([call]) == []


def test_words_are_read_only_where_trainees_were_told_so(
    served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    person, private = fresh(served, ann)
    call = begin(person)
    person.say("My secret word is marzipan.", {"owner": owner_of_person(person), "call": call})
    _, shop, readable = spoken
    assert "nobody reads" in ann.get(f"/room/w/{private}/review").text
    for path in (f"/room/w/{private}/call/{call}", f"/room/w/{shop}/call/{call}"):
        answer = ann.get(path)
        assert answer.status_code in (400, 404)
        assert "marzipan" not in answer.text
    answer = ann.post(f"/room/w/{private}/call/{call}/0", on=f"/room/w/{private}", calmness="5")
    assert answer.status_code == 400
    assert _reads(served, private) == 0
    other = served.facilitator("Olga")
    assert other.get(f"/room/w/{shop}/call/{readable}").status_code == 404
    assert other.get(f"/room/w/{other.workshop(may_read='yes')}/call/{readable}").status_code == 404


def test_the_audit_log_names_who_and_whom(ann: Person, spoken: tuple[Person, str, str]) -> None:
    _, shop, call = spoken
    assert "Nobody has read anything" in ann.get(f"/room/w/{shop}/audit").text
    ann.get(f"/room/w/{shop}/call/{call}")
    page = ann.get(f"/room/w/{shop}/audit").text
    assert "Bartholomew" in page
    assert "Ann" in page


def test_a_trainee_gets_all_their_data_and_nobody_elses(
    served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    person, shop, call = spoken
    neighbour = served.person()
    neighbour.join(ann.join_code(shop), "Neighbour")
    answer = person.get("/workshop/data.json")
    kept = answer.json()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert kept["member"]["name"] == "Bartholomew"
    assert [c["id"] for c in kept["calls"]] == [call]
    assert [e["kind"] for e in kept["calls"][0]["events"]][:2] == ["call_started", "trainee_spoke"]
    assert "marzipan" in answer.text
    other = neighbour.get("/workshop/data.json")
    assert other.json()["calls"] == []
    assert "marzipan" not in other.text
    assert "hash" not in answer.text


def test_a_trainee_deletes_everything_of_theirs(served: Served, ann: Person, spoken: tuple[Person, str, str]) -> None:
    person, shop, call = spoken
    assert person.post("/workshop/delete", on="/workshop").status_code == 400
    assert len(served.rehearsals.store.events(call)) > 1
    gone = person.post("/workshop/delete", on="/workshop", sure="yes")
    assert "is deleted" in gone.text
    assert person.get("/workshop").headers["location"] == "/join"
    assert person.event(LOAD, [None]) == [{"msg": "refused", "status": 403}]
    assert "Bartholomew" not in ann.get(f"/room/w/{shop}").text
    assert call not in ann.get(f"/room/w/{shop}/review").text


def test_a_new_return_code_is_told_to_whose_it_is(served: Served, ann: Person, spoken: tuple[Person, str, str]) -> None:
    """Whoever has seen it could come in as the trainee."""
    person, shop, _ = spoken
    member = served.rehearsals.store.workshops.room(shop)[0].member
    assert "new return code" not in person.get("/workshop").text
    assert ann.post(f"/room/w/{shop}/code", on=f"/room/w/{shop}", member=member.id).status_code == 200
    assert "<b>Ann</b> read a new return code" in person.get("/workshop").text
    assert "a new return code" in ann.get(f"/room/w/{shop}/audit").text


def test_ids_of_another_workshop_lead_nowhere_in_ones_own(
    served: Served, ann: Person, spoken: tuple[Person, str, str]
) -> None:
    """Also for the facilitator of both: a call or trainee is of one workshop, and its promises hold for it."""
    person, shop, call = spoken
    mine = ann.workshop(may_read="yes", title="Mine")
    store = served.rehearsals.store.workshops
    member, here = store.room(shop)[0].member, f"/room/w/{mine}"
    assert ann.get(f"{here}/call/{call}").status_code == 404
    assert ann.post(f"{here}/call/{call}/0", on="/room/new", calmness="5").status_code == 404
    assert ann.post(f"{here}/code", on="/room/new", member=member.id).status_code == 404
    assert (store.regrades([call]), store.readings(mine), store.readings(shop)) == ([], [], [])
    for page in ("/live", "/group?names=yes", "/results.csv", "/review", "/audit"):
        assert "Bartholomew" not in ann.get(here + page).text
    begin(person)  # a call that does not count is not to be read either
    practice = re.findall(r'data-call=\\?"([0-9a-f]{32})', person.act(do="branch", call=call, turn="0"))[-1]
    assert practice != call
    assert ann.get(f"/room/w/{shop}/call/{practice}").status_code == 404


ODD = ("%00", "x%00", "%2e%2e", "*", "%25", "' OR 1=1 --", "x" * 3000, "%F0%9F%99%82")


def try_odd_ids(ann: Person, trainee: Person, shop: str) -> None:
    """Nothing that is no id is an error of the server, on any database."""
    for odd in ODD:
        for path in (f"/room/w/{odd}", f"/room/w/{odd}/results.csv", f"/room/w/{shop}/call/{odd}"):
            assert ann.get(path).status_code in (400, 404), path
        token = ann.token(f"/room/w/{shop}")
        answer = ann.http.post(f"/room/w/{shop}/code", content=f"token={token}&member={odd}", headers=AS_FORM)
        assert answer.status_code in (400, 404), odd
    for name in ("\0", "Bo\0"):
        assert trainee.log_in(name).status_code == 400
        assert trainee.post("/join", code=name, name=name).status_code == 400
        for do in ("open", "go-on", "delete", "branch", "download", "note"):
            assert "no call called" in trainee.act(do=do, call=name, turn="0", what="jsonl"), do


AS_FORM = {"Content-Type": FORM}


def test_what_is_no_id_leads_nowhere(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann)
    try_odd_ids(ann, person, shop)


def test_the_room_is_the_same_in_a_shared_database(postgres: Server, tmp_path: Path) -> None:
    with room(tmp_path, database=postgres.database()) as app:
        ann = app.facilitator("Ann")
        person, shop = fresh(app, ann, "Bartholomew", may_read="yes")
        call = begin(person)
        here = {"owner": owner_of_person(person), "call": call}
        assert "This is turn 1." in person.say("My secret word is marzipan.", here)
        assert "In a call: 1" in ann.get(f"/room/w/{shop}/live").text
        assert "marzipan" in ann.get(f"/room/w/{shop}/call/{call}").text
        on, to = f"/room/w/{shop}/call/{call}", f"/room/w/{shop}/call/{call}/0"
        assert ann.post(to, on=on, calmness="5").status_code == 303
        assert len(ann.get(f"/room/w/{shop}/results.csv").text.splitlines()) == 2
        assert "Trainee 1" in ann.get(f"/room/w/{shop}/group").text
        stored = ann.get("/stored").text
        assert "PostgreSQL database" in stored and PLACE_PASSWORD not in stored
        assert "PostgreSQL database" not in person.get("/stored").text
        try_odd_ids(ann, person, shop)
        assert "marzipan" in person.get("/workshop/data.json").text
        assert "is deleted" in person.post("/workshop/delete", on="/workshop", sure="yes").text
        assert ann.post(f"/room/w/{shop}/delete", on=f"/room/w/{shop}", title="Billing team").status_code == 303
        assert app.rehearsals.store.calls(None) == []


def test_old_calls_are_swept_away(served: Served, ann: Person, spoken: tuple[Person, str, str]) -> None:
    import time

    from simulator.app.room.retention import sweep

    person, shop, call = spoken
    sweep(served.rehearsals, time.time() + 29 * 86_400)
    assert call in person.load()
    person.post("/workshop/leave", on="/workshop")
    sweep(served.rehearsals, time.time() + 31 * 86_400)
    assert call not in ann.get(f"/room/w/{shop}/review").text
    assert "Nobody has joined yet" in ann.get(f"/room/w/{shop}/live").text
