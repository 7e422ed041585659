"""`simulator serve`: whom it lets in, which port it takes, how it begins and stops."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from clikit import ROOT

from simulator.settings import is_loopback, settings

pytest_plugins = ["clikit"]


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
