"""The networks that read a turn token by token: what is learned is what is read, and shares are slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from eval import train_network
from eval.train_network import learned

DIRECTIONS, R = 6, 3


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_network, "EPOCHS", 30)
    monkeypatch.setattr(train_network, "LEARNING_RATE", 0.02)


def turns(count: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Turns of one to thirty tokens. First output: whether one token is marked, wherever it stands, which the mean over a
    turn hides; the second: a direction of the place."""
    rng = np.random.default_rng(seed)
    tokens = [rng.normal(size=(n, DIRECTIONS)).astype(np.float32) for n in rng.integers(1, 30, count)]
    marked = rng.random(count) < 0.5
    for turn, mark in zip(tokens, marked, strict=True):
        turn[:, 0] = 0
        if mark:
            turn[rng.integers(len(turn)), 0] = 4
    places = rng.normal(size=(count, R))
    return tokens, places, np.stack([1 + 4.0 * marked, places[:, 1]], axis=1)


def test_they_find_one_word_among_many_and_what_lies_in_the_place() -> None:
    tokens, places, y = turns(600)
    y[::7, 0] = np.nan
    network = learned(tokens, places, y)
    unseen, where, known = turns(200, seed=1)
    found = np.array([network.scores(t, p.astype(np.float32)) for t, p in zip(unseen, where, strict=True)])
    assert np.corrcoef(found[:, 0], known[:, 0])[0, 1] > 0.9
    assert np.corrcoef(found[:, 1], known[:, 1])[0, 1] > 0.9
    assert abs(found[:, 0].mean() - known[:, 0].mean()) < 0.4  # in the scores' own units


def test_the_same_seeds_learn_the_same_and_others_something_else() -> None:
    tokens, places, y = turns(60)
    first, again, other = (learned(tokens, places, y, seeds=seeds) for seeds in ((0, 1), (0, 1), (2, 3)))
    assert np.array_equal(first.out, again.out)
    assert not np.allclose(first.out, other.out)


def test_a_turn_that_weighs_more_is_met_better() -> None:
    tokens, places, y = turns(120)
    y[:10, 0] = 9.0  # against what all others say
    heavy = np.where(np.arange(120) < 10, 20.0, 1.0)

    def missed(weight: np.ndarray | None) -> float:
        network = learned(tokens, places, y, weight, seeds=(0,))
        return float(
            np.mean([9 - network.scores(t, p.astype(np.float32))[0] for t, p in zip(tokens[:10], places, strict=False)])
        )

    assert missed(heavy) < 0.7 * missed(None)


def test_reading_is_what_was_learned_without_what_was_left_out_while_learning() -> None:
    tokens, places, _ = turns(60)
    torch.manual_seed(3)
    net = train_network._Net(DIRECTIONS, R, 2).eval()
    read = train_network._kept([net], np.ones(R), np.ones(2), np.zeros(2))
    shown, known = train_network._padded(tokens)
    with torch.no_grad():
        told = net(shown, known, torch.from_numpy(places.astype(np.float32))).numpy()
    found = np.array([read.scores(t, p.astype(np.float32)) for t, p in zip(tokens, places, strict=True)])
    assert np.allclose(found, told, atol=1e-5)


def test_shares_and_slopes_are_those_of_the_score() -> None:
    tokens, places, y = turns(60)
    network, t, p = learned(tokens, places, y), tokens[0], places[0].astype(np.float32)
    shares, slopes = network.slopes(t, p, [1, 0])
    assert shares.shape == (len(t), 2) and slopes.shape == (R, 2)
    for token in range(len(t)):
        less = t.copy()
        less[token] *= 0.999
        moved = (network.scores(t, p) - network.scores(less, p))[[1, 0]]
        assert np.allclose(moved, 0.001 * shares[token], atol=2e-5)
    for direction in range(R):
        beyond = p.copy()
        beyond[direction] += 0.001
        assert np.allclose(
            (network.scores(t, beyond) - network.scores(t, p))[[1, 0]], 0.001 * slopes[direction], atol=2e-5
        )
