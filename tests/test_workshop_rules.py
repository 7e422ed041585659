"""A workshop's rules and numbers, without a web or a database."""

from __future__ import annotations

import csv
import io
import re
from importlib.resources import files

import pytest
from builders import assessment, play, started
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.call import Call, fold
from simulator.errors import CallError, DataError, FormatError
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register
from simulator.workshop import codes, group, moments, review, rules
from simulator.workshop.records import Member, Regrade, Status, Workshop, WorkshopSettings, a_name, owner_of

SETTINGS = WorkshopSettings(title="T", personas=("tester",), scenarios=("kettle",))
MARKS = SETTINGS.pass_marks


def workshop(**changed: object) -> Workshop:
    return Workshop(id="w", facilitator_id="f", join_code="KTRWMPHX", made_at=1.0, settings=SETTINGS).model_copy(
        update=changed
    )


def member(member_id: str = "m", *, shares: bool = False, name: str = "Bo") -> Member:
    return Member(id=member_id, workshop_id="w", owner=owner_of(member_id), name=name, joined_at=2.0, shares=shares)


def call(*grades: dict[str, int | None], end: bool = True) -> Call:
    said = [f"Turn {n}." for n in range(len(grades))]
    return fold(play(*said, grades=[assessment(**g) for g in grades], end=end))


# ---- when ----


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, Status.WAITING),
        ({"opened_at": 1.0}, Status.OPEN),
        ({"opened_at": 1.0, "paused_at": 2.0}, Status.PAUSED),
        ({"opened_at": 1.0, "paused_at": 2.0, "ended_at": 3.0}, Status.ENDED),
        ({"ended_at": 3.0}, Status.ENDED),
    ],
)
def test_calls_go_on_only_while_it_is_open(changed: dict[str, float], status: Status) -> None:
    shop = workshop(**changed)
    assert shop.status is status
    if status is Status.OPEN:
        rules.playing(shop)
    else:
        with pytest.raises(CallError):
            rules.playing(shop)
    if status is Status.ENDED:
        with pytest.raises(DataError, match="ended"):
            rules.joining(shop)
    else:
        rules.joining(shop)


def test_a_pause_says_that_what_is_typed_stays() -> None:
    with pytest.raises(CallError, match="what you typed stays"):
        rules.playing(workshop(opened_at=1.0, paused_at=2.0))


# ---- what ----

CALL = {
    "persona": "tester", "scenario": "kettle", "difficulty": Difficulty.EASY, "medium": Register.PHONE,
    "intensity": Intensity.REALISTIC, "hints": True,
}  # fmt: skip


def test_only_what_the_workshop_offers_can_be_played() -> None:
    rules.allowed(SETTINGS, **CALL)
    rules.allowed(SETTINGS, **{**CALL, "intensity": Intensity.MILD})
    other = {
        "persona": "abusive", "scenario": "hotel", "difficulty": Difficulty.HARD, "medium": Register.CHAT,
        "intensity": Intensity.HARSH, "hints": False,
    }  # fmt: skip
    for name, value in other.items():
        with pytest.raises(CallError, match="does not offer"):
            rules.allowed(SETTINGS, **{**CALL, name: value})


def test_nobody_has_to_have_it_harsher_than_they_like() -> None:
    for harshest in Intensity:
        offered = rules.intensities(SETTINGS.model_copy(update={"intensity": harshest}))
        assert offered[0] is Intensity.MILD
        assert offered[-1] is harshest


def test_promises_can_only_become_stricter() -> None:
    reading = SETTINGS.model_copy(update={"may_read": True})
    rules.stricter_only(reading, SETTINGS)
    rules.stricter_only(SETTINGS, SETTINGS.model_copy(update={"retention_days": 1}))
    for looser in (reading, SETTINGS.model_copy(update={"retention_days": 31})):
        with pytest.raises(DataError, match="was told"):
            rules.stricter_only(SETTINGS, looser)


