"""The scale that follows from a rater's ratings: fitted, applied to grades, followed by a grader."""

from __future__ import annotations

import numpy as np
import pytest
from builders import assessment
from hypothesis import given, settings
from hypothesis import strategies as st
from ratingkit import scale

from simulator.assessment import Assessment
from simulator.calibration.offsets import FEWEST, apply, fit, moved, shrunk
from simulator.calibration.records import OffsetMap
from simulator.calibration.scaled import Scaled, machine_of
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension

IDENTITY = (1.0, 2.0, 3.0, 4.0, 5.0)
LEVELS = st.lists(st.integers(1, 5), min_size=1, max_size=40)
RATED = st.lists(st.tuples(st.floats(1, 5), st.integers(1, 5)), min_size=0, max_size=40)


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
