"""The room's pages over real HTTP: a workshop is made, played by its rules, and watched live."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from roomkit import (
    CODE,
    SCRIPT,
    SEND,
    SETTINGS,
    Person,
    Served,
    begin,
    fresh,
    owner_of_person,
)

from simulator.app.room.live import join_address
from simulator.app.serve import outside

if TYPE_CHECKING:
    from simulator.app.room.visit import Visit

pytest_plugins = ["roomfixtures"]


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
    assert '<td class="n" data-label="Turns">1</td>' in page
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


def test_trainees_are_led_to_the_machines_address_also_from_its_own_browser(
    served: Served, ann: Person, shop: str
) -> None:
    assert "Only this machine’s own browsers can join" in ann.get(f"/room/w/{shop}").text
    seen = {}
    for here, name in ((True, "127.0.0.1"), (True, "192.0.2.7"), (False, "192.0.2.8")):
        visit = SimpleNamespace(
            here=here,
            origin=f"http://{name}:7",
            room=SimpleNamespace(outside="http://192.0.2.7:7"),
            shop=SimpleNamespace(join_code="KTRWMPHX"),
        )
        seen[name] = join_address(cast("Visit", visit))
    assert seen == {name: f"http://192.0.2.{n}:7/join/KTRWMPHX" for name, n in zip(seen, "778", strict=True)}
    assert outside("192.0.2.9", 7) == "http://192.0.2.9:7"
    assert "0.0.0.0" not in outside("0.0.0.0", 7)


def test_an_ended_room_offers_no_code_and_nobody_waits_in_it(served: Served, ann: Person) -> None:
    person, shop = fresh(served, ann)
    begin(person)
    code = ann.join_code(shop)
    assert "In a call: 1" in ann.get(f"/room/w/{shop}/live").text
    ann.post(f"/room/w/{shop}/end", on=f"/room/w/{shop}")
    page = ann.get(f"/room/w/{shop}").text
    assert "Waiting: 0" in page and "In a call: 0" in page and "Done: 1" in page
    assert code not in page and "Open it again" in page


def test_the_qr_code_is_the_address_and_says_nothing_else(ann: Person, shop: str) -> None:
    page = ann.get(f"/room/w/{shop}").text
    drawn = re.findall(r"<svg.*?</svg>", page, re.S)[0]
    assert set(re.findall(r"<(\w+)", drawn)) <= {"svg", "path"}
    assert f"{ann.address}/join/{ann.join_code(shop).replace('-', '')}" in page.replace("<wbr>", "")
