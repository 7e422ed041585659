"""Wrong command lines: each gets one readable sentence."""

from __future__ import annotations

import pytest
from malformedkit import assert_sentence, ids
from test_malformed_files import PERSONAS, SCENARIOS
from test_malformed_rows import GRADES, SCRIPTS
from test_malformed_turns import NO_TURNS, TURNS

pytest_plugins = ["clikit"]

P, S = ("--persona", "talkative"), ("--scenario", "parcel_lost")
LINES: list[tuple[str, tuple[str, ...]]] = [
    ("no such command", ("frobnicate",)),
    ("no such option", ("play", *P, *S, "--frobnicate")),
    ("an option without value", ("play", *P, "--scenario")),
    ("persona missing", ("play", *S)),
    ("scenario missing", ("play", *P)),
    ("unknown persona", ("play", "--persona", "nobody", *S)),
    ("empty persona", ("play", "--persona", "", *S)),
    ("persona with escapes", ("play", "--persona", "\x1b[31m\u202ex", *S)),
    ("persona a path out", ("play", "--persona", "../../../etc/passwd", *S)),
    ("persona a missing file", ("play", "--persona", "absent.yaml", *S)),
    ("persona with a NUL", ("play", "--persona", "a\x00.yaml", *S)),
    ("persona of a megabyte", ("play", "--persona", "x" * 1_000_000, *S)),
    ("persona a long path", ("play", "--persona", "x" * 5_000 + ".yaml", *S)),
    ("unknown scenario", ("play", *P, "--scenario", "nowhere")),
    ("difficulty", ("play", *P, *S, "--difficulty", "impossible")),
    ("difficulty with escapes", ("play", *P, *S, "--difficulty", "\x1b[2J")),
    ("intensity", ("play", *P, *S, "--intensity", "brutal")),
    ("harsh without consent", ("play", *P, *S, "--intensity", "harsh")),
    ("medium", ("play", *P, *S, "--medium", "pigeon")),
    ("words", ("play", *P, *S, "--words", "mine")),
    ("seed a word", ("play", *P, *S, "--seed", "lucky")),
    ("seed negative", ("play", *P, *S, "--seed", "-1")),
    ("seed too large", ("play", *P, *S, "--seed", "9" * 30)),
    ("seed of many digits", ("play", *P, *S, "--seed", "9" * 6_000)),
    ("script missing", ("play", *P, *S, "--script", "/absent/in.jsonl")),
    ("script a folder", ("play", *P, *S, "--script", "/tmp")),
    ("script with a NUL", ("play", *P, *S, "--script", "a\x00b")),
    ("script empty", ("play", *P, *S, "--script", "/dev/null")),
    ("output nowhere", ("play", *P, *S, "--output", "/absent/out.jsonl")),
    ("output a folder", ("play", *P, *S, "--output", "/tmp")),
    ("output with a NUL", ("play", *P, *S, "--output", "a\x00b")),
    ("grade from nowhere", ("grade", "--input", "/absent/in.jsonl")),
    ("grade nothing", ("grade", "--input", "/dev/null")),
    ("grade into a folder", ("grade", "--output", "/tmp")),
    ("port a word", ("serve", "--port", "http")),
    ("port 0", ("serve", "--port", "0")),
    ("port 99999", ("serve", "--port", "99999")),
    ("host everywhere", ("serve", "--host", "0.0.0.0")),
    ("host with escapes", ("serve", "--host", "\x1b[31m")),
    ("host elsewhere", ("serve", "--host", "203.0.113.9", "--allow-network-without-login")),
    ("host no host", ("serve", "--host", "a b", "--allow-network-without-login")),
    ("host too long", ("serve", "--host", "x" * 300, "--allow-network-without-login")),
    ("model to set up", ("setup", "--model", "enormous")),
    ("show nobody", ("personas", "show", "nobody")),
    ("show nothing", ("scenarios", "show")),
    ("unknown sub-command", ("personas", "frobnicate")),
    ("export nothing", ("export",)),
    ("export too much", ("export", "abcd", "--all")),
    ("export without calls", ("export", "--list")),
    ("export as", ("export", "--all", "--format", "docx")),
    ("export pages to stdout", ("export", "--all", "--format", "html")),
    ("resume nothing", ("chat", "--resume", "absent")),
    ("resume escapes", ("chat", "--resume", "\x1b[31m")),
    ("too many arguments", ("grade", "a", "b")),
    ("no benchmark", ("bench", "absent\x1b[31m")),
]  # fmt: skip


@pytest.mark.parametrize("line", [c for _, c in LINES], ids=ids(LINES))
def test_a_wrong_command_line(line, terminal):
    done = terminal(*line)
    assert done.code == 2, done
    error = done.err.splitlines()[-1]
    assert error.startswith("error: ")
    assert_sentence(error)


def test_there_are_at_least_two_hundred_of_them():
    assert sum(map(len, (PERSONAS, SCENARIOS, GRADES, SCRIPTS, TURNS, NO_TURNS, LINES))) >= 200
