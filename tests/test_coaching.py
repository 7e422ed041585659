"""Better words: written for every scenario, graded like the turn itself, and offered only if they beat it."""

from __future__ import annotations

import re

import pytest
from builders import assessment, play, scenario, started

from simulator.assessment import Assessment
from simulator.call import Call, fold
from simulator.coaching import MOST_TRIES, beats, candidates, suggest
from simulator.errors import CallError
from simulator.persona import personas
from simulator.scenario import Scenario, scenarios
from simulator.vocabulary import Dimension, Fault

GREETING = assessment(calmness=5, empathy=None, solution=None)
WEAK = assessment(calmness=4, empathy=2, solution=3)
STRONG = assessment(calmness=5, empathy=5, solution=5)
ALL = list(scenarios().values())


def a_call(weak: Assessment = WEAK, about: Scenario | None = None) -> Call:
    shipped = about or scenarios()["telecom_double_billing"]
    return fold(play("Good morning.", "Right. What now?", start=started(about=shipped), grades=(GREETING, weak)))


@pytest.mark.parametrize("one", ALL, ids=lambda s: s.id)
def test_every_shipped_scenario_has_model_lines_for_every_dimension(one: Scenario) -> None:
    assert set(one.better) == set(Dimension)
    said = [line for lines in one.better.values() for line in lines]
    assert len(said) >= 8 and len(set(said)) == len(said)


@pytest.mark.parametrize("one", ALL, ids=lambda s: s.id)
def test_model_lines_name_no_caller_no_hidden_fact_and_no_stock_phrase(one: Scenario) -> None:
    said = " ".join(line for lines in one.better.values() for line in lines)
    assert not [p.name for p in personas().values() if any(part in said.split() for part in p.name.split()[-1:])]
    stock = (
        r"i understand|inconvenience|calm down|your frustration|rest assured|bear with me|valued customer|unfortunately"
    )
    assert not re.search(stock, said, re.IGNORECASE)
    known = " ".join(
        (
            *(f.text + " " + f.say for f in one.facts),
            *(e.label + " " + e.value for e in one.record),
            *(a.body for a in one.articles),
            *(*one.policy, *one.may, *one.resolutions, one.handover, one.opening, one.issue, one.goal),
        )
    )
    figures = set(re.findall(r"\d+", known))
    assert set(re.findall(r"\d+", said)) <= figures, "a figure that the scenario does not have"
    for promise in one.wrong_promises:
        assert promise.promise not in said


def test_model_lines_differ_between_scenarios() -> None:
    begins = [line[:25] for one in ALL for lines in one.better.values() for line in lines]
    assert len(set(begins)) == len(begins)


def test_a_scenario_with_only_some_dimensions_is_refused() -> None:
    with pytest.raises(ValueError, match="better lacks"):
        scenario(better={Dimension.EMPATHY: ("You waited for that kettle for nothing.",)})


def test_the_best_line_is_suggested_with_both_assessments() -> None:
    tried: list[str] = []

    def grade(text: str) -> Assessment:
        tried.append(text)
        return STRONG if len(tried) == 3 else assessment(calmness=4, empathy=3, solution=4)

    found = suggest(a_call(), 2, grade)
    assert found is not None
    assert (found.turn, found.dimension, found.said) == (2, Dimension.EMPATHY, "Right. What now?")
    assert found.better == tried[2] and found.was == WEAK and found.now == STRONG
    assert found.source == "written for this scenario"
    assert len(tried) == 3, "full marks end the search"


def test_nothing_is_suggested_when_nothing_beats_the_turn() -> None:
    assert suggest(a_call(), 2, lambda _: WEAK) is None
    assert suggest(a_call(), 2, lambda _: assessment(calmness=3, empathy=5, solution=5)) is None
    assert suggest(a_call(STRONG), 2, lambda _: STRONG) is None
    assert suggest(a_call(about=scenario()), 2, lambda _: STRONG) is None


@pytest.mark.parametrize("dimension", list(Dimension))
def test_few_lines_are_tried_and_none_that_was_said(dimension: Dimension) -> None:
    call = a_call()
    tried = candidates(call, 2, dimension)
    assert 1 <= len(tried) <= MOST_TRIES and len(set(tried)) == len(tried)
    again = fold(play("Good morning.", tried[0], start=started(about=call.start.scenario), grades=(GREETING, WEAK)))
    assert tried[0] not in candidates(again, 2, dimension)


def test_what_counts_as_better() -> None:
    assert beats(WEAK, assessment(calmness=4, empathy=3, solution=3), Dimension.EMPATHY)
    assert not beats(WEAK, assessment(calmness=4, empathy=None, solution=5), Dimension.EMPATHY)
    assert not beats(WEAK, assessment(calmness=4, empathy=4, solution=2), Dimension.EMPATHY)
    assert not beats(WEAK, assessment(calmness=4, empathy=4, solution=4, closing=1), Dimension.EMPATHY)
    lying = assessment(calmness=5, empathy=5, solution=5, tags=(Fault.FALSE_PROMISE,))
    assert not beats(WEAK, lying, Dimension.EMPATHY)


@pytest.mark.parametrize("turn", [-1, 1, 99])
def test_only_a_trainee_turn_can_be_made_better(turn: int) -> None:
    with pytest.raises(CallError, match="not one of the trainee's turns"):
        suggest(a_call(), turn, lambda _: STRONG)
