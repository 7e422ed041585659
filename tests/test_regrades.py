"""A facilitator's grades stand beside the machine's wherever a grade is told: debrief, report, tables, transcripts, results."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
from builders import BEGAN, assessment, play
from test_export import sheet

from simulator.app.debrief_view import debrief_page
from simulator.call import Call, fold
from simulator.debrief import debrief
from simulator.redaction import FACILITATOR, TRAINEE, Names, redacted_grades
from simulator.report import render, transcript_jsonl
from simulator.spreadsheet import COLUMNS, Listed, rows_of, to_csv, to_xlsx
from simulator.store import open_store
from simulator.vocabulary import Dimension
from simulator.workshop import group, review
from simulator.workshop.records import Member, Regrade, WorkshopSettings, owner_of

if TYPE_CHECKING:
    from pathlib import Path

    from clikit import Terminal

pytest_plugins = ["clikit"]
SCRIPT = "<script>alert(1)</script>"
FIRST = Regrade(
    call_id="c",
    turn=0,
    at=BEGAN + 60,
    by="Ann",
    levels={Dimension.EMPATHY: 5, Dimension.CLOSING: None},
    comment="=Warm",
)
SECOND = Regrade(call_id="c", turn=0, at=BEGAN + 90, by="Olga", levels={Dimension.EMPATHY: 4})
REMARK = Regrade(call_id="c", turn=2, at=BEGAN + 99, by="Ann", levels={}, comment=SCRIPT)
GIVEN = (FIRST, SECOND, REMARK)


def a_call() -> Call:
    grades = [assessment(calmness=4, empathy=2, closing=3), assessment(calmness=4, empathy=2)]
    return fold(play("Hello.", "I see.", grades=grades, end=True))


def test_the_last_person_counts_and_a_remark_is_no_grade() -> None:
    assert review.by_people(a_call(), GIVEN) == {0: {Dimension.EMPATHY: 4, Dimension.CLOSING: None}}
    assert review.means(review.levels(a_call(), GIVEN).values())[Dimension.EMPATHY] == 3.0
    assert review.reviewers(GIVEN) == ("Ann", "Olga")


def test_a_table_has_both_levels_of_a_turn() -> None:
    table = list(rows_of(Listed("c", "terminal", 1, a_call(), GIVEN)))
    first, reply, second, *_ = table
    assert (first["empathy_machine"], first["empathy_human"], first["calmness_human"]) == (2, 4, None)
    assert (first["closing_machine"], first["closing_human"]) == (3, "n/a")
    assert (first["graded_again_by"], first["comments"]) == ("Ann, Olga", "Ann: =Warm")
    assert (second["empathy_human"], second["comments"]) == (None, f"Ann: {SCRIPT}")
    assert reply["graded_again_by"] is reply["comments"] is None
    (row, *_) = csv.DictReader(io.StringIO(to_csv(table)))
    assert (row["empathy_machine"], row["empathy_human"]) == ("2", "4")
    (names, cells, *_), _ = sheet(to_xlsx(table))
    assert dict(zip(names, cells, strict=True))["empathy_human"] == 4.0


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+Ann", "@Ann"])
def test_who_graded_again_is_no_formula(name: str) -> None:
    given = FIRST.model_copy(update={"by": name})
    (row, *_) = csv.DictReader(io.StringIO(to_csv(rows_of(Listed("c", "terminal", 1, a_call(), (given,))))))
    assert row["graded_again_by"] == f"'{name}"
    assert row["comments"].startswith("'")


def test_a_transcript_has_the_machines_levels_and_a_list_of_peoples() -> None:
    _, first, reply, second, *_ = map(json.loads, transcript_jsonl(a_call(), GIVEN).splitlines())
    assert first["levels"]["empathy"] == 2
    assert [(g["by"], g["levels"]) for g in first["grades_by_people"]] == [
        ("Ann", {"empathy": 5, "closing": None}),
        ("Olga", {"empathy": 4}),
    ]
    assert second["grades_by_people"][0]["comment"] == SCRIPT
    assert "grades_by_people" not in reply
    assert json.loads(transcript_jsonl(a_call()).splitlines()[1])["grades_by_people"] == []


def test_a_report_tells_both_and_who() -> None:
    call = a_call()
    page = render(call, debrief(call), None, GIVEN)
    for part in ("With people’s grades: 3.0 of 5", "the evaluator alone: 2.0", "Graded again by Ann", "=Warm",
                 "does not apply", "1 turn graded again by Ann, Olga"):  # fmt: skip
        assert part in page, part
    assert "<script" not in page
    alone = render(call, debrief(call))
    assert "raded again" not in alone
    assert "With people" not in alone


def test_a_debrief_tells_both_and_the_verdict_with_peoples_grades() -> None:
    call, marks = a_call(), dict.fromkeys(Dimension, 3.0)
    told = debrief(call)
    alone = debrief_page("c", call, told, chart="", marks=marks)
    assert "Below the pass mark" in alone
    assert "by-people" not in alone
    page = debrief_page("c", call, told, chart="", marks=marks, regrades=GIVEN)
    assert "Pass mark reached with your facilitator’s grades" in page
    assert "With your facilitator’s grades <b>3.0</b> (4 in " in page
    assert "<b>Olga</b> graded this turn again" in page
    assert "<b>Ann</b> about this turn" in page
    assert '<span class="dim-mean">2.0</span>' in page
    assert SCRIPT not in page


def test_results_name_who_graded_again_and_a_remark_changes_no_number() -> None:
    member = Member(id="m" * 32, workshop_id="w", owner=owner_of("m"), name="Bo", joined_at=1.0)
    rows = [group.Played(member, 1, "c", a_call(), GIVEN), group.Played(member, 2, "d", a_call(), (REMARK,))]
    first, second = csv.DictReader(io.StringIO(group.results_csv("T", rows, dict.fromkeys(Dimension, 3.0))))
    assert (first["empathy_machine"], first["empathy_human"]) == ("2.0", "3.0")
    assert (first["passed_machine"], first["passed_human"]) == ("no", "yes")
    assert (first["turns_regraded"], first["regraded_by"], first["trainee_id"]) == ("1", "Ann, Olga", "mmmmmmmm")
    assert first["ended_utc"] > first["started_utc"]
    assert (second["empathy_human"], second["passed_human"], second["turns_regraded"]) == ("", "", "0")
    assert second["comments"] == f"turn 3, Ann: {SCRIPT}"


def test_the_heat_map_keeps_both_means() -> None:
    member = Member(id="m", workshop_id="w", owner=owner_of("m"), name="Bo", joined_at=1.0)
    (row,) = group.heat([group.Played(member, 1, "c", a_call(), GIVEN)], dict.fromkeys(Dimension, 3.0))
    assert (row.means[Dimension.EMPATHY], row.machine[Dimension.EMPATHY]) == (3.0, 2.0)
    assert (row.passed, row.regraded) == (True, 1)


def test_redacted_grades_name_nobody() -> None:
    given = FIRST.model_copy(update={"comment": "Well said, Rowan. Ann would write to r@example.com, Ada."})
    (kept,) = redacted_grades([given], Names({"Ada Quist": "[caller]"}), "Rowan Reed")
    assert kept.by == FACILITATOR
    assert kept.comment == f"Well said, {TRAINEE}. {FACILITATOR} would write to [e-mail], [caller]."
    assert kept.levels == given.levels


# --- at the terminal -------------------------------------------------------------------------------------------------


@pytest.fixture
def graded_again(terminal: Terminal) -> str:
    """The id of a trainee's call that Ann has graded again."""
    terminal.data.mkdir(parents=True)
    with open_store(terminal.data / "calls.db") as store:
        ann = store.logins.add("Ann", "hash", at=BEGAN)
        settings = WorkshopSettings(title="T", personas=("tester",), scenarios=("kettle",))
        shop = store.workshops.create(ann.id, settings, at=BEGAN)
        member = store.workshops.join(shop.id, "Rowan", return_hash="r" * 64, at=BEGAN)
        store.create(play("Hello.", end=True), owner=member.owner, call_id="first-call")
        levels = {Dimension.EMPATHY: 5}
        given = Regrade(call_id="first-call", turn=0, at=BEGAN, by="Ann", levels=levels, comment="Warm, Rowan, truly.")
        store.workshops.regrade(given)
    return "first-call"


@pytest.mark.parametrize("form", ["csv", "jsonl", "html"])
def test_every_export_carries_both(form: str, terminal: Terminal, graded_again: str) -> None:
    out = terminal("export", graded_again, "--format", form).out
    assert "Warm, Rowan, truly." in out
    assert "Ann" in out
    closed = terminal("export", graded_again, "--format", form, "--redact").out
    assert "Rowan" not in closed
    assert "Ann" not in closed.replace("Another", "")
    assert "[facilitator]" in closed
    assert "Warm, [trainee], truly." in closed


def test_an_excel_file_carries_both(terminal: Terminal, graded_again: str, tmp_path: Path) -> None:
    book = tmp_path / "turns.xlsx"
    assert terminal("export", graded_again, "--format", "xlsx", "--output", book).code == 0
    (names, first, *_), _ = sheet(book.read_bytes())
    row = dict(zip(names, first, strict=True))
    assert (row["empathy_machine"], row["empathy_human"], row["graded_again_by"]) == (3.0, 5.0, "Ann")
    assert names == list(COLUMNS)
