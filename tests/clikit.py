"""What tests of the command line share: the command run in this process, with scripted parts and its own folders."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import builders
import numpy as np
import pytest

from simulator import opening
from simulator.caller.voice import Voice
from simulator.cli.main import run
from simulator.evaluator.grader import Evaluator
from simulator.evaluator.heads import DIMENSIONS, OUTPUTS, TAGS, Heads
from simulator.evaluator.network import Network
from simulator.evaluator.peaks import PEAKS
from simulator.evaluator.signals import COUNT
from simulator.models.scripted import ScriptedModel
from simulator.settings import settings

ROOT = Path(__file__).parents[1]
CALL = ("--persona", "indecisive", "--scenario", "parcel_lost")
ROW: dict[str, Any] = {
    "id": "a",
    "scenario": {"business": "a shop", "issue": "A kettle never came."},
    "history": [{"role": "caller", "text": "Where is it?"}],
    "turn": "I am sorry. I will refund it today.",
}

SERVED = """
import sys
import clikit
from simulator import opening
from simulator.caller.written import WrittenVoice
from simulator.cli.main import run

class Parts(opening.Parts):
    def warm_up(self): pass

opening.open_parts = lambda *a, **k: Parts(WrittenVoice(), clikit.evaluator(), "Scripted.")
sys.exit(run(["serve", *sys.argv[1:]]))
"""
"""A program that serves scripted parts as `simulator serve` would; for `python -c`, with these tests to import."""


@dataclass
class Ran:
    """Exit code, stdout and stderr of one command line."""

    code: int
    out: str
    err: str


class Terminal:
    """Runs command lines. Calls and own files are under `data`."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.data, self._patch, self._capsys = data, monkeypatch, capsys

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Ran:
        self._patch.setattr("sys.stdin", StringIO(stdin))
        self._capsys.readouterr()
        code = run([str(a) for a in arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err, err
        return Ran(code, out, err)


def rows(text: str) -> list[dict[str, Any]]:
    """What lines of JSON say."""
    return [json.loads(line) for line in text.splitlines()]


def command(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with nothing scripted."""
    return subprocess.run(
        [sys.executable, "-m", "simulator", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, **more
    )


def random_heads(width: int = 16, layers: Sequence[int] = (1, 2)) -> Heads:
    """Heads that grade a `ScriptedModel` at random, always alike. The network all but says 0, and the kernel twice as much:
    a score is their mean, and several tests count on what these calls are graded."""
    rng, size, rank, seen = np.random.default_rng(5), 2 * width * len(layers) + COUNT, 8, 12
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    cuts = np.tile(np.array([-1.5, -0.5, 0.5, 1.5], np.float32), (len(DIMENSIONS), 1))
    ones = np.ones
    mean, project, anchors, duals, bias = (
        draw(size),
        draw(size, rank),
        draw(seen, rank),
        draw(seen, OUTPUTS),
        draw(OUTPUTS),
    )
    return Heads(
        "scripted", tuple(layers), "0", mean=mean, scale=ones(size, np.float32), project=project / size,
        anchors=np.concatenate([anchors, np.zeros((seen, PEAKS * OUTPUTS), np.float32)], axis=1), duals=2 * duals, bias=2 * bias,
        reader=draw(width * len(layers), OUTPUTS), peaks_mean=np.zeros(PEAKS * OUTPUTS, np.float32),
        peaks_scale=np.full(PEAKS * OUTPUTS, 1000, np.float32), width=np.array([0.1], np.float32),
        cuts=cuts, slopes=ones(len(DIMENSIONS), np.float32), links=ones((OUTPUTS, 2), np.float32),
        steps=np.tile(np.array([1.5, 2.5, 3.5, 4.5], np.float32), (len(DIMENSIONS), 1)),
        thresholds=np.full(len(TAGS), 0.6, np.float32), lower=draw(width * len(layers), 4),
        network=Network(
            up=draw(1, 4, 3), up_bias=draw(1, 3), ask=draw(1, 3, 2), ask_bias=draw(1, 2), beside=draw(1, rank, 3),
            beside_bias=draw(1, 3), mix=draw(1, 12, 5), mix_bias=draw(1, 5), out=draw(1, 5, OUTPUTS) / 1e6,
            out_bias=np.zeros((1, OUTPUTS), np.float32),
        ),
    )  # fmt: skip


def evaluator() -> Evaluator:
    """The real evaluator on a scripted model: any text goes all the way through it."""
    return Evaluator(ScriptedModel(), random_heads())


def voice() -> Voice:
    """The real voice on a scripted model."""
    return Voice(
        ScriptedModel(["I am still waiting for my kettle.", "Two weeks, and nothing has come.", "Is that all?"])
    )


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal whose parts are scripted: no weights, no network, nothing outside `tmp_path`."""
    for name in ("model", "evaluator", "host", "port"):
        monkeypatch.delenv(f"SIMULATOR_{name.upper()}", raising=False)
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SIMULATOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    settings.cache_clear()
    monkeypatch.setattr(opening, "open_parts", lambda *_a, **_k: opening.Parts(voice(), evaluator(), "Scripted."))
    monkeypatch.setattr(opening, "open_evaluator", lambda *_a, **_k: (evaluator(), ScriptedModel()))
    yield Terminal(tmp_path / "data", monkeypatch, capsys)
    settings.cache_clear()
    for handler in logging.getLogger().handlers[:]:
        if isinstance(handler, RotatingFileHandler):
            logging.getLogger().removeHandler(handler)
            handler.close()


__all__ = [
    "SERVED",
    "CALL",
    "ROOT",
    "ROW",
    "Ran",
    "Terminal",
    "builders",
    "command",
    "evaluator",
    "random_heads",
    "rows",
    "terminal",
    "voice",
]
