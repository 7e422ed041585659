"""Other people's ratings: scales are mapped, blanks are no level, and whatever is wrong is told with row and column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import clikit
import pytest

from eval import bench_evaluator
from eval.intervals import plain
from eval.measures import measure
from eval.ratings import ColumnMap, rated_turns
from simulator.errors import DataError, FormatError
from simulator.models.scripted import ScriptedModel
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension
from simulator.yamlfile import parse_model

MAP = """
text: utterance
context: previous
call: dialogue
scale: [1, 7]
not_applicable: [NA]
dimensions:
  empathy: warmth
  calmness: {column: rudeness, scale: [4, 0]}
"""
HEADER = "dialogue,previous,utterance,warmth,rudeness\n"


def columns(text: str = MAP) -> ColumnMap:
    return parse_model(ColumnMap, text, "map.yaml")


def csv_file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "ratings.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_ratings_become_levels_and_blanks_none(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        'd1,"Caller: It is broken.\nAgain!\ntrainee: Which one?\nCALLER: The red one.","I am sorry, I will look.",7,0',
        "d1,My kettle is broken.,Whatever.,1,4",
        "d2,,Good morning.,,NA",
        "d2,,One moment.,4,1.5",
    )
    first, second, third, fourth = (r.turn for r in rated_turns(path, columns()))
    assert [t.speaker for t in first.before.turns] == [Speaker.CALLER, Speaker.TRAINEE, Speaker.CALLER]
    assert first.before.turns[0].text == "It is broken.\nAgain!"
    assert (first.call, first.turn.index, first.turn.text) == ("d1", 3, "I am sorry, I will look.")
    assert second.before.turns[0].text == "My kettle is broken."
    levels = [[t.levels[d] for d in Dimension] for t in (first, second, third, fourth)]
    assert levels == [[5, 5, None, None], [1, 1, None, None], [None] * 4, [4, 3, None, None]]


def test_jsonl_and_calls_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text('{"said": "Hello.", "score": 3}\n\n{"said": "Bye.", "score": null}\n', encoding="utf-8")
    found = rated_turns(path, columns("text: said\ndimensions: {closing: score}"))
    assert [(r.turn.call, r.turn.levels[Dimension.CLOSING]) for r in found] == [("row 1", 3), ("row 2", None)]


@pytest.mark.parametrize(
    ("rows", "line", "told"),
    [
        (["d1,,Hello.,many,0"], 2, "row 1, column 'warmth': 'many' is not a number, and not blank"),
        (["d1,,Hello.,3,0", "d1,,Hello.,8,0"], 3, "row 2, column 'warmth': 8 is not on the scale from 1 to 7"),
        (["d1,,Hello.,3,nan"], 2, "row 1, column 'rudeness': nan is not on the scale from 4 to 0"),
        (["d1,,  ,3,0"], 2, "row 1, column 'utterance': is empty"),
        (["d1,caller:,Hello.,3,0"], 2, "row 1, column 'previous': is empty"),
        (["d1,,Hello.,3"], 2, "row 1 has 4 cells, the header 5"),
        (['d1,,"Hello.,3,0'], 2, "is not CSV"),
        ([], None, "has no rows"),
    ],
)
def test_what_is_wrong_is_told_with_row_and_column(
    tmp_path: Path, rows: list[str], line: int | None, told: str
) -> None:
    with pytest.raises(FormatError, match=re.escape(told)) as caught:
        rated_turns(csv_file(tmp_path, *rows), columns())
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (HEADER.replace("warmth", "warm"), "has no column 'warmth'; did you mean 'warm'?"),
        (HEADER.replace("warmth", "xyz"), "has no column 'warmth'; it has dialogue, previous"),
        (HEADER.replace("warmth", "rudeness"), "two columns called 'rudeness'"),
    ],
)
def test_a_column_that_is_not_there(tmp_path: Path, header: str, told: str) -> None:
    with pytest.raises(FormatError, match=re.escape(told)):
        rated_turns(csv_file(tmp_path, "d1,,Hello.,3,0", header=header), columns())


@pytest.mark.parametrize(
    ("line", "wrong", "told"),
    [
        ("  empathy: warmth", "  empathie: warmth", "did you mean 'empathy'"),
        ("text: utterance", "txt: utterance", "unknown key 'txt'; did you mean 'text'?"),
        ("scale: [1, 7]", "scale: [2, 2]", "a scale from 2 to 2 has no steps"),
        ("column: rudeness", "colum: rudeness", "did you mean 'column'?"),
    ],
)
def test_a_broken_map_is_told(line: str, wrong: str, told: str) -> None:
    with pytest.raises(DataError, match=re.escape(told)):
        columns(MAP.replace(line, wrong))


def test_the_bench_measures_only_what_was_rated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_evaluator, "open_evaluator", lambda *_: (clikit.evaluator(), ScriptedModel()))
    rows = [f"d{n // 2},What now?,I am sorry about line {n}.,{n % 7 + 1},{n % 5}" for n in range(12)]
    (tmp_path / "map.yaml").write_text(MAP, encoding="utf-8")
    output = tmp_path / "figures.json"
    bench_evaluator.main(
        evaluator="small",
        calls=None,
        ratings=csv_file(tmp_path, *rows),
        columns=tmp_path / "map.yaml",
        limit=None,
        model=None,
        turn_by_turn=False,
        worst=0,
        output=output,
    )
    figures = json.loads(output.read_text())
    ours = figures["ours, small"]
    assert list(ours["dimensions"]) == ["calmness", "empathy"]
    assert (ours["turns"], ours["calls"], ours["tags"]) == (12, 6, {})
    assert "tags" not in capsys.readouterr().out
    turns = [r.turn for r in rated_turns(tmp_path / "ratings.csv", columns())]
    grader = clikit.evaluator()
    graded = [(t, grader.grade(t.turn, t.before, t.brief)) for t in turns]
    assert plain(measure(graded, (Dimension.EMPATHY,))["dimensions"]["empathy"]) == ours["dimensions"]["empathy"]


def test_half_of_the_options_is_refused(tmp_path: Path) -> None:
    rest = {"evaluator": "small", "limit": None, "model": None, "turn_by_turn": False, "worst": 0, "output": None}
    with pytest.raises(DataError, match="belong together"):
        bench_evaluator.main(calls=None, ratings=tmp_path / "r.csv", columns=None, **rest)
    with pytest.raises(DataError, match="give one of them"):
        bench_evaluator.main(calls=tmp_path / "c", ratings=tmp_path / "r.csv", columns=tmp_path / "m", **rest)
