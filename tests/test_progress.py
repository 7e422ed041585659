"""A trainee over their attempts: what has become better, who still wins, what next; and what a certificate attests."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from builders import assessment, persona, play, started
from roomkit import Person, Served, room

from simulator.call import Call, fold
from simulator.events import CallEnded
from simulator.vocabulary import Difficulty, Dimension, Ending, Technique
from simulator.workshop import progress
from simulator.workshop.group import Played
from simulator.workshop.records import Member, Regrade, WorkshopSettings, owner_of

MARKS = dict.fromkeys(Dimension, 4.0)
SETTINGS = WorkshopSettings(
    title="T", personas=("tester", "other"), scenarios=("kettle",), difficulties=(Difficulty.EASY, Difficulty.MEDIUM)
)
MEMBER = Member(id="m", workshop_id="w", owner=owner_of("m"), name="Bo", joined_at=1.0)
GOOD = assessment(calmness=5, empathy=4, solution=4, closing=4, tags=(Technique.SUMMARISES,))
POOR = assessment(calmness=4, empathy=2, solution=4, tags=(Technique.APOLOGISES,))


def call(grades: object = POOR, ending: Ending | None = Ending.RESOLVED, who: str = "tester") -> Call:
    start = started(who=persona(id=who, label=f"The {who}"))
    events = play("Hello.", "I see.", start=start, grades=[grades])  # type: ignore[list-item]
    if ending is None:
        return fold(events)
    return fold((*events, CallEnded(at=start.at + 100, ending=ending, why="test")))


def attempt(number: int, one: Call, *given: Regrade) -> Played:
    return Played(MEMBER, number, str(number), one, given)


def again(turn: int, call_id: str = "1", **levels: int | None) -> Regrade:
    return Regrade(
        call_id=call_id, turn=turn, at=9.0, by="Ann", levels={Dimension(name): level for name, level in levels.items()}
    )


# ---- facts ----


def test_only_finished_and_graded_attempts_count() -> None:
    cut_off = Call(started()).after(CallEnded(at=2.0, ending=Ending.TRAINEE_ENDED, why="test"))
    played = [attempt(3, call()), attempt(1, call(GOOD)), attempt(2, call(ending=None)), attempt(4, cut_off)]
    done = progress.steps(played)
    assert [step.played.attempt for step in done] == [1, 3]
    assert [step.means[Dimension.EMPATHY] for step in done] == [4.0, 2.0]


def test_a_persons_grade_counts_and_the_evaluators_stays_beside_it() -> None:
    (step,) = progress.steps([attempt(1, call(), again(0, empathy=5), again(2, empathy=4))])
    assert (step.means[Dimension.EMPATHY], step.machine[Dimension.EMPATHY], step.regraded) == (4.5, 2.0, 2)


def test_a_technique_is_told_attempt_by_attempt() -> None:
    done = progress.steps([attempt(1, call()), attempt(2, call(GOOD, Ending.TRAINEE_ENDED))])
    by_name = {habit.technique: habit for habit in progress.habits(done)}
    assert by_name[Technique.APOLOGISES].seen == (True, None)
    asked = by_name[Technique.CHECKS_SATISFACTION]
    assert (asked.used, asked.missed) == (0, 2)
    assert [h.missed for h in progress.habits(done)] == sorted((h.missed for h in by_name.values()), reverse=True)
    assert Technique.SETS_BOUNDARY not in by_name


def test_a_caller_wins_until_the_last_call_with_them_is_resolved() -> None:
    endings = [
        ("tester", Ending.RESOLVED),
        ("other", Ending.HUNG_UP),
        ("tester", Ending.TURN_LIMIT),
        ("kind", Ending.RESOLVED),
    ]
    done = progress.steps([attempt(n, call(ending=e, who=who)) for n, (who, e) in enumerate(endings, 1)])
    found = progress.met(done)
    assert [(m.persona, m.beats, m.calls, m.won) for m in found] == [
        ("tester", True, 2, 1),
        ("other", True, 1, 0),
        ("kind", False, 1, 1),
    ]
    assert found[0].last is Ending.TURN_LIMIT


@pytest.mark.parametrize(
    ("lost", "offered", "persona_id", "difficulty"),
    [
        (True, ("tester", "other"), "tester", Difficulty.EASY),  # still wins
        (True, ("other",), "other", Difficulty.EASY),  # but is not offered any more
        (False, ("tester", "other"), "other", Difficulty.EASY),  # not met yet
        (False, ("tester",), "tester", Difficulty.MEDIUM),  # a step harder
    ],
)
def test_what_comes_next(lost: bool, offered: tuple[str, ...], persona_id: str, difficulty: Difficulty) -> None:
    start = started(difficulty=Difficulty.EASY)
    ending = Ending.HUNG_UP if lost else Ending.RESOLVED
    one = fold((*play("Hello.", start=start, grades=[POOR]), CallEnded(at=start.at + 9, ending=ending, why="test")))
    then = progress.next_practice(
        progress.steps([attempt(1, one)]), SETTINGS.pass_marks, SETTINGS.difficulties, offered
    )
    assert then is not None
    assert (then.persona, then.difficulty) == (persona_id, difficulty)
    assert (then.dimension, then.reached) == (Dimension.EMPATHY, False)
    assert (then.met is None) == (persona_id == "other")


def test_nothing_comes_next_before_the_first_call_or_without_callers() -> None:
    assert progress.next_practice((), SETTINGS.pass_marks, SETTINGS.difficulties, ["tester"]) is None
    assert (
        progress.next_practice(progress.steps([attempt(1, call())]), SETTINGS.pass_marks, SETTINGS.difficulties, [])
        is None
    )


# ---- the certificate ----


def test_a_certificate_takes_one_call_in_which_everything_applied_and_was_reached() -> None:
    never_closed = assessment(calmness=5, empathy=5, solution=5)
    done = progress.steps([attempt(1, call()), attempt(2, call(never_closed))])
    assert progress.certificate(done, MARKS) is None
    assert progress.nearest(done, MARKS) is done[1]
    assert done[1].lacks(MARKS) == {Dimension.CLOSING: None}
    assert progress.certificate((), MARKS) is progress.nearest((), MARKS) is None
    done = progress.steps([attempt(1, call()), attempt(2, call(GOOD)), attempt(3, call(GOOD, ending=None))])
    earned = progress.certificate(done, MARKS)
    assert earned is not None
    assert [step.played.attempt for step in earned.steps] == [2]
    assert (earned.finished, earned.evaluators, earned.reviewers, earned.by_machine) == (2, ("scripted",), (), True)


def test_a_person_can_give_a_certificate_and_take_it() -> None:
    better = [again(turn, empathy=4, closing=4) for turn in (0, 2)]
    earned = progress.certificate(progress.steps([attempt(1, call(), *better)]), MARKS)
    assert earned is not None
    assert (earned.reviewers, earned.by_machine) == (("Ann",), False)
    assert progress.certificate(progress.steps([attempt(1, call(GOOD), again(0, calmness=1))]), MARKS) is None


# ---- the pages ----


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with room(tmp_path_factory.mktemp("room"), grades=(GOOD,)) as app:
        yield app


@pytest.fixture(scope="module")
def ann(served: Served) -> Person:
    return served.facilitator("Ann")


@pytest.fixture
def bo(served: Served, ann: Person) -> tuple[Person, str, str]:
    """A trainee in a started workshop of their own, its id, and the return code."""
    shop = ann.workshop(may_read="yes", title="Billing <b>team</b>")
    ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
    person = served.person()
    return person, shop, person.join(ann.join_code(shop), "Bo <i>")


def take(person: Person, *, end: bool = True) -> str:
    answer = person.act(do="start", persona="demanding", scenario="telecom_double_billing")
    call_id = str(re.findall(r'data-call=\\?"([0-9a-f]{32})', answer)[-1])
    here = {"owner": re.findall(r"member:[0-9a-f]{32}", person.load())[0], "call": call_id}
    person.say("My secret word is marzipan.", here)
    if end:
        person.act(here, do="end")
    return call_id


def test_a_trainee_who_returns_sees_their_progress(served: Served, bo: tuple[Person, str, str]) -> None:
    person, _, back = bo
    assert "No finished call yet" in person.get("/workshop/progress").text
    assert person.get("/workshop/certificate").headers["location"] == "/workshop/progress"
    take(person, end=False)
    assert "No finished call yet" in person.get("/workshop/progress").text  # an exam tells nothing before its end
    again_here = served.person()
    assert again_here.post("/return", on="/join", back=back).headers["location"] == "/workshop"
    take(person)
    later = served.person()
    assert later.post("/return", on="/join", back=back).headers["location"] == "/workshop/progress"
    page = later.get("/workshop/progress").text
    for part in ("What to practise next", "Take a call from", "Who still wins", "still wins", "Techniques", "1 finished call",
                 "0 of 2 attempts left", "marks-row", 'href="/workshop/certificate"'):  # fmt: skip
        assert part in page, part
    for hidden in ("marzipan", "This is turn", "<i>", "<b>team"):
        assert hidden not in page
    assert "Bo &lt;i&gt;" in page


def test_a_certificate_says_what_it_attests(served: Served, ann: Person, bo: tuple[Person, str, str]) -> None:
    person, shop, _ = bo
    call_id = take(person)
    page = person.get("/workshop/certificate").text
    assert "ended by the trainee" in page and "by you" not in page  # it is shown to others
    for part in ("Bo &lt;i&gt;", "Billing &lt;b&gt;team&lt;/b&gt;", "1 of 1 finished call", "attempt 1 of 2", "scripted",
                 "No person has graded these calls", "facilitator: Ann", "maybe a pseudonym", shop[:8], "Pass mark"):  # fmt: skip
        assert part in page, part
    assert "marzipan" not in page
    on, to = f"/room/w/{shop}/call/{call_id}", f"/room/w/{shop}/call/{call_id}/0"
    assert ann.post(to, on=on, empathy="5").status_code == 303
    page = person.get("/workshop/certificate").text
    assert "1 turn graded again by Ann" in page
    assert "evaluator 4.0" in page
    assert "grades alone meet the mark, too" in page
    assert ann.post(to, on=on, empathy="1").status_code == 303
    assert person.get("/workshop/certificate").status_code == 303
    assert "empathy 1.0 instead of 3.5" in person.get("/workshop/progress").text


def test_a_facilitator_sees_the_same_of_their_own_trainees_and_it_is_written_down(
    served: Served, ann: Person, bo: tuple[Person, str, str]
) -> None:
    person, shop, _ = bo
    take(person)
    member = served.rehearsals.store.workshops.room(shop)[0].member
    here = f"/room/w/{shop}/trainee/{member.id}"
    assert here in ann.get(f"/room/w/{shop}").text
    page = ann.get(here).text
    assert "Bo &lt;i&gt;’s progress" in page
    assert "marzipan" not in page
    assert "has met the pass mark" in ann.get(f"{here}/certificate").text
    mine = person.get("/workshop").text
    assert "<b>Ann</b> read your progress" in mine
    assert "<b>Ann</b> read your certificate" in mine
    elsewhere = ann.workshop(title="Another")
    olga = served.facilitator("Olga")
    for path in ("", "/certificate"):
        assert ann.get(f"/room/w/{elsewhere}/trainee/{member.id}{path}").status_code == 404
        assert olga.get(here + path).status_code == 404
        assert olga.get(f"/room/w/{olga.workshop()}/trainee/{member.id}{path}").status_code == 404
        assert person.get(here + path).headers["location"] == "/room/login"
