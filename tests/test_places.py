"""The line of turns: honest about who is before whom, fair between trainees, bounded without losing anybody's turn."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from builders import ScriptedGrader, persona, scenario

from simulator.app.call_view import stage
from simulator.app.handlers import Handlers
from simulator.app.identity import newcomer
from simulator.call import Due
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.errors import BusyError, FullError
from simulator.events import CallerSpoke, Event, TraineeSpoke, TurnWaits
from simulator.models.base import GivenUp, still_wanted, unless
from simulator.places import KEPT, Places
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.store import Store, open_store

# --- the line --------------------------------------------------------------------------------------------------------


def test_turns_are_played_in_the_order_in_which_they_came():
    line = Places(1)
    first, *others = [line.take(who, who) for who in "abcd"]
    assert first.wait(0) and [p.ahead for p in others] == [0, 1, 2]
    first.leave()
    assert [p.wait(0) for p in others] == [True, False, False]
    assert [p.ahead for p in others] == [0, 0, 1]


def test_a_trainee_with_many_calls_gets_one_turn_in_each_round():
    line, order = Places(1), list[str]()
    busy = line.take("x", "x")
    waiting = {(who, n): line.take(who, f"{who}{n}") for who, n in (("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1))}
    assert {f"{who}{n}": p.ahead for (who, n), p in waiting.items()} == {"a1": 0, "b1": 1, "c1": 2, "a2": 3, "a3": 4}
    busy.leave()
    while waiting:
        [(who, n)] = [key for key, place in waiting.items() if place.wait(0)]
        order.append(f"{who}{n}")
        waiting.pop((who, n)).leave()
    assert order == ["a1", "b1", "c1", "a2", "a3"]


def test_who_gives_up_waiting_lets_the_others_move_on():
    line = Places(1)
    playing, first, second = (line.take(who, who) for who in "abc")
    first.leave()
    first.leave()
    assert second.ahead == 0
    playing.leave()
    assert second.wait(0)


def test_a_full_line_turns_away_and_remembers_who_came_first():
    line = Places(1, waiting=1)
    playing, waiting = line.take("a", "a"), line.take("b", "b")
    for who, ahead in (("c", 1), ("d", 2), ("c", 1)):
        with pytest.raises(FullError, match="machine is full") as full:
            line.take(who, who)
        assert full.value.ahead == ahead
    playing.leave()
    with pytest.raises(FullError):  # there is room for one, and c was first
        line.take("d", "d")
    with pytest.raises(FullError):
        line.take("newcomer", "n")
    assert line.take("c", "c").ahead == 0
    waiting.leave()
    assert not line.take("d", "d").wait(0)


def test_who_does_not_come_back_loses_the_rank_in_the_end():
    now = [0.0]
    line = Places(1, waiting=0, clock=lambda: now[0])
    playing = line.take("a", "a")
    with pytest.raises(FullError):
        line.take("gone", "gone")
    playing.leave()
    with pytest.raises(FullError):
        line.take("b", "b")
    now[0] = KEPT + 1
    assert line.take("b", "b").wait(0)


def test_the_line_comes_out_even_whatever_happens():
    """Many threads, leaving at any time: never more at once than there may be, and nobody is left over."""
    line, lock = Places(3, waiting=5), threading.Lock()
    playing, most, played, errors = 0, 0, 0, list[BaseException]()

    def trainee(who: int) -> None:
        nonlocal playing, most, played
        drawn = random.Random(who)
        try:
            for turn in range(20):
                while True:
                    try:
                        place = line.take(f"{who % 7}", f"{who}")
                        break
                    except FullError:
                        time.sleep(0.002)
                if drawn.random() < 0.2:
                    place.leave()
                    continue
                assert place.wait(60), f"turn {turn} of {who} never came"
                with lock:
                    playing, played = playing + 1, played + 1
                    most = max(most, playing)
                time.sleep(0.0005)
                with lock:
                    playing -= 1
                place.leave()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=trainee, args=[who]) for who in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == [] and most == 3 and played > 150
    assert line.take("last", "last").wait(0)  # nothing is left behind


# --- calls -----------------------------------------------------------------------------------------------------------


class Held:
    """A voice that speaks when it is let; a model's work in it is `pieces` long, each `seconds`."""

    name = "held"

    def __init__(self, pieces: int = 1, seconds: float = 0.0) -> None:
        self.may, self.began = threading.Event(), threading.Semaphore(0)
        self.pieces, self.seconds, self.done = pieces, seconds, 0
        self.may.set()

    def say(self, situation: Situation) -> Iterator[Saying | Line]:
        self.began.release()
        assert self.may.wait(60)
        for _ in range(self.pieces):
            still_wanted()
            time.sleep(self.seconds)
            self.done += 1
        text = f"This is turn {len(situation.transcript)}."
        yield Saying(text)
        yield Line(text, written=False, attempts=1, seconds=0.0)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "calls.db") as store:
        yield store


