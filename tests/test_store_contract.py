"""What every store has to do, whatever it keeps calls in. A new engine joins `ENGINES` and must pass unchanged."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import FrozenInstanceError

import pytest
from builders import BEGAN, assessment, drain, persona, play, session, started, worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import ENGINES, empty

from simulator.call import fold
from simulator.errors import StoreError, UnknownNameError
from simulator.events import Branch, CallEnded, CallerSaying, NoteWritten, StoredEvent, TraineeSpoke
from simulator.session import branch
from simulator.store import Store, open_store
from simulator.vocabulary import Difficulty, Ending, Fault, Intensity, Register, Technique


def note(text: str, at: float = BEGAN) -> NoteWritten:
    return NoteWritten(at=at, text=text)


def test_a_call_is_read_back_as_it_was_stored(store: Store) -> None:
    stream = play(grades=[assessment(calmness=5, tags=[Technique.APOLOGISES, Fault.RUSHES])], end=True)
    call = store.create(stream[:1], owner="ann")
    for seq, event in enumerate(stream[1:], start=1):
        store.append(call.id, event, seq=seq)
    assert store.events(call.id) == list(stream)
    assert fold(store.events(call.id, owner="ann")) == fold(stream)


def test_the_listing_row_follows_the_stream(store: Store) -> None:
    start = started(difficulty=Difficulty.HARD, medium=Register.CHAT)
    row = store.create([start], owner="ann")
    assert (row.owner, row.created_at, row.updated_at) == ("ann", BEGAN, BEGAN)
    assert (row.persona_id, row.persona_label, row.caller_name) == ("tester", "Test caller", "Ada Quist")
    assert (row.scenario_id, row.scenario_title) == ("kettle", "A kettle that never came")
    assert (row.difficulty, row.medium) == (Difficulty.HARD, Register.CHAT)
    assert (row.ending, row.trainee_turns, row.length, row.parent_id, row.parent_turn) == (None, 0, 1, None, None)
    store.append(row.id, TraineeSpoke(at=BEGAN + 5, turn=0, text="Hello"), seq=1)
    store.append(row.id, CallEnded(at=BEGAN + 9, ending=Ending.TRAINEE_ENDED, why="enough"), seq=2)
    store.append(row.id, note("late", at=BEGAN + 3), seq=3)
    later = store.call(row.id, owner="ann")
    assert (later.ending, later.trainee_turns, later.length) == (Ending.TRAINEE_ENDED, 1, 4)
    assert (later.created_at, later.updated_at) == (BEGAN, BEGAN + 9)
    assert store.calls("ann") == [later]


def test_a_whole_stream_can_be_created_at_once(store: Store) -> None:
    stream = play(end=True)
    at_once = store.create(stream, owner="ann", call_id="imported-1")
    step_by_step = store.create(stream[:1], owner="bob", call_id="imported-2")
    for seq, event in enumerate(stream[1:], start=1):
        store.append(step_by_step.id, event, seq=seq)
    other = store.call("imported-2")
    assert at_once == store.call("imported-1")
    for name in ("created_at", "updated_at", "ending", "trainee_turns", "length"):
        assert getattr(at_once, name) == getattr(other, name)


def test_a_branch_knows_its_parent(store: Store) -> None:
    stream = play()
    parent = store.create(stream, owner="ann")
    child = store.create(branch(stream, 2, call_id=parent.id, at=BEGAN + 99), owner="ann")
    assert (child.parent_id, child.parent_turn, child.trainee_turns) == (parent.id, 2, 1)
    store.delete(parent.id, "ann")
    assert store.call(child.id).parent_id == parent.id


def test_rows_are_frozen(store: Store) -> None:
    row = store.create([started()], owner="ann")
    with pytest.raises(FrozenInstanceError):
        row.owner = "bob"  # type: ignore[misc]


def test_calls_come_newest_first_in_pages(store: Store) -> None:
    ids = [store.create([started(at=BEGAN + n)], owner="ann").id for n in (2, 0, 4, 1, 3)]
    newest_first = [ids[2], ids[4], ids[0], ids[3], ids[1]]
    assert [c.id for c in store.calls("ann")] == newest_first
    assert [c.id for c in store.calls("ann", limit=2, offset=1)] == newest_first[1:3]
    assert store.calls("ann", limit=0) == [] == store.calls("ann", limit=-1)
    assert store.calls("ann", offset=5) == []
    assert (store.count("ann"), store.count("bob")) == (5, 0)


def test_nobody_reaches_someone_elses_call(store: Store) -> None:
    hers = store.create(play(), owner="ann").id
    assert store.calls("bob") == []
    for attempt in (
        lambda i: store.events(i, owner="bob"),
        lambda i: store.call(i, owner="bob"),
        lambda i: store.delete(i, "bob"),
        lambda i: store.append(i, note("mine"), seq=9, owner="bob"),
    ):
        said = []
        for call_id in (hers, "f" * 32):
            with pytest.raises(UnknownNameError) as caught:
                attempt(call_id)
            said.append(str(caught.value).replace(call_id, "ID"))
        assert said[0] == said[1]
    assert len(store.events(hers, owner="ann")) == 9


def test_an_unknown_call_cannot_go_on(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="no call called 'nobody'"):
        store.append("nobody", note("x"), seq=1)


def test_a_deleted_call_is_gone(store: Store) -> None:
    kept, gone = (store.create(play(), owner="ann").id for _ in range(2))
    store.delete(gone, "ann")
    assert [c.id for c in store.calls("ann")] == [kept]
    for again in (lambda: store.events(gone), lambda: store.delete(gone, "ann")):
        with pytest.raises(UnknownNameError):
            again()
    assert len(store.events(kept)) == 9


@pytest.mark.parametrize("seq", [-1, 0, 8, 10, 2**70])
def test_an_event_out_of_order_is_refused_and_changes_nothing(store: Store, seq: int) -> None:
    call = store.create(play(), owner="ann")
    with pytest.raises(StoreError):
        store.append(call.id, note("x"), seq=seq)
    assert store.call(call.id) == call
    assert len(store.events(call.id)) == 9


def test_of_two_windows_the_slower_one_is_told(store: Store) -> None:
    call = store.create([started()], owner="ann")
    store.append(call.id, note("first"), seq=1)
    with pytest.raises(StoreError, match=r"gone on in another window.*open the call again"):
        store.append(call.id, note("second"), seq=1)
    assert store.events(call.id)[1:] == [note("first")]


def test_of_two_threads_one_wins_each_event(store: Store) -> None:
    call = store.create([started()], owner="ann")
    rounds, writers = 12, 3
    won: list[tuple[int, int]] = []
    gate = threading.Barrier(writers)

    def write(me: int) -> None:
        for seq in range(1, rounds + 1):
            gate.wait()
            try:
                store.append(call.id, note(f"{me}"), seq=seq)
                won.append((seq, me))
            except StoreError:
                pass

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for seq, _ in won) == list(range(1, rounds + 1))
    assert store.events(call.id)[1:] == [note(f"{me}") for _, me in sorted(won)]


def test_a_stream_must_be_a_call(store: Store) -> None:
    for stream in ([], [note("x")], [started(), started()]):
        with pytest.raises(StoreError, match="call_started"):
            store.create(stream, owner="ann")
    for call_id in ("", "../x", "a b", "x" * 65):
        with pytest.raises(StoreError, match="id of a call"):
            store.create([started()], owner="ann", call_id=call_id)
    with pytest.raises(StoreError, match="owner"):
        store.create([started()], owner="")
    assert store.calls("ann") == []


def test_an_id_is_used_once(store: Store) -> None:
    first = store.create([started()], owner="ann", call_id="one")
    with pytest.raises(StoreError, match="already a call one"):
        store.create([started(seed=8)], owner="ann", call_id="one")
    with pytest.raises(StoreError, match="first event"):
        store.append(first.id, started(), seq=1)
    assert store.calls("ann") == [first]


def test_what_json_cannot_carry_is_refused_before_it_is_written(store: Store) -> None:
    call = store.create([started()], owner="ann")
    for bad in (
        note("half a character: \ud83d"),
        NoteWritten.model_construct(kind="note_written", at=float("nan"), text="x"),
        NoteWritten.model_construct(kind="note_written", at=float("inf"), text="x"),
        CallerSaying(turn=1, text="still talking"),
    ):
        with pytest.raises(StoreError):
            store.append(call.id, bad, seq=1)  # type: ignore[arg-type]
    assert store.call(call.id) == call
    assert len(store.events(call.id)) == 1


def test_words_are_words_whatever_they_say(store: Store) -> None:
    nasty = "'; DROP TABLE calls; -- \x00 \u202e £ 🙂 %s :id {x}"
    row = store.create([started(who=persona(name="Zoë O'Hara"))], owner="x' OR '1'='1")
    store.append(row.id, note(nasty), seq=1)
    assert store.events(row.id)[1] == note(nasty)
    assert store.call(row.id).caller_name == "Zoë O'Hara"
    assert store.calls("x") == []


levels = st.none() | st.integers(1, 5)
grades = st.builds(
    assessment,
    calmness=st.integers(1, 5),
    empathy=levels,
    solution=levels,
    closing=levels,
    tags=st.lists(st.sampled_from([*Technique, *Fault]), max_size=4, unique=True),
)
said = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@st.composite
def streams(draw: st.DrawFn) -> tuple[StoredEvent, ...]:
    """A call as it might be played, breaks, notes and branching included, cut off anywhere."""
    parent = draw(
        st.none() | st.builds(Branch, call_id=st.text("0123456789abcdef", min_size=1, max_size=64), turn=st.just(2))
    )
    start = started(
        at=draw(st.floats(0, 4e9)),
        difficulty=draw(st.sampled_from(Difficulty)),
        intensity=draw(st.sampled_from(Intensity)),
        medium=draw(st.sampled_from(Register)),
        seed=draw(st.integers(0, 2**63)),
        branched_from=parent,
    )
    call = session(start, draw(st.lists(grades, max_size=4)))
    for text, pause, remark in draw(st.lists(st.tuples(said, st.booleans(), st.none() | said), max_size=5)):
        if call.call.ended:
            break
        if pause:
            drain(call.pause(True))
        drain(call.submit(f"So: {text}"))
        if remark:
            drain(call.write_note(remark))
    if not call.call.ended and draw(st.booleans()):
        drain(call.end())
    return tuple(call.events[: draw(st.integers(1, len(call.events)))])


@pytest.fixture(scope="module", params=ENGINES)
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(empty(request.param, request, tmp_path_factory.mktemp("store"))) as made:
        yield made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stream=streams(), at_once=st.integers(1, 40))
def test_any_stream_folds_to_the_same_call(lasting: Store, stream: tuple[StoredEvent, ...], at_once: int) -> None:
    row = lasting.create(stream[:at_once], owner="ann")
    for seq, event in enumerate(stream[at_once:], start=min(at_once, len(stream))):
        lasting.append(row.id, event, seq=seq)
    back = lasting.events(row.id)
    assert back == list(stream)
    call, listed = fold(back), lasting.call(row.id)
    assert call == fold(stream)
    assert listed.ending == (call.ended.ending if call.ended else None)
    assert listed.trainee_turns == len(call.transcript.turns[::2])
    assert listed.length == len(stream)


# --- several programs ------------------------------------------------------------------------------------------------


APPEND_FOR_EVER = """
import sys
from itertools import count
from simulator.events import NoteWritten
from simulator.store import open_store
store = open_store(sys.argv[1])
for seq in count(1):
    store.append("call", NoteWritten(at=0, text=f"note {seq} " + "x" * 2000), seq=seq)
    print(seq, flush=True)
