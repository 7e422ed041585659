"""The voice: sentence by sentence through the guard, resampled, completed, or written; and every decision told."""

from __future__ import annotations

from builders import persona, scenario

from simulator.caller.appraisal import opening_state
from simulator.caller.guard import Refusal
from simulator.caller.intent import applied
from simulator.caller.voice import ATTEMPTS, Line, Refused, Saying, Situation, Voice, tidy, unsaid, written_line
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
    assert unsaid(there, plan, "Your email promised me the 10 May.") == ""
    assert unsaid(there, plan, "This is a disgrace.") == "Your email said 10 May."
