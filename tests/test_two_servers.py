"""Two programs and one database: a call goes on at the other one, also in the middle of a turn, and is never mixed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import ScriptedGrader, persona, scenario, worker
from postgres import Server
from pydantic import SecretStr

from simulator.call import Due, fold
from simulator.caller.choice import Refused
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.caller.written import WrittenVoice
from simulator.errors import StoreError, UnknownNameError
from simulator.events import CallerSpoke, TraineeSpoke
from simulator.opening import Parts, ReadyRehearsals
from simulator.rehearsal import Choices, Rehearsals
from simulator.settings import Settings
from simulator.store import Store, open_store
from simulator.transcript import Speaker

SAID = ("Good morning, Ada speaking.", "I am sorry. I will refund the £40 today.", "Is there anything else?")

FIRST_SERVER = """
import sys, time
from pathlib import Path
import clikit
from pydantic import SecretStr
from simulator import opening
from simulator.caller.written import WrittenVoice
from simulator.persona import find_persona
from simulator.rehearsal import Choices
from simulator.scenario import find_scenario
from simulator.settings import Settings

url, folder, dies_at, *said = sys.argv[1:]

def hang(kind):
    if kind == dies_at:
        print("hangs", flush=True)
        time.sleep(600)

class Grader:
    def __init__(self): self.inner, self.name = clikit.evaluator(), clikit.evaluator().name
    def grade(self, turn, *a, **k):
        if turn.index == 2:
            hang("grade")
        return self.inner.grade(turn, *a, **k)

class Voice(WrittenVoice):
    def say(self, situation):
        for part in super().say(situation):
            yield part
            if len(situation.transcript) == 3:
                hang("words")

opening.open_parts = lambda *a, **k: opening.Parts(Voice(), Grader())
place = Settings(database_url=SecretStr(url), data_dir=Path(folder))
with opening.open_rehearsals(settings=place) as rehearsals:
    choices = Choices(find_persona("anxious"), find_scenario("parcel_lost"), seed=7)
    rehearsal = rehearsals.start(choices, owner="ann")
    print(rehearsal.id, flush=True)
    for text in said:
        for event in rehearsal.submit(text):
            if event.kind == "trainee_spoke" and event.turn == 2:
                hang("submitted")
"""


@pytest.mark.parametrize("dies_at", ["submitted", "grade", "words"])
def test_the_other_server_takes_up_what_a_killed_one_was_playing(
    postgres: Server, tmp_path: Path, dies_at: str
) -> None:
    from clikit import evaluator

    url = postgres.database()
    first = worker(FIRST_SERVER, url, str(tmp_path), dies_at, *SAID[:2])
    assert first.stdout is not None
    call_id = first.stdout.readline().strip()
    assert first.stdout.readline().strip() == "hangs"
    first.send_signal(signal.SIGKILL)
    assert first.wait(timeout=30) == -signal.SIGKILL
    place = Settings(database_url=SecretStr(url), data_dir=tmp_path)
    with ReadyRehearsals(lambda: Parts(WrittenVoice(), evaluator()), open_store(place.database), place) as second:
        second.open()
        [row] = second.store.calls("ann")
        assert row.id == call_id and row.trainee_turns == 2
        rehearsal = second.take_up(call_id, owner="ann")
        assert rehearsal.call.due is (Due.WORDS if dies_at == "words" else Due.GRADE)
        owed = [e for e in rehearsal.resume() if isinstance(e, CallerSpoke)]
        assert [e.turn for e in owed] == [3]
        assert rehearsal.call.due is Due.TRAINEE
        for _ in rehearsal.submit(SAID[2]):
            pass
        kept = fold(second.store.events(call_id, owner="ann"))
    assert [t.text for t in kept.transcript.by(Speaker.TRAINEE)] == list(SAID)
    assert len(kept.transcript) == 6
    assert sorted(kept.grades) == [0, 2, 4]


# --- what one of them remembers --------------------------------------------------------------------------------------


class Slow(WrittenVoice):
    """A voice that waits for somebody else before it has finished."""

    def __init__(self, gate: threading.Barrier) -> None:
        self._gate = gate

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        for part in super().say(situation):
            if isinstance(part, Line):
                self._gate.wait(timeout=10)
            yield part


@pytest.fixture
def servers(where: str) -> Iterator[tuple[Rehearsals, Rehearsals]]:
    """Two programs' calls in one database, as far as one process can be two."""
    stores = (open_store(where), open_store(where))
    yield tuple(Rehearsals(WrittenVoice(), ScriptedGrader(), store) for store in stores)  # type: ignore[misc]
    for store in stores:
        store.close()


