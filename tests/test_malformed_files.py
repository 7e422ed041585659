"""Wrong, hostile or merely odd persona and scenario files: each gets one readable sentence that names the file."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path

import pytest
from malformedkit import assert_sentence, ids

from simulator.errors import SimulatorError
from simulator.persona import Persona
from simulator.scenario import Scenario
from simulator.yamlfile import read_model

pytest_plugins = ["clikit"]

PERSONA = (files("personas") / "callers" / "talkative.yaml").read_text(encoding="utf-8")
SCENARIO = (files("personas") / "scenarios" / "parcel_lost.yaml").read_text(encoding="utf-8")

NOT_YAML: list[tuple[str, object]] = [
    ("empty", ""),
    ("blank", "  \n\n"),
    ("only a comment", "# nothing\n"),
    ("null", "null"),
    ("a word", "hello"),
    ("a number", "42"),
    ("a list", "- a\n- b\n"),
    ("binary", bytes(range(256))),
    ("NUL", b"id: a\x00b\n"),
    ("not UTF-8", b"id: caf\xe9\n"),
    ("UTF-16", "id: a\n".encode("utf-16")),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ("escape character", b"id: \x1b[31mred\n"),
    ("open bracket", "id: ["),
    ("open quote", 'id: "abc'),
    ("tab indentation", "voice:\n\tmanner: x\n"),
    ("bad indentation", "id: a\n  label: b\n c: d\n"),
    ("doubled key", "id: a\nid: b\n"),
    ("unknown anchor", "id: *nowhere\n"),
    ("python object", "id: !!python/object/apply:os.system ['echo pwned']\n"),
    ("unknown tag", "id: !secret 3\n"),
    ("two documents", "id: a\n---\nid: b\n"),
    ("unknown directive", "%FROBNICATE 1\n---\nid: a\n"),
    ("billion laughs", "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 8)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))),
    ("itself", "id: &a\n  b: *a\n"),
    ("deep list", "id: " + "[" * 3_000 + "]" * 3_000),
    ("deep mapping", "".join(" " * n + f"k{n}:\n" for n in range(400))),
    ("too large", "# " + "x" * 1_100_000 + "\nid: a\n"),
    ("a long key", "k" * 5_000 + ": a\n"),
    ("a number as key", "1: a\n2: b\n"),
    ("a list as key", "[a, b]: c\n"),
    ("a mapping as key", "{a: b}: c\n"),
    ("JSON", '{"id": "a"}'),
    ("HTML", "<html><body>id: a</body></html>"),
    ("CSV", "id,label\na,b\n"),
    ("keys with control characters", '"i\\u001b[31md": a\n'),
    ("merge key", "<<: {id: a}\n"),
    ("a date", "id: 2020-01-01\n"),
    ("infinity", "id: .inf\n"),
    ("a huge number", "id: " + "9" * 5_000 + "\n"),
]  # fmt: skip


def without(text: str, key: str) -> str:
    """The YAML text without a top-level key and what is under it."""
    kept, dropping = [], False
    for line in text.splitlines(keepends=True):
        if line[:1] not in " \t-#\n":
            dropping = line.startswith(f"{key}:")
        if not dropping:
            kept.append(line)
    assert len(kept) < len(text.splitlines())
    return "".join(kept)


def instead(text: str, key: str, value: str) -> str:
    """The YAML text with another value for a top-level key."""
    return f"{without(text, key).rstrip()}\n{key}: {value}\n"


def _required(model: type) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _files(text: str, model: type, ranges: dict[str, str]) -> list[tuple[str, object]]:
    cases = list(NOT_YAML)
    cases += [(f"no {key}", without(text, key)) for key in _required(model)]
    cases += [(f"{key} null", instead(text, key, "null")) for key in _required(model)]
    cases += [(f"{key} nested", instead(text, key, "{a: {b: [c]}}")) for key in _required(model)]
    cases += [(f"{key}: {value[:20]}", instead(text, key, value)) for key, value in ranges.items()]
    cases += [
        ("unknown key", text + "\nunheard_of: 1\n"),
        ("misspelt key", text.replace("\nid:", "\nidd:").replace("id:", "idd:", 1)),
        ("escape in a value", instead(text, "id", '"a\\u001b[2J"')),
        ("direction override", text + '\nunheard: "\\u202eevil"\n'),
        ("a lone surrogate", instead(text, "id", '"\\ud800"')),
    ]
    return cases


PERSONAS = _files(
    PERSONA,
    Persona,
    {
        "id": "Upper Case",
        "label": "x",
        "name": '"N\\u0007n"',
        "pronoun": "it",
        "summary": "short",
        "who": '"\\u202eabc"',
        "opens": "[one]",
        "unlocks": "[telepathy]",
        "triggers": "{rushes: 99, argues: 1}",
        "soothers": "{rushes: .nan, argues: 1}",
        "leaves": "{resolved: [Bye.]}",
        "lines": "{vent: [only one]}",
        "levels": "{easy: {}}",
        "traits": "{volatility: 11}",
        "start": "{agitation: -1, trust: 1, patience: 1}",
        "voice": "{manner: a, cue: abc, words: [50, 10], pet_phrases: [a, b]}",
    },
)
SCENARIOS = _files(
    SCENARIO,
    Scenario,
    {
        "id": "../../etc/passwd",
        "title": "x",
        "root_cause": "magic",
        "facts": "[]",
        "hidden": "[{id: a, text: b}]",
        "record": "[1, 2, 3, 4]",
        "articles": "[{id: a, title: b, body: c}]",
        "better": "{calmness: [short]}",
        "opening": "x" * 400,
        "discussion": "just one",
        "wrong_promises": "[{promise: a}, {promise: b}]",
        "policy": '["ok", "a\\u0000b"]',
    },
)


@pytest.mark.parametrize("case", [c for _, c in PERSONAS], ids=ids(PERSONAS))
def test_a_wrong_persona_file(case, tmp_path):
    refused(Persona, case, tmp_path)


@pytest.mark.parametrize("case", [c for _, c in SCENARIOS], ids=ids(SCENARIOS))
def test_a_wrong_scenario_file(case, tmp_path):
    refused(Scenario, case, tmp_path)


def refused(model, case, folder: Path) -> None:
    file = folder / "mine.yaml"
    file.write_bytes(case if isinstance(case, bytes) else case.encode("utf-8"))
    began = time.monotonic()
    with pytest.raises(SimulatorError) as caught:
        read_model(model, file)
    assert time.monotonic() - began < 10
    assert_sentence(str(caught.value))
    assert "mine.yaml" in str(caught.value)


@pytest.mark.parametrize("kind", ["missing", "a folder", "a loop"])
def test_a_file_that_is_none(kind, tmp_path):
    path = tmp_path / "mine.yaml"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a loop":
        path.symlink_to(path)
    with pytest.raises(SimulatorError) as caught:
        read_model(Persona, path)
    assert_sentence(str(caught.value))


def test_a_wrong_file_validates_as_wrong(terminal, tmp_path):
    (tmp_path / "mine.yaml").write_text('id: "a\\u001b[31m"\n')
    done = terminal("personas", "validate", tmp_path / "mine.yaml")
    assert done.code == 1
    for line in done.out.splitlines():
        assert_sentence(line)
