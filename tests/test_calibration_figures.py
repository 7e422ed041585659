"""A rater beside the machine: figures of agreement, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from simulator.calibration import agreement as figures

LEVELS = st.lists(st.integers(1, 5), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)


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
