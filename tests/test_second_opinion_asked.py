"""How a second opinion is asked for: at the command line, in the settings, of a model that is open already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clikit import ROW, Terminal, evaluator, rows, voice
from opinionkit import chat, opinion
from pytest_httpserver import HTTPServer

from simulator import opening
from simulator.errors import ModelError
from simulator.models import ScriptedModel
from simulator.settings import Settings, settings

pytest_plugins = ["clikit"]


def test_grades_from_the_command_line(terminal: Terminal, httpserver: HTTPServer) -> None:
    listed = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "us"}]}
    httpserver.expect_request("/v1/models").respond_with_json(listed)
    httpserver.expect_request("/v1/chat/completions").respond_with_json(chat("4"))
    done = terminal("grade", "--second-opinion", httpserver.url_for("/v1"), stdin=json.dumps(ROW) + "\n")
    assert done.code == 0, done.err
    second = rows(done.out)[0]["second_opinion"]
    assert second["model"] == "m"
    assert second["levels"] == dict.fromkeys(("calmness", "empathy", "solution", "closing"), 4)
    assert second["reason"] == ""
    assert "second_opinion" not in rows(terminal("grade", stdin=json.dumps(ROW) + "\n").out)[0]
    httpserver.clear()
    httpserver.expect_request("/v1/models").respond_with_json(listed)
    failed = terminal("grade", "--second-opinion", httpserver.url_for("/v1"), stdin=json.dumps(ROW) + "\n")
    assert failed.code == 0
    assert rows(failed.out)[0]["second_opinion"]["levels"] is None
    assert "model server" in rows(failed.out)[0]["second_opinion"]["reason"]
    assert terminal("grade", "--second-opinion", "no such", stdin=json.dumps(ROW) + "\n").code == 2


def test_a_chat_ends_with_the_agreement(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def parts(*_: object, second_opinion: str = "", **__: object) -> opening.Parts:
        asked.append(second_opinion)
        return opening.Parts(voice(), evaluator(), "Scripted.", second=opinion(*[1.0] * 6) if second_opinion else None)

    monkeypatch.setattr(opening, "open_parts", parts)
    words = ("--persona", "demanding", "--scenario", "parcel_lost")
    done = terminal("chat", *words, "--second-opinion", "other", stdin="Hello, this is Sam.\n/end\n")
    assert done.code == 0, done.err
    assert "Another model's view (other): it has given its view on 1 of your 1 turn" in done.out
    monkeypatch.setenv("SIMULATOR_SECOND_OPINION", "from-the-settings")
    settings.cache_clear()
    terminal("chat", *words, stdin="/quit\n")
    terminal("chat", *words, "--second-opinion", "", stdin="/quit\n")
    assert asked == ["other", "from-the-settings", ""]


def test_a_model_that_is_open_already_is_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: dict[str, ScriptedModel] = {}

    def made(name: str, **_: object) -> ScriptedModel:
        assert name not in opened, "opened twice"
        opened[name] = ScriptedModel(name=name)
        return opened[name]

    monkeypatch.setattr(opening, "open_model", made)
    monkeypatch.setattr(opening, "open_evaluator", lambda *_a, **_k: (evaluator(), made("grading")))
    monkeypatch.setattr(opening, "go_offline", lambda: None)
    chosen = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    shared = opening.open_parts("mine", settings=chosen, second_opinion="mine")
    assert shared.second is not None
    assert shared.second.model_name == "mine"
    assert shared.second_model is None
    assert shared.told.endswith("mine gives second opinions.")
    opened.clear()
    parts = opening.open_parts("mine", settings=chosen, second_opinion="theirs")
    assert list(opened) == ["theirs", "mine", "grading"], "what may come from the hub is opened first"
    parts.close()
    assert all(model.closed for model in opened.values())
    opened.clear()
    monkeypatch.setattr(opening, "open_evaluator", lambda *_a, **_k: (_ for _ in ()).throw(ModelError("no")))
    with pytest.raises(ModelError):
        opening.open_parts("mine", settings=chosen, second_opinion="theirs")
    assert all(model.closed for model in opened.values())
