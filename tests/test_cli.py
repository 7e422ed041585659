"""The `simulator` command, with scripted parts: how it starts, what it lists, how it fails."""

import subprocess
import sys

import pytest
from clikit import CALL, ROOT

from simulator import opening
from simulator.cli import screen
from simulator.errors import DataError, MemoryShortError, ModelError
from simulator.settings import settings

pytest_plugins = ["clikit"]

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


# The screen


def test_nothing_on_the_screen_steers_a_terminal():
    assert screen.shown("a\x1b[31mb\x07\u202ec\n") == "a[31mbc\n"
