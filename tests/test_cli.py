"""The `simulator` command, with scripted parts: what it prints, writes and answers with."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import builders
import clikit
import pytest

from simulator import opening
from simulator.call import fold
from simulator.cli import screen
from simulator.errors import DataError, MemoryShortError, ModelError, ModelFormatError, UnknownNameError
from simulator.events import EVENT, CallEnded
from simulator.models.base import ModelInfo, Source
from simulator.models.scripted import ScriptedModel
from simulator.settings import is_loopback, settings
from simulator.store import open_store
from simulator.vocabulary import Dimension

pytest_plugins = ["clikit"]
ROOT = Path(__file__).parents[1]
CALL = ("--persona", "indecisive", "--scenario", "parcel_lost")
ROW = {
    "id": "a",
    "scenario": {"business": "a shop", "issue": "A kettle never came."},
    "history": [{"role": "caller", "text": "Where is it?"}],
    "turn": "I am sorry. I will refund it today.",
}


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def command(*arguments, **more):
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, **more
    )


# Starting up


def test_help_and_listings_load_nothing_heavy():
    heavy = ("torch", "gradio", "sqlalchemy", "transformers", "openai", "jinja2", "numpy")
    code = (
        "import sys; from simulator.cli.main import run; run(['--help']); run(['personas', 'list']);"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == "[]"
    assert "talkative" in done.stdout


def test_every_command_has_help(terminal):
    for name in (
        "serve",
        "setup",
        "chat",
        "play",
        "grade",
        "personas",
        "scenarios",
        "bench",
        "export",
        "backup",
        "restore",
    ):
        done = terminal(name, "-h")
        assert done.code == 0, name
        assert "Usage: simulator" in done.out or "usage: simulator" in done.out or name == "bench"


def test_without_a_command_the_help_is_shown_and_the_version_is_told(terminal):
    assert "Commands:" in terminal().out
    assert terminal("--version").out.startswith("difficult-customer-simulator ")


# Errors


def test_an_unexpected_error_is_a_sentence_and_a_log(terminal, monkeypatch):
    monkeypatch.setattr(opening, "open_parts", lambda *_a, **_k: 1 / 0)
    done = terminal("play", *CALL)
    assert done.code == 1
    assert done.err.startswith("error: something went wrong that should not have (ZeroDivisionError")
    assert "Traceback" in (terminal.data / "simulator.log").read_text()


@pytest.mark.parametrize("error", [ModelError("it is broken"), MemoryShortError("too large\nby far"), DataError("no")])
def test_a_simulator_error_is_one_line_and_exit_code_2(terminal, monkeypatch, error):
    def fail(*_a, **_k):
        raise error

    monkeypatch.setattr(opening, "open_parts", fail)
    done = terminal("play", *CALL)
    assert done.code == 2
    assert done.err == f"error: {' '.join(str(error).split())}\n"


def test_ctrl_c_is_130(terminal, monkeypatch):
    def interrupt(*_a, **_k):
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "open_parts", interrupt)
    assert terminal("play", *CALL).code == 130


def test_a_broken_pipe_is_quiet():
    done = subprocess.run(
        f"{sys.executable} -m simulator scenarios show parcel_lost | head -n 1",
        shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert "parcel" in done.stdout.lower()


def test_a_wrong_environment_variable_is_named(terminal, monkeypatch):
    monkeypatch.setenv("SIMULATOR_PORT", "many")
    settings.cache_clear()
    done = terminal("serve")
    assert done.code == 2
    assert "SIMULATOR_PORT is 'many'" in done.err


# Catalogue


def test_listings_are_tab_separated_for_programs(terminal):
    for what, count, width in (("personas", 16, 4), ("scenarios", 12, 3)):
        table = [line.split("\t") for line in terminal(what, "list").out.splitlines()]
        assert len(table) >= count
        assert {len(row) for row in table} == {width}


def test_show_takes_an_id_or_a_path_and_suggests(terminal):
    by_id = terminal("personas", "show", "talkative").out
    assert "Makes it worse" in by_id
    assert terminal("personas", "show", ROOT / "personas/callers/talkative.yaml").out == by_id
    done = terminal("scenarios", "show", "parcel_lst")
    assert done.code == 2
    assert "Did you mean parcel_lost?" in done.err


def test_own_files_are_listed_and_a_bad_one_is_named(terminal):
    own = terminal.data / "personas"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(
        (ROOT / "personas/callers/talkative.yaml").read_text().replace("id: talkative", "id: mine")
    )
    assert "mine\t" in terminal("personas", "list").out


def test_validate_names_file_and_line_of_everything_that_is_wrong(terminal, tmp_path):
    good = (ROOT / "personas/callers/talkative.yaml").read_text()
    (tmp_path / "a.yaml").write_text(good)
    (tmp_path / "b.yaml").write_text(good)
    (tmp_path / "c.yaml").write_text(good.replace("pronoun: she", "pronoun: it"))
    (tmp_path / "d.yaml").write_text("id: [")
    done = terminal("personas", "validate", tmp_path, tmp_path / "absent")
    assert done.code == 1
    told = done.out.splitlines()
    assert any(line.startswith(f"{tmp_path / 'b.yaml'}: id 'talkative' is used by a.yaml") for line in told)
    number = good.splitlines().index("pronoun: she") + 1
    assert any(line.startswith(f"{tmp_path / 'c.yaml'}:{number}: ") for line in told)
    assert any(line.startswith(f"{tmp_path / 'd.yaml'}:") for line in told)
    assert any("there is no such file" in line for line in told)


def test_the_shipped_files_are_valid(terminal):
    assert terminal("personas", "validate").code == 0
    assert terminal("scenarios", "validate").code == 0


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


# Bench


def test_bench_finds_what_is_installed_and_passes_options_on(terminal, monkeypatch):
    class Point:
        name = "turn"

        @staticmethod
        def load():
            def main(times: int = 1) -> None:
                print("ran", times)

            return main

    monkeypatch.setattr("simulator.cli.bench.entry_points", lambda **_: [Point])
    assert terminal("bench", "turn", "--times", "3").out == "ran 3\n"
    assert "benchmarks: turn" in terminal("bench").out
    assert "Did you mean turn?" in terminal("bench", "tunr").err
    assert terminal("bench", "turn", "--tmes", "3").code == 2
    monkeypatch.setattr("simulator.cli.bench.entry_points", lambda **_: [])
    assert "pip install" in terminal("bench", "turn").err


# Serve


def test_serve_keeps_to_this_machine(terminal):
    for host in ("0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.example.org", ""):
        done = terminal("serve", "--host", host or "0")
        assert done.code == 2
        assert "no login" in done.err
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]")))


def test_serve_lets_others_in_once_somebody_runs_workshops(terminal, monkeypatch, where):
    """Of the database that the settings name, wherever that is."""
    monkeypatch.setenv("SIMULATOR_DATABASE_URL", where)
    settings.cache_clear()
    elsewhere = ("serve", "--host", "203.0.113.9")
    assert "facilitator add" in terminal(*elsewhere).err
    for first, again, told in (("short", "short", "10 to 200"), ("long enough", "long enouhg", "not the same")):
        typed = iter((first, again))
        monkeypatch.setattr("simulator.cli.facilitator.typer.prompt", lambda *_, typed=typed, **__: next(typed))
        done = terminal("facilitator", "add", "Ann")
        assert (done.code, told in done.err) == (2, True)
    assert terminal("facilitator", "list").out.strip() == ""
    monkeypatch.setattr("simulator.cli.facilitator.typer.prompt", lambda *_, **__: "long enough")
    assert terminal("facilitator", "add", " Ann\t").code == 0
    assert "already" in terminal("facilitator", "add", "ANN").err
    assert terminal("facilitator", "list").out.startswith("Ann\t20")
    assert terminal("facilitator", "password", "ann").code == 0
    assert "Did you mean Ann" in terminal("facilitator", "password", "Anm").err
    assert "long enough" not in terminal("facilitator", "list").out
    assert "not an address of this machine" in terminal(*elsewhere).err  # no word about logins any more
    assert not (terminal.data / "calls.db").exists()


def test_a_port_in_use_is_told_with_a_free_one(terminal):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = terminal("serve", "--port", str(port))
    assert done.code == 2
    assert f"port {port} is in use" in done.err
    assert "is free: add --port" in done.err


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no signals")
def test_serve_answers_when_it_says_so_and_stops_on_sigterm(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import sys; sys.path[:0] = ['tests'];"
        "import clikit; from simulator import opening;"
        "opening.open_parts = lambda *a, **k: opening.Parts(clikit.voice(), clikit.evaluator(), 'Scripted.');"
        f"from simulator.cli.main import run; sys.exit(run(['serve', '--port', '{port}']))"
    )
    env = os.environ | {"SIMULATOR_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            told = ""
            until = time.monotonic() + 90
            while "The simulator is at" not in told and time.monotonic() < until and server.poll() is None:
                told = server.stdout.readline()
            assert f"http://127.0.0.1:{port}" in told, server.stderr.read() if server.poll() is not None else told
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert b"200" in line.recv(64)
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0
            assert "calls are kept" in server.stderr.read()
        finally:
            server.kill()


# Opening


def test_the_evaluator_shares_an_embedded_caller_model(monkeypatch):
    class Embedded(ScriptedModel):
        info = ModelInfo("small", Source.EMBEDDED)

    opened = []
    monkeypatch.setattr(opening, "heads_ship", lambda base: base == "small")
    monkeypatch.setattr(opening.heads, "load", lambda _: clikit.random_heads())
    monkeypatch.setattr(opening, "open_model", lambda name, **_: opened.append(name) or Embedded())
    caller = Embedded()
    assert opening.open_evaluator("auto", caller=caller)[1] is caller
    assert opening.open_evaluator("auto", caller=ScriptedModel())[1] is not caller
    assert opened == ["small"]
    with pytest.raises(ModelFormatError, match="no grading heads for standard"):
        opening.open_evaluator("standard", caller=caller)
    with pytest.raises(UnknownNameError, match="Did you mean small"):
        opening.open_evaluator("smal")


def test_needed_models(monkeypatch):
    monkeypatch.setattr(opening, "heads_ship", lambda base: base == "small")
    assert opening.needed("standard", "auto") == ("standard", "small")
    assert opening.needed("small", "auto") == ("small",)
    assert opening.needed("http://x/v1", "auto") == ("small",)
    assert opening.needed("standard", "standard") == ("standard",)


def test_nothing_on_the_screen_steers_a_terminal():
    assert screen.shown("a\x1b[31mb\x07\u202ec\n") == "a[31mbc\n"


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
