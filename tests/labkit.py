"""What tests of the page /lab share: the lab over real files with a written voice and a scripted grader, and how it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ScriptedGrader
from pagekit import together

from eval.quick import check as quick_check
from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, Keys
from simulator.app.lab.lab import Lab
from simulator.app.views import View
from simulator.caller.written import WrittenVoice
from simulator.quick import GROUP, NAME
from simulator.rehearsal import Rehearsals
from simulator.store import open_store

HERE = Keys(here=True)
WHO = "anxious"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Rehearsals]:
    with open_store(tmp_path / "calls.db") as store:
        yield Rehearsals(WrittenVoice(), ScriptedGrader(), store, own_data=tmp_path)


@pytest.fixture
def known(home: Rehearsals) -> Catalogue:
    return Catalogue(home)


@pytest.fixture
def lab(home: Rehearsals, known: Catalogue) -> Lab:
    return Lab(home, known, Gate(home.store), lambda: quick_check)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "personas"


def opened(lab: Lab) -> dict[str, str]:
    """What a browser keeps once it has opened the page."""
    return together(lab.load(None, HERE))["me"]


def act(lab: Lab, me: dict[str, str], do: str, **data: str) -> View:
    return together(lab.act(me, {"do": do, **data}, HERE))


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness as it is installed: its entry point, as pyproject.toml has it."""
    import tomllib

    points = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["entry-points"]
    info = tmp_path / "site" / "harness-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{NAME} = {points[GROUP][NAME]}\n")
    monkeypatch.syspath_prepend(str(info.parent))