@pytest.mark.parametrize(
    ("means", "verdict"),
    [
        ({}, None),
        (dict.fromkeys(Dimension), None),
        ({Dimension.CALMNESS: 4.0, Dimension.CLOSING: None}, True),
        ({Dimension.CALMNESS: 3.99}, False),
        ({Dimension.CALMNESS: 5.0, Dimension.EMPATHY: 3.0}, False),
    ],
)
def test_every_dimension_that_applied_has_to_reach_its_mark(
    means: dict[Dimension, float | None], verdict: bool | None
) -> None:
    assert rules.passed(MARKS, means) is verdict


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": " "},
        {"title": "x" * 81},
        {"personas": ()},
        {"attempts": 0},
        {"retention_days": 0},
        {"pass_marks": {"calmness": 6}},
        {"x": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkshopSettings.model_validate(SETTINGS.model_dump() | wrong)


# ---- guesses ----


def test_the_wait_doubles_and_has_an_end() -> None:
    limit = rules.Limit(3, 10.0)
    assert [limit.wait(n) for n in range(1, 9)] == [0, 0, 1, 2, 4, 8, 10, 10]
    assert limit.wait(10_000) == 10


@given(st.integers(0, 10_000))
def test_nobody_waits_for_ever(count: int) -> None:
    for limit in (rules.LOGIN_NAME, rules.LOGIN_ADDRESS, rules.JOIN_ADDRESS):
        assert 0 <= limit.wait(count) <= limit.longest <= 900


# ---- codes and passwords ----


def test_codes_are_read_and_typed_without_doubt() -> None:
    assert not set("AEIOULSZ0123456789") & set(codes.LETTERS)
    for length in (codes.JOIN, codes.RETURN):
        code = codes.new_code(length)
        assert len(code) == length
        for typed in (
            code,
            code.lower(),
            codes.shown(code),
            f" {codes.shown(code).lower()} ",
            codes.shown(code).replace("-", " "),
        ):
            assert codes.tidy(typed, length) == code
    assert len({codes.new_code(codes.JOIN) for _ in range(200)}) == 200


@given(st.text(max_size=200))
def test_what_is_no_code_is_nothing(typed: str) -> None:
    code = codes.tidy(typed, codes.JOIN)
    assert code == "" or (len(code) == codes.JOIN and set(code) <= set(codes.LETTERS))


def test_a_password_is_kept_as_something_else() -> None:
    kept = codes.hash_password("four plain words here")
    assert kept.startswith("$argon2id$")
    assert "plain" not in kept
    assert kept != codes.hash_password("four plain words here")
    assert codes.right_password(kept, "four plain words here")
    for wrong in ("four plain words her", "", "x" * 100_000):
        assert not codes.right_password(kept, wrong)
    assert not codes.right_password(None, "four plain words here")
    assert not codes.right_password("damaged", "four plain words here")
    for refused in ("short", "x" * 201):
        with pytest.raises(FormatError):
            codes.hash_password(refused)


def test_a_form_token_does_not_tell_its_key() -> None:
    key = codes.new_key()
    assert codes.form_token(key) == codes.form_token(key) != codes.form_token(codes.new_key())
    assert codes.form_token(key) not in codes.digest(key)
    assert not codes.same("", codes.form_token(key))
    assert not codes.same("é", codes.form_token(key))


@pytest.mark.parametrize(("typed", "kept"), [(" Ann  B\n", "Ann B"), ("Zoë", "Zoë"), ("x" * 40, "x" * 40)])
def test_a_name_is_one_line(typed: str, kept: str) -> None:
    assert a_name(typed) == kept


# ---- the group ----


def test_means_and_verdicts_of_a_group() -> None:
    good, poor = (
        call({"calmness": 5, "empathy": 4, "solution": 4}),
        call({"calmness": 2, "empathy": 4}, {"calmness": 4, "empathy": None}),
    )
    rows = group.heat([group.Played(member("b"), 1, "1", good), group.Played(member("a"), 1, "2", poor)], MARKS)
    assert [(r.number, r.member.id, r.passed) for r in rows] == [(1, "a", False), (2, "b", True)]
    assert rows[0].means == {
        Dimension.CALMNESS: 3.0,
        Dimension.EMPATHY: 4.0,
        Dimension.SOLUTION: 3.0,
        Dimension.CLOSING: None,
    }
    assert group.heat([], MARKS) == []


def test_a_persons_grade_counts_and_the_machines_is_kept() -> None:
    one = call({"calmness": 2, "empathy": 3})
    first = Regrade(call_id="1", turn=0, at=1.0, by="Ann", levels={Dimension.CALMNESS: 5, Dimension.CLOSING: 2})
    last = Regrade(call_id="1", turn=0, at=2.0, by="Olga", levels={Dimension.CALMNESS: 4, Dimension.EMPATHY: None})
    human = review.levels(one, (first, last))[0]
    assert (human[Dimension.CALMNESS], human[Dimension.EMPATHY], human[Dimension.CLOSING]) == (4, None, 2)
    assert review.levels(one)[0][Dimension.CALMNESS] == 2
    assert one.grades[0].level(Dimension.CALMNESS) == 2
    nowhere = Regrade(call_id="1", turn=8, at=1.0, by="Ann", levels={Dimension.CALMNESS: 5})
    assert review.levels(one, (nowhere,)) == review.levels(one)


def test_only_moments_of_those_who_agreed_are_shown_the_largest_first() -> None:
    loud, quiet = (
        call({"calmness": 3}, {"calmness": 1, "empathy": 1, "solution": 1}),
        call({"calmness": 3}, {"calmness": 4, "empathy": 4}),
    )
    played = [
        group.Played(member("a", shares=True), 1, "1", quiet),
        group.Played(member("b", shares=True), 1, "2", loud),
        group.Played(member("c"), 1, "3", loud),
    ]
    found = moments.moments(played)
    assert {m.member.id for m in found} == {"a", "b"}
    assert abs(found[0].gained) >= abs(found[1].gained)
    assert [m.turn for m in found] == [2, 2]
    assert (found[0].before, found[0].said) == ("This is turn 1.", "Turn 1.")
    assert moments.moments(played[2:]) == []
    assert (
        len(moments.moments([group.Played(member("a", shares=True), n, str(n), loud) for n in range(5)]))
        == moments.MOMENTS
    )


def test_most_missed_is_counted_by_call() -> None:
    cold = call({"empathy": 1}, {"empathy": 1}, {"empathy": 1})
    counted = dict(group.missed([group.Played(member(), n, str(n), cold) for n in range(3)]))
    assert counted
    assert set(counted.values()) == {3}


def test_results_are_one_row_a_call_with_both_grades() -> None:
    given = Regrade(
        call_id="1", turn=0, at=1.0, by="=Ann", levels={Dimension.CALMNESS: 5}, comment='fine, "really"\n=1'
    )
    rows = [
        group.Played(
            member(name="=cmd|' /C calc'!A0"), 1, "1", call({"calmness": 3, "empathy": 5, "solution": 5}), (given,)
        ),
        group.Played(member(name='x","y'), 2, "2", call({"calmness": 3}, end=False)),
    ]
    text = group.results_csv("@T", rows, {**MARKS, Dimension.SOLUTION: 3.0})
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["workshop"], first["trainee"]) == ("'@T", "'=cmd|' /C calc'!A0")
    assert (first["calmness_machine"], first["calmness_human"], first["empathy_human"]) == ("3.0", "5.0", "5.0")
    assert (first["passed_machine"], first["passed_human"], first["turns_regraded"]) == ("no", "yes", "1")
    assert first["comments"].startswith("turn 1, =Ann: fine")
    assert (first["closing_machine"], first["completed"], first["ending"]) == ("", "yes", "trainee_ended")
    assert (second["trainee"], second["attempt"], second["calmness_human"], second["completed"]) == (
        'x","y',
        "2",
        "",
        "no",
    )
    assert first["started_utc"] == "2025-06-15 15:06:40"
    assert started().at == 1_750_000_000.0


