"""Calls and grades at the command line: play, grade, chat and export, with scripted parts."""

import json
import os

import builders
import pytest
from clikit import CALL, ROW, command, rows

from simulator import opening
from simulator.call import fold
from simulator.errors import ModelError
from simulator.events import EVENT, CallEnded
from simulator.models.scripted import ScriptedModel
from simulator.store import open_store
from simulator.vocabulary import Dimension

pytest_plugins = ["clikit"]

# Play


def test_play_writes_a_stream_that_is_a_call(terminal, tmp_path):
    script, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    script.write_text('"Good morning."\n\n{"text": "I am sorry to hear it."}\n')
    done = terminal("play", *CALL, "--seed", "4", "--script", script, "--output", output)
    assert done.code == 0, done.err
    assert done.out == ""
    call = fold(EVENT.validate_json(line) for line in output.read_text().splitlines())
    assert [t.text for t in call.transcript.turns[::2]] == ["Good morning.", "I am sorry to hear it."]
    assert call.start.seed == 4
    assert not (tmp_path / "out.jsonl.part").exists()


def test_play_gives_the_same_call_for_the_same_seed(terminal):
    def words(seed):
        out = terminal("play", *CALL, "--seed", seed, stdin='"Good morning."\n"Sorry."\n"What shall I do?"\n').out
        return [(r["kind"], r.get("text"), r.get("state")) for r in rows(out)]

    assert words("4") == words("4")


def test_play_ends_when_the_call_ends(terminal):
    script = '"I do not care, calm down."\n' * 80
    out = rows(terminal("play", *CALL, stdin=script).out)
    assert out[-1]["kind"] == "call_ended"
    assert [r["kind"] for r in out].count("call_ended") == 1


