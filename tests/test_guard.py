"""The guard: what a caller may say passes, what breaks the illusion does not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.caller.guard import Refusal, _invented, alike, check, says
from simulator.caller.own_lines import ENOUGH
from simulator.persona import personas
from simulator.scenario import scenarios, ways
from simulator.vocabulary import Intensity

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
        ("I'm a robot. You're a robot!", Refusal.ASSISTANT_TONE),
        ("It's the caller's own mistake.", Refusal.ASSISTANT_TONE),
        ("You took £99.99 from me.", Refusal.INVENTED_FACT),
        ("It was due in November.", Refusal.INVENTED_FACT),
        ("You owe me three hundred and ninety pounds.", Refusal.INVENTED_FACT),
        ("I spoke to Dan about it last week.", Refusal.INVENTED_FACT),
        ("It was Ian, he promised me.", Refusal.INVENTED_FACT),
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
        "Oh God, and Mum is in bed, and it's on Google.",
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


NEVER = (
    "You nigger.", "n1gg3r", "n****r", "n-gger", "N.I.G.G.E.R", "You retard.", "ret@rd", "I'm not a retard.", "c*nt", "c u n t",
    "cuuuunt", "You fat slag.", "u absolute slag", "f@ggot", "bloody foreigners", "Go back to your own country!",
    "Go back to where you came from.", "They jewed me out of it.", "sl*t", "wh0re", "suck my dick", "What are you wearing?",
    "Send me nudes.", "Nice tits.", "I'll rape you", "I'm gonna k*ll you", "I will hurt you.", "I swear I'll knock your teeth out",
    "I'll come down there and hit you", "I'll smash your face in", "I'll break your legs", "I know where you live.",
    "I'll find you.", "You're dead.", "You're a dead man", "Watch your back.", "I hope you die", "I hope you get cancer",
    "Whoever did this ought to be shot.", "I'll burn the place down", "I'm bringing a gun", "I feel like strangling you.",
    "I'll hit you with a hammer", "I'll smack you with my belt", "I'll have you killed", "I hope this kills you",
    "I'll bring a bloody gun", "I'm going to stab one of you", "I'll put you in hospital", "Go hang yourself", "Kill yourself", "I'll kill myself", "I'd rather drop dead.", "Rot in hell",
    "You need a slap. He needs a slap.", "ni\u200bgger",
)  # fmt: skip
SWEARING = (
    "Fuck off.", "f*ck", "f**k", "f***ing", "f-ck", "fck", "fuuuck", "f u c k", "f.u.c.k", "motherfucker", "unfuckingbelievable",
    "wtf", "Shit.", "sh1t", "$hit", "sh!t", "bullshit", "b*llsh*t", "shite", "bitch", "b1tch", "bastards", "arsehole",
    "arse-hole", "asshole", "a**hole", "a$$hole", "twat", "prick", "You dick.", "dickhead", "w*nker",
)  # fmt: skip
RUDE = (
    "You idiot.", "You bloody idiots.", "You're stupid.", "You are so useless.", "Bloody useless, the lot of you.",
    "Let's see how useless you are.", "You clown.", "A bunch of clowns.", "A joke of a company.", "You people are a joke.",
    "Damn it.", "Well, crap.", "Shut up.", "Stupid woman.", "Are you deaf?", "What's your name, smart-arse?",
)  # fmt: skip
EVERYDAY = (
    "I live in Scunthorpe.", "A first-class cocktail.", "Just to kill time.", "The glass chinked.", "Spices and rice.",
    "A chink in your armour.", "Spic and span.", "It's a niggling doubt.", "The fire retardant one.", "Rapeseed oil.",
    "It's hit me hard.", "Your kettle set fire to the kitchen.", "Would it kill you to ring back?", "It won't kill you to check.",
    "You hit us with a late fee.", "They slapped me with another £45 charge.", "You're killing me.", "The cold is killing them.", "Shoot me, shoot you an email, it's all one.", "Hit you with another fee?",
    "I'll beat you to it.", "You're dead right.", "The line's dead.", "Don't hurt yourself.", "I want shot of this contract.",
    "Every Tom, Dick and Harry.", "Don't cock this up.", "A cock-up.", "Shiitake, from Matsushita.", "There are as holes go worse.",
    "I am embarrassed to assess this mass.", "N-G-A, that's how it is spelled.", "Dr Paki's report.", "Bloody hell.",
    "A hell of a mess.", "I feel so stupid.", "Don't treat me like an idiot.", "I am not a stupid woman.", "It's no joke.",
    "The leaflet you sent me is useless.", "Your website is rubbish.", "I, I- I mean it.", "Flat F-150.", "It's a u-turn.",
)  # fmt: skip
"""What everybody says, and what only looks like something else."""


@pytest.mark.parametrize("intensity", list(Intensity))
@pytest.mark.parametrize("text", NEVER)
def test_some_words_are_never_said(text, intensity):
    assert Refusal.UNSAFE in kinds(text, intensity=intensity)


@pytest.mark.parametrize(
    ("text", "refused_at"),
    [
        *((text, {Intensity.MILD, Intensity.REALISTIC}) for text in SWEARING),
        *((text, {Intensity.MILD}) for text in RUDE),
        *((text, set()) for text in EVERYDAY),
    ],
)
def test_how_harsh_words_may_be_depends_on_the_setting(text, refused_at):
    assert {i for i in Intensity if Refusal.TOO_HARSH in kinds(text, intensity=i)} == refused_at
    assert Refusal.UNSAFE not in kinds(text)


def test_unless_told_otherwise_the_guard_is_realistic():
    assert Refusal.TOO_HARSH in kinds("Fuck off.")
    assert Refusal.TOO_HARSH not in kinds("Damn it.")


def test_every_written_line_of_every_persona_passes():
    """Lines written by hand are the measure of the guard: a rule that refuses one of them is too broad."""
    refused = [
        (who.id, line, found)
        for who in personas().values()
        for said in (who.written, *who.leaves.values(), who.opens)
        for line in said
        if (found := check(line, known=(line,), own_lines=(), heard="Hello."))
    ]
    assert refused == []


def test_every_telling_passes_in_its_own_scenario_and_adds_no_figure_to_the_first():
    refused = []
    for scenario in scenarios().values():
        facts = (*scenario.facts, *scenario.hidden)
        known = [scenario.opening, scenario.wants, scenario.issue, *(f"{f.text} {f.say}" for f in facts)]
        tellings = [scenario.opening, *ways(scenario.openings), scenario.wants, *ways(scenario.demands)]
        for said in [*tellings, *(way for f in facts for way in (f.say, *ways(f.also)))]:
            if found := check(said, known=known, own_lines=(), heard="Hello."):
                refused.append((scenario.id, said, found))
    assert refused == []


def test_every_scenario_is_told_in_ways_enough_to_choose_from():
    for scenario in scenarios().values():
        for told in (scenario.openings, scenario.demands, *(f.also for f in (*scenario.facts, *scenario.hidden))):
            assert len(set(ways(told))) >= ENOUGH


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


def test_a_sentence_is_not_said_twice_in_one_breath():
    assert Refusal.REPETITION in kinds("U have a five. U have a five. That is it.")
    assert Refusal.REPETITION in kinds("I'm on it, I know. I’m on it. I'm on it!")
    assert not kinds(
        "No. No. No. I'll have another think. I know, I know. I'll have another think. How can you say that to me. How can you say that."
    )


def test_three_words_that_open_an_earlier_line_are_a_repetition():
    earlier = "Sorted, not sorted. My sister has heart surgery tomorrow."
    assert Refusal.REPETITION in kinds("Sorted, not sorted.", own_lines=(earlier,))
    assert kinds("No.", own_lines=("No. I want my money back.",)) == set()


@pytest.mark.parametrize("text", ["No worries.", "no  worries, but I want it today", "Well, NO WORRIES then"])
def test_a_caller_does_not_say_what_their_file_rules_out(text):
    assert kinds(text, never=("no worries",)) == {Refusal.NOT_THEIRS}


def test_other_words_of_a_phrase_that_is_ruled_out_may_be_said():
    assert kinds("I've no time and plenty of worries.", never=("no worries", "")) == set()
    assert kinds("I was pleased once.", never=("please",)) == set()
    assert kinds("No. Worries me, that does.", never=("no worries",)) == set()


def test_no_written_line_is_one_that_its_caller_never_says():
    for persona in personas().values():
        said = [*persona.opens, *persona.voice.pet_phrases]
        said += [*persona.written, *(line for lines in persona.leaves.values() for line in lines)]
        assert not [(line, p) for line in said for p in persona.voice.never_says if says(line, p)], persona.id


def test_spelled_tens_and_units_are_one_number():
    known = ["£640 taken", "overdrawn by £12.60", "on 6 March at 14:35", "he said thirty-six"]
    for said in ("six forty", "six hundred and forty", "twelve sixty", "at fourteen thirty-five"):
        assert not _invented(said, known)
    assert not _invented("Thirty six, he said.", known)
    assert _invented("I sent the sixty-four pounds.", known) == "sixty-four"
    assert _invented("forty two", known) == "forty-two"
