"""A rater beside the machine: figures of agreement, the scale that follows from them, and how both are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from shutil import copy

import numpy as np
import pytest
from builders import BEGAN, assessment, play
from clikit import Terminal, terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from simulator.assessment import Assessment
from simulator.calibration import agreement as figures
from simulator.calibration import turns as pool
from simulator.calibration.export import FORMAT, ratings_jsonl
from simulator.calibration.offsets import FEWEST, IDENTITY, apply, fit, moved, shrunk
from simulator.calibration.records import OffsetMap, Rating, RatingSession
from simulator.calibration.results import results
from simulator.calibration.scaled import Scaled, machine_of
from simulator.call import fold
from simulator.errors import DataError, StoreError, UnknownNameError
from simulator.scenario import Brief
from simulator.store import Store, open_store
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, TurnsFrom

__all__ = ["terminal"]
LEVELS = st.lists(st.integers(1, 5), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)
RATED = st.lists(st.tuples(st.floats(1, 5), st.integers(1, 5)), min_size=0, max_size=40)


# ---- figures ----


@given(PAIRS)
@settings(deadline=None)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    if len({*a, *b}) == 1:
        assert figures.kappa(a, b) is None
        return
    ours = figures.kappa(a, b)
    theirs = cohen_kappa_score(a, b, weights="quadratic", labels=[1, 2, 3, 4, 5])
    assert ours == pytest.approx(theirs, abs=1e-9)
    assert ours == pytest.approx(figures.kappa(b, a))


@given(LEVELS)
@settings(deadline=None)
def test_one_agrees_with_oneself(levels: list[int]) -> None:
    assert figures.kappa(levels, levels) == (pytest.approx(1.0) if len(set(levels)) > 1 else None)
    found = figures.agreement(levels, levels)
    if len(levels) >= figures.FEWEST:
        assert (found.exact, found.within_one, found.bias) == (1.0, 1.0, 0.0)
    else:
        assert found.kappa is None
        assert found.why


@settings(max_examples=30, deadline=None)
@given(PAIRS)
def test_an_interval_holds_what_was_seen(pairs: list[tuple[int, int]]) -> None:
    found = figures.agreement([a for a, _ in pairs], [b for _, b in pairs])
    for value, ends in ((found.kappa, found.kappa_interval), (found.bias, found.bias_interval)):
        if value is not None and ends is not None:
            assert ends[0] - 1e-9 <= ends[1]
    if found.bias is not None and found.bias_interval is not None:
        assert found.bias_interval[0] - 0.35 <= found.bias <= found.bias_interval[1] + 0.35


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(3), 0
    big = rng.integers(1, 6, 100_000)
    noisy = np.clip(big + rng.choice([-1, 0, 0, 1], 100_000), 1, 5)
    truth = figures.kappa(list(big), list(noisy))
    assert truth is not None
    for trial in range(150):
        pick = rng.integers(0, 100_000, 24)
        ends = figures.agreement([int(x) for x in big[pick]], [int(x) for x in noisy[pick]], seed=trial).kappa_interval
        assert ends is not None
        covered += ends[0] <= truth <= ends[1]
    assert 0.86 <= covered / 150 <= 1.0


def test_applicability_and_consistency_count_what_is_not_a_level_too() -> None:
    assert figures.applicability([1, None, 3, None], [2, None, None, 4]) == figures.Applicability(4, 2, 1, 1)
    assert figures.consistency([1, None, 3, None, 5], [1, None, 4, 4, 3]) == figures.Consistency(5, 2, 3)


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 levels of one rater"):
        figures.agreement([1, 2, 3], [1, 2])


# ---- the map ----


@given(RATED)
@settings(deadline=None)
def test_a_map_never_goes_down_and_stays_within_the_levels(rated: list[tuple[float, int]]) -> None:
    knots = shrunk(np.array([x for x, _ in rated]), np.array([float(y) for _, y in rated]))
    assert list(knots) == sorted(knots)
    assert 1 <= knots[0] <= knots[-1] <= 5
    values = [moved(v, knots) for v in np.linspace(1, 5, 17)]
    assert values == sorted(values)
    assert all(1 <= v <= 5 for v in values)


@given(LEVELS)
@settings(deadline=None)
def test_a_rater_who_says_what_the_machine_says_moves_nothing(levels: list[int]) -> None:
    found = fit([float(v) for v in levels], levels)
    assert found.knots is None
    assert found.why
    assert shrunk(np.array(levels, float), np.array(levels, float)) == IDENTITY


@pytest.mark.parametrize(("n", "most"), [(0, 0.0), (2, 0.7), (8, 1.0)])
def test_few_ratings_move_it_little(n: int, most: float) -> None:
    x = np.array([3.0] * n)
    shift = 3.0 - shrunk(x, x - 1)[2]
    assert 0 <= shift <= most
    assert shift < 3.0 - shrunk(np.full(n + 20, 3.0), np.full(n + 20, 2.0))[2] <= 1.0


def test_a_stricter_rater_is_learnt_and_noise_is_not_kept_for_worse() -> None:
    rng = np.random.default_rng(1)
    helped, kept_on_noise, harm = 0, 0, list[float]()
    for _ in range(60):
        x = rng.uniform(1, 5, 24)
        strict = np.clip(np.round(x - 0.7 + rng.normal(0, 0.6, 24)), 1, 5)
        found = fit(list(x), list(strict))
        helped += found.knots is not None and moved(3.5, found.knots) < 3.3
        same = fit(list(x), list(np.clip(np.round(x + rng.normal(0, 0.6, 24)), 1, 5)))
        if same.knots is not None:
            kept_on_noise += 1
            harm.append(max(abs(a - b) for a, b in zip(same.knots, IDENTITY, strict=True)))
    assert helped >= 55
    assert kept_on_noise <= 20
    assert max(harm, default=0.0) < 0.7  # never far, and within 1 to 5 (the ends are pulled in by clipping)


def test_too_few_ratings_make_no_map() -> None:
    found = fit([3.0] * (FEWEST - 1), [1.0] * (FEWEST - 1))
    assert found.knots is None
    assert str(FEWEST) in found.why


def scale(**overrides: object) -> OffsetMap:
    fields = {
        "name": "Acme", "version": 2, "made_at": BEGAN, "made_by": "Rowan", "grader": "scripted", "n": 24,
        "maps": {Dimension.EMPATHY: (1, 1, 2, 3, 4), Dimension.CLOSING: (2, 3, 4, 5, 5)},
    }  # fmt: skip
    return OffsetMap.model_validate(fields | overrides)


def test_what_was_written_for_the_machines_level_says_that_the_level_moved() -> None:
    before = assessment(empathy=4)
    score = before.scores[Dimension.EMPATHY].model_copy(update={"rationale": "It is about this issue."})
    after = apply(before.model_copy(update={"scores": {**before.scores, Dimension.EMPATHY: score}}), scale())
    told = "It is about this issue. The machine's 4 is a 3 on the scale Acme 2."
    assert after.scores[Dimension.EMPATHY].rationale == told


def test_grades_move_are_named_and_say_from_where() -> None:
    before = assessment(empathy=4, solution=2, closing=None)
    after = apply(before, scale())
    assert after.levels == before.levels | {Dimension.EMPATHY: 3}
    assert after.value(Dimension.EMPATHY) == 3.0
    assert "moved from 4 by Acme 2" in after.scores[Dimension.EMPATHY].reason
    assert after.scores[Dimension.EMPATHY].probabilities == ()
    assert after.scores[Dimension.SOLUTION] == before.scores[Dimension.SOLUTION]
    assert after.scores[Dimension.CLOSING] == before.scores[Dimension.CLOSING]  # does not apply: it stays so
    assert after.grader == "scripted, offsets Acme 2"
    assert Assessment.model_validate_json(after.model_dump_json()) == after
    assert apply(after, scale()) == after  # on a scale already
    assert apply(before, scale(grader="another")) == before


@given(st.floats(1, 5), st.lists(st.floats(1, 5), min_size=5, max_size=5))
@settings(deadline=None)
def test_no_grade_leaves_the_levels(value: float, knots: list[float]) -> None:
    before = assessment(empathy=3)
    score = before.scores[Dimension.EMPATHY].model_copy(update={"value": value, "level": round(value)})
    before = before.model_copy(update={"scores": {**before.scores, Dimension.EMPATHY: score}})
    after = apply(before, scale(maps={Dimension.EMPATHY: sorted(knots)}))
    level, moved_to = after.level(Dimension.EMPATHY), after.value(Dimension.EMPATHY)
    assert level in (1, 2, 3, 4, 5)
    assert moved_to is not None
    assert 1 <= moved_to <= 5
    assert abs(level - moved_to) <= 0.5


def test_a_map_that_goes_down_is_no_map() -> None:
    with pytest.raises(ValueError, match="goes down"):
        scale(maps={Dimension.EMPATHY: (1, 2, 3, 2, 5)})


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


def sample(**overrides: object) -> RatingSession:
    fields = {
        "id": "s" * 32, "owner": "ann", "rater": "Rowan", "organisation": "Acme", "source": TurnsFrom.SHIPPED,
        "seed": 1, "made_at": BEGAN, "turns": pool.draw(1),
    }  # fmt: skip
    return RatingSession.model_validate(fields | overrides)


def rated(session: RatingSession, empathy: int = 0) -> dict[int, Rating]:
    """The reference labels as ratings, empathy moved."""
    out = {}
    for position, turn in enumerate(session.turns):
        levels = dict(turn.reference or {})
        if levels[Dimension.EMPATHY] is not None:
            levels[Dimension.EMPATHY] = min(5, max(1, levels[Dimension.EMPATHY] + empathy))
        out[position] = Rating(position=position, at=BEGAN + position, levels=levels)
    return out


def graded(session: RatingSession) -> dict[str, Assessment]:
    return {t.id: assessment(**{d.value: v for d, v in (t.reference or {}).items()}) for t in session.turns}


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


# ---- a grader on a scale ----


class Machine:
    name = "scripted"

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        return assessment(empathy=4)


def test_a_scaled_grader_follows_what_is_in_use() -> None:
    used: list[OffsetMap | None] = [None]
    grader = Scaled(Machine(), lambda: used[-1])
    turn, brief = Turn(0, Speaker.TRAINEE, "Hello."), Brief("a shop", "a kettle")
    assert (grader.name, grader.grade(turn, Transcript(), brief).grader) == ("scripted", "scripted")
    used.append(scale())
    assert grader.name == grader.grade(turn, Transcript(), brief).grader == "scripted, offsets Acme 2"
    used.append(scale(grader="heads-small 7, rubric 9"))  # made for another grader: it rests
    assert grader.name == grader.grade(turn, Transcript(), brief).grader == "scripted"
    assert machine_of(grader).name == machine_of(machine_of(grader)).name == "scripted"


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
