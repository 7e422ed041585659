"""What people try who should not, over real HTTP: names, codes, forms, paths and ids; and the whole of it in a shared database."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from postgres import PASSWORD as PLACE_PASSWORD
from postgres import Server
from roomkit import (
    SCRIPT,
    Person,
    Served,
    begin,
    fresh,
    owner_of_person,
    room,
)

from simulator.app.room.doors import LONGEST_FORM

pytest_plugins = ["roomfixtures"]


FORM = "application/x-www-form-urlencoded"


AS_FORM = {"Content-Type": FORM}


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