def test_the_columns_are_those_of_the_format() -> None:
    section = (files("simulator") / "formats.md").read_text(encoding="utf-8").split("## Workshop results, version 1")[1]
    named = re.findall(
        r"`(\w+)`", "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    )
    assert sorted(named) == sorted(group.COLUMNS)


# ---- the same moment ----

COLD, WARM, FINE = (
    {"calmness": 1, "empathy": 1, "solution": 1},
    {"calmness": 5, "empathy": 5, "solution": 5},
    {"calmness": 4, "empathy": 4, "solution": 3},
)


def handled(member_id: str, answer: dict[str, int | None], *, shares: bool = True, attempt: int = 1) -> group.Played:
    one = call({"calmness": 4}, answer, answer)
    return group.Played(member(member_id, shares=shares), attempt, f"{member_id}{attempt}", one)


def test_the_same_moment_is_shown_as_three_people_handled_it() -> None:
    played = [handled("a", COLD), handled("b", WARM), handled("c", FINE), handled("d", WARM, shares=False)]
    every = moments.side_by_side(played)
    first = next(same for same in every if same.key == "tester/kettle/answer-1")
    assert (first.people, first.pair) == (3, "Test caller · A kettle that never came")
    assert [side.member.id for side in first.sides] == ["b", "c", "a"]
    assert [side.turn for side in first.sides] == [2, 2, 2]
    assert first.sides[0].gained > first.sides[1].gained > first.sides[2].gained
    assert (first.sides[0].before, first.sides[0].said) == ("This is turn 1.", "Turn 1.")
    assert first.sides[2].levels[Dimension.EMPATHY] == 1
    assert len({same.key for same in every}) == len(every)
    # The caller opened before the first answer, so what they did first has a name from the second answer on.
    assert any("/did-" in same.key or "/felt-" in same.key for same in every)


def test_of_many_the_best_the_middle_and_the_worst_are_shown_each_person_once() -> None:
    played = [handled(name, answer) for name, answer in zip("abcd", (COLD, WARM, FINE, WARM), strict=True)]
    played.append(handled("a", WARM, attempt=2))  # a later attempt of somebody shown already
    first = moments.chosen(moments.side_by_side(played), "tester/kettle/answer-1")
    assert first is not None
    assert (first.people, len(first.sides)) == (4, 3)
    assert first.sides[-1].call_id == "a1"
    assert len({side.member.id for side in first.sides}) == 3


def test_one_person_is_no_comparison_and_an_unknown_moment_is_the_most_telling_one() -> None:
    assert moments.side_by_side([handled("a", COLD), handled("b", WARM, shares=False)]) == []
    assert moments.side_by_side([handled("a", COLD), handled("a", WARM, attempt=2)]) == []
    assert moments.chosen([], "x") is None
    every = moments.side_by_side([handled("a", COLD), handled("b", WARM)])
    best = moments.chosen(every, "'; DROP TABLE")
    assert best is not None
    assert best.spread == max(same.spread for same in every)


def test_a_side_has_machines_and_peoples_levels() -> None:
    again = Regrade(call_id="a1", turn=2, at=1.0, by="Ann", levels={Dimension.EMPATHY: 4})
    one = handled("a", COLD)
    played = [group.Played(one.member, 1, "a1", one.call, (again,)), handled("b", WARM)]
    first = moments.chosen(moments.side_by_side(played), "tester/kettle/answer-1")
    assert first is not None
    side = first.sides[-1]
    assert (side.levels[Dimension.EMPATHY], side.machine[Dimension.EMPATHY]) == (4, 1)
