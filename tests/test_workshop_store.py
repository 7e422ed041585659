"""Workshops in the database: whose they are, what is counted at once, and what is really gone."""

from __future__ import annotations

import gzip
import shutil
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from builders import BEGAN, assessment, play, started, worker

from simulator.errors import BusyError, CallError, DataError, StoreError, UnknownNameError
from simulator.events import NoteWritten
from simulator.store import Store, archive, open_store
from simulator.store.calls import open_engine
from simulator.store.workshops import DAY
from simulator.vocabulary import Dimension
from simulator.workshop.records import Facilitator, Member, Reading, Regrade, Role, Workshop, WorkshopSettings
from simulator.workshop.rules import FORGOTTEN_AFTER, Limit

SETTINGS = WorkshopSettings(title="T", personas=("tester",), scenarios=("kettle",), retention_days=10)
HERE = Path(__file__).parent


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


def test_guesses_are_slowed_and_a_restart_forgets_none(store: Store) -> None:
    for n in range(3):
        store.logins.knock({"name:ann": LIMIT}, at=BEGAN + n / 10)
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
        assert sum(pool.map(guess, range(24))) == LIMIT.free


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
            store.workshops.change(wanted, eve.id, lambda shop, _: shop.model_copy(update={"ended_at": 1.0}))
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
    store.workshops.change(shop.id, shop.facilitator_id, lambda *_: changed)
    joined(store, shop)
    assert store.workshops.workshop(shop.id, shop.facilitator_id) == changed == store.workshops.by_code(shop.join_code)
    assert store.workshops.workshops(shop.facilitator_id) == [(changed, 1)]
    assert store.workshops.by_code("") is None


def test_changes_made_at_once_take_back_none_of_each_other(store: Store, shop: Workshop) -> None:
    """Nor does somebody join while a change looks whether anybody has."""

    def longer(now: Workshop, joined: int) -> Workshop:
        return now.model_copy(update={"message": f"{now.message}x", "paused_at": float(joined)})

    def change(number: int) -> None:
        if number % 2:
            joined(store, shop, f"Bo {number}")
        else:
            store.workshops.change(shop.id, shop.facilitator_id, longer)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(12)))
    store.workshops.change(shop.id, shop.facilitator_id, longer)
    now = store.workshops.workshop(shop.id, shop.facilitator_id)
    assert (now.message, now.paused_at) == ("x" * 7, 6.0)


def test_a_refused_change_changes_nothing(store: Store, shop: Workshop) -> None:
    def refuse(now: Workshop, joined: int) -> Workshop:
        raise DataError("no")

    with pytest.raises(DataError, match="no"):
        store.workshops.change(shop.id, shop.facilitator_id, refuse)
    assert store.workshops.workshop(shop.id, shop.facilitator_id) == shop


def test_what_belongs_to_something_deleted_meanwhile_is_refused(store: Store, shop: Workshop) -> None:
    bo = joined(store, shop)
    store.workshops.forget_member(bo)
    with pytest.raises(UnknownNameError):
        store.workshops.sit(bo.id, "key", at=BEGAN, until=BEGAN + 10)
    with pytest.raises(CallError, match="reload"):
        store.workshops.claim(bo.id, "call", most=3, at=BEGAN)
    store.workshops.delete(shop.id, shop.facilitator_id)
    with pytest.raises(UnknownNameError):
        joined(store, shop)
    with pytest.raises(UnknownNameError):
        store.workshops.note_reading(shop.id, Reading(at=BEGAN, who="Ann", what="a call"))


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


CLAIM = """
import sys
from simulator.errors import CallError
from simulator.store import open_store
where, member, name = sys.argv[1:]
store = open_store(where)
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.workshops.claim(member, name, most=2, at=0.0), flush=True)
except CallError as error:
    assert "used your 2 attempts" in str(error), error
"""


def test_of_two_processes_one_gets_the_last_attempt(where: str) -> None:
    with open_store(where) as store:
        ann = store.logins.add("Ann", "hash", at=BEGAN)
        bo = joined(store, store.workshops.create(ann.id, SETTINGS, at=BEGAN))
        for round_ in range(3):
            store.workshops.claim(bo.id, "first", most=2, at=BEGAN)
            racers = [worker(CLAIM, where, bo.id, f"{round_}{name}") for name in "ab"]
            for racer in racers:
                assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
            for racer in racers:
                assert racer.stdin is not None
                racer.stdin.write("go\n")
                racer.stdin.flush()
            won = sorted(racer.communicate(timeout=60)[0] for racer in racers)
            assert all(racer.returncode == 0 for racer in racers)
            assert won == ["", "2\n"]
            (place,) = store.workshops.room(bo.workshop_id)
            assert place.begun == 2
            for call in ("first", f"{round_}a", f"{round_}b"):
                store.workshops.unclaim(bo.id, call)


