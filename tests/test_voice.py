"""The voice: sentence by sentence through the guard, resampled, completed, or written; and every decision told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import TunedModel, persona, scenario

from simulator.caller.appraisal import opening_state
from simulator.caller.choice import ROUNDS, Refused, drawing, ends_within, passable, tidy
from simulator.caller.guard import Refusal
from simulator.caller.intent import applied
from simulator.caller.own_lines import written_line
from simulator.caller.situation import Situation
from simulator.caller.telling import unsaid
from simulator.caller.voice import ATTEMPTS, Line, Saying, Voice
from simulator.models.base import Candidate
from simulator.models.scripted import ScriptedModel
from simulator.plan import Plan
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Difficulty, Ending, Intent, Register


def situation(plan: Plan, heard: str = "I see. What happened next?") -> Situation:
    who = persona()
    return Situation(
        persona=who,
        scenario=scenario(),
        medium=Register.PHONE,
        seed=3,
        transcript=Transcript().plus(Speaker.TRAINEE, heard),
        plans={0: plan},
        states={0: applied(opening_state(who, Difficulty.MEDIUM), plan)},
    )


def said(replies: list[str], plan: Plan | None = None) -> list[Saying | Refused | Line]:
    in_turn = iter(replies)
    model = ScriptedModel(lambda *_: next(in_turn))
    return list(Voice(model).say(situation(plan or Plan(intent=Intent.VENT))))


def test_good_words_are_released_sentence_by_sentence():
    parts = said(["I am tired of this. Nobody ever rings back! Not once"])
    saying = [p.text for p in parts if isinstance(p, Saying)]
    assert saying[0] == "I am tired of this."
    assert saying == sorted(saying, key=len)
    line = parts[-1]
    assert isinstance(line, Line)
    assert line.text.startswith("I am tired of this. Nobody ever rings back!")
    assert not line.written


def test_a_refused_candidate_is_told_and_another_is_drawn():
    parts = said(["How can I help you today?", "No, I have waited long enough."])
    refused = [p for p in parts if isinstance(p, Refused)]
    assert [v.kind for v in refused[0].violations] == [Refusal.ROLE_FLIP]
    assert parts[-1].text == "No, I have waited long enough."
    assert parts[-1].attempts == 2


def test_what_the_persona_never_says_is_refused():
    replies = iter(["I am tired of this, no worries.", "No, I have waited long enough."])
    where = situation(Plan(intent=Intent.VENT))
    voice = where.persona.voice.model_copy(update={"never_says": ("No worries.",)})
    where = replace(where, persona=where.persona.model_copy(update={"voice": voice}))
    parts = list(Voice(ScriptedModel(lambda *_: next(replies))).say(where))
    refused = [p for p in parts if isinstance(p, Refused)]
    assert [v.kind for v in refused[0].violations] == [Refusal.NOT_THEIRS]
    assert parts[-1].text == "No, I have waited long enough."


def test_a_reply_that_goes_wrong_later_ends_before_it_does():
    parts = said(["I have waited long enough. How can I help you today?"])
    trimmed = [p for p in parts if isinstance(p, Refused)]
    assert trimmed[0].trimmed
    assert parts[-1].text == "I have waited long enough."


def test_after_too_many_refusals_a_written_line_stands_in_and_says_so():
    parts = said(["As an AI language model I cannot."] * ATTEMPTS)
    assert len([p for p in parts if isinstance(p, Refused)]) == ATTEMPTS
    line = parts[-1]
    assert line.written
    assert line.text in persona().lines[Intent.VENT]


def test_a_fact_that_must_be_told_is_told():
    plan = Plan(intent=Intent.DISCLOSE, facts=("gift",))
    line = said(["Well, you may as well know it."], plan)[-1]
    assert line.completed
    assert line.text.endswith("It is a gift for my sister.")
    assert not said(["It is a gift, for my sister."], plan)[-1].completed


def test_the_opening_states_the_problem():
    line = said(["At last, a human voice."], Plan(intent=Intent.OPEN))[-1]
    assert scenario().opening in line.text


def test_last_words_come_from_the_ending():
    plan = Plan(intent=Intent.HANG_UP, ending=Ending.HUNG_UP)
    assert written_line(situation(plan), plan) in persona().leaves[Ending.HUNG_UP]


def test_same_situation_same_words():
    one, two = (said(["As an AI language model."] * ATTEMPTS)[-1].text for _ in range(2))
    assert one == two


def test_tidy_takes_away_quotes_and_stage_directions():
    assert tidy('"I want my money." (slams the table)') == "I want my money."
    assert tidy("  Fine.  ") == "Fine."


def test_unsaid_knows_a_paraphrase_from_silence():
    plan = Plan(intent=Intent.REPEAT, facts=("email",))
    there = situation(plan)
    assert unsaid(there.scenario, plan, "Your email promised me the 10 May.") == ""
    assert unsaid(there.scenario, plan, "This is a disgrace.") == "Your email said 10 May."


def tuned(*batches: list[tuple[str, float]], parameters: int = 0) -> TunedModel:
    """A tuned model that draws given candidates: one batch for each time it is asked."""
    left = iter(batches)
    return TunedModel(lambda: tuple(Candidate(text, chance) for text, chance in next(left)), parameters)


def chosen(*batches: list[tuple[str, float]], plan: Plan | None = None) -> list[Saying | Refused | Line]:
    return list(Voice(tuned(*batches)).say(situation(plan or Plan(intent=Intent.VENT))))


def test_the_likeliest_of_several_candidates_that_pass_is_said():
    parts = chosen([("How can I help you?", -0.1), ("I am tired of this.", -2.0), ("Nobody rings back!", -1.0)])
    assert [p.text for p in parts if isinstance(p, Saying)] == ["Nobody rings back!"]
    assert [p.violations[0].kind for p in parts if isinstance(p, Refused)] == [Refusal.ROLE_FLIP]
    assert parts[-1] == Line("Nobody rings back!", False, 1, parts[-1].seconds)


def test_a_candidate_that_says_the_fact_is_preferred_to_a_likelier_one():
    fact = scenario().facts[0]
    plan = Plan(intent=Intent.DISCLOSE, facts=(fact.id,))
    parts = chosen([("No idea at all.", -0.1), (f"Well, {fact.say}", -3.0)], plan=plan)
    assert parts[-1].text == f"Well, {fact.say}"
    assert not parts[-1].completed
    left_out = chosen([("No idea at all.", -0.1)], plan=plan)
    assert left_out[-1].text == f"No idea at all. {fact.say}"
    assert left_out[-1].completed


def test_a_tuned_model_draws_again_and_at_last_a_written_line_is_said():
    bad = [("How can I help you?", -1.0), ("As an AI, I cannot.", -1.0)]
    again = chosen(bad, [("I am tired of this.", -1.0)])
    assert (again[-1].text, again[-1].attempts, again[-1].written) == ("I am tired of this.", 2, False)
    never = chosen(*[bad] * ROUNDS)
    assert never[-1].written
    assert never[-1].text in persona().lines[Intent.VENT]
    assert sum(isinstance(p, Refused) for p in never) == 2 * ROUNDS


def test_a_good_beginning_of_a_tuned_models_line_is_kept():
    parts = chosen([("I am tired of this. How can I help you?", -1.0)])
    assert parts[-1].text == "I am tired of this."
    assert next(p for p in parts if isinstance(p, Refused)).trimmed


def test_a_tuned_model_reads_the_call_as_it_was_taught_to():
    model = tuned([("I am tired of this.", -1.0)])
    list(Voice(model).say(situation(Plan(intent=Intent.VENT))))
    assert model.prompts[0][-1].endswith("Caller (lets the anger out):")
    assert Voice(model).name == "scripted, tuned 1234abcd"


def test_at_most_three_sentences_are_said_and_a_fault_in_the_fourth_costs_nothing():
    text = "I am tired. It is late. Nobody came. How can I help you? And so on."
    assert passable(text, lambda words: ("no",) if "help" in words else (), 40, cut=True) == (
        "I am tired. It is late. Nobody came.",
        None,
    )
    assert passable("I am tired. How can I help? No.", lambda w: ("no",) if "help" in w else (), 40, cut=True) == (
        "I am tired.",
        ("I am tired. How can I help?", ("no",)),
    )


def test_every_further_time_is_drawn_more_boldly():
    assert drawing(20, 1, "x").temperature > drawing(20, 0, "x").temperature
    assert drawing(20, 0, "x") == drawing(20, 0, "x") != drawing(20, 0, "y")


@pytest.mark.parametrize(
    "plan",
    [Plan(intent=Intent.ACCEPT), Plan(intent=Intent.OPEN), Plan(intent=Intent.DEMAND, facts=(scenario().facts[0].id,))],
)
def test_what_decides_the_call_and_what_happened_is_left_to_nobody_tiny(plan: Plan):
    for parameters, written in ((100_000_000, True), (1_500_000_000, False)):
        model = tuned([("All right, do that then.", -1.0)], parameters=parameters)
        line = list(Voice(model).say(situation(plan)))[-1]
        assert (line.written, line.attempts) == (written, 0 if written else 1)
    tiny = Voice(tuned([("All right, do that then.", -1.0)], parameters=100_000_000))
    assert list(tiny.say(situation(Plan(intent=Intent.DEMAND))))[-1].text == "All right, do that then."


def test_a_written_line_does_not_tell_a_fact_twice_nor_itself():
    fact = scenario().facts[0]
    plan = Plan(intent=Intent.DEMAND, facts=(fact.id,))
    lines = persona().lines[Intent.DEMAND]
    told = replace(
        situation(plan), transcript=Transcript().plus(Speaker.TRAINEE, "?").plus(Speaker.CALLER, f"Oh. {fact.say}")
    )
    assert written_line(told, plan) in lines
    used = replace(
        situation(plan), transcript=Transcript().plus(Speaker.TRAINEE, "?").plus(Speaker.CALLER, " ".join(lines))
    )
    assert written_line(used, plan) == fact.say


def test_drawing_goes_on_only_while_more_could_be_said():
    """What `ends_within` cuts off, `passable` would have left out."""
    assert not ends_within("I have been waiting since nine", 5), "no sentence has ended"
    assert ends_within("I have been waiting since nine. And", 5)
    assert not ends_within("No. No. And", 5)
    assert ends_within("No. No. Not today. ", 50)
    for text in ("I have been waiting since nine. And so on. ", "No. No. Not today. Or ever. ", "Hm... well. "):
        for at in range(len(text)):
            if ends_within(text[:at], 5):
                assert passable(text[:at], lambda _: (), 5, cut=True)[0] == passable(text, lambda _: (), 5, cut=True)[0]


def test_an_end_without_a_mark_stands_unless_it_was_cut_off():
    assert (
        passable("ok. going to cry then go to work", lambda _: (), 40, cut=False)[0]
        == "ok. going to cry then go to work"
    )
    assert passable("ok. going to cry then go to", lambda _: (), 40, cut=True)[0] == "ok."
    assert passable("no", lambda _: (), 40, cut=False)[0] == "no"
    fact = scenario().facts[0]
    (*_, line) = chosen([("still here", -1.0)], plan=Plan(intent=Intent.DISCLOSE, facts=(fact.id,)))
    assert line.text == f"still here. {fact.say}"


def test_of_a_complaint_that_was_half_said_the_other_half_is_added():
    opening = "My parcel has been missing since 3 September. Yesterday your tracking page suddenly called it delivered. It was not."
    plan = Plan(intent=Intent.OPEN)
    there = replace(situation(plan), scenario=scenario(opening=opening))
    first, rest = opening[: opening.index(" Yesterday")], opening[opening.index("Yesterday") :]
    assert unsaid(there.scenario, plan, "Hello.") == opening
    assert unsaid(there.scenario, plan, "Missing since September, my parcel.") == rest
    assert unsaid(there.scenario, plan, "Yesterday you called it delivered.") == first
