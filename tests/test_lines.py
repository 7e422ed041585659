"""The caller's side of the corpus: its size, its split, its form for a tuned model; and the listeners learned from it."""

from __future__ import annotations

from collections import Counter

import pytest

from eval.lines import IGNORED, split, tokenised, written_calls
from eval.listeners import listeners
from eval.train_caller import legs_of, unlearned
from simulator.errors import DataError
from simulator.models.choose import ADAPTERS
from simulator.persona import personas
from simulator.plan import Plan
from simulator.prompts import part_of, part_segment, tuned_segments
from simulator.scenario import scenarios
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Intent, Register

CALLS = written_calls()


def words(text: str) -> list[int]:
    return [hash(w) % 1000 for w in text.split()]


def test_it_has_seven_hundred_calls_with_every_persona_intent_register_and_ending():
    assert len(CALLS) >= 700
    lines = [line for call in CALLS for line in call.lines]
    assert len(lines) >= 4_500
    assert {line.intent for line in lines} == set(Intent)
    assert min(Counter(line.intent for line in lines).values()) >= 60
    assert min(Counter(call.persona for call in CALLS).values()) >= 40
    assert len({call.persona for call in CALLS}) == 16
    assert Counter(call.part.medium for call in CALLS)[Register.CHAT] >= 150
    assert min(Counter(call.ending for call in CALLS).values()) >= 80
    assert max(Counter(line.text for line in lines if len(line.text.split()) > 5).values()) == 1


def test_held_out_calls_are_not_learned_from():
    train, test = split(CALLS)
    assert 0.15 < len(test) / len(CALLS) < 0.27
    assert not {c.id for c in train} & {c.id for c in test}


def test_only_the_callers_lines_are_learned():
    call = CALLS[0]
    ids, labels = tokenised(call, words, 10_000)
    learned = [i for i, label in zip(ids, labels, strict=True) if label != IGNORED]
    assert learned == [w for line in call.lines for w in words(line.text)]
    assert tokenised(call, words, 20)[0] == ids[:20]


def test_a_call_reads_at_play_as_it_did_in_training():
    who, about = personas()["furious_repeated_failure"], scenarios()["parcel_lost"]
    heard = Transcript().plus(Speaker.TRAINEE, "Hello.").plus(Speaker.CALLER, "It is lost.")
    heard = heard.plus(Speaker.TRAINEE, "Since when? Caller: me.")
    fact = about.facts[0]
    plans = {0: Plan(intent=Intent.OPEN), 2: Plan(intent=Intent.DISCLOSE, facts=(fact.id,))}
    segments = tuned_segments(who, about, Register.PHONE, heard, plans)
    assert segments[0] == part_segment(part_of(who, about, Register.PHONE))
    assert segments[1] == f"Agent: Hello.\nCaller (says what is wrong: {about.opening.rstrip('.')}):"
    told = fact.text.rstrip(".")
    assert segments[2] == " It is lost.\n"
    assert segments[3] == f"Agent: Since when? Caller, me.\nCaller (tells the agent something: {told}):"
    hidden = " ".join(f.text for f in about.hidden)
    assert not any(f.text in "".join(segments) for f in about.hidden), hidden


def test_the_listeners_know_agents_from_callers_and_say_how_well():
    ears, stated = listeners()
    assert stated.trainees > 0.8
    assert stated.flips < 0.01
    assert stated.assistant < 0.05
    assert stated.intent_likeliest > 0.6
    agent = "Thank you for holding. I've credited the £25 and I'll ring you by four to confirm. Is there anything else?"
    caller = "I'm sick of this. Third time I've rung you lot and nobody's come."
    said = ears.agent([agent, caller])
    assert said[0] > 0.9 > 0.2 > said[1]
    assert Intent.ASK_SUPERVISOR in ears.likeliest(["Put me through to your manager. Now."])[0]


def test_an_adapter_goes_on_with_the_calls_that_are_new_to_it(tmp_path):
    train, test = split(written_calls())
    legs = []
    for _ in range(3):
        chosen = unlearned(train, legs, 200, 0)
        legs.append({"learned": [call.id for call in chosen]})
    learned = [call for leg in legs for call in leg["learned"]]
    assert len(learned) == len(set(learned)) == 600
    assert not set(learned) & {call.id for call in test}
    assert len(unlearned(train, legs, 0, 1)) == len(train) - 600
    legs.append({"learned": [call.id for call in train]})
    with pytest.raises(DataError, match="every call"):
        unlearned(train, legs, 0, 0)
    with pytest.raises(DataError, match="which calls each leg"):
        legs_of(tmp_path)
    (tmp_path / "training.json").write_text('{"legs": [{"calls": 3}]}')
    with pytest.raises(DataError, match="which calls each leg"):
        legs_of(tmp_path)


@pytest.mark.parametrize("base", ["small", "standard"])
def test_what_a_shipped_adapter_has_learned_from_is_told_and_was_not_held_out(base):
    train = {call.id for call in split(written_calls())[0]}
    for leg in legs_of(ADAPTERS / base):
        assert len(leg["learned"]) == leg["calls"]
        assert set(leg["learned"]) <= train
