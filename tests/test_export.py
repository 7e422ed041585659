"""Calls as a table: a row for each turn, which a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from builders import BEGAN, assessment, play, session, started
from hypothesis import given
from hypothesis import strategies as st

from simulator.call import fold
from simulator.cells import harmless
from simulator.session import branch
from simulator.spreadsheet import COLUMNS, Listed, attempts, pseudonym, rows_of, to_csv, to_xlsx
from simulator.store import open_store
from simulator.vocabulary import Dimension, Fault, Technique

if TYPE_CHECKING:
    from clikit import Terminal

pytest_plugins = ["clikit"]
BROWSER = "0123456789abcdef" * 2
GRADES = assessment(calmness=4, empathy=2, tags=(Technique.APOLOGISES, Fault.RUSHES))
_SHEET = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def listed(*said: str, attempt: int = 1, owner: str = BROWSER) -> Listed:
    return Listed("c1", owner, attempt, fold(play(*said, grades=[GRADES], end=True)))


def sheet(book: bytes) -> tuple[list[list[str | float | None]], str]:
    """The cells of the first sheet, and its XML."""
    with zipfile.ZipFile(BytesIO(book)) as packed:
        strings = [
            "".join(t.text or "" for t in item.iter(f"{{{_SHEET['m']}}}t"))
            for item in ElementTree.fromstring(packed.read("xl/sharedStrings.xml"))
        ]
        xml = packed.read("xl/worksheets/sheet1.xml").decode()
    out = []
    for row in ElementTree.fromstring(xml).iterfind(".//m:row", _SHEET):
        cells: dict[int, str | float | None] = {}
        for cell in row.iterfind("m:c", _SHEET):
            letters, value = re.match("[A-Z]+", cell.get("r", ""))[0], cell.findtext("m:v", namespaces=_SHEET)  # type: ignore[index]
            column = 0
            for letter in letters:
                column = 26 * column + ord(letter) - 64
            assert value is not None
            cells[column - 1] = strings[int(value)] if cell.get("t") == "s" else float(value)
        out.append([cells.get(n) for n in range(len(COLUMNS))])
    return out, xml


# --- rows ------------------------------------------------------------------------------------------------------------


def test_a_row_says_who_what_when_and_how_it_was() -> None:
    greeting, reply, *_ = rows_of(listed("Good morning.", "I am sorry."))
    assert (greeting["call"], greeting["attempt"], greeting["speaker"], greeting["turn"]) == ("c1", 1, "trainee", 0)
    assert greeting["text"] == "Good morning." and greeting["at"] == "2025-06-15T15:06:41Z"
    assert (greeting["calmness_machine"], greeting["empathy_machine"], greeting["closing_machine"]) == (4, 2, None)
    assert (greeting["techniques"], greeting["faults"]) == ("apologises", "rushes")
    assert greeting["intent"] is greeting["written"] is None
    assert (reply["speaker"], reply["intent"], reply["written"]) == ("caller", "open", "no")
    assert reply["calmness_machine"] is reply["techniques"] is None
    for name in ("mood", "agitation", "trust", "patience", "heard"):
        assert greeting[name] == reply[name] is not None
    assert reply["ending"] == "trainee_ended" and reply["persona"] == "tester" and reply["caller"] == "Ada Quist"


def test_an_ungraded_turn_has_empty_cells_and_no_zeros() -> None:
    [row] = rows_of(Listed("c", "terminal", 1, fold(play("Good morning.")[:2])))
    assert all(row[f"{d.value}_machine"] is None for d in Dimension)
    assert row["mood"] is row["techniques"] is None and row["ending"] == "open" and row["trainee"] == "terminal"


def test_a_browser_is_known_again_but_its_id_is_not_told() -> None:
    row = next(rows_of(listed("Hello.")))
    assert row["trainee"] == pseudonym(BROWSER) == pseudonym(BROWSER)
    assert pseudonym("f" * 32) != pseudonym(BROWSER)
    assert BROWSER[:8] not in str(row)


def test_attempts_count_through_everything_branched_off_a_call() -> None:
    calls = [("a", None, 1.0), ("c", "b", 5.0), ("b", "a", 2.0), ("d", "a", 3.0), ("x", None, 4.0)]
    assert attempts(calls) == {"a": 1, "b": 2, "d": 3, "c": 4, "x": 1}
    assert attempts([("b", "deleted", 2.0), ("c", "deleted", 3.0)]) == {"b": 2, "c": 3}
    assert attempts([("a", "b", 1.0), ("b", "a", 2.0)]).keys() == {"a", "b"}  # nonsense does not hang
    assert attempts([]) == {}


# --- cells -----------------------------------------------------------------------------------------------------------

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1", "\n=1"]


@pytest.mark.parametrize("text", EVIL)
def test_what_a_spreadsheet_would_run_is_words(text: str) -> None:
    rows = [dict.fromkeys(COLUMNS) | {"text": text, "turn": 0}]
    [_, written] = csv.reader(StringIO(to_csv(rows)))
    assert written[COLUMNS.index("text")] == f"'{text}"
    (_, [*cells]), xml = sheet(to_xlsx(rows))
    assert cells[COLUMNS.index("text")] == f"'{text}".replace("\r", "_x000D_")  # as Excel writes it
    assert "<f>" not in xml and "hyperlink" not in xml


@given(st.text(max_size=30))
def test_no_cell_begins_like_a_formula_and_words_are_kept(text: str) -> None:
    cell = harmless(text)
    assert isinstance(cell, str)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell in (text, f"'{text}")


def test_numbers_and_empty_cells_stay_what_they_are() -> None:
    assert (harmless(-1), harmless(0.5), harmless(None)) == (-1, 0.5, None)


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)


@given(st.lists(words, max_size=4))
def test_a_csv_is_read_back_as_it_was_meant(texts: list[str]) -> None:
    table = [dict.fromkeys(COLUMNS) | {"text": f'“{text},\n"x"', "turn": n} for n, text in enumerate(texts)]
    back = list(csv.DictReader(StringIO(to_csv(table), newline="")))
    assert [row["text"] for row in back] == [row["text"] for row in table]
    assert [row["turn"] for row in back] == [str(n) for n in range(len(texts))]


def test_a_workbook_holds_the_same_as_the_csv() -> None:
    table = list(rows_of(listed("Good morning.", "=1+1 <b>&\u0007 £40 🙂 https://example.com")))
    (names, *rows), xml = sheet(to_xlsx(table))
    assert tuple(names) == COLUMNS
    assert len(rows) == len(table) == 4
    assert rows[2][COLUMNS.index("calmness_machine")] == 4.0
    assert "https://example.com" in str(rows[2][COLUMNS.index("text")])
    assert "<f>" not in xml and 'state="frozen"' in xml and "autoFilter" in xml
    sheet(to_xlsx([]))
    long = [dict.fromkeys(COLUMNS) | {"text": "x" * 40_000}]
    assert str(sheet(to_xlsx(long))[0][1][COLUMNS.index("text")]).endswith("x…")


# --- at the terminal -------------------------------------------------------------------------------------------------


@pytest.fixture
def calls(terminal: Terminal) -> list[str]:
    """Ids: a call, a branch of it, and somebody else's."""
    terminal.data.mkdir(parents=True)
    with open_store(terminal.data / "calls.db") as store:
        said = ("Hello, this is Rowan.", "=cmd|' /C calc'!A0 write to me@example.com, Ada.")
        first = store.create(play(*said, grades=[GRADES], end=True), owner=BROWSER, call_id="first-call")
        again = session(None)
        again.events[:] = branch(store.events(first.id), 2, call_id=first.id, at=BEGAN + 500)
        store.create(again.events, owner=BROWSER, call_id="second-call")
        store.create([started(at=BEGAN + 900)], owner="terminal", call_id="third-call")
    return ["first-call", "second-call", "third-call"]


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline="")))