def test_a_bad_script_writes_nothing(terminal, tmp_path):
    (tmp_path / "in.jsonl").write_text('"Hello"\n{"txt": "no"}\n')
    (tmp_path / "out.jsonl").write_text("old")
    done = terminal("play", *CALL, "--script", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.code == 2
    assert "in.jsonl, line 2: " in done.err
    assert (tmp_path / "out.jsonl").read_text() == "old"


# Grade


def test_grade_answers_every_row_in_order(terminal):
    three = [ROW | {"id": n, "turn": f"{ROW['turn']} {n}"} for n in "abc"]
    done = terminal("grade", stdin="".join(json.dumps(row) + "\n" for row in three))
    out = rows(done.out)
    assert done.code == 0
    assert [r["id"] for r in out] == ["a", "b", "c"]
    for row, given in zip(out, three, strict=True):
        assert {row[d] for d in Dimension} <= {None, 1, 2, 3, 4, 5}
        assert row["calmness"] is not None
        assert set(row["confidence"]) == {*Dimension, *row["techniques"], *row["faults"]}
        for quote in row["evidence"]:
            assert quote["quote"] in given["turn"]
            assert len({"dimension", "tag"} & set(quote)) == 1


def test_a_bad_row_is_named_and_the_rest_is_graded(terminal, tmp_path):
    good = json.dumps(ROW)
    (tmp_path / "in.jsonl").write_text(f'{good}\n{{"id": "b"}}\nnot json\n{good}\n{json.dumps(ROW | {"id": "c"})}\n')
    done = terminal("grade", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.code == 1
    assert [r["id"] for r in rows((tmp_path / "out.jsonl").read_text())] == ["a", "c"]
    for number, reason in ((2, "key 'scenario' is missing"), (3, "is not JSON"), (4, "line 1's already")):
        assert any(f"line {number}: " in line and reason in line for line in done.err.splitlines())


def test_a_grader_that_breaks_leaves_the_old_file_and_one_bad_turn_stops_none(terminal, tmp_path, monkeypatch):
    class Failing(builders.ScriptedGrader):
        left = 1
        error: Exception

        def grade(self, *args, **more):
            self.left -= 1
            if self.left < 0:
                raise self.error
            return super().grade(*args, **more)

    monkeypatch.setattr(opening, "open_evaluator", lambda *_a, **_k: (Failing(), ScriptedModel()))
    (tmp_path / "in.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps(ROW | {"id": "b"}) + "\n")
    (tmp_path / "out.jsonl").write_text("old")
    Failing.error = RuntimeError("the processor is on fire")
    done = terminal("grade", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert (done.code, (tmp_path / "out.jsonl").read_text()) == (1, "old")
    assert len(rows((tmp_path / "out.jsonl.part").read_text())) == 1
    Failing.error = ModelError("the turn is too long")
    done = terminal("grade", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out.jsonl")
    assert done.code == 1
    assert "line 2: the turn is too long" in done.err
    assert len(rows((tmp_path / "out.jsonl").read_text())) == 1


# Chat and export


def test_a_call_in_the_terminal_is_kept_and_goes_on(terminal):
    done = terminal(
        "chat", stdin="3\nnobody\nparcel_lost\nGood morning\n/kb parcel\n/record\n/what\n/help\n/note wrote it\n"
    )
    assert done.code == 0, done.err
    for told in (
        "there is no scenario called 'nobody'",
        "The call is kept",
        "[calmness ",
        "You may:",
        "/record",
        "(kept)",
    ):
        assert told in done.out, told
    call_id = done.out.split("--resume ")[1].split()[0]
    done = terminal("chat", "--resume", call_id[:8], stdin="I will find it today.\n/end\n")
    assert "You: Good morning" in done.out
    assert "the call has ended: trainee ended" in done.out
    with open_store(terminal.data / "calls.db") as store:
        call = fold(store.events(call_id))
    assert call.note == "wrote it"
    assert isinstance(store and call.ended, CallEnded)


def test_without_hints_nothing_is_graded_aloud(terminal):
    out = terminal("chat", *CALL, "--no-hints", stdin="Good morning\n/hint\n/quit\n").out
    assert "[calmness" not in out
    assert "this call is without hints" in out


def test_an_empty_turn_is_no_turn(terminal):
    out = terminal("chat", *CALL, stdin="\u200d\n\n\u2800\nHello\n").out
    assert out.count("the turn is empty") == 2


def test_export_writes_what_was_said(terminal, tmp_path):
    terminal("chat", *CALL, stdin="Good morning <b>\n/end\n")
    terminal("chat", *CALL, stdin="Good evening\n")
    listed = [line.split("\t") for line in terminal("export", "--list").out.splitlines()]
    assert {row[2] for row in listed} == {"open", "trainee_ended"}
    ended = next(row[0] for row in listed if row[2] == "trainee_ended")
    assert rows(terminal("export", ended).out)[0]["kind"] == "call"
    assert rows(terminal("export", ended, "--format", "events").out)[0]["kind"] == "call_started"
    assert terminal("export", ended[:6], "--format", "html", "--output", tmp_path / "d.html").code == 0
    assert "Good morning &lt;b&gt;" in (tmp_path / "d.html").read_text()
    assert terminal("export", "--all", "--format", "html", "--output", tmp_path / "all").code == 0
    assert len(list((tmp_path / "all").glob("*.html"))) == 2
    assert sum(r["kind"] == "call" for r in rows(terminal("export", "--all").out)) == 2
    unknown = terminal("export", "ffffffff")
    assert (unknown.code, "simulator export --list" in unknown.err) == (2, True)


@pytest.mark.model
def test_a_real_small_model_grades_and_plays(tmp_path):
    env = os.environ | {"SIMULATOR_DATA_DIR": str(tmp_path)}
    done = command("play", *CALL, "--model", "small", "--seed", "1", input='"Good morning, how can I help?"\n', env=env)
    assert done.returncode == 0, done.stderr
    out = [EVENT.validate_json(line) for line in done.stdout.splitlines()]
    assert [e.kind for e in out if e.kind != "candidate_refused"] == [
        "call_started", "trainee_spoke", "turn_graded", "caller_moved", "caller_spoke",
    ]  # fmt: skip
    done = command("grade", "--evaluator", "small", input=json.dumps(ROW) + "\n", env=env)
    assert rows(done.stdout)[0]["id"] == "a"
