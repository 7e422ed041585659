"""Grading many turns: in whatever order and company rows come, each has the grades that it has alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import builders
import clikit
import pytest
from clikit import terminal  # noqa: F401 - the fixture

from eval.corpus import graded_turns, is_test
from simulator.assessment import Assessment
from simulator.calibration.scaled import Scaled
from simulator.errors import ModelError
from simulator.evaluator import heads as shipped
from simulator.evaluator.batch import Asked, calls, graded
from simulator.evaluator.grader import Evaluator
from simulator.models import LocalModel, ensure
from simulator.models.scripted import ScriptedModel
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript

BRIEF = Brief("a shop", "A kettle never came.", ("Paid £40 on 3 May.",), ("May refund £40.",))


def call(*said: str, brief: Brief = BRIEF) -> list[Asked]:
    """The trainee's turns of a call in which both speak in turns, the caller first."""
    before, asked = Transcript(), []
    for n, text in enumerate(said):
        if n % 2:
            asked.append(Asked(text, before, brief, "k"))
        before = before.plus(Speaker.TRAINEE if n % 2 else Speaker.CALLER, text)
    return asked


def untimed(grades: Assessment | ModelError) -> Assessment:
    assert isinstance(grades, Assessment)
    return grades.model_copy(update={"seconds": 0.0})


class OneRead(ScriptedModel):
    """Counts how often it reads."""

    reads = 0

    def features(self, *args, **more):
        self.reads += 1
        return super().features(*args, **more)


@pytest.fixture(scope="module")
def small() -> Iterator[Evaluator]:
    model = LocalModel(ensure("small"))
    yield Evaluator(model, shipped.load("small"))
    model.close()


@pytest.mark.model
def test_grades_are_the_same_to_the_bit_as_turn_by_turn(small: Evaluator) -> None:
    turns = [t for t in graded_turns() if is_test(t.call)]
    corpus = [list(g) for _, g in groupby(turns, key=lambda t: t.call)][:20:10]
    asked = [Asked(t.turn.text, t.before, t.brief, t.call) for one in corpus for t in one]
    # what cannot be read in one go: words said twice, a turn that another one of the trainee's follows, dots, nothing
    odd = call(
        "Where is it?", "I am so sorry. I am so sorry. I will look.", "And?", "...", "Hm.", "\u200b", "So?", "Today."
    )
    before = odd[-1].after
    odd += [Asked("And one thing more.", before, BRIEF, "k")]
    asked += odd
    alone = [small.grade(a.turn, a.before, a.brief) for a in asked]
    for grader in (small, Scaled(small, lambda: None)):
        for some in (asked, asked[3:], asked[::2]):
            found = [untimed(g) for g in graded(grader, some)]
            assert found == [untimed(alone[asked.index(a)]) for a in some]
    assert any(g.scores[d].level is not None for g in alone for d in g.scores)


def test_a_call_that_is_too_long_for_the_model_is_read_turn_by_turn() -> None:
    class Short(OneRead):
        def features(self, segments, **more):
            found = super().features(segments, **more)
            return replace(found, dropped=1 if more["last"] > 2 else 0)

    model, asked = Short(), call("Where?", "Here.", "So?", "Yes.", "Bye.", "Bye.")
    found = [untimed(g) for g in graded(Evaluator(model, clikit.random_heads()), asked)]
    assert model.reads == 1 + len(asked)
    assert found == [untimed(clikit.evaluator().grade(a.turn, a.before, BRIEF)) for a in asked]


def test_rows_that_follow_each_other_in_a_call_go_together() -> None:
    one, other = call("Where?", "Here.", "So?", "Yes.", "Bye.", "Bye."), call("What?", "That.", "Oh.", "Yes.")
    elsewhere = call("Where?", "Here.", brief=Brief("a bank", "A card.", (), ()))
    mixed = [*one, *other, one[1], *elsewhere, other[1], other[0]]
    assert [len(c) for c in calls(mixed)] == [3, 2, 1, 1, 1, 1]
    assert [a for c in calls(mixed) for a in c] == mixed
    assert list(calls([])) == []


def test_a_call_is_read_once() -> None:
    model, uneven = OneRead(), type("Uneven", (OneRead,), {"even": False})()
    asked = call("Where?", "Here.", "So?", "Yes.", "Bye.", "Bye.")
    found = [list(graded(Evaluator(m, clikit.random_heads()), asked)) for m in (model, uneven)]
    assert (model.reads, uneven.reads) == (1, 3)
    assert [untimed(g) for g in found[0]] == [untimed(g) for g in found[1]]


def test_one_turn_that_cannot_be_graded_costs_no_other() -> None:
    class Failing(Evaluator):
        def grade(self, turn, *args, **more):
            if turn.text == "No.":
                raise ModelError("the turn is too long")
            return super().grade(turn, *args, **more)

        def grade_call(self, *args, **more):
            raise ModelError("one of them is too long")

    found = list(graded(Failing(ScriptedModel(), clikit.random_heads()), call("A?", "Yes.", "B?", "No.", "C?", "Yes.")))
    assert [isinstance(g, ModelError) for g in found] == [False, True, False]


def rows(*asked: Asked) -> str:
    """As `simulator grade` reads them."""
    about = {"business": BRIEF.business, "issue": BRIEF.issue, "facts": list(BRIEF.facts), "policy": list(BRIEF.policy)}
    return "".join(
        json.dumps(
            {
                "id": str(n),
                "scenario": about,
                "history": [{"role": t.speaker.value, "text": t.text} for t in a.before],
                "turn": a.text,
            }
        )
        + "\n"
        for n, a in enumerate(asked)
    )


def test_a_file_gives_the_lines_that_a_pipe_gives(terminal, tmp_path) -> None:  # noqa: F811
    said = [f"I look it up for you, number {n}." for n in range(60)]
    asked = [*call(*said), *call(*said[:8]), *call("What?", "That.")]
    (tmp_path / "in.jsonl").write_text(rows(*asked))
    done = terminal("grade", "--input", tmp_path / "in.jsonl")
    piped = terminal("grade", stdin=rows(*asked))
    told = [[json.loads(line) | {"seconds": 0} for line in ran.out.splitlines()] for ran in (done, piped)]
    assert (done.code, piped.code) == (0, 0), done.err
    assert [row["id"] for row in told[0]] == [str(n) for n in range(len(asked))]
    assert told[0] == told[1]


def test_whoever_waits_for_an_answer_gets_it_before_the_next_row() -> None:
    program = (
        "import sys, clikit\nfrom simulator import opening\nfrom simulator.models.scripted import ScriptedModel\n"
        "opening.open_evaluator = lambda *_a, **_k: (clikit.evaluator(), ScriptedModel())\n"
        "from simulator.cli.main import run\nsys.exit(run(['grade', '--offsets', 'none']))"
    )
    path = os.pathsep.join([str(builders.HERE), str(builders.HERE.parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert process.stdin is not None and process.stdout is not None
    for n, line in enumerate(rows(*call("A?", "Yes.", "B?", "No.")).splitlines()):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == str(n)
    process.stdin.close()
    assert process.wait(timeout=60) == 0
