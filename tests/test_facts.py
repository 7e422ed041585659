"""Checks of a trainee turn against the scenario: what is found, what is left alone, and what a check does to the grades."""

from __future__ import annotations

import builders
import pytest
from builders import assessment, drain
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.bench_facts import Finding, Split, cases, measure, run
from eval.trainees import Policy, scripts
from simulator.app.turn_view import trainee_turn
from simulator.assessment import Check, Source
from simulator.call import fold
from simulator.cli.grade import graded
from simulator.debrief import debrief
from simulator.evaluator.facts import RULED_OUT, check, place, with_checks
from simulator.evaluator.figures import Kind, figures, near_miss, spoken
from simulator.evaluator.wording import sentences
from simulator.report import render
from simulator.scenario import Scenario, scenarios
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Fault

ALL = scenarios()
EVERY = st.sampled_from(sorted(ALL))


def checks(about: str, said: str, *caller: str) -> tuple[Check, ...]:
    before = Transcript().plus(Speaker.TRAINEE, "Hello.")
    for text in caller or (ALL[about].opening,):
        before = before.plus(Speaker.CALLER, text)
    return check(Turn(len(before), Speaker.TRAINEE, said), before, ALL[about])


def told(about: Scenario) -> str:
    """Everything that a check may quote of a scenario."""
    return "\n".join(
        [
            *about.policy,
            *about.may,
            *(a.body for a in about.articles),
            *(e.value for e in about.record),
            *(f.text for f in about.facts),
            *(w.why for w in about.wrong_promises),
        ]
    )


def test_every_wrong_promise_has_ways_to_say_it_and_each_is_found():
    missed = []
    for about in ALL.values():
        for promise in about.wrong_promises:
            assert 4 <= len(promise.sounds_like) <= 8
            found = [said for said in promise.sounds_like if checks(about.id, said)]
            missed += [said for said in promise.sounds_like if said not in found]
            assert len(found) >= 3, (about.id, promise.promise, set(promise.sounds_like) - set(found))
    assert len(missed) <= 40, missed


@pytest.mark.parametrize("about", sorted(ALL))
def test_what_the_file_itself_proposes_is_never_accused(about):
    scenario = ALL[about]
    right = [*scenario.may, *scenario.resolutions, *scenario.policy]
    right += [text for replies in scenario.better.values() for text in replies]
    right += [w.why for w in scenario.wrong_promises]
    accused = {
        said: found for said in right if (found := [c for c in checks(about, said) if c.fault is not Fault.ASKS_AGAIN])
    }
    assert not accused


@pytest.mark.parametrize("about", sorted(ALL))
def test_a_good_trainee_is_not_accused(about):
    script = scripts()[about].scripts[Policy.EXCELLENT]
    said = [script.greeting, *script.steps, *(t for replies in script.on.values() for t in replies), script.close]
    assert not {t: found for t in said if (found := checks(about, t))}


@pytest.mark.parametrize(
    ("about", "said", "source", "words"),
    [
        ("telecom_double_billing", "I'll give you £60 as a goodwill gesture.", Source.AUTHORITY, "up to £30"),
        ("subscription_cancellation", "It'll be back on your card tomorrow, all $143.88.", None, "Monday 19 May"),
        ("hotel_room", "I'm giving you €2,000 for this.", None, "€"),
        ("hospital_bill", "Tressel Health is going to pay once they have the form.", None, "The appeal is theirs"),
    ],
)
def test_a_false_promise_quotes_what_rules_it_out(about, said, source, words):
    (found,) = checks(about, said)
    assert found.fault is Fault.FALSE_PROMISE
    assert words in found.says
    assert source is None or found.source is source


@pytest.mark.parametrize(
    "said",
    [
        "Will Tressel Health pay the $1,930?",
        "Is it $2,870, right?",
        "Were you billed $2,870 for the book?",
        "I can't promise that Tressel Health will pay once they get the form.",
        "If they approve it, Tressel Health will pay the $1,930.",
        "You were told that Tressel Health will pay, and nobody can know that.",
        "Tressel Health may pay it, but that is for them to say.",
        "Nobody can say that you will never have to pay the $1,930.",
    ],
)
def test_questions_denials_hedges_and_reports_promise_nothing(said):
    assert checks("hospital_bill", said) == ()


