"""The state rule: bounded, slow to soften, with hysteresis, and the same every time."""

from __future__ import annotations

import pytest
from builders import assessment, persona
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.caller.appraisal import after, appraise, opening_state
from simulator.caller.reason import Reason, Weariness
from simulator.caller.state import EASE, MAX_STEP, CallerState, Change, Mood, mood_of, moved
from simulator.persona import personas
from simulator.vocabulary import Difficulty, Dimension, Fault, Feeling, Tag, Technique

TAGS: list[Tag] = [*Technique, *Fault]
level = st.one_of(st.none(), st.integers(1, 5))
tags = st.sets(st.sampled_from(TAGS), max_size=8)
graded = st.builds(
    lambda c, e, s, k, t: assessment(calmness=c, empathy=e, solution=s, closing=k, tags=tuple(t)),
    st.integers(1, 5),
    level,
    level,
    level,
    tags,
)


@given(st.lists(graded, max_size=25), st.sampled_from(sorted(personas())), st.sampled_from(list(Difficulty)))
def test_feelings_stay_in_bounds_and_no_turn_moves_one_by_more_than_the_limit(turns, name, difficulty):
    who = personas()[name]
    state = opening_state(who, difficulty)
    for index, grades in enumerate(turns):
        new = after(state, appraise(who, difficulty, state, grades), grades, 2 * index)
        for feeling in Feeling:
            assert 0 <= new.feeling(feeling) <= 10
            assert abs(new.feeling(feeling) - state.feeling(feeling)) <= MAX_STEP + 1e-9
        state = new


@given(st.lists(graded, min_size=1, max_size=12))
def test_same_turns_same_trajectory(turns):
    def trajectory() -> list[CallerState]:
        who, states = persona(), [opening_state(persona(), Difficulty.MEDIUM)]
        for index, grades in enumerate(turns):
            appraisal = appraise(who, Difficulty.MEDIUM, states[-1], grades)
            states.append(after(states[-1], appraisal, grades, index))
        return states

    assert trajectory() == trajectory()


def test_a_state_survives_json_exactly():
    who = persona()
    state = opening_state(who, Difficulty.MEDIUM)
    for grades in (assessment(calmness=5, empathy=4, solution=3), assessment(calmness=1, empathy=2, solution=5)):
        state = after(state, appraise(who, Difficulty.MEDIUM, state, grades), grades, 0)
        assert CallerState.model_validate_json(state.model_dump_json()) == state


def test_good_turns_count_more_the_longer_they_last():
    state = opening_state(persona(start={"agitation": 10, "trust": 0, "patience": 5}), Difficulty.MEDIUM)
    steps = []
    for _ in EASE:
        new = moved(state, Change(trust=1.0), Change())
        steps.append(round(new.trust - state.trust, 3))
        state = new
    assert steps == list(EASE)


def test_harm_counts_at_once_and_breaks_the_streak():
    state = opening_state(persona(), Difficulty.MEDIUM)
    for _ in range(3):
        state = moved(state, Change(trust=1.0), Change())
    hurt = moved(state, Change(), Change(trust=-1.0))
    assert hurt.trust == pytest.approx(state.trust - 1.0)
    assert hurt.streak == -1


@given(st.floats(0, 10))
def test_a_mood_is_left_only_well_below_where_it_is_entered(agitation):
    entered = mood_of(agitation)
    for before in Mood:
        order = list(Mood)
        assert order.index(mood_of(agitation, before)) >= order.index(entered)
    assert mood_of(5.5, Mood.HOT) is Mood.HOT
    assert mood_of(4.9, Mood.HOT) is Mood.TENSE
    assert mood_of(5.5) is Mood.TENSE


@pytest.mark.parametrize("name", sorted(personas()))
@pytest.mark.parametrize("difficulty", list(Difficulty))
def test_hollow_sympathy_does_more_harm_than_cold_competence(name, difficulty):
    who = personas()[name]
    hollow = assessment(calmness=4, empathy=3, solution=2, tags=(Fault.STOCK_EMPATHY,))
    cold = assessment(calmness=4, empathy=2, solution=4, tags=(Technique.NAMES_NEXT_STEP,))
    ends = []
    for grades in (hollow, cold):
        state = opening_state(who, difficulty)
        for index in range(4):
            state = after(state, appraise(who, difficulty, state, grades), grades, index)
        ends.append(state.trust + state.patience - state.agitation)
    assert ends[0] < ends[1]


@pytest.mark.parametrize("name", sorted(personas()))
def test_calm_down_makes_it_worse_and_the_dial_makes_it_harder(name):
    who = personas()[name]
    good = assessment(calmness=5, empathy=5, solution=4, tags=(Technique.RESTATES_CONCERN,))
    told = assessment(calmness=2, empathy=2, solution=2, tags=(Fault.TELLS_TO_CALM_DOWN,))
    trust = []
    for difficulty in Difficulty:
        state = opening_state(who, difficulty)
        worse = after(state, appraise(who, difficulty, state, told), told, 0)
        assert worse.agitation > state.agitation
        assert worse.trust <= state.trust
        better = after(state, appraise(who, difficulty, state, good), good, 0)
        assert better.trust > state.trust
        trust.append(better.trust - state.trust)
    assert trust == sorted(trust, reverse=True)


def test_an_offer_goes_into_the_ledger_unless_it_is_a_false_promise():
    who = persona()
    state = opening_state(who, Difficulty.MEDIUM)
    offer = assessment(calmness=4, empathy=4, solution=5)
    kept = after(state, appraise(who, Difficulty.MEDIUM, state, offer), offer, 3)
    assert [p.turn for p in kept.ledger] == [3]
    assert kept.offers == 1
    false = assessment(calmness=4, empathy=4, solution=5, tags=(Fault.FALSE_PROMISE,))
    assert after(state, appraise(who, Difficulty.MEDIUM, state, false), false, 3).ledger == ()


def test_the_same_words_again_help_nobody_however_they_are_graded():
    who = persona()
    state = opening_state(who, Difficulty.MEDIUM)
    fine = assessment(calmness=5, empathy=5, solution=5, tags=(Technique.NAMES_NEXT_STEP,))
    appraisal = appraise(who, Difficulty.MEDIUM, state, fine, repeated=True)
    new = after(state, appraisal, fine, 2)
    assert not appraisal.offered
    assert not appraisal.moving
    assert new.trust < state.trust
    assert new.patience < state.patience
    assert new.offers == state.offers


def test_a_level_that_does_not_apply_moves_nothing():
    who = persona()
    state = opening_state(who, Difficulty.MEDIUM)
    grades = assessment(calmness=3, empathy=None, solution=None, closing=None)
    assert grades.value(Dimension.EMPATHY) is None
    appraisal = appraise(who, Difficulty.MEDIUM, state, grades)
    assert all(reason.about is not Dimension.EMPATHY for reason in appraisal.reasons)


def test_a_reason_is_kept_as_its_text() -> None:
    for text, about in (
        ("empathy 4.0 (+3.0)", Dimension.EMPATHY),
        ("argues (-1.2)", Fault.ARGUES),
        ("the call drags on (-0.1)", Weariness.DRAGS_ON),
    ):
        reason = Reason.model_validate(text)
        assert reason.about is about
        assert Reason.model_validate_json(reason.model_dump_json()) == reason
        assert reason.model_dump() == str(reason) == text
    assert Reason.of(Dimension.CALMNESS, 4.26, -0.14) == Reason.model_validate("calmness 4.3 (-0.1)")
    for wrong in ("argues", "argues (much)", "shrugs (+1.0)"):
        with pytest.raises(ValidationError):
            Reason.model_validate(wrong)
