"""Workshops in the database: whose they are, what is counted at once, and what is really gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders import BEGAN, assessment, play, started

from simulator.errors import BusyError, CallError, DataError, StoreError, UnknownNameError
from simulator.events import NoteWritten
from simulator.store import Store, open_store
from simulator.store.workshops import DAY
from simulator.vocabulary import Dimension
from simulator.workshop.records import Facilitator, Member, Reading, Regrade, Workshop, WorkshopSettings
from simulator.workshop.rules import FORGOTTEN_AFTER, Limit

SETTINGS = WorkshopSettings(title="T", personas=("tester",), scenarios=("kettle",), retention_days=10)
HERE = Path(__file__).parent


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "calls.db") as opened:
        yield opened


@pytest.fixture
def ann(store: Store) -> Facilitator:
    return store.logins.add("Ann", "hash", at=BEGAN)


@pytest.fixture
def shop(store: Store, ann: Facilitator) -> Workshop:
    return store.workshops.create(ann.id, SETTINGS, at=BEGAN)


def joined(store: Store, shop: Workshop, name: str = "Bo", at: float = BEGAN) -> Member:
    return store.workshops.join(shop.id, name, return_hash=f"return {name}", at=at)


# ---- facilitators and their browsers ----


def test_names_are_the_same_in_upper_and_lower_case(store: Store, ann: Facilitator) -> None:
    for same in ("Ann", "ANN", "ann"):
        with pytest.raises(DataError, match="already"):
            store.logins.add(same, "hash", at=BEGAN)
        found = store.logins.find(same)
        assert found == (ann, "hash")
    assert store.logins.find("Ann' OR '1'='1") is None
    with pytest.raises(UnknownNameError, match="Did you mean Ann"):
        store.logins.set_password("Anm", "other")


def test_there_is_one_first_facilitator(store: Store) -> None:
    store.logins.add("Ann", "hash", at=BEGAN, first=True)
    with pytest.raises(DataError, match="already"):
        store.logins.add("Eve", "hash", at=BEGAN, first=True)


def test_of_many_who_want_to_be_the_first_one_is(store: Store) -> None:
    def attempt(number: int) -> bool:
        try:
            store.logins.add(f"Eve {number}", "hash", at=BEGAN, first=True)
        except DataError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


def test_logins_expire_and_end_with_the_password(store: Store, ann: Facilitator) -> None:
    store.logins.log_in(ann.id, "key", at=BEGAN, until=BEGAN + 10)
    assert store.logins.logged_in("key", at=BEGAN + 9) == ann
    assert store.logins.logged_in("key", at=BEGAN + 10) is None
    assert store.logins.logged_in("", at=BEGAN) is None
    store.logins.set_password("ann", "other")
    assert store.logins.logged_in("key", at=BEGAN + 1) is None


# ---- guesses ----

LIMIT = Limit(3, 60.0)


def test_guesses_are_slowed_and_a_restart_forgets_none(tmp_path: Path) -> None:
    for n in range(3):
        with open_store(tmp_path / "calls.db") as store:
            store.logins.knock({"name:ann": LIMIT}, at=BEGAN + n / 10)
    with open_store(tmp_path / "calls.db") as store:
        with pytest.raises(BusyError, match="try again in 1 seconds"):
            store.logins.knock({"name:ann": LIMIT}, at=BEGAN + 0.3)
        store.logins.knock({"name:eve": LIMIT}, at=BEGAN + 0.3)
        store.logins.knock({"name:ann": LIMIT}, at=BEGAN + 2)
        with pytest.raises(BusyError, match="2 seconds"):
            store.logins.knock({"name:ann": LIMIT}, at=BEGAN + 2)
        store.logins.knock({"name:ann": LIMIT}, at=BEGAN + 3 + FORGOTTEN_AFTER)
        store.logins.knock({"name:ann": LIMIT}, at=BEGAN + 3 + FORGOTTEN_AFTER)  # the count has begun anew


def test_a_right_guess_takes_back_only_itself(store: Store) -> None:
    for _ in range(2):
        store.logins.knock({"address": LIMIT}, at=BEGAN)
    for _ in range(20):  # right ones, which cannot be used to wash wrong ones away
        store.logins.knock({"address": LIMIT}, at=BEGAN)
        store.logins.answered("address")
    store.logins.knock({"address": LIMIT}, at=BEGAN)
    with pytest.raises(BusyError):
        store.logins.knock({"address": LIMIT}, at=BEGAN)
    store.logins.answered("address", forget=True)
    store.logins.knock({"address": LIMIT}, at=BEGAN)


def test_guesses_made_at_once_count_like_any_others(store: Store) -> None:
    def guess(_: int) -> bool:
        try:
            store.logins.knock({"address": LIMIT}, at=BEGAN)
        except BusyError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(24))) <= LIMIT.free


def test_where_one_has_to_wait_none_is_counted(store: Store) -> None:
    for _ in range(3):
        store.logins.knock({"name": LIMIT}, at=BEGAN)
    for _ in range(5):
        with pytest.raises(BusyError):
            store.logins.knock({"address": LIMIT, "name": LIMIT}, at=BEGAN)
    for _ in range(3):
        store.logins.knock({"address": LIMIT}, at=BEGAN)


# ---- workshops and members ----


def test_another_facilitators_workshop_is_unknown(store: Store, shop: Workshop) -> None:
    eve = store.logins.add("Eve", "hash", at=BEGAN)
    assert store.workshops.workshops(eve.id) == []
    told = []
    for wanted in (shop.id, "f" * 32):
        with pytest.raises(UnknownNameError) as caught:
            store.workshops.workshop(wanted, eve.id)
        told.append(str(caught.value).replace(wanted, "ID"))
        with pytest.raises(UnknownNameError):
            store.workshops.delete(wanted, eve.id)
        with pytest.raises(UnknownNameError):
            store.workshops.change(shop.model_copy(update={"id": wanted, "facilitator_id": eve.id, "ended_at": 1.0}))
    assert told[0] == told[1]
    assert store.workshops.workshop(shop.id, shop.facilitator_id) == shop


def test_a_workshop_is_read_back_as_it_is(store: Store, shop: Workshop) -> None:
    changed = shop.model_copy(
        update={
            "opened_at": 2.0,
            "paused_at": 3.0,
            "message": "Hi",
            "settings": SETTINGS.model_copy(update={"title": "U"}),
        }
    )
    store.workshops.change(changed)
    joined(store, shop)
    assert store.workshops.workshop(shop.id, shop.facilitator_id) == changed == store.workshops.by_code(shop.join_code)
    assert store.workshops.workshops(shop.facilitator_id) == [(changed, 1)]
    assert store.workshops.by_code("") is None


def test_a_seat_leads_to_member_and_workshop_until_it_expires(store: Store, shop: Workshop) -> None:
    bo = joined(store, shop)
    store.workshops.sit(bo.id, "key", at=BEGAN, until=BEGAN + 10)
    seat = store.workshops.seat("key", at=BEGAN + 5)
    assert seat is not None
    assert (seat.member, seat.workshop) == (bo, shop)
    assert store.workshops.seat("key", at=BEGAN + 10) is None
    assert store.workshops.seat("", at=BEGAN) is None
    back = store.workshops.returning("return Bo")
    assert back is not None and back.member == bo
    store.workshops.set_return(bo.id, "another")
    assert store.workshops.returning("return Bo") is None
    store.workshops.stand_up("key")
    assert store.workshops.seat("key", at=BEGAN + 5) is None


def test_a_member_is_one_of_their_workshop_only(store: Store, ann: Facilitator, shop: Workshop) -> None:
    other = store.workshops.create(ann.id, SETTINGS, at=BEGAN)
    bo = joined(store, shop)
    assert store.workshops.member(bo.id, shop.id) == bo
    with pytest.raises(UnknownNameError):
        store.workshops.member(bo.id, other.id)


def test_of_attempts_claimed_at_once_no_more_than_there_are_begin(store: Store, shop: Workshop) -> None:
    bo = joined(store, shop)

    def attempt(number: int) -> bool:
        try:
            store.workshops.claim(bo.id, f"call {number}", most=3, at=BEGAN)
        except CallError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 3
    assert store.workshops.begun(bo.id) == 3
    store.workshops.unclaim(bo.id, next(f"call {n}" for n in range(16)))


def test_the_room_knows_who_how_far_and_the_last_grades(store: Store, shop: Workshop) -> None:
    bo, cy = joined(store, shop), joined(store, shop, "Cy", BEGAN + 1)
    stream = play(grades=[assessment(calmness=2), assessment(calmness=5)])
    store.workshops.claim(bo.id, "one", most=3, at=BEGAN)
    store.create(stream, owner=bo.owner, call_id="one")
    store.create(play(start=started(at=BEGAN + 50)), owner=bo.owner, call_id="practice")
    store.create(play(), owner="somebody else", call_id="foreign")
    first, second = store.workshops.room(shop.id)
    assert (first.member, first.begun, [(c.id, c.attempt, c.trainee_turns) for c in first.calls]) == (
        bo,
        1,
        [("practice", None, 2), ("one", 1, 2)],
    )
    assert (second.member, second.begun, second.calls) == (cy, 0, ())
    grades = store.workshops.last_grades(["one", "foreign", "nothing"])
    assert grades["one"].level(Dimension.CALMNESS) == 5
    assert store.workshops.last_grades([]) == {}


# ---- review and audit ----


def test_grades_of_people_are_added_and_go_with_the_call(store: Store, shop: Workshop) -> None:
    bo = joined(store, shop)
    call = store.create(play(), owner=bo.owner)
    given = [
        Regrade(call_id=call.id, turn=0, at=BEGAN + n, by="Ann", levels={Dimension.CALMNESS: n}, comment="x")
        for n in (1, 2)
    ]
    for one in given:
        store.workshops.regrade(one)
    assert store.workshops.regrades([call.id]) == given
    assert store.workshops.regrades([]) == []
    store.delete(call.id, bo.owner)
    assert store.workshops.regrades([call.id]) == []
    with pytest.raises(StoreError, match="deleted"):
        store.workshops.regrade(given[0])


def test_the_audit_log_tells_a_member_what_concerns_them(store: Store, shop: Workshop) -> None:
    lines = [
        Reading(at=BEGAN, who="Ann", what="a call", member_id="bo", call_id="1"),
        Reading(at=BEGAN + 1, who="Ann", what="a call", member_id="cy", call_id="2"),
        Reading(at=BEGAN + 2, who="Ann", what="the results"),
    ]
    for line in lines:
        store.workshops.note_reading(shop.id, line)
    assert store.workshops.readings(shop.id) == lines[::-1]
    assert store.workshops.readings(shop.id, member_id="bo") == [lines[2], lines[0]]
    assert store.workshops.readings("other") == []


# ---- deletion ----


def words_in(folder: Path, word: bytes) -> bool:
    return any(word in file.read_bytes() for file in folder.iterdir())


def spoken(store: Store, owner: str, at: float, word: str = "Xanthippe") -> str:
    call = store.create([started(at=at)], owner=owner)
    store.append(call.id, NoteWritten(at=at, text=f"my colleague {word} was rude"), seq=1)
    return call.id


def test_a_member_who_deletes_themself_is_gone_from_the_file(store: Store, shop: Workshop, tmp_path: Path) -> None:
    bo, cy = joined(store, shop, "Bartholomew"), joined(store, shop, "Cy")
    spoken(store, bo.owner, BEGAN)
    kept = spoken(store, cy.owner, BEGAN, "Zebedee")
    store.workshops.sit(bo.id, "key", at=BEGAN, until=BEGAN + 10)
    store.workshops.forget_member(bo)
    assert not words_in(tmp_path, b"Xanthippe")
    assert not words_in(tmp_path, b"Bartholomew")
    assert store.workshops.seat("key", at=BEGAN) is None
    assert [p.member for p in store.workshops.room(shop.id)] == [cy]
    assert len(store.events(kept)) == 2


def test_what_was_kept_long_enough_is_deleted_and_nothing_else(store: Store, shop: Workshop, tmp_path: Path) -> None:
    old, new, other = joined(store, shop, "Old"), joined(store, shop, "New"), "another browser"
    gone = spoken(store, old.owner, BEGAN)
    kept = [spoken(store, new.owner, BEGAN + 5 * DAY, "Zebedee"), spoken(store, other, BEGAN, "Zebedee")]
    assert store.workshops.expire(at=BEGAN + 10 * DAY - 1) == []
    assert store.workshops.expire(at=BEGAN + 10 * DAY + 1) == [gone]
    assert not words_in(tmp_path, b"Xanthippe")
    assert [p.member.name for p in store.workshops.room(shop.id)] == ["New"]
    assert all(store.events(call) for call in kept)
    assert store.workshops.workshop(shop.id, shop.facilitator_id)


def test_a_workshop_takes_everything_with_it(store: Store, shop: Workshop, tmp_path: Path) -> None:
    bo = joined(store, shop)
    spoken(store, bo.owner, BEGAN)
    store.workshops.delete(shop.id, shop.facilitator_id)
    assert not words_in(tmp_path, b"Xanthippe")
    assert store.workshops.by_code(shop.join_code) is None
    assert store.workshops.returning("return Bo") is None


def test_a_database_of_this_version_is_read(tmp_path: Path) -> None:
    shutil.copy(HERE / "fixtures" / "store_0003.db", tmp_path / "calls.db")
    with open_store(tmp_path / "calls.db") as store:
        (ann,) = store.logins.facilitators()
        ((shop, number),) = store.workshops.workshops(ann.id)
        assert (ann.name, shop.settings.title, shop.message, number) == (
            "Ann",
            "Billing team",
            "Ask one question first.",
            1,
        )
        seat = store.workshops.seat("2" * 64, at=BEGAN + 5)
        assert seat is not None and (seat.member.name, seat.member.shares) == ("Bo", True)
        (line,) = store.workshops.readings(shop.id)
        (given,) = store.workshops.regrades([line.call_id])
        assert (given.by, given.levels, given.comment) == ("Ann", {Dimension.CALMNESS: 2}, "Too short.")
        assert store.workshops.begun(seat.member.id) == 1
