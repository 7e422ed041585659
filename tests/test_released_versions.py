"""What a released version has stored, today's program finds, shows and goes on with.

`fixtures/calls-VERSION.db` was written by that version's own code, checked out of the history: three calls by its
`Rehearsals`, with shipped personas and scenarios, the voice of written lines and a scripted grader. One is over, one was
branched off it, one was cut off between grades and reply. A release adds a file; a file is never made anew.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from builders import ScriptedGrader

from simulator.call import Due, fold
from simulator.caller.written import WrittenVoice
from simulator.debrief import debrief
from simulator.rehearsal import Rehearsals
from simulator.report import render, transcript_jsonl
from simulator.store import open_store
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Ending, Intensity

HERE = Path(__file__).parent
RELEASED = re.findall(r"^## (\d+\.\d+\.\d+)$", (HERE.parent / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
FIRST, BRANCH, CUT_OFF = (
    "9d75cdf17bf34bf6bef5b3aa07b8a696", "5ef590ff5065475eb8d338fd4b5d8244", "c2f84c562b4b419ba5bb71e2b467a69f",
)  # fmt: skip
SOMEBODY = "a" * 32


@pytest.fixture(params=RELEASED)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what that version left behind."""
    return Path(shutil.copy(HERE / "fixtures" / f"calls-{request.param}.db", tmp_path / "calls.db"))


def test_there_is_a_release_and_its_database_is_an_old_one() -> None:
    assert "0.1.0" in RELEASED
    connection = sqlite3.connect(f"file:{HERE / 'fixtures' / 'calls-0.1.0.db'}?mode=ro", uri=True)
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()


def test_its_calls_are_found_and_shown(database: Path) -> None:
    with open_store(database) as store:
        assert [row.id for row in store.calls(SOMEBODY)] == [BRANCH, FIRST]
        over, branch = store.call(FIRST), store.call(BRANCH)
        assert (over.ending, over.trainee_turns, over.persona_id) == (Ending.TRAINEE_ENDED, 3, "anxious")
        assert (branch.parent_id, branch.parent_turn, branch.ending) == (FIRST, 2, None)
        call = fold(store.events(FIRST))
    assert [t.text for t in call.transcript.by(Speaker.TRAINEE)][1] == (
        "I'm sorry, Abena – that's two weeks of waiting. I'll find the parcel now."
    )
    assert call.note == "Parcel traced; call back on Friday."
    assert call.start.intensity is Intensity.REALISTIC
    assert call.grades[2].level(Dimension.EMPATHY) == 2
    assert "two weeks of waiting" in render(call, debrief(call))
    assert transcript_jsonl(call).count("\n") == 1 + len(call.transcript)


def test_its_calls_go_on(database: Path) -> None:
    with open_store(database) as store:
        rehearsals = Rehearsals(WrittenVoice(), ScriptedGrader(), store)
        cut_off = rehearsals.take_up(CUT_OFF, owner="terminal")
        assert cut_off.call.due is Due.MOVE
        list(cut_off.resume())
        list(cut_off.submit("Tell me what happened."))
        again = rehearsals.branch(FIRST, 2, owner=SOMEBODY)
        list(again.submit("I am sorry you had to wait two weeks."))
        assert again.call.start.branched_from is not None
    with open_store(database) as store:
        assert store.call(CUT_OFF).trainee_turns == 2
        assert len(fold(store.events(CUT_OFF)).transcript) == 4
        assert len(store.calls(SOMEBODY)) == 3