def begin(rehearsals: Rehearsals) -> str:
    return rehearsals.start(Choices(persona(), scenario(), seed=7), owner="ann").id


def say(rehearsals: Rehearsals, call_id: str, text: str) -> None:
    for _ in rehearsals.take_up(call_id, owner="ann").submit(text):
        pass


def turns(store: Store, call_id: str) -> list[str]:
    return [e.text for e in store.events(call_id) if isinstance(e, TraineeSpoke)]


def test_each_sees_what_the_other_has_played(servers: tuple[Rehearsals, Rehearsals]) -> None:
    one, other = servers
    call_id = begin(one)
    for number, text in enumerate(SAID):
        say(servers[number % 2], call_id, text)  # by turns
        for server in servers:
            seen = server.take_up(call_id, owner="ann")
            assert [t.text for t in seen.call.transcript.by(Speaker.TRAINEE)] == list(SAID[: number + 1])
    assert list(one.take_up(call_id, owner="ann").events) == other.store.events(call_id)
    unchanged = one.take_up(call_id, owner="ann")
    assert one.take_up(call_id, owner="ann") is unchanged, "nothing has happened: it is not read again"


def test_an_old_page_is_refused_once_and_then_goes_on(servers: tuple[Rehearsals, Rehearsals]) -> None:
    one, other = servers
    call_id = begin(one)
    old = other.take_up(call_id, owner="ann")
    say(one, call_id, SAID[0])
    with pytest.raises(StoreError, match=r"gone on in another window.*open the call again"):
        list(old.submit("mixed in"))
    assert turns(one.store, call_id) == [SAID[0]]
    say(other, call_id, SAID[1])
    say(one, call_id, SAID[2])
    assert turns(one.store, call_id) == list(SAID)


def test_a_reply_that_both_owe_is_given_once(servers: tuple[Rehearsals, Rehearsals]) -> None:
    one, _ = servers
    call_id = begin(one)
    happening = one.take_up(call_id, owner="ann").submit(SAID[0])
    assert isinstance(next(happening), TraineeSpoke)
    happening.close()  # type: ignore[attr-defined]
    gate = threading.Barrier(2)
    outcomes: list[str] = []

    def resume(server: Rehearsals) -> None:
        rehearsal = server.take_up(call_id, owner="ann")
        gate.wait(timeout=10)
        try:
            for _ in rehearsal.resume():
                pass
            outcomes.append("replied")
        except StoreError as error:
            assert "another window" in str(error)
            outcomes.append("told")

    threads = [threading.Thread(target=resume, args=(s,)) for s in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    # Each may lose an event to the other, so that both are told: then the reply is still owed, and given below.
    assert len(outcomes) == 2 and outcomes.count("replied") <= 1
    for server in servers:
        for _ in server.take_up(call_id, owner="ann").resume():
            pass
    kept = fold(one.store.events(call_id))
    assert kept.due is Due.TRAINEE and len(kept.transcript) == 2
    assert len([e for e in one.store.events(call_id) if isinstance(e, CallerSpoke)]) == 1


def test_words_that_come_too_late_are_not_stored(where: str) -> None:
    gate = threading.Barrier(2)
    with open_store(where) as mine, open_store(where) as theirs:
        slow, quick = (
            Rehearsals(Slow(gate), ScriptedGrader(), mine),
            Rehearsals(WrittenVoice(), ScriptedGrader(), theirs),
        )
        call_id = begin(slow)
        told: list[str] = []

        def play() -> None:
            try:
                say(slow, call_id, SAID[0])
            except StoreError as error:
                told.append(str(error))

        thread = threading.Thread(target=play)
        thread.start()
        while theirs.call(call_id).length < 4:  # graded and moved; the words are being found
            threading.Event().wait(0.01)
        assert slow.take_up(call_id, owner="ann").busy, "a call that is being played here is not read anew"
        for _ in quick.take_up(call_id, owner="ann").resume():
            pass
        said = theirs.events(call_id)
        gate.wait(timeout=10)
        thread.join(timeout=30)
        assert len(told) == 1 and "another window" in told[0]
        assert mine.events(call_id) == said
        assert list(slow.take_up(call_id, owner="ann").events) == said


def test_a_call_deleted_at_the_other_server_is_gone_here(servers: tuple[Rehearsals, Rehearsals]) -> None:
    one, other = servers
    call_id = begin(one)
    other.store.delete(call_id, "ann")
    with pytest.raises(UnknownNameError):
        one.take_up(call_id, owner="ann")