def test_a_table_of_one_or_many_calls(terminal: Terminal, calls: list[str], tmp_path: Path) -> None:
    done = terminal("export", calls[0], "--format", "csv")
    assert done.code == 0 and not done.out.startswith("\ufeff")
    assert [row["turn"] for row in table_of(done.out)] == ["0", "1", "2", "3"]
    both = table_of(terminal("export", "second", "first-call", "first", "--format", "csv").out)
    assert {(row["call"], row["attempt"], row["branched_from"]) for row in both} == {
        ("first-call", "1", ""), ("second-call", "2", "first-call"),
    }  # fmt: skip
    file = tmp_path / "turns.csv"
    assert "of 3 calls written" in terminal("export", "--all", "--format", "csv", "--output", file).err
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfcall,trainee,") and raw.count(b"\r\n") == 1 + 6
    book = tmp_path / "turns.xlsx"
    assert terminal("export", "--all", "--format", "xlsx", "--output", book).code == 0
    (_, *rows), _xml = sheet(book.read_bytes())
    assert [row[COLUMNS.index("text")] for row in rows] == [r["text"] for r in table_of(raw.decode("utf-8-sig"))]
    assert not list(tmp_path.glob("*.part"))


def test_what_cannot_be_exported_is_told(terminal: Terminal, tmp_path: Path) -> None:
    assert "no calls yet" in terminal("export", "--list").err
    open_store(terminal.data / "calls.db").close()
    for how in (("--list",), ("--all",), ("abcd",)):
        done = terminal("export", *how)
        assert done.code == 2 and "no calls yet" in done.err
    assert "cannot go to stdout" in terminal("export", "--all", "--format", "xlsx").err
    assert "name a folder" in terminal("export", "abcd", "efgh", "--format", "html").err
    assert "say one of" in terminal("export", "abcd", "--all").err


def test_several_calls_go_to_a_folder_or_one_after_another(
    terminal: Terminal, calls: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert terminal("export", *calls[:2], "--format", "html", "--output", folder).code == 0
    assert {f.name for f in folder.iterdir()} == {"first-call.html", "second-call.html"}
    kinds = [json.loads(line)["kind"] for line in terminal("export", *calls[:2]).out.splitlines()]
    assert kinds.count("call") == 2
    assert "no call called" in terminal("export", calls[0], "nothing").err


@pytest.mark.parametrize("format_", ["jsonl", "csv", "xlsx", "html", "events"])
def test_redacted_every_format_is_without_people(
    terminal: Terminal, calls: list[str], tmp_path: Path, format_: str
) -> None:
    file = tmp_path / f"call.{format_}"
    done = terminal("export", calls[0], "--format", format_, "--redact", "--output", file)
    assert done.code == 0, done.err
    if format_ == "xlsx":
        text = json.dumps(sheet(file.read_bytes())[0], ensure_ascii=False)
    else:
        text = file.read_text(encoding="utf-8-sig")
    for word in ("Rowan", "me@example.com", "Ada", "Quist"):
        assert word not in text, word
    for tag in ("[trainee]", "[e-mail]", "[caller]"):
        assert tag in text
    plain = terminal("export", calls[0]).out
    assert "Rowan" in plain and "[e-mail]" not in plain, "the store is left as it was"
