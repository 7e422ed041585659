"""After the calls, over real HTTP: the group is debriefed, turns are graded again, and people keep hold of their data."""

from __future__ import annotations

import re

import pytest
from roomkit import (
    LOAD,
    SCRIPT,
    Person,
    Served,
    begin,
    fresh,
    owner_of_person,
)

pytest_plugins = ["roomfixtures"]


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


def test_the_live_room_shows_a_persons_grade_of_the_last_turn_with_the_machines(
    ann: Person, spoken: tuple[Person, str, str]
) -> None:
    _, shop, call = spoken
    live, on = f"/room/w/{shop}/live", f"/room/w/{shop}/call/{call}"
    assert "Calm <b>3</b>" in ann.get(live).text
    assert ann.post(f"{on}/0", on=on, calmness="5").status_code == 303
    assert "evaluator alone" not in ann.get(live).text  # an earlier turn: the last one's grades are shown
    assert ann.post(f"{on}/2", on=on, calmness="1", comment="Cold.").status_code == 303
    page = ann.get(live).text
    mine, _, machine = page.partition("evaluator alone")
    assert "Calm <b>1</b>" in mine and "Calm <b>3</b>" not in mine
    assert "Calm <b>3</b>" in machine and "Cold." not in page


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