def test_an_attempt_that_came_to_nothing_is_free_again(store: Store, shop: Workshop) -> None:
    bo, cy = joined(store, shop), joined(store, shop, "Cy")
    assert [store.workshops.claim(bo.id, call, most=2, at=BEGAN) for call in ("one", "two")] == [1, 2]
    store.workshops.unclaim(cy.id, "two")
    assert store.workshops.begun(bo.id) == 2
    store.workshops.unclaim(bo.id, "two")
    assert store.workshops.begun(bo.id) == 1
    assert store.workshops.claim(bo.id, "three", most=2, at=BEGAN) == 2


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
    assert (grades["one"].turn, grades["one"].assessment.level(Dimension.CALMNESS)) == (2, 5)
    assert set(grades) == {"one", "foreign"}
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


def is_kept(where: str, word: str) -> bool:
    """Whether that word is in any row; of a file, whether it is anywhere in it or beside it."""
    engine, kept = open_engine(where), BytesIO()
    archive.write(engine, kept)
    engine.dispose()
    beside = [] if "://" in where else [file.read_bytes() for file in Path(where).parent.iterdir()]
    return any(word.encode() in text for text in (gzip.decompress(kept.getvalue()), *beside))


def spoken(store: Store, owner: str, at: float, word: str = "Xanthippe") -> str:
    call = store.create([started(at=at)], owner=owner)
    store.append(call.id, NoteWritten(at=at, text=f"my colleague {word} was rude"), seq=1)
    return call.id


def test_a_member_who_deletes_themself_is_gone(store: Store, shop: Workshop, where: str) -> None:
    bo, cy = joined(store, shop, "Bartholomew"), joined(store, shop, "Cy")
    spoken(store, bo.owner, BEGAN)
    kept = spoken(store, cy.owner, BEGAN, "Zebedee")
    store.workshops.sit(bo.id, "key", at=BEGAN, until=BEGAN + 10)
    assert is_kept(where, "Xanthippe") and is_kept(where, "Bartholomew")
    store.workshops.forget_member(bo)
    assert not is_kept(where, "Xanthippe")
    assert not is_kept(where, "Bartholomew")
    assert store.workshops.seat("key", at=BEGAN) is None
    assert [p.member for p in store.workshops.room(shop.id)] == [cy]
    assert len(store.events(kept)) == 2


def test_what_was_kept_long_enough_is_deleted_and_nothing_else(store: Store, shop: Workshop, where: str) -> None:
    old, new, other = joined(store, shop, "Old"), joined(store, shop, "New"), "another browser"
    gone = spoken(store, old.owner, BEGAN)
    kept = [spoken(store, new.owner, BEGAN + 5 * DAY, "Zebedee"), spoken(store, other, BEGAN, "Zebedee")]
    assert store.workshops.expire(at=BEGAN + 10 * DAY - 1) == []
    assert store.workshops.expire(at=BEGAN + 10 * DAY + 1) == [gone]
    assert not is_kept(where, "Xanthippe")
    assert [p.member.name for p in store.workshops.room(shop.id)] == ["New"]
    assert all(store.events(call) for call in kept)
    assert store.workshops.workshop(shop.id, shop.facilitator_id)


def test_a_call_begun_while_its_member_was_deleted_does_not_stay(store: Store, shop: Workshop, where: str) -> None:
    bo, cy = joined(store, shop), joined(store, shop, "Cy")
    store.workshops.forget_member(bo)
    lost, kept = spoken(store, bo.owner, BEGAN), spoken(store, cy.owner, BEGAN, "Zebedee")
    browsers = spoken(store, "member", BEGAN, "Zebedee")
    assert store.workshops.expire(at=BEGAN) == [lost]
    assert not is_kept(where, "Xanthippe")
    assert all(store.events(call) for call in (kept, browsers))


def test_guesses_that_count_no_more_are_deleted_with_their_addresses(store: Store, where: str) -> None:
    store.logins.knock({"code:203.0.113.7": LIMIT}, at=BEGAN)
    store.logins.knock({"code:203.0.113.8": LIMIT}, at=BEGAN + 10)
    store.logins.forget_guesses(before=BEGAN + 5)
    assert (is_kept(where, "203.0.113.7"), is_kept(where, "203.0.113.8")) == (False, True)


def test_a_workshop_takes_everything_with_it(store: Store, shop: Workshop, where: str) -> None:
    bo = joined(store, shop)
    spoken(store, bo.owner, BEGAN)
    store.workshops.delete(shop.id, shop.facilitator_id)
    assert not is_kept(where, "Xanthippe")
    assert store.workshops.by_code(shop.join_code) is None
    assert store.workshops.returning("return Bo") is None


@pytest.mark.parametrize("kept", ["store_0003.db", "store_0004.db"])
def test_workshops_of_every_version_are_read(tmp_path: Path, kept: str) -> None:
    shutil.copy(HERE / "fixtures" / kept, tmp_path / "calls.db")
    with open_store(tmp_path / "calls.db") as store:
        researchers = [one.name for one in store.logins.everybody() if one.role is Role.RESEARCHER]
        assert researchers == (["Rae"] if kept == "store_0004.db" else [])
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
