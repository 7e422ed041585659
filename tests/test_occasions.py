"""What a trainee turn did that some of a caller's lines answer; and that those lines are said then, and only then."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from builders import assessment, drain, persona, session
from test_own_lines import LINES, Weighing, answer
from test_voice import situation

from simulator.caller.occasions import CURT, WORDY, occasions
from simulator.caller.own_lines import ANSWERS, SHORTLIST, written_line
from simulator.errors import DataError
from simulator.persona import Persona, personas
from simulator.plan import Plan
from simulator.session import situation as of_call
from simulator.vocabulary import Fault, Intent, Occasion, Technique
from simulator.yamlfile import read_model

WORDS = "This is what the shop has to say about it"
ANSWERS_TO = {
    Occasion.CHOICE: {Intent.VENT: tuple(f"{w} of those two." for w in ("First", "Second", "Neither", "Both", "Some"))},
    Occasion.BELITTLED: {Intent.VENT: ("You are laughing.", "A joke, am I?")},
}


def choosy() -> Persona:
    lines = {**persona().lines, Intent.VENT: LINES}
    return persona().model_copy(update={"lines": lines, "answers": ANSWERS_TO})


# What the trainee did


@pytest.mark.parametrize(
    ("tag", "occasion"),
    [
        (Fault.SARCASM, Occasion.BELITTLED),
        (Fault.TELLS_TO_CALM_DOWN, Occasion.HUSHED),
        (Fault.STOCK_EMPATHY, Occasion.SCRIPTED),
        (Technique.APOLOGISES, Occasion.APOLOGISED),
        (Technique.ACKNOWLEDGES_FEELING, Occasion.COMFORTED),
        (Technique.GIVES_TIMEFRAME, Occasion.PROMISED),
        (Fault.HIDES_BEHIND_POLICY, Occasion.REFUSED),
        (Fault.ASKS_AGAIN, Occasion.ASKED),
        (Technique.ESCALATES, Occasion.HANDED_OVER),
        (Technique.OFFERS_OPTIONS, Occasion.CHOICE),
        (Technique.THANKS_CALLER, Occasion.THANKED),
        (Technique.CHECKS_SATISFACTION, Occasion.ANYTHING_ELSE),
    ],
)
def test_what_the_grader_heard_is_an_occasion(tag: Fault | Technique, occasion: Occasion) -> None:
    assert occasions(WORDS, assessment(tags=(tag,))) == {occasion}
    assert occasions(WORDS, None) == occasions(WORDS, assessment()) == frozenset()


@pytest.mark.parametrize(
    ("words", "occasion"),
    [
        ("And when did it first stop working?", Occasion.ASKED),
        ("Right, let me look that up for you now", Occasion.LOOKING),
        ("One moment please, I am with you", Occasion.LOOKING),
        ("ok " * CURT, Occasion.CURT),
        ("well " * WORDY, Occasion.WORDY),
    ],
)
def test_what_the_words_show_needs_no_grade(words: str, occasion: Occasion) -> None:
    assert occasions(words, None) == {occasion}


def test_an_offer_is_a_promise_whatever_its_tags() -> None:
    assert occasions(WORDS, assessment(solution=4)) == {Occasion.PROMISED}


def test_a_rude_turn_belittles_and_comforts_nobody() -> None:
    kind = assessment(tags=(Technique.ACKNOWLEDGES_FEELING,), calmness=2)
    assert occasions(WORDS, kind) == {Occasion.BELITTLED}


def test_a_call_knows_what_its_last_trainee_turn_did() -> None:
    choice = assessment(tags=(Technique.OFFERS_OPTIONS,))
    for grades, did in (((choice, assessment()), set()), ((assessment(), choice), {Occasion.CHOICE})):
        call = session(grades=grades)
        for text in ("This is Ada speaking, good morning", "I can send one or pay it back, as you like"):
            drain(call.submit(text))
        assert of_call(call.call, "").occasions == did


# What the caller says to it


def test_a_line_is_offered_where_it_answers_and_nowhere_else() -> None:
    plan, ways = Plan(intent=Intent.VENT), ANSWERS_TO[Occasion.CHOICE][Intent.VENT]
    for did, answering in ((frozenset(), 0), (frozenset({Occasion.CHOICE}), ANSWERS)):
        model = Weighing(lambda _: -1.0)
        answer(model, plan, choosy(), replace(situation(plan), occasions=did))
        asked = [line.strip() for line in model.asked[0]]
        assert (len(asked), sum(line in ways for line in asked)) == (SHORTLIST, answering)
        assert not set(asked) & set(ANSWERS_TO[Occasion.BELITTLED][Intent.VENT])


def test_without_a_model_too_only_what_answers_is_said() -> None:
    plan, ways = Plan(intent=Intent.VENT), set(ANSWERS_TO[Occasion.CHOICE][Intent.VENT])
    for did, all_of in ((frozenset(), set(LINES)), (frozenset({Occasion.CHOICE}), {*LINES, *ways})):
        there = replace(situation(plan), persona=choosy(), occasions=did)
        said = {written_line(replace(there, seed=seed), plan) for seed in range(200)}
        assert said == all_of


# The files


def test_every_shipped_caller_has_lines_for_any_turn_and_answers_to_most() -> None:
    for who in personas().values():
        assert len(who.answers) >= 8, who.id
        assert len(set(who.written)) == len(who.written), who.id


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ("belitled: {vent: [Laugh then.]}", "did you mean 'belittled'"),
        ("belittled: {vnet: [Laugh then.]}", "did you mean 'vent'"),
        ("belittled: {open: [Hello.]}", "under opens"),
    ],
)
def test_a_wrong_answer_is_told_with_what_was_meant(tmp_path: Path, answers: str, told: str) -> None:
    text = (files("personas") / "callers" / "talkative.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("\nlevels:")
    before = head.partition("\nanswers:")[0]
    (tmp_path / "mine.yaml").write_text(f"{before}\nanswers:\n  {answers}\nlevels:{rest}", encoding="utf-8")
    with pytest.raises(DataError, match=r"mine\.yaml") as wrong:
        read_model(Persona, tmp_path / "mine.yaml")
    assert told in str(wrong.value)
