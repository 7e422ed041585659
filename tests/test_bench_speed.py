"""The speed benchmark: a smoke run with the real small model, and what it says of ratios. Times themselves are not tested."""

from __future__ import annotations

import json
import re
from typing import Any

import clikit
import pytest
from rich.console import Console

from eval.bench_speed import FORMAT, Section, main, read
from eval.bench_turn import DRAWN, LATE, PARTS, grown, growth_table, waits
from eval.intervals import Estimate
from eval.playing import play, play_many
from eval.repliers import prompt
from eval.speed_sections import Asked, bandwidth, room, sample
from eval.speed_tables import limits, pace, ratio
from simulator.errors import DataError
from simulator.models.base import Candidate
from simulator.models.scripted import ScriptedModel
from simulator.opening import Parts, open_parts


def test_a_ratio_is_the_median_of_the_rounds_with_its_interval():
    assert ratio([2.0] * 5, [1.0] * 5) == Estimate(2.0, 2.0, 2.0, 5)
    found = ratio([1.0, 3.0, 9.0, 3.0, 3.0], [1.0] * 5)
    assert found.value == 3 and found.low is not None and found.high is not None
    assert 1 <= found.low <= 3 <= found.high <= 9
    assert ratio([2.0, 4.0], [1.0, 1.0]) == Estimate(3.0, None, None, 2), "two rounds tell no interval"


def run(model: str, slower: float) -> dict[str, Any]:
    """A run as `--json` writes it."""
    ours = [[0.2, 0.004, 0.008, 0.01 + n / 1000] for n in range(5)]
    theirs = [[slower * x for x in row] for row in ours]
    floor = {"bytes": 1e8, "gbytes": 40.0, "gops": 900.0, "step": 0.0025, "read": 0.1}
    times = {"ours, auto": ours, "llama.cpp": theirs}
    raw = {"read": 512, "steps": 16, "times": times, "floor": floor, "no_llama": False, "took": 12.0}
    grades = {"one": [0.1] * 20, "batch": [{"turns": 24, "seconds": 1.2}] * 5, "took": 3.0}
    return {"format": FORMAT, "model": model, "cores": 2, "sections": {"decode": raw, "grade": grades}}


def test_figures_are_told_from_raw_samples():
    raw = run("small", 2.0)["sections"]["decode"]
    assert [round(rate.value) for rate in pace(raw)["ours, auto"]] == [2560, 250, 500, 667]
    assert limits(raw) == [5120, 400, 1600, 3200]


def test_earlier_runs_are_told_and_drawn_without_measuring(tmp_path, capsys):
    files = []
    for model, slower in (("small", 2.0), ("standard", 0.5)):
        files.append(tmp_path / f"{model}.json")
        files[-1].write_text(json.dumps(run(model, slower)))
    main(from_=files, plot=tmp_path / "pace.svg")
    told = capsys.readouterr().out
    assert "x2.00 (2.00 to 2.00)" in told and "x0.50 (0.50 to 0.50)" in told
    assert "in batch 20.0 (20.0 to 20.0) turns a second" in told and "(decode: 12 s)" in told
    drawn = (tmp_path / "pace.svg").read_text()
    assert drawn.lstrip().startswith("<?xml") and "llama.cpp" in drawn and "standard, 2 cores" in drawn


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "sections": {"later": {}}}'])
def test_a_file_that_is_no_run_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        main(from_=[tmp_path / "x.json"])


def test_nothing_to_draw_is_said(tmp_path):
    one = run("small", 2.0)
    del one["sections"]["decode"]
    (tmp_path / "x.json").write_text(json.dumps(one))
    with pytest.raises(DataError, match="nothing to draw"):
        main(from_=[tmp_path / "x.json"], plot=tmp_path / "pace.svg")


def test_every_section_says_how_long_it_takes_in_the_help():
    told = [line.split()[0] for line in main.__doc__.splitlines() if " min; " in line]
    assert told == [section.value for section in Section]


def test_prompts_begin_unlike_each_other():
    assert len({prompt(n)[:5] for n in range(60)}) == 60


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
def test_the_benchmark_runs(capsys, tmp_path):
    some = [Section("decode"), Section("replies"), Section("grade"), Section("turn"), Section("play")]
    main("small", some, rounds=1, calls=1, turns=2, grading=1, json_=tmp_path / "run.json")
    shown = capsys.readouterr().out
    for told in ("ours, auto", "transformers, full", "floor", "transformers generate", "turns a second", "self-play"):
        assert told in shown
    kept = read(tmp_path / "run.json")
    assert list(kept["sections"]) == [section.value for section in some]
    assert all(raw["took"] > 0 for raw in kept["sections"].values())
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


def test_a_room_reads_ahead_while_nobody_plays_as_the_program_does():
    speaking, grading = ScriptedModel(["I am still waiting for my kettle."]), ScriptedModel()
    parts = Parts(clikit.Voice(speaking), clikit.Evaluator(grading, clikit.random_heads()))
    found = room(parts, Asked(trainees=3, turns=2, think=(0.2, 0.2)))
    assert [len(seat) for seat in found["waits"]] == [2, 2, 2]
    assert speaking.ahead and grading.ahead
    assert all("Caller: " in "".join(segments) for _, segments in grading.ahead), "up to what the caller has said"