"""


def test_a_killed_process_loses_nothing_that_append_returned_for(where: str) -> None:
    with open_store(where) as store:
        store.create([started()], owner="ann", call_id="call")
    promised = 0
    for kill_after in (1, 40, 90):
        with open_store(where) as store:
            assert store.call("call").length >= promised + 1
            store.delete("call", "ann")
            store.create([started()], owner="ann", call_id="call")
        with worker(APPEND_FOR_EVER, where) as process:
            assert process.stdout is not None
            for line in process.stdout:
                promised = int(line)
                if promised == kill_after:
                    process.send_signal(signal.SIGKILL)  # the writer is in the middle of the next ones
        assert process.returncode == -signal.SIGKILL
        with open_store(where) as store:
            kept = store.events("call")
            assert len(kept) in (promised + 1, promised + 2)  # the one under way may be there, but whole
            assert [e.text.split()[1] for e in kept[1:] if isinstance(e, NoteWritten)] == [
                str(n) for n in range(1, len(kept))
            ]
            assert store.call("call").length == len(kept)


RACE = """
import sys
from simulator.errors import StoreError
from simulator.events import NoteWritten
from simulator.store import open_store
store = open_store(sys.argv[1])
while (seq := store.call("call").length) <= 40:
    try:
        store.append("call", NoteWritten(at=0, text=sys.argv[2]), seq=seq)
        print(seq, flush=True)
    except StoreError as error:
        assert "another window" in str(error), error
"""


def test_of_two_processes_one_wins_each_event(where: str) -> None:
    with open_store(where) as store:
        store.create([started()], owner="ann", call_id="call")
        racers = {name: worker(RACE, where, name) for name in "ab"}
        won = {name: [int(n) for n in racer.communicate(timeout=60)[0].split()] for name, racer in racers.items()}
        assert all(racer.returncode == 0 for racer in racers.values())
        assert sorted(won["a"] + won["b"]) == list(range(1, 41))
        writers = {seq: name for name, seqs in won.items() for seq in seqs}
        assert store.events("call")[1:] == [NoteWritten(at=0, text=writers[seq]) for seq in range(1, 41)]


def test_programs_that_start_at_once_make_one_database(where: str) -> None:
    code = "import sys; from simulator.store import open_store; print(open_store(sys.argv[1]).count('ann'))"
    starters = [worker(code, where) for _ in range(4)]
    assert [s.communicate(timeout=60)[0] for s in starters] == ["0\n"] * 4
