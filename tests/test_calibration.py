"""A set of turns rated beside the machine: drawn, told as results, kept, and handled at the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from shutil import copy

import pytest
from builders import BEGAN, assessment, play
from clikit import Terminal, terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from ratingkit import graded, rated, sample, scale

from simulator.calibration import agreement as figures
from simulator.calibration import turns as pool
from simulator.calibration.export import FORMAT, ratings_jsonl
from simulator.calibration.records import Rating, RatingSession
from simulator.calibration.results import results
from simulator.call import fold
from simulator.errors import DataError, StoreError, UnknownNameError
from simulator.store import Store, open_store
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension

__all__ = ["terminal"]

# ---- turns ----


def test_the_shipped_turns_are_varied_and_whole() -> None:
    found = pool.shipped()
    assert len({t.id for t in found}) == len(found) == 48
    assert {t.medium.value for t in found} == {"phone", "chat"}
    for dimension in Dimension:
        levels = {t.reference[dimension] for t in found if t.reference}
        assert {1, 2, 3, 4, 5} <= levels, dimension
    for turn in found:
        assert turn.turn.strip()
        assert turn.spoken.index == len(turn.transcript)
        assert not turn.before or turn.before[-1].speaker is Speaker.CALLER


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30), st.integers(0, 5))
def test_repeats_are_far_apart_and_a_seed_is_a_set(seed: int, n: int, repeats: int) -> None:
    shown = pool.draw(seed, n, repeats)
    assert shown == pool.draw(seed, n, repeats)
    first: dict[str, int] = {}
    for position, turn in enumerate(shown):
        assert position == first.setdefault(turn.id, position) or position - first[turn.id] >= pool.APART
    assert len(first) == n
    assert len(shown) - n <= repeats
    if n >= 20 and repeats <= 4:
        assert len(shown) == n + repeats


def test_a_drawn_set_has_every_level() -> None:
    for seed in range(20):
        turns = {t.id: t for t in pool.draw(seed)}.values()
        for dimension in (Dimension.CALMNESS, Dimension.EMPATHY, Dimension.SOLUTION, Dimension.CLOSING):
            assert len({t.reference[dimension] for t in turns if t.reference} - {None}) >= 4


def test_own_turns_are_of_calls_that_have_ended() -> None:
    done, going = fold(play(end=True)), fold(play())
    found = pool.own([("done", done), ("going", going)])
    assert [turn.id for turn, _ in found] == ["done-0", "done-2"]
    assert all(turn.reference is None for turn, _ in found)
    assert len(pool.draw(1, candidates=found)) == 2
    with pytest.raises(DataError, match="no turns"):
        pool.draw(1, candidates=[])


# ---- results ----


def test_results_say_who_is_stricter_and_what_would_change() -> None:
    session = sample()
    found = results(session, rated(session, -1), graded(session), grader="scripted", at=BEGAN)
    assert found.rated == pool.TURNS
    empathy, calmness = found.dimensions[Dimension.EMPATHY], found.dimensions[Dimension.CALMNESS]
    assert empathy.agreement.bias is not None
    assert empathy.agreement.bias < -0.5
    assert calmness.agreement.kappa == pytest.approx(1.0)
    assert empathy.own == figures.Consistency(pool.REPEATS, pool.REPEATS, pool.REPEATS)
    assert set(found.offsets.maps) == {Dimension.EMPATHY}
    assert found.changed[Dimension.EMPATHY][0] > 0
    assert found.changed[Dimension.CALMNESS][0] == 0
    assert {d.dimension for d in found.disagreements} == {Dimension.EMPATHY}
    assert len(found.disagreements) == 5
    same = results(session, rated(session), graded(session), grader="scripted", at=BEGAN)
    assert same.offsets.maps == {}
    assert same.disagreements == ()


def test_what_the_machine_could_not_grade_is_counted_not_invented() -> None:
    session = sample()
    grades = graded(session)
    for turn in session.distinct[:4]:
        del grades[turn.id]
    found = results(session, rated(session), grades, grader="scripted", at=BEGAN)
    assert (found.rated, found.ungraded) == (pool.TURNS - 4, 4)
    nothing = results(session, {}, {}, grader="scripted", at=BEGAN)
    assert all(of.agreement.kappa is None and of.agreement.why for of in nothing.dimensions.values())


# ---- kept ----


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    with open_store(where) as opened:
        yield opened


def test_a_rating_is_kept_when_it_is_made(store: Store, where: str) -> None:
    session = sample()
    store.calibration.begin(session)
    for position, rating in list(rated(session).items())[:9]:
        store.calibration.rate(session.id, rating, owner="ann")
        with open_store(where) as other:  # another process sees it at once
            assert other.calibration.ratings(session.id)[position] == rating
            assert other.calibration.session(session.id) == session
    changed = rated(session, 1)[3]
    store.calibration.rate(session.id, changed, owner="ann")
    assert store.calibration.ratings(session.id)[3] == changed
    [row] = store.calibration.sessions("ann")
    assert (row.rated, row.turns, row.finished_at) == (9, len(session.turns), None)
    assert store.calibration.sessions("bob") == []


def test_a_finished_set_is_closed_and_a_deleted_one_gone(store: Store, tmp_path: Path) -> None:
    session, kept = sample(rater="Xanthippe"), store.calibration
    kept.begin(session)
    with pytest.raises(StoreError, match="already"):
        kept.begin(session)
    with pytest.raises(DataError, match="no turn"):
        kept.rate(session.id, Rating(position=99, at=BEGAN, levels=rated(session)[0].levels))
    kept.finish(session.id, owner="ann")
    first = kept.session(session.id).finished_at
    kept.finish(session.id, owner="ann")
    assert first is not None
    assert kept.session(session.id).finished_at == first
    with pytest.raises(DataError, match="finished"):
        kept.rate(session.id, rated(session)[0], owner="ann")
    for owner in ("bob", ""):
        with pytest.raises(UnknownNameError):
            kept.session(session.id, owner=owner)
        with pytest.raises(UnknownNameError):
            kept.delete(session.id, owner)
    kept.keep_grade(session.id, session.turns[0].id, assessment())
    kept.keep_grade(session.id, session.turns[0].id, assessment(calmness=1))  # those that are there stay
    assert kept.grades(session.id, "scripted") == {session.turns[0].id: assessment()}
    assert kept.graders(session.id) == ["scripted"]
    kept.delete(session.id, "ann")
    assert kept.grades(session.id, "scripted") == kept.ratings(session.id) == {}
    assert not any(b"Xanthippe" in f.read_bytes() for f in tmp_path.iterdir())


def test_scales_are_numbered_kept_and_can_be_left(store: Store) -> None:
    kept = store.calibration
    assert kept.active() is None
    first = kept.adopt(scale(version=0), by="Rowan")
    second = kept.adopt(scale(version=0, maps={}), by="Rowan")
    other = kept.adopt(scale(version=0, name="Bolt"), by="Kim " * 40)
    assert [m.label for m in (first, second, other)] == ["Acme 1", "Acme 2", "Bolt 1"]
    assert kept.active() == other
    assert kept.use("Acme 1", by="Kim") == kept.active() == first
    assert kept.use(None, by="Kim") is None
    kept.use(None, by="Kim")  # nothing happens twice
    assert kept.active() is None
    assert [c.label for c in kept.history()] == ["Acme 1", "Acme 2", "Bolt 1", "Acme 1", None]
    assert len(kept.history()[2].by) == 60, "as much as every engine keeps"
    assert {m.label for m in kept.maps()} == {"Acme 1", "Acme 2", "Bolt 1"}
    with pytest.raises(UnknownNameError, match="Did you mean Acme"):
        kept.use("Acme 7", by="Kim")


def test_a_database_of_this_version_is_read_back(tmp_path: Path) -> None:
    copy(Path(__file__).parent / "fixtures" / "store_0002.db", tmp_path / "calls.db")
    with open_store(tmp_path / "calls.db") as opened:
        kept = opened.calibration
        [row] = kept.sessions("ann")
        assert (row.rater, row.rated, row.turns) == ("Ann", 2, 2)
        assert kept.ratings(row.id)[1].levels[Dimension.EMPATHY] == 2
        assert kept.graders(row.id) == ["scripted"]
        assert [m.label for m in kept.maps()] == ["Acme 1"]
        assert [c.label for c in kept.history()] == ["Acme 1", None]
        assert kept.active() is None


# ---- at the terminal ----


def filled(terminal: Terminal, *, finish: bool = True) -> RatingSession:
    session = sample()
    terminal.data.mkdir(parents=True, exist_ok=True)
    with open_store(terminal.data / "calls.db") as opened:
        kept = opened.calibration
        kept.begin(session)
        for rating in rated(session, -1).values():
            kept.rate(session.id, rating)
        for turn_id, grades in graded(session).items():
            kept.keep_grade(session.id, turn_id, grades)
        if finish:
            kept.finish(session.id)
    return session


def test_commands_list_adopt_export_and_revert(terminal: Terminal, tmp_path: Path) -> None:
    assert "nothing has been rated" in terminal("calibration", "list").err
    session = filled(terminal)
    assert session.id in terminal("calibration", "list").out
    adopted = terminal("calibration", "adopt", session.id[:6])
    assert adopted.code == 0
    assert "Acme 1 is in use" in adopted.err
    assert "in use: Acme 1" in terminal("calibration", "list").out
    assert terminal("calibration", "export", session.id, "--output", tmp_path / "r.jsonl").code == 0
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [rows[0]["kind"], rows[0]["format"], len(rows)] == ["rating_set", FORMAT, 1 + len(session.turns)]
    assert all(row["machine"] == row["reference"] for row in rows[1:])
    assert "own scale" in terminal("calibration", "revert").err
    assert "Acme 1" in terminal("calibration", "revert", "--to", "Acme 1").err
    assert "Did you mean Acme 1" in terminal("calibration", "revert", "--to", "Acme 2").err


def test_an_open_set_shows_no_grades(terminal: Terminal) -> None:
    session = filled(terminal, finish=False)
    assert "not finished" in terminal("calibration", "adopt", session.id).err
    rows = [json.loads(line) for line in terminal("calibration", "export", session.id).out.splitlines()]
    assert all(row["machine"] is None for row in rows[1:])


def test_grades_at_the_terminal_name_the_scale(terminal: Terminal) -> None:
    turn = json.dumps(
        {"id": "a", "scenario": {"business": "a shop", "issue": "a kettle"}, "turn": "I refund it today."}
    )
    plain = json.loads(terminal("grade", stdin=turn).out)
    name = plain["grader"]
    terminal.data.mkdir(parents=True, exist_ok=True)
    with open_store(terminal.data / "calls.db") as opened:
        low = dict.fromkeys(Dimension, (1, 1, 1, 1, 1))
        opened.calibration.adopt(scale(version=0, grader=name, maps=low), by="Rowan")
    moved_row = json.loads(terminal("grade", stdin=turn).out)
    assert moved_row["grader"] == f"{name}, offsets Acme 1"
    assert {moved_row[d.value] for d in Dimension} <= {1, None}
    untouched = json.loads(terminal("grade", "--offsets", "none", stdin=turn).out)
    assert {k: v for k, v in untouched.items() if k != "seconds"} == {k: v for k, v in plain.items() if k != "seconds"}


def test_the_keys_of_exported_ratings_are_told() -> None:
    from importlib.resources import files

    told = (files("simulator") / "formats.md").read_text(encoding="utf-8").split("## Ratings, version ")[1]
    assert told.startswith(f"{FORMAT}\n")
    session = sample(finished_at=BEGAN)
    for line in ratings_jsonl(session, rated(session), graded(session)).splitlines():
        assert all(f"`{key}`" in told.split("\n## ")[0] for key in json.loads(line))


def test_drawing_anew_gives_the_same_set_for_the_same_labels() -> None:
    from eval.draw_calibration import candidates

    found = candidates()
    first, again = pool.spread(found, 48, Random(1)), pool.spread(found, 48, Random(1))
    assert [turn.id for turn, _ in first] == [turn.id for turn, _ in again]