def begun(home: Rehearsals, owner: str) -> Rehearsal:
    return home.start(Choices(persona(), scenario(), seed=1), owner=owner)


def following(call: Rehearsal, text: str, into: list[Event]) -> threading.Thread:
    thread = threading.Thread(target=lambda: into.extend(call.submit(text)))
    thread.start()
    return thread


def test_a_turn_that_has_to_wait_is_stored_first_and_says_where_it_stands(kept: Store) -> None:
    voice = Held()
    voice.may.clear()
    home = Rehearsals(voice, ScriptedGrader(), kept, places=Places(1))
    heard: list[list[Event]] = [[], [], []]
    threads = [following(begun(home, "ann"), "Good morning.", heard[0])]
    assert voice.began.acquire(timeout=30)
    waiting = [begun(home, owner) for owner in ("ben", "cem")]
    for n, call in enumerate(waiting, 1):
        threads.append(following(call, "Good morning.", heard[n]))
        end = time.monotonic() + 30
        while not any(isinstance(e, TurnWaits) for e in heard[n]) and time.monotonic() < end:
            time.sleep(0.01)
    ahead = [next(e.ahead for e in events if isinstance(e, TurnWaits)) for events in heard[1:]]
    assert ahead == [0, 1]
    stored = [kept.events(call.id, owner=call.owner)[-1] for call in waiting]
    assert all(isinstance(event, TraineeSpoke) for event in stored)
    with pytest.raises(BusyError):
        next(waiting[0].resume())
    voice.may.set()
    for thread in threads:
        thread.join(30)
    assert all(sum(isinstance(e, CallerSpoke) for e in events) == 1 for events in heard)
    assert not any(isinstance(e, TurnWaits) for e in kept.events(waiting[1].id, owner="cem"))


def test_a_turn_for_which_there_is_no_room_is_kept_and_answered_later(kept: Store) -> None:
    voice = Held()
    voice.may.clear()
    home = Rehearsals(voice, ScriptedGrader(), kept, places=Places(1, waiting=0))
    thread = following(begun(home, "ann"), "Good morning.", [])
    assert voice.began.acquire(timeout=30)
    call = begun(home, "ben")
    with pytest.raises(FullError):
        list(call.submit("Good morning, Ben speaking."))
    assert not call.busy and call.call.due is Due.GRADE
    assert [t.text for t in call.call.transcript] == ["Good morning, Ben speaking."]
    with pytest.raises(FullError):
        list(home.take_up(call.id, owner="ben").resume())
    voice.may.set()
    thread.join(30)
    assert [e.turn for e in call.resume() if isinstance(e, CallerSpoke)] == [1]


def test_a_turn_that_fails_or_is_dropped_gives_its_place_back(kept: Store) -> None:
    voice = Held()
    home = Rehearsals(voice, ScriptedGrader(), kept, places=Places(1, waiting=0))
    for owner in "abc":
        happening = begun(home, owner).submit("Good morning.")
        while not isinstance(next(happening), TraineeSpoke):
            pass
        next(happening)  # it has been graded
        happening.close()  # type: ignore[attr-defined]
    assert [e.turn for e in begun(home, "d").submit("Hello.") if isinstance(e, CallerSpoke)] == [1]


