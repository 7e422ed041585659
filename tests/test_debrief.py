"""The debrief: pure, honest about what it computed, and unbreakable by whatever a call turned out to be."""

from __future__ import annotations

from typing import Any

import pytest
from builders import BEGAN, assessment, drain, persona, play, session, started
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.assessment import Assessment, Evidence
from simulator.call import Call, fold
from simulator.caller.appraisal import opening_state
from simulator.caller.state import CallerState, Mood, Promise
from simulator.debrief import Debrief, debrief, weak_dimension
from simulator.debrief.outcome import handle_time, promoter, satisfaction
from simulator.debrief.thought_lines import FAULTS, INTENTS, LEVELS, TECHNIQUES
from simulator.events import Branch, CallEnded, CallerMoved, CallPaused, NoteWritten, StoredEvent, TraineeSpoke
from simulator.persona import personas
from simulator.scenario import scenarios
from simulator.vocabulary import Difficulty, Dimension, Ending, Fault, Intent, Technique

GREETING = assessment(calmness=5, empathy=None, solution=None)
GOOD = assessment(
    calmness=5,
    empathy=5,
    solution=5,
    tags=(Technique.ACKNOWLEDGES_FEELING, Technique.OFFERS_OPTIONS, Technique.GIVES_TIMEFRAME),
)
BAD = assessment(calmness=2, empathy=1, solution=1, tags=(Fault.TELLS_TO_CALM_DOWN, Fault.DISMISSES))
CLOSE = assessment(calmness=5, empathy=None, solution=None, closing=5, tags=(Technique.CHECKS_SATISFACTION,))


def told(*grades: Assessment, end: bool = False, **start: Any) -> tuple[Call, Debrief]:
    said = [f"Sentence {n} of the trainee. And more." for n in range(len(grades))]
    playing = session(started(**start), grades)
    for text in said:
        if playing.call.ended is None:
            drain(playing.submit(text))
    if end and playing.call.ended is None:
        drain(playing.end())
    return playing.call, debrief(playing.call)


def with_intents(call: Call, **intents: Intent) -> Call:
    """The call with the caller's moves after turns t0, t2, … replaced."""
    moves = dict(call.moves)
    for name, intent in intents.items():
        turn = int(name[1:])
        moves[turn] = moves[turn].model_copy(update={"plan": moves[turn].plan.model_copy(update={"intent": intent})})
    return Call(**{f: getattr(call, f) for f in call.__dataclass_fields__} | {"moves": moves})


def state(agitation: float = 5, trust: float = 5, heard: float = 5) -> CallerState:
    return CallerState(agitation=agitation, trust=trust, patience=5, heard=heard, mood=Mood.TENSE)


def test_a_call_that_has_not_begun_has_no_figures_and_no_advice() -> None:
    call, found = told()
    assert call.moves == {}
    assert not found.outcome.finished
    for part in (found.outcome.figures, found.mood, found.used, found.missed, found.note_comments):
        assert len(part) == 0
    assert (found.strength, found.fix, found.weakest_turn) == (None, None, None)
    assert all(summary.mean is None for summary in found.dimensions)


def test_a_call_ended_before_the_first_word_can_be_told() -> None:
    call, found = told(end=True)
    assert call.ended is not None
    assert found.outcome.finished and found.outcome.figures == ()


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_call_cut_off_anywhere_can_be_told(kept: int) -> None:
    events = play("Hello.", "I will look.", "Done today.", grades=(GREETING, BAD, GOOD))
    found = debrief(fold(events[:kept]))
    assert len(found.mood) == sum(isinstance(e, CallerMoved) for e in events[:kept])


def test_a_good_call_is_resolved_and_satisfying() -> None:
    call, found = told(GREETING, GOOD, GOOD, GOOD, CLOSE, CLOSE, CLOSE, CLOSE, who=persona(levels=easy()))
    assert call.ended is not None and call.ended.ending is Ending.RESOLVED
    figures = {f.name: f for f in found.outcome.figures}
    assert figures["First-call resolution"].value == 1
    assert figures["Satisfaction"].value >= 3.5
    assert figures["Handle time"].value > 0
    assert figures["Escalation"].shown == "no"
    assert all(f.how.endswith(".") for f in figures.values())
    assert "settled" in found.outcome.headline


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Nigel Treadwell", "Nigel"),
        ("Mrs Ifeoma Nwachukwu", "Mrs Nwachukwu"),
        ("Dr. Juan de la Cruz", "Dr. de la Cruz"),
        ("Mrs de Vries", "Mrs de Vries"),
        ("Mx Ash", "Mx Ash"),
        ("Miss", "Miss"),
        ("Missy Quist", "Missy"),
    ],
)
def test_a_caller_is_called_as_they_were_introduced(name: str, called: str) -> None:
    _, found = told(GREETING, end=True, who=persona(name=name))
    assert f"before {called} had accepted" in found.outcome.headline


def easy() -> dict[Difficulty, dict[str, float]]:
    return {d: {"provoke": 1, "soothe": 2, "patience": 0, "disclose_at": 10, "accept_at": 4.5} for d in Difficulty}


