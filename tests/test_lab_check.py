"""The page /lab: self-played calls that say what an edit did."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from builders import ScriptedGrader
from labkit import HERE, WHO, act, opened
from pagekit import checked, together
from studykit import WordGrader

from eval.quick import check as quick_check
from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate
from simulator.app.lab.lab import Lab
from simulator.app.views import View
from simulator.quick import installed
from simulator.rehearsal import Rehearsals
from simulator.versions import shipped

pytest_plugins = ["labkit"]


def checking(lab: Lab, me: dict[str, str], edited: str, **other: str) -> Iterator[View]:
    chosen = {"opened": WHO, "before": "saved", "calls": "12", "difficulty": "medium", "words": "written"}
    return lab.act(me, {"do": "check", **chosen, "text": edited, **other}, HERE)


def test_an_edit_moves_what_it_should_and_the_check_says_so(home: Rehearsals, known: Catalogue) -> None:
    home.evaluator = WordGrader()
    lab = Lab(home, known, Gate(home.store), lambda: quick_check)
    me, text = opened(lab), shipped(WHO) or ""
    edited = text.replace("talkativeness: 5", "talkativeness: 10").replace("agitation: 6", "agitation: 0")
    views = list(checking(lab, me, edited))
    checked(views[-1]["check"])
    run = lab._checking.of(me["owner"], WHO)
    assert run is not None and run.found is not None, views[-1]
    assert run.done == run.total == 24
    found = {m.name: m for m in run.found.measures}
    assert (found["wanders"].difference.value or 0) > 0
    assert (found["mean agitation"].difference.value or 0) < 0
    assert found["mean agitation"].moved
    assert 'class="moved"' in views[-1]["check"]
    assert "12 calls with each" in act(lab, me, "open", text=WHO)["check"]  # also after a reload


def test_no_edit_moves_nothing(home: Rehearsals, known: Catalogue) -> None:
    lab = Lab(home, known, Gate(home.store), lambda: quick_check)
    me = opened(lab)
    shown = list(checking(lab, me, shipped(WHO) or "", calls="5"))[-1]["check"]
    assert "No measure moved" in shown
    assert 'class="moved"' not in shown


class SlowGrader(ScriptedGrader):
    """Takes a while for each turn, and counts them."""

    asked = 0

    def grade(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        time.sleep(0.05)
        return super().grade(*args, **kwargs)


def test_cancel_stops_the_calls(home: Rehearsals, known: Catalogue) -> None:
    grader = home.evaluator = SlowGrader()
    lab = Lab(home, known, Gate(home.store), lambda: quick_check)
    me, text = opened(lab), shipped(WHO) or ""
    happening = checking(lab, me, text, calls="200")
    assert "of 400 calls played" in next(happening)["check"]
    assert "running on this server" in together(checking(lab, me, text))["banner"]
    act(lab, me, "cancel", what=WHO)
    assert "Cancelled after" in list(happening)[-1]["check"]
    asked = grader.asked
    time.sleep(0.5)
    assert grader.asked == asked
    assert not [t for t in threading.enumerate() if t.name == "quick-check"]


@pytest.mark.parametrize(
    "wrong", [{"calls": "4"}, {"calls": "201"}, {"calls": ""}, {"difficulty": "x"}, {"text": "id: x"}]
)
def test_a_check_that_makes_no_sense_is_told(lab: Lab, wrong: dict[str, str]) -> None:
    edited = wrong.pop("text", shipped(WHO) or "")
    assert set(together(checking(lab, opened(lab), edited, **wrong))) == {"banner"}


def test_the_check_is_found_by_its_entry_point(harness: None) -> None:
    assert installed() is quick_check
