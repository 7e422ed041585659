"""Wrong rows to grade and wrong play scripts: each gets one readable sentence with its line, and the good ones are done."""

from __future__ import annotations

import json

import pytest
from malformedkit import assert_sentence, ids, row

from simulator.events import EVENT
from simulator.session import MAX_CHARACTERS

pytest_plugins = ["clikit"]

NOT_JSON: list[tuple[str, object]] = [
    ("words", "hello there"),
    ("half an object", '{"id": "a"'),
    ("single quotes", "{'id': 'a'}"),
    ("trailing comma", '{"id": "a",}'),
    ("a list", "[]"),
    ("a list of rows", f"[{row()}]"),
    ("a number", "42"),
    ("null", "null"),
    ("true", "true"),
    ("NaN", "NaN"),
    ("two on a line", f"{row()} {row()}"),
    ("deep", "[" * 100_000 + "]" * 100_000),
    ("a huge number", '{"id": ' + "9" * 10_000 + "}"),
    ("doubled key", '{"id": "a", "id": "b"}'),
    ("NUL", "\x00"),
    ("control characters", "\x1b[31m\x07\x08"),
    ("a raw line break in a string", '{"id": "a\tb\x0bc"}'),
    ("too long", '{"id": "' + "x" * 5_000_000 + '"}'),
    ("direction override", "\u202e}{"),
    ("not UTF-8", "\ufffd\ufffd"),
    ("an empty object", "{}"),
]
GRADES = [
    *NOT_JSON,
    ("a string", '"Hello"'),
    ("no id", row(id=...)),
    ("id null", row(id=None)),
    ("id a number", row(id=3)),
    ("id empty", row(id="")),
    ("id too long", row(id="x" * 300)),
    ("no turn", row(turn=...)),
    ("turn null", row(turn=None)),
    ("turn empty", row(turn="")),
    ("turn blank", row(turn=" \n\t ")),
    ("turn invisible", row(turn="\u200b\u200d\ufeff\u2800")),
    ("turn control characters only", row(turn="\x00\x07\x1b")),
    ("turn an object", row(turn={"text": "a"})),
    ("turn a megabyte", row(turn="a" * 1_000_000)),
    ("no scenario", row(scenario=...)),
    ("scenario a name", row(scenario="parcel_lost")),
    ("scenario empty", row(scenario={})),
    ("business a number", row(scenario={"business": 1, "issue": "c"})),
    ("facts a string", row(scenario={"business": "b", "issue": "c", "facts": "f"})),
    ("facts with numbers", row(scenario={"business": "b", "issue": "c", "facts": [1]})),
    ("too many facts", row(scenario={"business": "b", "issue": "c", "facts": ["f"] * 1_000})),
    ("unknown key in the scenario", row(scenario={"business": "b", "issue": "c", "isue": "d"})),
    ("issue a megabyte", row(scenario={"business": "b", "issue": "c" * 1_000_000})),
    ("history a string", row(history="Hello")),
    ("history of strings", row(history=["Hello"])),
    ("history without role", row(history=[{"text": "a"}])),
    ("history of a customer", row(history=[{"role": "customer", "text": "a"}])),
    ("history of a system", row(history=[{"role": "system", "text": "a"}])),
    ("history without words", row(history=[{"role": "caller", "text": ""}])),
    ("history too long", row(history=[{"role": "caller", "text": "a"}] * 1_000)),
    ("unknown key", row(extra=1)),
    ("unknown key with control characters", row(**{"a\x1b[31m": 1})),
    ("a very long unknown key", row(**{"k" * 10_000: 1})),
    ("persona an object", row(persona={"type": "x"})),
    ("surrogate id", '{"id": "\\ud800", "scenario": {"business": "b", "issue": "c"}, "turn": "Hello."}'),
]  # fmt: skip
SCRIPTS = [
    *NOT_JSON,
    ("empty string", '""'),
    ("blank string", '" \\n "'),
    ("invisible string", '"\\u200b\\u2060"'),
    ("only a lone surrogate", '"\\ud83d"'),
    ("only control characters", '"\\u0000\\u001b"'),
    ("text null", '{"text": null}'),
    ("text a list", '{"text": ["a"]}'),
    ("text missing", '{"txt": "a"}'),
    ("text and more", '{"text": "a", "role": "trainee"}'),
    ("too long", json.dumps("a" * (MAX_CHARACTERS + 1))),
    ("a megabyte", json.dumps({"text": "a" * 1_000_000})),
]


@pytest.mark.parametrize("case", [c for _, c in GRADES], ids=ids(GRADES))
def test_a_wrong_row_to_grade(case, terminal, tmp_path):
    (tmp_path / "in.jsonl").write_text(f"{case}\n{row(id='good')}\n", encoding="utf-8")
    done = terminal("grade", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.code == 1
    assert [json.loads(line)["id"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["good"]
    first, last = done.err.splitlines()[-2:]
    assert first.startswith(f"error: {tmp_path / 'in.jsonl'}, line 1: ")
    assert_sentence(first)
    assert last == "1 graded, 1 could not be read"


@pytest.mark.parametrize("case", [c for _, c in SCRIPTS], ids=ids(SCRIPTS))
@pytest.mark.parametrize("piped", [False, True], ids=["file", "piped"])
def test_a_wrong_play_script(case, piped, terminal, tmp_path):
    text = f'"Hello."\n{case}\n'
    (tmp_path / "in.jsonl").write_text(text, encoding="utf-8")
    done = terminal(
        "play", "--persona", "talkative", "--scenario", "parcel_lost",
        "--script", "-" if piped else tmp_path / "in.jsonl", stdin=text if piped else "",
    )  # fmt: skip
    assert done.code == 2
    error = done.err.splitlines()[-1]
    assert error.startswith("error: ")
    assert "line 2: " in error
    assert_sentence(error)
    kinds = [EVENT.validate_json(line).kind for line in done.out.splitlines()]
    assert kinds[-1:] == (["caller_spoke"] if piped else [])  # what was played before stays played