@pytest.mark.parametrize("ending", [*Ending, None])
def test_satisfaction_stays_in_range_and_rises_with_trust(ending: Ending | None) -> None:
    low, high = satisfaction(state(10, 0, 0), ending), satisfaction(state(0, 10, 10), ending)
    assert 1 <= low <= high <= 5
    assert 0 <= promoter(state(10, 0, 0), ending) <= promoter(state(0, 10, 10), ending) <= 10


def test_hanging_up_caps_satisfaction_below_two_and_resolving_lifts_it() -> None:
    assert satisfaction(state(0, 10, 10), Ending.HUNG_UP) < 2
    assert satisfaction(state(), Ending.RESOLVED) > satisfaction(state(), None)


def test_paused_time_and_long_breaks_are_no_handle_time() -> None:
    def at(*steps: StoredEvent) -> float:
        return handle_time(fold((started(), *steps)))

    spoke = TraineeSpoke(at=BEGAN + 10, turn=0, text="Hello.")
    done = CallEnded(at=BEGAN + 100, ending=Ending.TRAINEE_ENDED, why="")
    assert at(spoke, done) == 100
    paused = (CallPaused(at=BEGAN + 20, on=True), CallPaused(at=BEGAN + 50, on=False))
    assert at(spoke, *paused, done) == 70
    assert at(spoke, CallPaused(at=BEGAN + 60, on=True), done) == 60
    next_day = CallEnded(at=BEGAN + 86_400, ending=Ending.TRAINEE_ENDED, why="")
    assert at(spoke, next_day) == 610


def test_a_branch_does_not_count_the_time_between_the_two_tries() -> None:
    first = play("Hello.", "Second.", grades=(GREETING, GOOD))
    late = BEGAN + 1e6
    events = (started(at=late, branched_from=Branch(call_id="a", turn=2)), *first[1:5])
    call = fold((*events, TraineeSpoke(at=late + 5, turn=2, text="Again.")))
    assert handle_time(call) < 60


def test_the_weakest_turn_is_the_one_that_cost_most_and_the_strength_another() -> None:
    call, found = told(GREETING, GOOD, BAD, GOOD)
    assert found.weakest_turn == 4
    assert found.fix is not None and found.fix.turn == 4 and found.fix.quote in call.transcript.turns[4].text
    assert found.fix.dimension is found.weakest_dimension is weak_dimension(call, 4)
    assert "Instead:" in found.fix.text
    assert found.strength is not None and found.strength.turn in {2, 6}
    assert "level 5" in found.strength.text


def test_quotes_are_the_evidence_for_what_is_said() -> None:
    text = "Sentence 1 of the trainee. And more."
    grades = assessment(
        calmness=1, empathy=4, solution=4, evidence=(Evidence(about=Dimension.CALMNESS, quote="And more.", start=27),)
    )
    assert text[27:36] == "And more."
    _, found = told(GREETING, grades)
    assert found.fix is not None and found.fix.quote == "And more."


def test_when_nothing_was_weak_the_fix_says_so() -> None:
    _, found = told(GREETING, GOOD)
    assert found.fix is not None and found.weakest_turn is not None
    assert "No turn was weak" in found.fix.text


@pytest.mark.parametrize(
    ("intent", "technique"),
    [
        (Intent.INSULT, Technique.SETS_BOUNDARY),
        (Intent.ASK_SUPERVISOR, Technique.ESCALATES),
        (Intent.VENT, Technique.ACKNOWLEDGES_FEELING),
        (Intent.REPEAT, Technique.RESTATES_CONCERN),
        (Intent.WANDER, Technique.REDIRECTS_TO_ISSUE),
        (Intent.WAVER, Technique.REASSURES_CHOICE),
        (Intent.DEMAND, Technique.TAKES_OWNERSHIP),
    ],
)
def test_what_the_caller_did_calls_for_a_technique(intent: Intent, technique: Technique) -> None:
    call, _ = told(GREETING, BAD, BAD)
    missed = {use.technique: use for use in debrief(with_intents(call, t2=intent)).missed}
    assert technique in missed
    assert missed[technique].moment == 4 or technique is Technique.ACKNOWLEDGES_FEELING
    assert "This is turn" in missed[technique].why_missed
    used = assessment(calmness=2, empathy=2, solution=2, tags=(technique,))
    call, _ = told(GREETING, BAD, used)
    assert technique not in {use.technique for use in debrief(with_intents(call, t2=intent)).missed}


def test_a_close_without_asking_is_missed() -> None:
    _, found = told(GREETING, BAD, end=True)
    missed = {use.technique for use in found.missed}
    assert {Technique.GIVES_TIMEFRAME, Technique.NAMES_NEXT_STEP, Technique.CHECKS_SATISFACTION} <= missed
    assert len(found.missed) <= 5


def test_used_techniques_and_faults_name_their_turns() -> None:
    _, found = told(GREETING, GOOD, BAD, GOOD)
    assert {use.technique: use.turns for use in found.used}[Technique.OFFERS_OPTIONS] == (2, 6)
    assert dict(found.faults)[Fault.DISMISSES] == (4,)


