"""The fixtures that the tests of the call page share: handlers with a scripted voice and grader over a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pagekit import ScriptedGrader, ScriptedVoice

from simulator.app.handlers import Handlers
from simulator.rehearsal import Rehearsals
from simulator.store import open_store


@pytest.fixture
def voice() -> ScriptedVoice:
    return ScriptedVoice()


@pytest.fixture
def grader() -> ScriptedGrader:
    return ScriptedGrader()


@pytest.fixture
def rehearsals(tmp_path: Path, voice: ScriptedVoice, grader: ScriptedGrader) -> Iterator[Rehearsals]:
    with open_store(tmp_path / "calls.db") as store:
        yield Rehearsals(voice, grader, store)


@pytest.fixture
def handlers(rehearsals: Rehearsals) -> Handlers:
    return Handlers(rehearsals)
