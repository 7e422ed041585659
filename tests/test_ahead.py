"""Reading ahead: whoever plays goes first, what is read is what the next turn begins with, and no word or grade changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builders
import clikit
import pytest

from eval.playing import started
from eval.speed_sections import sample
from simulator.ahead import WAITING, Ahead, Pause
from simulator.errors import ModelError
from simulator.models.base import GivenUp
from simulator.models.local import LocalModel
from simulator.models.scripted import ScriptedModel
from simulator.models.together import Together
from simulator.opening import Parts, ReadyRehearsals, open_parts
from simulator.rehearsal import Choices, Rehearsal
from simulator.settings import Settings
from simulator.store import open_store
from simulator.transcript import Speaker

SOON = 10.0
"""Seconds after which a test no longer waits for the background."""


@pytest.fixture
def ahead() -> Iterator[Ahead]:
    reader = Ahead()
    yield reader
    reader.close()


class Work:
    """A job in pieces: lets each begin only when it is told to, and notes what it was asked."""

    def __init__(self, pieces: int) -> None:
        self.left, self.begun, self.stopped = pieces, threading.Semaphore(0), 0
        self.go = threading.Semaphore(0)

    def __call__(self, pause: Pause) -> None:
        while self.left:
            try:
                pause()
            except GivenUp:
                self.stopped += 1
                raise
            self.begun.release()
            assert self.go.acquire(timeout=SOON)
            self.left -= 1


def test_a_turn_waits_for_one_piece_and_the_rest_is_done_when_it_is_over(ahead: Ahead) -> None:
    work, played = Work(3), threading.Event()
    ahead.ask("slow", work)
    assert work.begun.acquire(timeout=SOON)

    def play() -> None:
        with ahead.playing("other"):
            assert not work.begun.acquire(timeout=0.05), "nothing is read while somebody plays"
            played.set()

    turn = threading.Thread(target=play)
    turn.start()
    assert not played.wait(0.05), "the piece being done is finished first"
    work.go.release(3)
    assert played.wait(SOON)
    turn.join()
    assert ahead.settled(SOON)
    assert (work.left, work.stopped) == (0, 1)


def test_a_call_that_goes_on_needs_no_more_of_what_was_to_be_read(ahead: Ahead) -> None:
    work, done = Work(2), []
    ahead.ask("call", work)
    assert work.begun.acquire(timeout=SOON)
    work.go.release(2)
    with ahead.playing("call"):
        assert work.stopped <= 1
        ahead.ask("late", lambda _: done.append("late"))
        ahead.ask("late", lambda _: done.append("later"))
        ahead.ask("gone", lambda _: done.append("gone"))
        ahead.forget("gone")
    left = work.left
    assert ahead.settled(SOON)
    assert work.left == left
    assert done == ["later"]


def test_a_job_that_fails_is_told_and_takes_no_other_with_it(ahead: Ahead, caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Event()

    def fail(_: Pause) -> None:
        raise ModelError("the model has been closed.")

    ahead.ask("bad", fail)
    ahead.ask("good", lambda _: done.set())
    assert done.wait(SOON)
    assert "the model has been closed." in caplog.text


def test_closing_stops_between_two_pieces_and_so_many_calls_wait() -> None:
    ahead, work, done = Ahead(), Work(2), []
    ahead.ask("first", work)
    assert work.begun.acquire(timeout=SOON)
    for n in range(WAITING + 1):
        ahead.ask(str(n), lambda _, n=n: done.append(n))  # type: ignore[misc]
    assert not ahead.settled(0)
    threading.Timer(0.05, work.go.release, (2,)).start()
    ahead.close()
    ahead.close()
    ahead.ask("after", lambda _: done.append(-1))
    assert (work.left, work.stopped, done) == (1, 1, [])


def test_beyond_so_many_calls_the_longest_waiting_is_not_read(ahead: Ahead) -> None:
    done: list[int] = []
    with ahead.playing("somebody"):
        for n in range(WAITING + 1):
            ahead.ask(str(n), lambda _, n=n: done.append(n))  # type: ignore[misc]
    assert ahead.settled(SOON)
    assert done == list(range(1, WAITING + 1))


class Place:
    """Rehearsals over scripted models, whose readings are looked at."""

    def __init__(self, folder: Path) -> None:
        self.speaking, self.grading = ScriptedModel(["I am still waiting for my kettle."]), ScriptedModel()
        parts = Parts(clikit.Voice(self.speaking), clikit.Evaluator(self.grading, clikit.random_heads()))
        self.rehearsals = ReadyRehearsals(lambda: parts, open_store(folder / "calls.db"), Settings(data_dir=folder))
        self.rehearsals.open()

    def begun(self) -> Rehearsal:
        calm = builders.persona(start={"agitation": 2, "trust": 7, "patience": 10})
        return self.rehearsals.start(Choices(calm, builders.scenario(), seed=3), owner="o")

    def read(self) -> tuple[list[str], list[str]]:
        """What has been read ahead, for the caller and for the evaluator; forgotten here."""
        assert self.rehearsals.ahead.settled(SOON)
        found = ["".join(s) for _, s in self.speaking.ahead], ["".join(s) for _, s in self.grading.ahead]
        self.speaking.ahead.clear()
        self.grading.ahead.clear()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    with found.rehearsals:
        yield found


def test_after_every_reply_the_call_is_read_up_to_it(place: Place) -> None:
    call = place.begun()
    (preface,), (head,) = place.read()
    assert "Kettle & Co" in preface
    assert "Kettle & Co" in head
    before = ""
    for n in range(2):
        place.speaking.calls.clear()
        list(call.submit(f"Hello, this is Sam, number {n}."))
        said = call.call.transcript.last(Speaker.CALLER)
        assert said is not None
        (spoken,), (heard,) = place.read()
        assert spoken.endswith(f'{said.text}"\n')
        assert heard.endswith(f"Agent: Hello, this is Sam, number {n}.\nCaller: {said.text}\n")
        assert "".join(place.speaking.calls[0][0]).startswith(before or preface)
        before = spoken
    list(call.end())
    assert place.read() == ([], [])


def test_a_branch_and_a_call_taken_up_again_are_read_to_their_end(place: Place) -> None:
    call = place.begun()
    list(call.submit("Hello, this is Sam."))
    (*_, told), (*_, heard) = place.read()
    place.rehearsals.put_away(call.id)
    place.rehearsals.take_up(call.id, owner="o")
    assert place.read() == ([told], [heard])
    list(call.submit("I am sorry."))
    place.read()
    place.rehearsals.branch(call.id, 2, owner="o")
    assert place.read() == ([told], [heard])


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    found = open_parts("small", "small")
    yield found
    found.close()


@pytest.mark.model
def test_the_same_words_and_grades_and_only_the_trainees_words_are_read(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = parts.model
    assert isinstance(model, LocalModel)
    read: list[int] = []
    asked = Together.states

    def counted(self: Together, work: Any, *how: Any, **more: Any) -> object:
        read.append(len(work.ids))
        return asked(self, work, *how, **more)

    monkeypatch.setattr(Together, "states", counted)
    calls, sizes = [], []
    for foresees in (False, True):
        session = started(sample(1)[0], parts.voice, parts.evaluator)
        session._key = f"foresees {foresees}"
        events, counts = [], []
        for said in ("Good morning, how can I help you?", "I am so sorry, that must be maddening.", "One moment."):
            if foresees:
                parts.read_ahead(session.call, session._key)
            read.clear()
            happened = list(session.submit(said))
            counts.append(sum(read))
            events += [e.model_dump(exclude={"at": True, "seconds": True, "assessment": {"seconds"}}) for e in happened]
        calls.append(events)
        sizes.append(counts)
        if foresees:
            assert counts == [model.count(f"Agent: {t.text}\n") + 3 for t in session.call.transcript.turns[::2]]
    assert calls[0] == calls[1]
    assert all(late > soon for late, soon in zip(*sizes, strict=True))


@pytest.mark.model
def test_what_is_given_up_leaves_whole_segments_and_a_full_shelf_is_left_alone(parts: Parts) -> None:
    model = parts.model
    assert isinstance(model, LocalModel)
    segments = ("A call to a shop.\n", "Agent: Hello.\n", "Caller: At last!\n")
    paused: list[int] = []

    def pause() -> None:
        paused.append(1)
        if len(paused) == 2:
            raise GivenUp

    with pytest.raises(GivenUp):
        model.read_ahead(segments, cache_key="half", depth=5, pause=pause)
    model.read_ahead(segments, cache_key="half", depth=5, pause=pause)
    assert len(paused) == 4, "what was read is not read again"
    model.read_ahead(segments[:2], cache_key="half", depth=5, pause=pause)
    model.read_ahead(segments, cache_key="half", depth=5, pause=pause)
    assert len(paused) == 4, "what is kept and goes further stays"
    limit, model._shelf.limit = model._shelf.limit, model._shelf.nbytes()
    try:
        model.read_ahead(segments, cache_key="another", depth=5, pause=pause)
        assert len(paused) == 4
    finally:
        model._shelf.limit = limit
