"""Second opinions given in the background: stored with the call, never before a turn, never in its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ScriptedGrader, ScriptedVoice, drain, persona, scenario
from opinionkit import BEFORE, BRIEF, SAID, says

from simulator.assessment import Assessment
from simulator.call import fold
from simulator.errors import ServerError
from simulator.evaluator.second_opinion import Failed, SecondOpinion
from simulator.models import ScriptedModel
from simulator.opinions import CLOSED, TOO_BUSY, Job, Opinions
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.store import open_store
from simulator.vocabulary import Dimension


class Slow:
    """Decisions that wait for leave to be made."""

    def __init__(self) -> None:
        self.may, self.begun = threading.Event(), threading.Event()

    def __call__(self, _: object, options: tuple[str, ...]) -> tuple[float, ...]:
        self.begun.set()
        assert self.may.wait(20)
        return (1.0,) * len(options)


class Home:
    """Rehearsals over a real store, with a second opinion from a scripted model."""

    def __init__(self, folder: Path) -> None:
        self.store = open_store(folder / "calls.db")
        self.opened: list[Rehearsals] = []

    def __call__(self, decisions: Any, *, waiting: int = 8, read_ahead: bool = False) -> Rehearsals:
        second = SecondOpinion(ScriptedModel(decisions=decisions, name="other"))
        if not read_ahead:
            second.read_ahead = lambda *_: None  # type: ignore[method-assign]
        made = Rehearsals(ScriptedVoice(), ScriptedGrader(), self.store, second=second)
        assert made.opinions is not None
        made.opinions._most = waiting
        self.opened.append(made)
        return made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    for rehearsals in home.opened:
        rehearsals.close()
    home.store.close()


def begun(rehearsals: Rehearsals) -> Rehearsal:
    return rehearsals.start(Choices(persona(), scenario(), seed=7), owner="o")


def settled(rehearsals: Rehearsals) -> None:
    assert rehearsals.opinions is not None
    assert rehearsals.opinions.settled(20)


def test_opinions_are_stored_in_the_background_and_read_back(home: Home) -> None:
    rehearsals = home(says(0.1, 0, 0, 0, 0, 0.9), read_ahead=True)
    call = begun(rehearsals)
    drain(call.submit("Hello, this is Sam."))
    settled(rehearsals)
    drain(call.submit("I am sorry."))
    settled(rehearsals)
    assert {t: s.assessment.level(Dimension.EMPATHY) for t, s in call.call.seconds.items() if s.assessment} == {
        0: 5,
        2: 5,
    }
    assert fold(home.store.events(call.id)).seconds == call.call.seconds
    drain(call.end())
    assert fold(home.store.events(call.id)).ended is not None


def test_an_opinion_that_comes_after_the_call_is_kept(home: Home) -> None:
    wait = Slow()
    rehearsals = home(wait)
    call = begun(rehearsals)
    drain(call.submit("Hello, this is Sam."))
    drain(call.end())
    assert call.call.seconds == {}
    rehearsals.put_away(call.id)  # nobody has it open any more
    wait.may.set()
    settled(rehearsals)
    assert fold(home.store.events(call.id)).seconds[0].assessment is not None


def test_a_failing_judge_harms_no_session(home: Home) -> None:
    def broken(*_: object) -> tuple[float, ...]:
        raise ServerError("the model server is down.")

    rehearsals, without = home(broken), Rehearsals(ScriptedVoice(), ScriptedGrader(), home.store)
    calls = [begun(rehearsals), begun(without)]
    for text in ("Hello, this is Sam.", "I am sorry, I will refund it today.", "Anything else?"):
        for call in calls:
            drain(call.submit(text))
        settled(rehearsals)
    one, two = (c.call for c in calls)
    assert (one.state, one.transcript, one.grades) == (two.state, two.transcript, two.grades)
    assert {s.reason for s in one.seconds.values()} == {"the model server is down."}
    assert len(one.seconds) == 3


def test_a_full_queue_is_told_and_the_call_does_not_wait(home: Home) -> None:
    wait = Slow()
    rehearsals = home(wait, waiting=1)
    call = begun(rehearsals)
    drain(call.submit("Turn one."))
    assert wait.begun.wait(20)
    began = time.monotonic()
    for n in range(3):
        drain(call.submit(f"Turn {n} of more."))
    assert time.monotonic() - began < 5
    assert [s.reason for s in call.call.seconds.values()] == [TOO_BUSY.reason] * 2
    wait.may.set()
    settled(rehearsals)
    assert [s.reason for _, s in sorted(call.call.seconds.items())] == ["", "", TOO_BUSY.reason, TOO_BUSY.reason]


def test_a_turn_being_played_goes_first(home: Home) -> None:
    made: list[int] = []
    rehearsals = home(lambda _, options: (made.append(1), (1.0,) * len(options))[1])
    call, other = begun(rehearsals), begun(rehearsals)
    turn = call.submit("Hello, this is Sam.")
    next(turn)
    drain(other.submit("Hello, this is Sam."))
    time.sleep(0.1)
    assert made == [], "a turn is being played"
    for _ in turn:
        pass
    settled(rehearsals)
    assert len(made) == 8
    assert all(0 in c.call.seconds for c in (call, other))


def test_an_opinion_that_comes_in_the_middle_of_a_turn_waits_for_its_end(home: Home) -> None:
    rehearsals = home(says(*[1.0] * 6))
    call = begun(rehearsals)
    drain(call.submit("Hello, this is Sam."))
    settled(rehearsals)
    turn = call.submit("I am sorry.")
    next(turn)
    call.take_opinion(0, Failed("again"))
    assert call.call.seconds[0].reason == ""
    for _ in turn:
        pass
    assert call.call.seconds[0].reason == "again"
    assert fold(home.store.events(call.id)).seconds[0].reason == "again"


def test_opinions_and_turns_from_many_threads_keep_one_order(home: Home) -> None:
    rehearsals = home(says(*[1.0] * 6))
    call = begun(rehearsals)
    drain(call.submit("Hello."))

    def many() -> None:
        for _ in range(15):
            call.take_opinion(0, Failed("again"))

    threads = [threading.Thread(target=many) for _ in range(2)]
    for thread in threads:
        thread.start()
    for n in range(5):
        drain(call.submit(f"Turn {n}."))
    for thread in threads:
        thread.join()
    settled(rehearsals)
    assert sum(e.kind == "second_opinion_given" for e in call.events) == 30 + 6
    assert tuple(home.store.events(call.id)) == call.events


def test_a_deleted_call_and_a_store_that_fails_stop_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Slow()
    rehearsals = home(wait)
    gone, call = begun(rehearsals), begun(rehearsals)
    drain(gone.submit("Hello."))
    home.store.delete(gone.id, "o")
    rehearsals.put_away(gone.id)
    wait.may.set()
    settled(rehearsals)
    drain(call.submit("Hello."))
    settled(rehearsals)
    before = len(call.events)
    with monkeypatch.context() as patched:
        patched.setattr(home.store, "append", lambda *_a, **_k: (_ for _ in ()).throw(OSError("disk full")))
        call.take_opinion(0, Failed("x"))
    call.take_opinion(7, Failed("no such turn"))
    assert len(call.events) == before
    drain(call.submit("I am sorry."))
    settled(rehearsals)
    assert set(call.call.seconds) == {0, 2}
    assert tuple(home.store.events(call.id)) == call.events


def test_closing_tells_what_is_left_and_takes_nothing_more() -> None:
    wait, told = Slow(), list[Assessment | Failed]()
    second = SecondOpinion(ScriptedModel(decisions=wait))
    second.read_ahead = lambda *_: None  # type: ignore[method-assign]
    opinions = Opinions(second)
    job = Job(SAID, BEFORE, BRIEF, told.append)
    assert opinions.ask(job)
    assert wait.begun.wait(20)
    assert opinions.ask(job)
    threading.Timer(0.1, wait.may.set).start()
    opinions.close()
    opinions.close()
    assert told == [Failed("the program was closed before it was done"), CLOSED]
    assert not opinions.ask(job)
