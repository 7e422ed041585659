"""The page of unedited calls: the seed decides which they are, and nothing that was said is left out or marked up."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from builders import ScriptedGrader

from eval.playing import grid, play
from eval.trainees import Policy
from eval.transcripts import CAST, drawn, page
from simulator import cards
from simulator.caller.written import WrittenVoice
from simulator.cards import anchor, card, sections
from simulator.persona import personas
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty


def test_the_seed_decides_which_calls_they_are():
    calls = drawn(0)
    assert [s.key for s in calls] == [s.key for s in drawn(0)] != [s.key for s in drawn(1)]
    assert len({s.persona.id for s in calls}) == len({s.scenario.id for s in calls}) == len(calls) == 10
    assert Counter(s.policy for s in calls) == Counter(CAST)
    assert sum(s.policy in (Policy.EXCELLENT, Policy.GOOD) for s in calls) == 7
    assert Policy.HOSTILE in CAST


def test_no_bench_has_played_these_calls():
    played = {s.seed for s in grid(personas().values(), Difficulty, list(Policy), seeds=50)}
    assert not played & {s.seed for seed in range(3) for s in drawn(seed)}


def test_the_page_has_every_word_with_grades_and_feelings():
    some = list(islice(drawn(0), 3))
    calls = [play(s, WrittenVoice(), ScriptedGrader(), turns=6) for s in some]
    text = page(list(zip(some, calls, strict=True)), 0, "python -m eval.transcripts")
    assert text.startswith("# 3 calls, unedited")
    assert "Callers speak with written lines; grades are by scripted" in text
    assert text.count("\n## ") == 3
    plain = re.sub(r"\\(.)", r"\1", text)
    for setting, call in zip(some, calls, strict=True):
        assert f"{anchor(setting.persona.id)}\n\n" in text
        assert f"{setting.persona.label}: {setting.scenario.title}" in text
        for turn in call.transcript:
            assert turn.text in plain
            if turn.speaker is Speaker.TRAINEE:
                assert f"{turn.text}<br><sub>grades " in plain
    spoken = sum(len(c.spoken) for c in calls)
    assert text.count("<sub>*written*</sub>") == spoken
    assert f"Of {spoken} caller turns {spoken} are lines of the persona's or the scenario's file" in text


def test_a_card_tells_of_a_whole_call_where_there_is_one(monkeypatch):
    shown, other = list(personas().values())[:2]
    monkeypatch.setattr(cards, "_transcripts", lambda: f"# One call\n\n{anchor(shown.id)}\n\n## 1. A call")
    told = [p.lines for p in sections(card(shown, None)) if p.title == "A whole call"]
    assert told == [("Unedited, in personas/transcripts.md.",)]
    assert "A whole call" not in [p.title for p in sections(card(other, None))]
