"""One call as a stream of events: order, determinism, resuming anywhere, branching, endings."""

from __future__ import annotations

import pytest
from builders import ScriptedGrader, ScriptedVoice, assessment, drain, persona, play, scenario, session, started
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.call import Due, fold
from simulator.caller.intent import MAX_TRAINEE_TURNS
from simulator.errors import CallError
from simulator.events import EVENT, CallEnded, CallerMoved, CallerSaying, CallerSpoke, TraineeSpoke, TurnGraded
from simulator.session import MAX_CHARACTERS, Session, branch, clean
from simulator.transcript import Speaker
from simulator.vocabulary import Ending, Fault, Intent, Technique

GOOD = assessment(calmness=5, empathy=5, solution=5, tags=(Technique.ACKNOWLEDGES_FEELING, Technique.NAMES_NEXT_STEP))
CLOSING = assessment(calmness=5, empathy=None, solution=None, closing=5, tags=(Technique.SUMMARISES,))
GREETING = assessment(calmness=5, empathy=None, solution=None)
BAD = assessment(calmness=1, empathy=1, solution=1, tags=(Fault.BLAMES_CALLER,))


def untimed(events):
    return [e.model_copy(update={"at": 0.0} | ({"seconds": 0.0} if isinstance(e, CallerSpoke) else {})) for e in events]


def test_a_turn_yields_grade_then_move_then_words():
    events = list(session().submit("Good morning, what has happened?"))
    kinds = [type(e) for e in events if not isinstance(e, CallerSaying)]
    assert kinds == [TraineeSpoke, TurnGraded, CallerMoved, CallerSpoke]


def test_the_caller_opens_with_the_problem():
    live = session()
    drain(live.submit("Hello"))
    assert live.call.last_move.plan.intent is Intent.OPEN


@given(st.lists(st.sampled_from(["Right.", "I see, tell me more.", "No.", "I can refund it today."]), max_size=8))
@settings(max_examples=25, deadline=None)
def test_same_seed_and_words_same_call_and_replay_gives_the_same_state(said):
    one, two = play(*said), play(*said)
    assert untimed(one) == untimed(two)
    assert fold(one).state == fold(two).state
    again = [EVENT.validate_json(EVENT.dump_json(e)) for e in one]
    assert again == list(one)
    assert fold(again) == fold(one)


def test_another_seed_may_choose_other_intents():
    said = ["Hello."] + ["Hm."] * 8
    trails = set()
    for seed in range(12):
        live = Session([started(seed=seed)], ScriptedVoice(), ScriptedGrader())
        for text in said:
            if live.call.due is Due.TRAINEE:
                drain(live.submit(text))
        trails.add(tuple(m.plan.intent for m in live.call.moves.values()))
    assert len(trails) > 1


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_call_cut_off_after_any_event_goes_on_as_if_nothing_had_been(cut):
    whole = play("Hello.", "I can refund it today.", "Anything else?")
    kept = list(whole[: cut + 1])
    live = Session(kept, ScriptedVoice(), ScriptedGrader())
    drain(live.resume())
    assert live.call.due in (Due.TRAINEE, Due.NOTHING)
    assert untimed(live.events) == untimed(whole[: len(live.events)])


def test_closing_the_stream_in_the_middle_loses_nothing():
    live = session()
    stream = live.submit("Hello.")
    next(stream)
    stream.close()
    assert live.call.due is Due.GRADE
    with pytest.raises(CallError, match="not answered"):
        drain(live.submit("Hello again."))
    drain(live.resume())
    assert live.call.due is Due.TRAINEE


def test_a_branch_restores_state_and_seed():
    whole = play("Hello.", "I can refund it today.", "Anything else?")
    short = branch(whole, 2, call_id="old", at=5_000.0)
    call = fold(short)
    assert len(call.transcript) == 2
    assert call.start.seed == fold(whole).start.seed
    assert (call.start.branched_from.call_id, call.start.branched_from.turn) == ("old", 2)
    assert short[-1].at == 5_000.0
    live = Session(short, ScriptedVoice(), ScriptedGrader())
    drain(live.submit("I can refund it today."))
    assert live.call.state == fold([*whole[: len(live.events)]]).state


def test_a_branch_needs_a_trainee_turn():
    with pytest.raises(CallError, match="turn 1"):
        branch(play("Hello."), 1, call_id="old", at=0.0)


def test_winning_takes_acceptance_and_a_close():
    said = 0
    live = Session([started()], ScriptedVoice(), ScriptedGrader(GREETING, GOOD))
    while not live.call.state.accepted and said < 12:
        drain(live.submit("I have refunded it."))
        said += 1
    assert live.call.state.accepted
    live = Session(live.events, ScriptedVoice(), ScriptedGrader(CLOSING))
    drain(live.submit("So that is refunded today. Is there anything else?"))
    assert live.call.ended.ending is Ending.RESOLVED


def test_losing_ends_by_state():
    live = Session([started()], ScriptedVoice(), ScriptedGrader(BAD))
    for _ in range(30):
        if live.call.ended:
            break
        drain(live.submit("Calm down."))
    assert live.call.ended.ending in (Ending.HUNG_UP, Ending.UNRESOLVED)


def test_the_turn_limit_ends_a_call_that_goes_nowhere():
    flat = assessment(calmness=4, empathy=None, solution=None)
    who = persona(start={"agitation": 5, "trust": 5, "patience": 10})
    live = Session([started(who=who)], ScriptedVoice(), ScriptedGrader(flat))
    while live.call.ended is None:
        drain(live.submit("One moment."))
    assert len(live.call.transcript.by(Speaker.TRAINEE)) <= MAX_TRAINEE_TURNS


def test_the_trainee_may_hang_up_and_nothing_comes_after():
    live = session()
    drain(live.submit("Hello."))
    drain(live.end())
    assert live.call.ended == CallEnded(at=live.call.ended.at, ending=Ending.TRAINEE_ENDED, why=live.call.ended.why)
    with pytest.raises(CallError, match="has ended"):
        drain(live.submit("Hello?"))


def test_paused_time_is_counted_and_speaking_ends_the_pause():
    live = session()
    drain(live.submit("Hello."))
    drain(live.pause(True))
    drain(live.pause(True))
    assert live.call.paused_at is not None
    drain(live.submit("Back again."))
    assert live.call.paused_at is None


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200e", "\x00\x07"])
def test_an_empty_turn_is_refused_and_nothing_happens(text):
    live = session()
    before = len(live.events)
    with pytest.raises(CallError, match="empty"):
        drain(live.submit(text))
    assert len(live.events) == before


def test_a_very_long_turn_is_refused_with_its_length():
    with pytest.raises(CallError, match=f"{MAX_CHARACTERS:,}"):
        drain(session().submit("a" * 1_000_000))


@given(st.text(max_size=300))
def test_cleaned_text_is_safe_to_keep_and_cleaning_twice_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once
    once.encode("utf-8")
    assert "\x00" not in once and "\u202e" not in once


def test_hidden_facts_stay_out_of_the_record_until_disclosed():
    whole = play("Hello.", "Tell me more.", "Go on.")
    hidden = scenario().hidden[0]
    for event in whole[1:]:
        if isinstance(event, CallerMoved) and hidden.id not in event.state.disclosed:
            assert hidden.id not in event.plan.facts