@pytest.mark.parametrize(
    ("about", "said", "says"),
    [
        ("hospital_bill", "You were billed $2,870.", "$2,780"),
        ("hospital_bill", "You were billed two thousand eight hundred and seventy dollars.", "$2,780"),
        ("hospital_bill", "Your mother died on 15 August.", "14 August"),
        ("hotel_room", "You are in room 241.", "214"),
        ("late_delivery_sofa", "Your order is HW-20741.", "HW-20714"),
        ("late_delivery_sofa", "The van is free on Friday 10 September.", "Thursday 10 September"),
    ],
)
def test_a_figure_one_slip_off_is_a_wrong_fact(about, said, says):
    (found,) = checks(about, said)
    assert found.fault is None
    assert says in found.says


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ("hospital_bill", "$2,780 less the scan of $850 leaves $1,930, and your $400 comes back."),
        ("hospital_bill", "It's not $2,870, it is $2,780."),
        ("hospital_bill", "That is about $2,870 with everything, or less."),
        ("repair_failed", "Three times £12 is £36."),
        ("late_delivery_sofa", "I ring you myself on Wednesday 9 September at 18:45."),
        ("parcel_lost", "I'll text you on 24 September at 10:15."),
    ],
)
def test_sums_corrections_and_own_appointments_are_no_wrong_facts(about, said):
    assert checks(about, said) == ()


@pytest.mark.parametrize(
    ("about", "said", "caller", "source"),
    [
        ("late_delivery_sofa", "Can I take your order number, please?", (), Source.RECORD),
        ("parcel_lost", "Please send us the receipt.", (), Source.RECORD),
        ("utility_outage", "What's your address?", ("I live at 12 Alma Street and it is dark.",), Source.SAID),
        ("utility_outage", "Could I have your name?", ("My name is Ada Quist and my power is off.",), Source.SAID),
    ],
)
def test_a_question_for_what_was_given_is_found(about, said, caller, source):
    (found,) = checks(about, said, *caller)
    assert (found.fault, found.source) == (Fault.ASKS_AGAIN, source)


@pytest.mark.parametrize(
    ("about", "said", "caller"),
    [
        ("utility_outage", "Is it still 12 Alma Street?", ("I live at 12 Alma Street.",)),
        ("utility_outage", "Could I have your name?", ()),
        ("utility_outage", "Can you confirm your postcode for security?", ()),
        ("utility_outage", "Is there a better number to reach you on?", ("My number is 07700 900 123.",)),
        ("late_delivery_sofa", "When would you like it?", ("I ordered it on 11 July.",)),
        ("airline_cancellation", "What do you need most tonight?", ()),
    ],
)
def test_confirmations_and_new_questions_are_fine(about, said, caller):
    assert checks(about, said, *caller) == ()


@given(EVERY, st.text(max_size=400), st.text(max_size=100))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_it_and_quotes_are_verbatim(about, said, caller):
    _sound(about, said, checks(about, said, caller))


PIECES = st.sampled_from(
    [said for s in ALL.values() for w in s.wrong_promises for said in (w.promise, *w.sounds_like)]
    + ["What's your account number?", "You paid £2,870.", "On Friday 10 September.", "İ £1,23", "?!", "at 18:19", "…"]
)


@given(EVERY, st.lists(PIECES, min_size=1, max_size=8), st.sampled_from([" ", "\n", ", ", "\t\u2003", " İ "]))
@settings(max_examples=150, deadline=None)
def test_whatever_is_found_is_verbatim_at_its_place_and_in_the_scenario(about, pieces, between):
    said = between.join(pieces)
    found = checks(about, said)
    _sound(about, said, found)
    assert found == checks(about, said)


def _sound(about: str, said: str, found: tuple[Check, ...]) -> None:
    for c in found:
        assert said[c.start : c.start + len(c.quote)] == c.quote != ""
        assert c.source is Source.SAID or c.says in told(ALL[about])
        assert place(c)


@given(st.text(max_size=300))
def test_sentences_and_figures_stand_where_they_say(text):
    for s in sentences(text):
        assert text[s.start : s.start + len(s.text)] == s.text
    for f in figures(text):
        assert 0 <= f.start < f.end <= len(text)


