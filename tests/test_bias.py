"""Whom a grader favours: a bias that was put in is found where it was put in, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import builders
import pytest

from eval.bias import FEWEST, bias, biases, length_group
from eval.corpus import GradedTurn
from simulator.assessment import Assessment
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Register

Graded = list[tuple[GradedTurn, Assessment]]


def graded(home: str, calls: int, gap: int, *, words: int = 5, medium: Register = Register.PHONE) -> Graded:
    """Calls of four turns each whose calmness the grader sees `gap` levels from the reference, give or take one."""
    rng, found = Random(f"{home}{words}{medium}"), Graded()
    for n in range(calls):
        for at in range(4):
            turn = GradedTurn(
                call=f"{home}-{n}",
                author=home,
                persona="anxious",
                medium=medium,
                brief=Brief("a shop", "a late parcel"),
                before=Transcript(),
                turn=Turn(2 * at, Speaker.TRAINEE, " ".join(["word"] * words)),
                levels={
                    Dimension.CALMNESS: 3,
                    Dimension.EMPATHY: None,
                    Dimension.SOLUTION: None,
                    Dimension.CLOSING: None,
                },
                tags=frozenset(),
                home=home,
            )
            found.append((turn, builders.assessment(calmness=3 + gap + rng.choice((-1, 0, 0, 1)))))
    return found


def test_a_group_that_the_grader_favours_stands_out() -> None:
    found = bias([*graded("Ireland", 20, 1), *graded("Texas", 20, 0), *graded("India", 20, 0)], lambda t: t.home)
    ireland, texas = found["Ireland"]["calmness"], found["Texas"]["calmness"]
    assert list(found) == ["India", "Ireland", "Texas"]
    assert ireland.gap.value == pytest.approx(1.0, abs=0.2)
    assert ireland.more is not None and ireland.more.low is not None and ireland.more.low > 0.5
    assert ireland.p_holm is not None and ireland.p_holm < 0.001
    assert texas.gap.low is not None and texas.gap.high is not None and texas.gap.low <= 0 <= texas.gap.high
    assert ireland.told.endswith(" *")


def test_what_everybody_has_is_no_bias() -> None:
    found = bias([*graded("Ireland", 20, 1), *graded("Texas", 20, 1)], lambda t: t.home)
    for row in found.values():
        assert row["calmness"].gap.low > 0.5
        assert row["calmness"].p_holm > 0.05


def test_small_groups_and_those_without_a_name_are_not_told() -> None:
    few = graded("Ireland", FEWEST // 4 - 1, 1)
    assert bias(few, lambda t: t.home) == {}
    found = bias([*graded("Ireland", 10, 1), *graded("", 10, 0)], lambda t: t.home)
    assert list(found) == ["Ireland"]
    assert found["Ireland"]["calmness"].more.value == pytest.approx(1.0, abs=0.4)
    alone = bias(graded("Ireland", 10, 1), lambda t: t.home)["Ireland"]["calmness"]
    assert (alone.more, alone.p, alone.p_holm) == (None, None, None)
    # Twenty turns of one call are one call: there is no interval.
    one = graded("Ireland", 6, 1)
    same = bias([(replace(t, call="one"), a) for t, a in one], lambda t: t.home)["Ireland"]["calmness"]
    assert (same.gap.low, same.p) == (None, None)


def test_every_way_of_grouping_is_told() -> None:
    turns = [*graded("continental Europe, second language", 10, -1), *graded("Texas", 10, 0, words=40)]
    turns += graded("Texas", 10, 0, words=15, medium=Register.CHAT)
    found = biases(turns)
    assert set(found) == {"length", "register", "language", "home", "author", "persona"}
    assert set(found["register"]) == {"phone", "chat"}
    assert found["language"]["second language"]["calmness"].gap.value < -0.5
    assert {length_group([t for t, _ in turns])(t) for t, _ in turns} == set(found["length"])