def test_every_thought_differs_in_a_long_call_of_the_same_turn() -> None:
    call, found = told(*[assessment(calmness=4, empathy=3, solution=3)] * 30, who=persona(start=forever()))
    thoughts = [point.thought for point in found.mood]
    assert len(thoughts) >= 20
    assert len(set(thoughts)) == len(thoughts)
    assert call.start.persona.name not in " ".join(thoughts)


def forever() -> dict[str, float]:
    return {"agitation": 5, "trust": 1, "patience": 10}


def test_the_table_of_thoughts_is_complete() -> None:
    assert set(FAULTS) == set(Fault) and set(TECHNIQUES) == set(Technique) and set(INTENTS) == set(Intent)
    assert {d for d, _ in LEVELS} == set(Dimension) - {Dimension.CLOSING}
    everything = [line for table in (FAULTS, TECHNIQUES, INTENTS, LEVELS) for lines in table.values() for line in lines]
    assert len(set(everything)) == len(everything)


def test_a_thought_quotes_a_short_piece_of_the_turn() -> None:
    grades = assessment(
        empathy=3,
        tags=(Fault.STOCK_EMPATHY,),
        evidence=(Evidence(about=Fault.STOCK_EMPATHY, quote="And more.", start=27),),
    )
    thoughts = {debrief(told(GREETING, grades, seed=n)[0]).mood[1].thought for n in range(8)}
    assert any("“And more”" in thought for thought in thoughts)


def test_two_attacks_or_long_boiling_make_a_call_rough() -> None:
    call, found = told(GREETING, BAD, GOOD)
    assert not found.rough
    assert debrief(with_intents(call, t2=Intent.INSULT, t4=Intent.THREATEN)).rough


def noted(call: Call, text: str) -> tuple[str, ...]:
    return debrief(call.after(NoteWritten(at=BEGAN + 999, text=text))).note_comments


def test_a_note_is_compared_with_what_happened() -> None:
    call, found = told(GREETING, BAD, BAD, end=True)
    assert call.ended is not None and call.ended.ending is not Ending.RESOLVED
    assert "no note" in found.note_comments[0]
    rosy = noted(call, "Kettle paid for on 3 May not delivered. Caller satisfied.")
    assert any("satisfied" in comment for comment in rosy)
    invented = noted(call, "Kettle paid £40, not delivered. I promised £75 by Friday. Call ended, still open.")
    assert {c.split("”")[0] for c in invented} == {"“£75", "“Friday"}
    assert any("what the call was about" in c for c in noted(call, "Ended, open."))
    (fine,) = noted(call, "Kettle of 3 May, £40, not delivered. The caller was not satisfied; still open.")
    assert "agrees" in fine


def test_a_note_that_leaves_out_a_promise_is_told_so() -> None:
    call, _ = told(GREETING, GOOD, end=True)
    last = max(call.moves)
    ledger = (Promise(turn=2, quote="a new kettle goes out to you on 12 May"),)
    state = call.moves[last].state.model_copy(update={"ledger": ledger})
    moves = call.moves | {last: call.moves[last].model_copy(update={"state": state})}
    call = Call(**{f: getattr(call, f) for f in call.__dataclass_fields__} | {"moves": moves})
    assert any("you promised" in c for c in noted(call, "Paid £40, never delivered, kettle. Ended, open."))
    assert not any("you promised" in c for c in noted(call, "Kettle paid £40, new one goes out 12 May. Ended, open."))


LEVEL = st.none() | st.integers(1, 5)
GRADES = st.builds(
    lambda calm, empathy, solution, closing, tags: assessment(
        calmness=calm, empathy=empathy, solution=solution, closing=closing, tags=sorted(tags)
    ),
    st.integers(1, 5),
    LEVEL,
    LEVEL,
    LEVEL,
    st.sets(st.sampled_from([*Technique, *Fault]), max_size=6),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(GRADES, max_size=30),
    st.sampled_from(sorted(personas())),
    st.sampled_from(sorted(scenarios())),
    st.sampled_from(Difficulty),
    st.integers(0, 10_000),
    st.booleans(),
    st.text(max_size=200),
)
def test_no_call_breaks_the_debrief(
    grades: list[Assessment], who: str, about: str, difficulty: Difficulty, seed: int, end: bool, note: str
) -> None:
    call, _ = told(*grades, end=end, who=personas()[who], about=scenarios()[about], difficulty=difficulty, seed=seed)
    call = call.after(NoteWritten(at=BEGAN, text=note))
    found = debrief(call)
    assert found == debrief(call)
    assert len(found.mood) == len(call.moves) <= 30
    assert all(point.thought and "{" not in point.thought for point in found.mood)
    assert (found.weakest_turn is None) == (not call.grades)
    for advice in (found.strength, found.fix):
        assert advice is None or advice.quote in call.transcript.turns[advice.turn].text
    figures = {f.name: f.value for f in found.outcome.figures}
    if figures:
        assert 1 <= figures["Satisfaction"] <= 5 and 0 <= figures["Net promoter answer"] <= 10
    assert opening_state(call.start.persona, difficulty).agitation <= 10
