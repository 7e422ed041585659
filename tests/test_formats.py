"""`simulator/formats.md` says what the code reads and writes, key by key."""

import gzip
import json
import re
from importlib.resources import files
from typing import get_args

import builders
import pytest

from simulator import events, spreadsheet
from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.call import fold
from simulator.cli import rows
from simulator.report import transcript_jsonl
from simulator.store import archive, open_store
from simulator.store.calls import open_engine

PAGE = (files("simulator") / "formats.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"## {title}", 1)[1], flags=re.MULTILINE)[0]


def first_cells(text: str) -> set[str]:
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("title", "model"),
    [("Play script", rows.ScriptRow), ("Turns to grade", rows.GradeRequest), ("Grades", rows.GradeRow)],
)
def test_a_table_has_the_keys_of_its_model(title, model):
    assert first_cells(section(title).replace("| `kind` |", "| kind |")) == set(model.model_fields)


def test_nested_keys_of_a_turn_to_grade_are_told():
    told = section("Turns to grade")
    for model in (rows.Situation, rows.EarlierTurn):
        assert all(f"`{name}`" in told for name in model.model_fields)


@pytest.mark.parametrize("event", get_args(events.StoredEvent), ids=lambda e: e.__name__)
def test_every_event_is_told_with_all_its_keys(event):
    kind = event.model_fields["kind"].default
    line = next(line for line in section("Call events").splitlines() if line.startswith(f"| `{kind}`"))
    assert set(re.findall(r"`(\w+)`", line)) == {kind, *event.model_fields} - {"kind"}


def test_the_keys_of_an_assessment_are_told():
    told = section("Call events")
    for model in (Assessment, DimensionScore, Evidence):
        assert all(f"`{name}`" in told for name in model.model_fields)


def test_the_keys_of_a_transcript_are_told():
    told = section("Transcript")
    for line in transcript_jsonl(fold(builders.play())).splitlines():
        assert all(f"`{key}`" in told for key in json.loads(line))


def test_the_keys_of_a_backup_are_told(tmp_path):
    with open_store(tmp_path / "calls.db") as store:
        store.create(builders.play(), owner="ann")
    engine = open_engine(tmp_path / "calls.db")
    with (tmp_path / "backup").open("wb") as target:
        archive.write(engine, target)
    engine.dispose()
    first, row, *_, last = (
        json.loads(line) for line in gzip.decompress((tmp_path / "backup").read_bytes()).splitlines()
    )
    assert first_cells(section("Backup")) == set(row)
    assert all(f"`{key}`" in section("Backup") for key in (*first, *last))


def test_the_columns_of_a_table_are_told():
    assert first_cells(section("Turns as a table").replace("column", "key")) == set(spreadsheet.COLUMNS)


def test_versions_are_those_of_the_code():
    from simulator import report

    assert f"## Call events, version {events.FORMAT}" in PAGE
    assert f"## Transcript, version {report.FORMAT}" in PAGE
    assert f"## Turns as a table, version {spreadsheet.FORMAT}" in PAGE
    assert f"## Backup, version {archive.FORMAT}" in PAGE
    for title in ("Play script", "Turns to grade", "Grades"):
        assert f"## {title}, version {rows.FORMAT}" in PAGE


def test_the_example_row_can_be_read():
    example = re.search(r"```json\n(.+?)\n```", PAGE, re.DOTALL)[1]
    row = rows.parsed(rows.GradeRequest, example, 1, "formats.md")
    assert row.before.turns[0].text == "Where is it?"