def test_figures_are_read_however_they_are_written():
    for said in ("£640", "£640.00", "640 pounds", "six hundred and forty pounds", "640 quid"):
        assert [(f.kind, f.value, f.unit) for f in figures(f"It is {said} then")] == [(Kind.MONEY, 64_000, "£")]
    for said in ("14 August", "August 14th", "the fourteenth of August", "Friday the 14th of August"):
        assert [(f.kind, f.value) for f in figures(f"on {said} it")] == [(Kind.DATE, 814)]
    assert spoken("nineteen hundred and thirty") == 1930
    assert spoken("two thousand seven hundred and eighty") == 2780
    assert near_miss(457, 475) and near_miss(650, 640) and near_miss(71, 17)
    assert not near_miss(12, 13) and not near_miss(640, 640) and not near_miss(64, 640)


@pytest.mark.parametrize("said", ["ſix pm", "5 poundſ", "ten quıd", "money with you by ſunday", "fıve o'clock"])
def test_letters_that_only_look_like_others_break_nothing(said):
    assert checks("late_delivery_sofa", f"I refund it, {said}.") is not None


def test_hidden_facts_are_never_quoted():
    for about in ALL.values():
        for hidden in about.hidden:
            for c in checks(about.id, hidden.say.replace("4", "5")):
                assert c.says != hidden.text and c.says != hidden.say


PROMISE = Check(fault=Fault.FALSE_PROMISE, quote="It is free.", start=3, source=Source.POLICY, says="It costs £5.")
WRONG = PROMISE.model_copy(update={"fault": None, "source": Source.RECORD, "title": "Price"})
AGAIN = PROMISE.model_copy(update={"fault": Fault.ASKS_AGAIN})


@pytest.mark.parametrize("one", [PROMISE, WRONG])
def test_a_promise_that_is_ruled_out_makes_the_solution_a_1(one):
    was = assessment(solution=5, empathy=4)
    now = with_checks(was, (one,))
    solution = now.scores[Dimension.SOLUTION]
    assert (solution.level, solution.value) == (1, RULED_OUT)
    assert "It costs £5." in solution.reason and one.quote in solution.rationale
    assert now.level(Dimension.EMPATHY) == 4
    assert now.checks == (one,)
    assert now.faults == ((Fault.FALSE_PROMISE,) if one.fault else ())


def test_checks_change_no_grade_that_does_not_apply_and_add_no_tag_twice():
    was = assessment(solution=None, tags=(Fault.FALSE_PROMISE,))
    now = with_checks(was, (PROMISE, AGAIN))
    assert now.level(Dimension.SOLUTION) is None
    assert now.faults == (Fault.FALSE_PROMISE, Fault.ASKS_AGAIN)
    assert with_checks(was, ()) is was
    asked = with_checks(assessment(solution=3), (AGAIN,))
    assert asked.level(Dimension.SOLUTION) == 3


def test_a_session_grades_with_the_checks_and_every_screen_shows_them():
    live = builders.session(builders.started(about=ALL["telecom_double_billing"]))
    drain(live.submit("Hello, Larkspur billing."))
    drain(live.submit("I'll ring your landlord and explain it."))
    call = fold(live.events)
    grades = call.grades[2]
    assert [c.fault for c in grades.checks] == [Fault.FALSE_PROMISE]
    assert grades.level(Dimension.SOLUTION) == 1
    says = grades.checks[0].says
    assert says in trainee_turn(call.transcript.turns[2], grades, shown=True)
    assert says in render(call, debrief(call))
    assert graded("a", grades).checks[0]["says"] == says


def test_a_brief_is_enough_for_wrong_facts():
    about = ALL["hospital_bill"]
    turn = Turn(0, Speaker.TRAINEE, "You were billed $2,870 in all.")
    (found,) = check(turn, Transcript(), about.brief)
    assert (found.fault, found.source) == (None, Source.FACT)


def test_the_hand_written_cases_cover_all_scenarios_and_few_clean_turns_are_accused():
    every = cases()
    assert len(every) >= 150 and {c.scenario for c in every} == set(ALL)
    assert sum(c.finds is None for c in every) * 2 >= len(every)
    assert {c.split for c in every} == set(Split) and {c.finds for c in every} == {*Finding, None}
    figures_ = measure(every)
    assert figures_["accused"] <= 2
    assert all(isinstance(run(c), tuple) for c in every[:3])
