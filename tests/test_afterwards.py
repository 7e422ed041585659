"""What callers do after what: the learned table, how it is read, and that it can be learned again."""

from collections import Counter
from itertools import product
from random import Random

import numpy as np
import pytest
from builders import assessment, persona, scenario

from eval.train_moves import Answer, answers, fitted, surprise
from simulator.caller.afterwards import QUALITIES, _table, likelier, qualities
from simulator.caller.appraisal import after, appraise, opening_state
from simulator.caller.inclination import DRAWN, Mind, inclinations
from simulator.caller.intent import Moment, choose
from simulator.persona import personas
from simulator.vocabulary import Difficulty, Fault, Intensity, Intent, Technique

STEP = assessment(calmness=5, empathy=4, solution=5, tags=[Technique.GIVES_TIMEFRAME, Technique.NAMES_NEXT_STEP])
BLAME = assessment(calmness=2, empathy=1, solution=2, tags=[Fault.BLAMES_CALLER, Fault.ARGUES])


def test_the_table_has_every_quality_and_only_drawn_moves():
    table = _table()
    assert tuple(table) == QUALITIES
    assert {move for row in table.values() for move in row} == set(DRAWN)


def test_a_half_low_level_counts_half():
    found = qualities(assessment(calmness=2, empathy=None, solution=5), persona().traits)
    assert (found["calmness low"], found["calmness high"]) == (0.5, 0.0)
    assert found["empathy does not apply"] == 1.0
    assert found["solution high"] == 1.0
    assert set(found) <= set(QUALITIES)


@pytest.mark.parametrize(
    ("move", "after_what", "rather_than", "times"),
    [
        (Intent.CORRECT, BLAME, STEP, 3),
        (Intent.INSULT, BLAME, STEP, 1),
        (Intent.REPEAT, assessment(tags=[Fault.ASKS_AGAIN]), assessment(), 4),
        (Intent.DOUBT, assessment(solution=4, tags=[Fault.FALSE_PROMISE]), assessment(solution=4), 4),
        (Intent.WAVER, assessment(solution=4, tags=[Technique.OFFERS_OPTIONS]), assessment(solution=4), 3),
        (Intent.DISCLOSE, assessment(tags=[Technique.ASKS_CLARIFYING_QUESTION]), assessment(), 2),
    ],
)
def test_moves_follow_what_was_said(move, after_what, rather_than, times):
    assert (
        likelier(after_what, persona().traits, DRAWN)[move]
        > times * likelier(rather_than, persona().traits, DRAWN)[move]
    )


@pytest.mark.parametrize(
    ("trait", "move"),
    [
        ("hostility", Intent.INSULT),
        ("talkativeness", Intent.WANDER),
        ("indecision", Intent.WAVER),
        ("assertiveness", Intent.DEMAND),
        ("stubbornness", Intent.REFUSE),
    ],
)
def test_a_trait_makes_its_move_likelier(trait, move):
    less, more = (persona().traits.model_copy(update={trait: points}) for points in (2.0, 9.0))
    assert likelier(STEP, more, DRAWN)[move] > 1.2 * likelier(STEP, less, DRAWN)[move]


def test_no_turn_makes_a_move_certain_or_impossible():
    worst = assessment(calmness=1, empathy=1, solution=1, closing=1, tags=tuple(Fault))
    best = assessment(calmness=5, empathy=5, solution=5, closing=5, tags=tuple(Technique))
    for graded, who in product((worst, best), (p.traits for p in personas().values())):
        assert all(0.049 < times < 20.1 for times in likelier(graded, who, DRAWN).values())


def _plans(graded, told=(), turns=400):
    who, about = persona(), scenario()
    state = opening_state(who, Difficulty.MEDIUM).model_copy(update={"disclosed": told})
    appraisal = appraise(who, Difficulty.MEDIUM, state, graded)
    state = after(state, appraisal, graded, 2)
    now = Moment(who, about, Difficulty.MEDIUM, Intensity.REALISTIC, state, appraisal, graded, "So.")
    return [choose(now, Random(seed)) for seed in range(turns)]


def test_a_caller_with_facts_left_tells_one_and_without_does_not():
    drawn = [p for p in _plans(assessment(solution=3)) if p.intent is Intent.DISCLOSE]
    assert drawn
    assert all(p.facts for p in drawn)
    everything = tuple(f.id for f in scenario().facts)
    assert not [p for p in _plans(assessment(solution=3), everything) if p.intent is Intent.DISCLOSE]


def test_a_promised_step_is_questioned_rather_than_corrected():
    said = Counter(p.intent for p in _plans(STEP))
    assert said[Intent.QUESTION] > 3 * said[Intent.CORRECT]
    blamed = Counter(p.intent for p in _plans(BLAME))
    assert blamed[Intent.CORRECT] > blamed[Intent.QUESTION]


def test_what_is_planted_is_learned_and_what_is_closed_is_not():
    rng = np.random.default_rng(0)
    doubt, insult, asked = DRAWN.index(Intent.DOUBT), DRAWN.index(Intent.INSULT), QUALITIES.index("asks_again")
    made = []
    for _ in range(600):
        weights, found, done = np.ones(len(DRAWN)), np.zeros(len(QUALITIES)), np.zeros(len(DRAWN))
        weights[insult] = 0.0
        found[0], found[asked] = 1.0, rng.random() < 0.5
        chance = np.where(weights > 0, 1.0, 0.0)
        chance[doubt] *= 6 if found[asked] else 1
        done[rng.choice(len(DRAWN), p=chance / chance.sum())] = 1.0
        made.append(Answer("c", "w", "p", weights, found, done, Intent.DOUBT, None))
    table = fitted(made, strength=1.0)
    assert np.exp(table[asked, doubt]) == pytest.approx(6, rel=0.5)
    assert surprise(made, table) < surprise(made, np.zeros_like(table)) - 1
    assert abs(table[asked, insult]) < 0.01


def test_answers_of_a_call_are_walked_with_its_own_feelings():
    import json
    from importlib.resources import files

    from eval.corpus import graded_turns

    with (files("eval") / "data" / "calls_graded.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(next(lines)) for _ in range(3)]
    known = [t for t in graded_turns() if t.call in {row["id"] for row in rows}]
    found = list(answers(known, rows))
    assert {a.call for a in found} == {row["id"] for row in rows}
    assert all(a.weights.min() >= 0 and a.weights.max() > 0 for a in found)
    assert all(a.done.sum() == pytest.approx(1) or not a.done.any() for a in found)


def test_weights_close_what_a_person_never_does():
    who = persona(traits=persona().traits.model_copy(update={"hostility": 1, "talkativeness": 2}))
    state = opening_state(who, Difficulty.MEDIUM)
    graded = assessment()
    mind = Mind(
        who,
        Difficulty.MEDIUM,
        Intensity.REALISTIC,
        state,
        appraise(who, Difficulty.MEDIUM, state, graded),
        graded,
        False,
    )
    found = inclinations(mind)
    assert tuple(found) == DRAWN
    assert found[Intent.INSULT] == found[Intent.WANDER] == found[Intent.DISCLOSE] == 0
