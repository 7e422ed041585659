"""How harsh a caller may be: what it changes in their moves and words, what it needs, and where it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import builders
import pytest
from builders import assessment, persona, play, scenario, started

from simulator.call import fold
from simulator.caller.appraisal import appraise, opening_state
from simulator.caller.choice import Refused
from simulator.caller.guard import Refusal
from simulator.caller.harshness import SPEECHLESS, fitting, too_harsh, unsafe
from simulator.caller.inclination import inclinations
from simulator.caller.intent import Moment, applied, choose
from simulator.caller.own_lines import written_line
from simulator.caller.situation import Situation
from simulator.caller.voice import Voice
from simulator.debrief import debrief
from simulator.errors import CallError
from simulator.events import EVENT
from simulator.models.scripted import ScriptedModel
from simulator.persona import WRITTEN, personas
from simulator.plan import Plan
from simulator.rehearsal import Choices, Rehearsals
from simulator.report import render, transcript_jsonl
from simulator.scenario import scenarios
from simulator.session import branch
from simulator.store import open_store
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Difficulty, Fault, Intensity, Intent, Register

pytest_plugins = ["clikit"]
CALL = ("--persona", "abusive", "--scenario", "parcel_lost")
TRAITS = dict.fromkeys(type(persona().traits).model_fields, 5.0)


def moment(intensity: Intensity, hostility: float = 8.0, agitation: float = 9.0) -> Moment:
    """A hot caller who has just been treated badly."""
    who = persona(traits=TRAITS | {"hostility": hostility}, start={"agitation": agitation, "trust": 3, "patience": 6})
    state, bad = opening_state(who, Difficulty.MEDIUM), assessment(calmness=2, tags=(Fault.ARGUES,))
    return Moment(
        persona=who,
        scenario=scenario(),
        difficulty=Difficulty.MEDIUM,
        intensity=intensity,
        state=state,
        appraisal=appraise(who, Difficulty.MEDIUM, state, bad),
        grades=bad,
        said="That is not what I said.",
    )


def situation(plan: Plan, intensity: Intensity, **who) -> Situation:
    caller = persona(**who)
    return Situation(
        persona=caller,
        scenario=scenario(),
        medium=Register.PHONE,
        seed=3,
        transcript=Transcript().plus(Speaker.TRAINEE, "I see. What happened next?"),
        plans={0: plan},
        states={0: applied(opening_state(caller, Difficulty.MEDIUM), plan)},
        intensity=intensity,
    )


# Moves


def test_only_abuse_is_scaled():
    mild, realistic, harsh = (inclinations(moment(i).mind) for i in Intensity)
    assert mild == realistic | {Intent.INSULT: 0.0, Intent.THREATEN: realistic[Intent.THREATEN] * 0.4}
    assert harsh == realistic | {Intent.INSULT: realistic[Intent.INSULT] * 1.6}
    assert realistic[Intent.INSULT] > 0.0


@pytest.mark.parametrize(("hostility", "who_insults"), [(2.4, set()), (2.5, {Intensity.HARSH}), (3.5, set(Intensity))])
def test_from_which_hostility_callers_insult(hostility, who_insults):
    insulting = {i for i in Intensity if inclinations(moment(i, hostility).mind)[Intent.INSULT] > 0.0}
    assert insulting == who_insults - {Intensity.MILD}


def test_a_mild_caller_never_insults():
    now = moment(Intensity.MILD, hostility=10, agitation=10)
    moves = {choose(now, Random(seed)).intent for seed in range(300)}
    assert Intent.INSULT not in moves
    assert Intent.INSULT in {choose(replace(now, intensity=Intensity.HARSH), Random(s)).intent for s in range(300)}


# Words


def test_the_voice_hears_the_setting():
    replies = ["This is shit.", "Oh, crap.", "I am tired of waiting."]
    said = {}
    for intensity in Intensity:
        in_turn = iter(replies)
        voice = Voice(ScriptedModel(lambda *_, given=in_turn: next(given)))
        *before, line = voice.say(situation(Plan(intent=Intent.VENT), intensity))
        said[intensity] = line.text
        assert all(v.kind is Refusal.TOO_HARSH for r in before if isinstance(r, Refused) for v in r.violations)
    assert said == dict(zip(Intensity, reversed(replies), strict=True))


def test_where_all_written_lines_are_too_harsh_the_caller_vents():
    lines = persona().lines | {Intent.DEMAND: ("Fix it, you idiot.", "Do it, moron.")}
    plan = Plan(intent=Intent.DEMAND)
    assert written_line(situation(plan, Intensity.MILD, lines=lines), plan) in lines[Intent.VENT]
    for intensity in (Intensity.REALISTIC, Intensity.HARSH):
        assert written_line(situation(plan, intensity, lines=lines), plan) in lines[Intent.DEMAND]


def test_a_caller_who_has_only_harsh_lines_says_none_of_them():
    assert fitting(("You idiot.",), ("You moron.",), Intensity.MILD) == (SPEECHLESS,)
    assert fitting(("I'll kill you.",), ("I am tired.",), Intensity.HARSH) == ("I am tired.",)
    assert not unsafe(SPEECHLESS)
    assert not too_harsh(SPEECHLESS, Intensity.MILD)


@pytest.mark.parametrize("name", list(personas()))
def test_every_caller_has_something_mild_to_say(name):
    who = personas()[name]
    pools = [who.opens, *who.leaves.values(), *(who.lines[i] for i in WRITTEN - {Intent.INSULT})]
    for lines in pools:
        assert any(not too_harsh(line, Intensity.MILD) for line in lines), lines


def test_no_fact_is_too_harsh_for_a_mild_caller():
    for about in scenarios().values():
        for said in (about.opening, about.wants, *(f.say for f in (*about.facts, *about.hidden))):
            assert not too_harsh(said, Intensity.MILD), said


# Calls


def test_a_call_of_before_is_realistic():
    stored = json.loads(EVENT.dump_json(started()))
    del stored["intensity"], stored["consented"]
    call = EVENT.validate_python(stored)
    assert (call.intensity, call.consented) == (Intensity.REALISTIC, False)


def test_a_harsh_call_is_not_started_without_consent(tmp_path):
    with open_store(tmp_path / "calls.db") as store:
        rehearsals = Rehearsals(builders.ScriptedVoice(), builders.ScriptedGrader(), store)
        wanted = Choices(persona(), scenario(), intensity=Intensity.HARSH)
        with pytest.raises(CallError, match="never slurs"):
            rehearsals.start(wanted, owner="o")
        assert store.calls("o") == []
        start = rehearsals.start(replace(wanted, consented=True), owner="o").call.start
        assert (start.intensity, start.consented) == (Intensity.HARSH, True)
        for intensity in (Intensity.MILD, Intensity.REALISTIC):
            start = rehearsals.start(Choices(persona(), scenario(), intensity=intensity), owner="o").call.start
            assert (start.intensity, start.consented) == (intensity, False)


def test_a_branch_stays_as_harsh():
    whole = play(start=started(intensity=Intensity.HARSH))
    start = fold(branch(whole, 2, call_id="old", at=5_000.0)).start
    assert (start.intensity, start.consented) == (Intensity.HARSH, True)


def test_the_setting_decides_the_call_and_the_seed_still_does():
    bad = assessment(calmness=3, empathy=2, solution=2, tags=(Fault.ARGUES,))
    said = ["Hello."] + ["That is not what I said, madam."] * 6
    trails = {}
    for intensity in Intensity:
        who = persona(traits=TRAITS | {"hostility": 9}, start={"agitation": 9, "trust": 3, "patience": 10})
        start = started(who=who, intensity=intensity, seed=11)
        trails[intensity] = [
            [m.plan.intent for m in fold(_as_far_as_it_goes(said, start, bad)).moves.values()] for _ in range(2)
        ]
        assert trails[intensity][0] == trails[intensity][1]
    assert Intent.INSULT not in trails[Intensity.MILD][0]


def _as_far_as_it_goes(said, start, grades):
    live = builders.session(start, [grades])
    for text in said:
        if live.call.ended is None:
            builders.drain(live.submit(text))
    return live.events


# Where it is told


@pytest.mark.parametrize("intensity", list(Intensity))
def test_report_and_rows_tell_the_setting(intensity):
    call = fold(play(start=started(intensity=intensity), end=True))
    page = render(call, debrief(call))
    assert f"{intensity.value} words" in page
    assert ("agreed to" in page) == (intensity is Intensity.HARSH)
    head = json.loads(transcript_jsonl(call).splitlines()[0])
    assert (head["intensity"], head["consented"]) == (intensity.value, intensity is Intensity.HARSH)


@pytest.mark.parametrize("command", ["play", "chat"])
def test_on_the_command_line_harsh_needs_consent(terminal, command):
    done = terminal(command, *CALL, "--intensity", "harsh", stdin='"Good morning."\n')
    assert done.code == 2
    assert "--consent" in done.err
    assert "never slurs" in done.err
    assert done.out == ""


def test_play_records_setting_and_consent(terminal):
    for options, told in (
        ((), ("realistic", False)),
        (("--intensity", "mild"), ("mild", False)),
        (("--intensity", "harsh", "--consent"), ("harsh", True)),
    ):
        done = terminal("play", *CALL, *options, stdin='"Good morning."\n')
        assert done.code == 0, done.err
        start = json.loads(done.out.splitlines()[0])
        assert (start["intensity"], start["consented"]) == told


def test_chat_says_in_the_briefing_how_harsh_it_may_get(terminal):
    out = terminal("chat", *CALL, "--intensity", "harsh", "--consent", stdin="Good morning\n/quit\n").out
    assert "How harsh: harsh (the caller may swear at you" in out
    assert "How harsh: realistic" in terminal("chat", *CALL, stdin="/quit\n").out
    with open_store(terminal.data / "calls.db") as store:
        row = next(r for r in store.calls("terminal") if r.trainee_turns)
        assert fold(store.events(row.id)).start.consented


def test_every_setting_has_words():
    from simulator.app.markup import WORDS
    from simulator.consent import MEANS

    assert set(WORDS) == set(MEANS) == set(Intensity)
