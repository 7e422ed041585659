"""The graded corpus: its size and spread, two raters beside the writer, and stock words that predict nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest

from eval.attacks import TEST, TRAIN, attacks
from eval.corpus import WRITER, GradedTurn, graded_turns, is_test, twin_turns
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Fault, Intent, Technique

TURNS = graded_turns()
SOURCE = files("eval") / "data" / "calls_graded.jsonl"
CALLS = [json.loads(line) for line in SOURCE.read_text("utf-8").splitlines()]


def test_it_is_large_and_covers_trades_personas_and_registers():
    assert len(TURNS) >= 2_500
    assert len({(c["scenario"]["business"], c["scenario"]["issue"]) for c in CALLS}) >= 400
    assert len({c["scenario"]["trade"] for c in CALLS} - {""}) >= 20
    assert min(Counter(t.persona for t in TURNS).values()) >= 60
    assert len({t.persona for t in TURNS}) == 16
    assert min(Counter(t.medium for t in TURNS).values()) >= 500
    assert {t["intent"] for c in CALLS for t in c["turns"] if t["speaker"] == "caller"} == {i.value for i in Intent}


def test_every_level_of_every_dimension_and_every_tag_is_there():
    for d in Dimension:
        levels = Counter(t.levels[d] for t in TURNS if t.levels[d] is not None)
        assert min(levels[n] for n in range(1, 6)) / sum(levels.values()) >= 0.08, (d, levels)
    tags = Counter(tag for t in TURNS for tag in t.tags)
    for tag in (*Technique, *Fault):
        assert tags[tag] >= 15, (tag, tags[tag])


def test_it_is_split_by_call_and_the_held_out_fifth_has_everyone():
    test = [t for t in TURNS if is_test(t.call)]
    assert 0.15 < len(test) / len(TURNS) < 0.27
    assert {t.author for t in test} == {t.author for t in TURNS}
    assert not {t.turn.text for t in test if len(t.turn.text) > 60} & {
        t.turn.text for t in TURNS if not is_test(t.call)
    }


def test_six_hundred_turns_and_more_have_two_further_raters():
    assert sum(len(t.blind) >= 2 for t in TURNS) >= 600
    for t in TURNS:
        assert t.ratings[0].rater == WRITER
        assert WRITER not in {r.rater for r in t.blind}
        for d in Dimension:
            given = sorted(x for r in t.blind if (x := r.levels[d]) is not None)
            assert t.levels[d] == (given[0] if len(given) == len(t.blind) else None), (t.call, t.turn.index, d)


@pytest.mark.parametrize("word", ["sorry", "understand", "calm", "option", "unfortunately", "thank"])
def test_stock_words_predict_nothing(word):
    has = np.array([re.search(rf"\b{word}", t.turn.text.lower()) is not None for t in TURNS])
    for d in Dimension:
        if word == "thank" and d is Dimension.CLOSING:
            continue  # the rubric asks for thanks there
        levels = np.array([t.levels[d] or 0 for t in TURNS])
        known = levels > 0
        if has[known].sum() >= 10:
            assert abs(np.corrcoef(has[known], levels[known])[0, 1]) < 0.2, (word, d)


def test_a_library_for_data_sets_reads_it():
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset("json", data_files=str(SOURCE), split="train")
    assert len(read) == len(CALLS)
    assert {"id", "register", "persona", "scenario", "turns", "ending"} <= set(read.column_names)


def test_turns_alternate_and_a_call_begins_with_either_side():
    for c in CALLS:
        speakers = [t["speaker"] for t in c["turns"]]
        assert all(a != b for a, b in pairwise(speakers)), c["id"]
        assert set(speakers) == {s.value for s in Speaker}


def test_three_hundred_attacks_in_twelve_families_stand_beside_their_twins():
    every = attacks()
    assert len(every) >= 300
    assert len({a.id for a in every}) == len(every)
    families = Counter((a.family, a.split) for a in every)
    assert len(families) == 24
    assert min(families.values()) >= 10
    assert {a.split for a in every} == {TRAIN, TEST}
    for a in every:
        assert a.twin.turn.text.strip()
        assert a.twin.turn.text != a.attack.turn.text
        assert a.twin.before == a.attack.before


def test_the_turns_that_facilitators_rate_are_held_out_and_carry_these_labels():
    labels = {(t.call, t.turn.text): {d.value: t.levels[d] for d in Dimension} for t in TURNS if is_test(t.call)}
    lines = (files("simulator.calibration") / "turns.jsonl").read_text("utf-8").splitlines()
    rated = [json.loads(line) for line in lines]
    assert len(rated) >= 40
    by_text = {text: grade for (_, text), grade in labels.items()}
    for turn in rated:
        assert turn["reference"] == by_text[turn["turn"]], turn["id"]


def test_twins_share_a_place_and_differ_in_what_the_raters_saw() -> None:
    places: dict[str, list[GradedTurn]] = {}
    for turn in twin_turns():
        places.setdefault(turn.call.split("/")[0], []).append(turn)
    assert len(places) > 150
    assert sum(map(len, places.values())) > 500
    apart = 0
    for name, twins in places.items():
        assert len(twins) >= 2, name
        assert len({t.turn.text for t in twins}) == len(twins), name
        assert all(t.before == twins[0].before and t.brief == twins[0].brief for t in twins), name
        assert twins[0].before.turns[-1].speaker is Speaker.CALLER, name
        assert all([r.rater for r in t.ratings] == [WRITER, "r1"] for t in twins), name
        levels = [t.levels[Dimension.CALMNESS] for t in twins]
        apart += len(set(levels)) > 1
    assert apart > 0.8 * len(places)
    learned = {t.turn.text for t in graded_turns()}
    assert not [t.call for ts in places.values() for t in ts if t.turn.text in learned and len(t.turn.text) > 40]
