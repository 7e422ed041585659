"""What a trainee's turn asks for, what a caller answers to it, and what they say who have no answer."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from builders import TunedModel, assessment
from builders import persona as made_up
from builders import scenario as bare_scenario
from test_voice import situation

from simulator.caller.appraisal import appraise, opening_state
from simulator.caller.guard import check
from simulator.caller.inclination import DRAWN
from simulator.caller.intent import Moment, choose
from simulator.caller.questions import ABOUT, MOST, Asked, asked
from simulator.caller.state import Mood
from simulator.caller.voice import Line, Voice
from simulator.models.base import Candidate
from simulator.persona import personas
from simulator.plan import Plan
from simulator.scenario import scenarios
from simulator.vocabulary import Difficulty, Intensity, Intent, Occasion, Technique

WHO = personas()["talkative"]
QUESTIONS = Path(__file__).parent / "fixtures" / "questions.jsonl"
IDENTITY = Occasion.ASKED_NAME


def asks(where: str, said: str, *did: Occasion) -> Asked:
    return asked(said, WHO, scenarios()[where], did)


@pytest.mark.parametrize(
    ("where", "said", "wanted"),
    [
        ("utility_outage", "Thanks. And what's your postcode, please?", {"where"}),
        ("utility_outage", "Are your neighbours out as well?", {"street"}),
        ("utility_outage", "Have you looked at the fuse box?", {"fuses_tried"}),
        ("utility_outage", "ok how long has it been off for", {"since"}),
        ("utility_outage", "Is there anyone in the house who relies on medical equipment?", {"machine"}),
        ("hotel_room", "Which room are you in?", {"stay"}),
        ("hotel_room", "Who did you speak to about it?", {"report_thursday"}),
        ("repair_failed", "What was the car doing just before it cut out?", {"again"}),
        ("repair_failed", "Can you tell me the mileage?", {"mileage"}),
        ("parcel_lost", "Could you give me the tracking number?", {"tracking"}),
        ("parcel_lost", "Is there a neighbour who could have taken it in?", {"neighbours"}),
        ("subscription_cancellation", "What’s the email address on the account?", {"email_address"}),
        ("subscription_cancellation", "Did you get a confirmation when you cancelled?", {"confirmation"}),
        ("bank_discrepancy", "i'll need your account number", {"account"}),
        ("late_delivery_sofa", "Is it a house or a flat?", {"house"}),
        ("hospital_bill", "What is the account number on the bill?", {"account"}),
        ("airline_cancellation", "And do you have any bags with you?", {"bags"}),
        ("course_access", "Which browser have you tried?", {"cache"}),
        ("insurance_claim", "What was in the box?", {"box_contents"}),
        ("telecom_double_billing", "When did you send the router back?", {"router_sent"}),
    ],
)
def test_a_question_asks_for_what_its_words_name(where, said, wanted):
    assert set(asks(where, said).facts) == wanted


def test_questions_of_somebody_who_did_not_know_the_words_find_what_they_ask_for():
    """Of two language models: 144 from the scenarios without their `asked`, 72 from their titles; `asks_for` by reading."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    right = 0
    for row in rows:
        found = asks(row["scenario"], row["said"])
        right += sorted((*found.facts, *found.about)) == row["asks_for"]
    assert len(rows) == 216
    assert right >= 208


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("Who am I speaking to, please?", Occasion.ASKED_NAME),
        ("Can I take your full name?", Occasion.ASKED_NAME),
        ("What's the best number to reach you on?", Occasion.ASKED_CONTACT),
        ("And your date of birth?", Occasion.ASKED_BIRTH),
        ("Do you live on your own?", Occasion.ASKED_HOME),
        ("What do you do for a living, if I may ask?", Occasion.ASKED_WORK),
        ("How are you feeling now?", Occasion.ASKED_FEELING),
        ("When would suit you?", Occasion.ASKED_FREE),
    ],
)
def test_a_question_may_be_about_the_caller(said, about):
    assert asks("course_access", said) == Asked(about=frozenset({about}), informed=True)
    assert asked(said, made_up(), scenarios()["course_access"], ()) == Asked(informed=True)  # nothing written for it


@pytest.mark.parametrize(
    "said",
    [
        "Would you like me to send a text to your phone number?",
        "Shall I book the engineer for your address?",
        "Would a room on the third floor be all right?",
        "Is there anything else I can do?",
        "Was there something else?",
        "I have looked at your account number. It is all there.",
        "Does that work for you?",
    ],
)
def test_offers_and_statements_ask_for_nothing(said):
    assert all(asks(where, said) == Asked() for where in scenarios())


def test_two_things_are_asked_for_with_an_and():
    both = asks("utility_outage", "What's your name and your postcode?")
    assert both == Asked(("where",), frozenset({IDENTITY}), informed=True)
    assert asks("parcel_lost", "What's your email address?").facts == ("email",)
    many = asks("repair_failed", "What's the mileage, and the model, and which branch, and what reg number?")
    assert len(many.facts) == MOST


def test_after_an_offer_or_rude_words_only_what_is_asked_for_in_particular_counts():
    for did in (Occasion.PROMISED, Occasion.CHOICE, Occasion.BELITTLED):
        assert asks("utility_outage", "Fine. Where is your house number?", did) == Asked(("where",))
        assert asks("utility_outage", "What would you say?", did) == Asked()
    assert asks("utility_outage", "What would you say?") == Asked(informed=True)