def test_work_for_somebody_who_has_gone_stops_and_goes_on_when_they_come_back(kept: Store) -> None:
    voice, gone = Held(pieces=1000, seconds=0.01), threading.Event()
    home = Rehearsals(voice, ScriptedGrader(), kept, places=Places(1))
    call = begun(home, "ann")
    threading.Timer(0.2, gone.set).start()
    with pytest.raises(GivenUp), unless(gone.is_set):
        list(call.submit("Good morning, Ada speaking."))
    assert voice.done < 900 and not call.busy
    assert call.call.due is Due.WORDS and len(call.call.grades) == 1
    voice.pieces = 1
    assert [e.turn for e in home.take_up(call.id, owner="ann").resume() if isinstance(e, CallerSpoke)] == [1]


def test_who_leaves_while_waiting_leaves_the_line(kept: Store) -> None:
    home = Rehearsals(Held(), ScriptedGrader(), kept, places=Places(1))
    playing, gone = home.places.take("x", "x"), threading.Event()
    call = begun(home, "ann")
    threading.Timer(0.2, gone.set).start()
    with pytest.raises(GivenUp), unless(gone.is_set):
        list(call.submit("Good morning, Ada speaking."))
    assert call.call.due is Due.GRADE
    other = home.places.take("y", "y")
    assert other.ahead == 0
    playing.leave()
    assert other.wait(0)


# --- what a trainee sees ---------------------------------------------------------------------------------------------


def test_the_page_says_how_many_go_before(kept: Store) -> None:
    call = begun(Rehearsals(Held(), ScriptedGrader(), kept), "ann")
    happening = call.submit("Good morning, Ada speaking.")
    next(happening)
    assert "Ada Quist is thinking; 3 turns are before yours" in stage(call.id, call.call, playing=True, ahead=3)
    assert "Ada Quist is thinking; 1 turn is before yours" in stage(call.id, call.call, playing=True, ahead=1)
    assert "Ada Quist is thinking; your turn is next" in stage(call.id, call.call, playing=True, ahead=0)
    full = stage(call.id, call.call, full=120)
    assert 'data-state="full"' in full
    assert "The machine is full. Your words are saved: Ada Quist answers as soon as there is room" in full


def test_a_full_machine_on_the_page(kept: Store) -> None:
    home = Rehearsals(Held(), ScriptedGrader(), kept, places=Places(1, waiting=0))
    handlers = Handlers(home)
    [opened] = handlers.act(newcomer().kept, {"do": "start", "accepted": True})
    me, place = opened["me"], home.places.take("x", "x")
    views = list(handlers.send(me, "Good morning, Ada speaking."))
    assert 'data-sent="0"' in views[-1]["stage"] and 'data-state="full"' in views[-1]["stage"]
    assert "could not answer" not in views[-1]["stage"] and not views[-1]["banner"]
    [again] = handlers.act(me, {"do": "resume", "again": True})
    assert 'data-state="full"' in again["stage"]
    place.leave()
    answered = list(handlers.act(me, {"do": "resume", "again": True}))
    assert 'data-state="idle"' in answered[-1]["stage"] and "This is turn 1." in answered[-1]["stage"]


# --- a hundred at once -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waiting", "think"), [(100, 0.0), (30, 0.0), (100, 0.2)])
def test_a_hundred_trainees_wait_and_nobody_meets_an_error(kept: Store, waiting: int, think: float) -> None:
    """Each takes three turns as fast as they can; a turn is 20 ms of work, and only eight are played at once."""
    home = Rehearsals(Held(seconds=0.02), ScriptedGrader(), kept, places=Places(8, waiting))
    calls = [begun(home, f"trainee {n}") for n in range(100)]
    waits: dict[int, list[float]] = {n: [] for n in range(100)}
    trouble: list[BaseException] = []

    def trainee(n: int) -> None:
        try:
            for text in ("Good morning.", "I am sorry to hear that.", "I will refund it today."):
                began, left = time.monotonic(), calls[n].submit(text)
                while True:
                    try:
                        for _ in left:
                            pass
                        break
                    except FullError:  # as the page does: come back a little later
                        time.sleep(0.05)
                        left = calls[n].resume()
                waits[n].append(time.monotonic() - began)
                time.sleep(think)
        except BaseException as error:
            trouble.append(error)

    threads = [threading.Thread(target=trainee, args=[n]) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert trouble == []
    assert all(len(call.call.transcript) == 6 for call in calls)
    each = [sum(w) / len(w) for w in waits.values()]
    print(f"\nwait per trainee: median {median(each):.2f} s, longest {max(each):.2f} s")
    assert max(each) <= 4 * median(each)
