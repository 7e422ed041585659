"""The speed benchmark: a smoke run with the real small model, and what it says of ratios. Times themselves are not tested."""

from __future__ import annotations

import re

import clikit
import numpy as np
import pytest
from rich.console import Console

from eval.bench_speed import _ratio, bandwidth, main, sample
from eval.bench_turn import DRAWN, LATE, PARTS, grown, growth_table, waits
from eval.playing import play, play_many
from simulator.models.base import Candidate
from simulator.models.scripted import ScriptedModel
from simulator.opening import Parts, open_parts


def test_a_ratio_is_the_median_of_the_rounds_with_its_interval():
    assert _ratio(np.array([2.0, 2.0, 2.0])) == "x2.00 (2.00-2.00)"
    found = re.fullmatch(r"x3\.00 \((\S+)-(\S+)\)", _ratio(np.array([1.0, 3.0, 9.0])))
    assert found is not None
    assert 1 <= float(found[1]) < 3 < float(found[2]) <= 9


def test_calls_are_drawn_once_and_for_all():
    assert len({setting.key for setting in sample(20)}) == 20
    assert [s.key for s in sample(20)] == [s.key for s in sample(20)]


@pytest.mark.model
def test_calls_that_are_played_at_once_are_those_that_are_played_alone():
    some, parts = sample(3), open_parts("small", "small")
    voice, grader = parts.voice, parts.evaluator
    together = dict(play_many(some, voice, grader, turns=2))
    for place, setting in enumerate(some):
        alone = play(setting, voice, grader, turns=2)
        assert [t.text for t in together[place].transcript] == [t.text for t in alone.transcript]
        assert together[place].state == alone.state
        grades = [{n: g.levels for n, g in call.grades.items()} for call in (together[place], alone)]
        assert grades[0] == grades[1]
    parts.close()


@pytest.mark.model
def test_the_benchmark_runs(capsys):
    main(model="small", rounds=1, calls=2, trainees=0, turns=1, peers=True)
    shown = capsys.readouterr().out
    for told in ("ours, auto", "transformers, full", "floor", "self-play, 2 calls"):
        assert told in shown
    assert bandwidth() > 0.1


def test_turns_at_once_and_after_thinking_are_compared_pair_by_pair(capsys):
    row = dict.fromkeys(PARTS, 2.0)
    Console(width=120).print(waits("turns", [(row, dict.fromkeys(PARTS, 1.0)), (row, dict.fromkeys(PARTS, 1.5))]))
    whole = next(line for line in capsys.readouterr().out.splitlines() if "whole turn" in line)
    assert re.findall(r"\d\.\d\d", whole) == ["2.00", "2.00", "1.25", "1.48", "0.62"]


def test_a_late_turn_is_measured_by_the_third_of_its_own_call(capsys):
    calls = [
        [{"grade": 0.1, "reply": 0.1, "whole turn": n * base} for n in (1, 2, 2, 2, 3)] for base in (1.0, 10.0, 2.0)
    ]
    Console(width=120).print(growth_table(calls))
    last = next(line for line in capsys.readouterr().out.splitlines() if "│ 40" in line)
    assert re.findall(r"\d+\.\d\d", last) == ["0.10", "0.10", "6.00", "1.50"]


def test_late_turns_of_a_long_call_are_timed_on_what_was_said_before_them():
    class Many(ScriptedModel):
        def __init__(self) -> None:
            super().__init__(["I am still waiting."])
            self.prompts: list[tuple[str, ...]] = []

        def several(self, segments, sampling, count, **_):
            assert (sampling.max_tokens, sampling.stop) == (DRAWN, ())
            self.prompts.append(segments)
            return (Candidate("I am still waiting.", -1.0),) * count

    model = Many()
    rows = list(grown(Parts(clikit.Voice(model), clikit.evaluator(), "", model), sample(1)[0]))
    assert len(rows) == len(LATE)
    assert [len(prompt) for prompt in model.prompts] == [2 * turn for turn in LATE]
    assert [len(segments) for _, segments in model.ahead] == [2 * turn - 1 for turn in LATE]