def test_what_leaves_it_to_the_caller_is_an_open_question_and_so_is_any_where_no_file_says_what_asks_for_what():
    assert asks("utility_outage", "Can you walk me through it?") == Asked(openly=True, informed=True)
    assert asked("And what model is it?", WHO, bare_scenario(), ()) == Asked(openly=True, informed=True)


def plans(said, where="hotel_room", state=None, tags=(), turns=60, who=WHO):
    """The moves of many calls after `said`."""
    about, graded = scenarios()[where], assessment(tags=tags)
    state = state or opening_state(who, Difficulty.MEDIUM)
    appraisal = appraise(who, Difficulty.MEDIUM, state, graded)
    now = Moment(who, about, Difficulty.MEDIUM, Intensity.REALISTIC, state, appraisal, graded, said)
    return [choose(now, Random(seed)) for seed in range(turns)]


def calm(**also):
    return opening_state(WHO, Difficulty.MEDIUM).model_copy(
        update={"agitation": 3.0, "intents": (Intent.OPEN,), **also}
    )


def test_what_is_asked_for_is_told_and_once_more_if_asked_again():
    assert set(plans("Which room are you in?", state=calm())) == {
        Plan(intent=Intent.DISCLOSE, facts=("stay",), why="was asked for it")
    }
    assert set(plans("Which room are you in?", state=calm(disclosed=("stay",)))) == {
        Plan(intent=Intent.REPEAT, facts=("stay",), why="was asked for it")
    }


def test_somebody_who_is_boiling_answers_every_other_time():
    boiling = calm(agitation=9.5, mood=Mood.BOILING)
    told = Counter(plan.facts == ("stay",) for plan in plans("Which room are you in?", state=boiling, turns=400))
    assert 160 < told[True] < 240


def test_what_is_held_back_is_not_told_to_whom_they_do_not_trust_whatever_is_asked():
    wary = calm(trust=0.0)
    assert not [p for p in plans("What brings you here?", state=wary) if "exam_saturday" in p.facts]
    (told,) = set(plans("Which room are you in?", state=calm(trust=10.0), tags=(*WHO.unlocks,)))
    assert told.facts == ("stay", "exam_saturday")


def test_for_want_of_an_answer_nothing_else_is_told():
    drawn = plans("Did you happen to notice the carpet?", state=calm(), turns=200)
    assert not [plan for plan in drawn if plan.facts]
    assert {plan.intent for plan in drawn} <= set(WHO.answers[Occasion.ASKED]) - {Intent.DISCLOSE}
    assert len({plan.intent for plan in drawn}) >= 4


def test_a_persona_without_words_for_it_does_what_it_is_inclined_to():
    drawn = plans("Did you happen to notice the carpet?", who=made_up(), where="utility_outage", turns=200)
    assert [plan for plan in drawn if plan.facts]


def said_by(who, where, said, plan):
    heard = situation(plan)
    turn = heard.transcript.turns[-1].index
    about = scenarios()[where]
    there = replace(heard, persona=who, scenario=about, asked=asked(said, who, about, ()), plans={turn: plan})
    line = list(Voice(TunedModel(lambda: (Candidate("My own words are these.", -1.0),), 0)).say(there))[-1]
    assert isinstance(line, Line)
    return line


@pytest.mark.parametrize("who", personas().values(), ids=personas())
def test_every_shipped_caller_answers_in_written_words(who):
    told = Plan(intent=Intent.DISCLOSE, facts=("where",))
    line = said_by(who, "utility_outage", "What's your postcode?", told)
    assert line.written
    assert "Orchard Lane" in line.text
    for occasion, entries in ABOUT.items():
        line = said_by(who, "utility_outage", f"{entries[0]}?", Plan(intent=Intent.DISCLOSE))
        assert line.text in who.answers[occasion][Intent.DISCLOSE]
    evasive = said_by(who, "utility_outage", "What colour is it?", Plan(intent=Intent.VENT))
    assert evasive.text in who.answers[Occasion.ASKED][Intent.VENT]


@pytest.mark.parametrize("move", DRAWN)
def test_whatever_they_do_instead_of_answering_has_words(move):
    for question in ("What's your name?", "What's your postcode?", "What colour is it?"):
        assert said_by(WHO, "utility_outage", question, Plan(intent=move)).text


def test_a_name_is_said_before_what_else_was_asked_for():
    told = Plan(intent=Intent.DISCLOSE, facts=("where",))
    line = said_by(WHO, "utility_outage", "What's your name and your postcode?", told)
    assert line.text.startswith(WHO.answers[IDENTITY][Intent.DISCLOSE])
    assert "Orchard Lane" in line.text


@pytest.mark.parametrize("where", scenarios().values(), ids=scenarios())
def test_whatever_a_scenario_lets_be_told_may_be_said(where):
    assert len(where.particulars) >= 9
    lines = [line for f in where.particulars for line in (f.say, *(w for ways in f.also.values() for w in ways))]
    assert len(set(lines)) == len(lines)
    known = [*lines, *(f.text for f in where.known), where.business]
    assert [(line, found) for line in lines if (found := check(line, known=known, own_lines=(), heard="Hello."))] == []
    assert all(fact.asked for fact in where.known)


def test_tags_do_not_make_a_question():
    graded = (Technique.ASKS_CLARIFYING_QUESTION,)
    assert not [p for p in plans("I see.", state=calm(), tags=graded) if p.why.startswith("was asked")]
