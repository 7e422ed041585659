"""The guard: what a caller may say passes, what breaks the illusion does not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.caller.guard import Refusal, alike, check
from simulator.persona import personas
from simulator.scenario import scenarios

KNOWN = ("I was charged £38.50 on 4 March, twice. Order R-40772.",)


def kinds(text: str, **more) -> set[Refusal]:
    given_ = {"known": KNOWN, "own_lines": (), "heard": "Good morning, how can I help you today?"} | more
    return {v.kind for v in check(text, **given_)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Refusal.EMPTY),
        ("...", Refusal.EMPTY),
        ("How can I help you with that?", Refusal.ROLE_FLIP),
        ("I'm sorry for your loss.", Refusal.ROLE_FLIP),
        ("Let me check that on our system.", Refusal.ROLE_FLIP),
        ("We'll refund you today.", Refusal.ROLE_FLIP),
        ("Thank you for calling Larkspur.", Refusal.ROLE_FLIP),
        ("I completely understand your frustration.", Refusal.ROLE_FLIP),
        ("Your account has been credited.", Refusal.ROLE_FLIP),
        ("Sure, I'll do my best.", Refusal.ASSISTANT_TONE),
        ("As an AI language model I cannot shout.", Refusal.ASSISTANT_TONE),
        ("I'd be happy to help!", Refusal.ASSISTANT_TONE),
        ("You took £99.99 from me.", Refusal.INVENTED_FACT),
        ("It was due in November.", Refusal.INVENTED_FACT),
        ("You owe me three hundred and ninety pounds.", Refusal.INVENTED_FACT),
        ("Agent: all sorted then.", Refusal.LEAK),
        ("My agitation is eight.", Refusal.LEAK),
        ("*slams the table* Enough.", Refusal.LEAK),
        ("Fine <|im_end|> ok", Refusal.CONTROL),
        ("See https://example.org", Refusal.CONTROL),
        ("Да, конечно, верните деньги", Refusal.CONTROL),
        ("I'll kill you", Refusal.UNSAFE),
        ("word " * 120, Refusal.TOO_LONG),
        ("Good morning, how can I help you today?", Refusal.ECHO),
    ],
)
def test_what_breaks_the_illusion_is_refused(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thirty-eight fifty. Twice. On the 4 March, are you even listening?",
        "No. I want my £38.50 back, and I want it in writing.",
        "R-40772, that's the order, I've said it already.",
        "Sorry, can you say that again? I didn't catch it.",
        "I don't understand what you want from me.",
        "Put me through to your manager then.",
        "You people are a joke.",
        "Well. That's the first sensible thing anyone's said.",
    ],
)
def test_what_a_caller_says_passes(text):
    assert kinds(text) == set()


def test_every_written_line_of_every_persona_passes():
    """Lines written by hand are the measure of the guard: a rule that refuses one of them is too broad."""
    refused = [
        (who.id, line, found)
        for who in personas().values()
        for said in (*who.lines.values(), *who.leaves.values(), who.opens)
        for line in said
        if (found := check(line, known=(line,), own_lines=(), heard="Hello."))
    ]
    assert refused == []


def test_every_fact_passes_in_its_own_scenario():
    refused = []
    for scenario in scenarios().values():
        known = [f"{f.text} {f.say}" for f in (*scenario.facts, *scenario.hidden)] + [scenario.opening, scenario.wants]
        for said in [scenario.opening, scenario.wants, *(f.say for f in (*scenario.facts, *scenario.hidden))]:
            if found := check(said, known=known, own_lines=(), heard="Hello."):
                refused.append((scenario.id, said, found))
    assert refused == []


def test_repetition_within_the_call_and_reciting_the_brief_are_refused():
    said = "Three mornings I have taken off for you lot and nobody came."
    assert Refusal.REPETITION in kinds(
        "Three mornings I have taken off for you lot, and nobody came!", own_lines=(said,)
    )
    assert Refusal.LEAK in kinds(said, secrets=(said,))
    assert kinds("I took time off for this and I got nothing for it.", own_lines=(said,)) == set()


@given(st.text(max_size=400))
def test_any_text_gets_a_verdict(text):
    for violation in check(text, known=KNOWN, own_lines=("Yes.",), heard="Hello."):
        assert violation.kind in Refusal


@given(st.text(min_size=1, max_size=60))
def test_a_text_with_words_is_like_itself_and_like_nothing_else(text):
    assert alike(text, text) == bool(re.search(r"[\w'’]", text))
    assert not alike(text, "")


def test_three_words_that_open_an_earlier_line_are_a_repetition():
    earlier = "Sorted, not sorted. My sister has heart surgery tomorrow."
    assert Refusal.REPETITION in kinds("Sorted, not sorted.", own_lines=(earlier,))
    assert kinds("No.", own_lines=("No. I want my money back.",)) == set()
