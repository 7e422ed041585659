"""Small networks that read a turn token by token: attention finds the words that count, beside where the turn lies.

The kernel (`heads.py`) hears of single tokens only what a line can score; these networks find their own features of a
token. Each was learned from another start by `eval/train_network.py`; a score is their mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Network:
    """`n` networks side by side, all arrays float32. Of each token [directions] `up` makes `hidden` features; each of
    `heads` questions (`ask`) weighs the tokens by them, and those weighted means, the plain mean and what `beside` makes of
    the turn's place [r] become `wide` features (`mix`), and these the scores (`out`)."""

    up: Array
    """[n, directions, hidden]"""
    up_bias: Array
    ask: Array
    """[n, hidden, heads]"""
    ask_bias: Array
    beside: Array
    """[n, r, hidden]"""
    beside_bias: Array
    mix: Array
    """[n, (heads + 2) * hidden, wide]"""
    mix_bias: Array
    out: Array
    """[n, wide, outputs]"""
    out_bias: Array

    def scores(self, tokens: Array, place: Array) -> Array:
        """[outputs] of a turn of these tokens [tokens, directions] at `place` [r]."""
        return np.asarray(np.mean([one.scores() for one in self._passes(tokens, place)], axis=0), dtype=np.float32)

    def slopes(self, tokens: Array, place: Array, outputs: Sequence[int]) -> tuple[Array, Array]:
        """Each token's share of those scores to first order, [tokens, outputs], 0 for the mean of all tokens learned from;
        and the scores' slope at `place`, [r, outputs]."""
        shares, slopes = zip(*(one.slopes(list(outputs)) for one in self._passes(tokens, place)), strict=True)
        return np.mean(shares, axis=0), np.mean(slopes, axis=0)

    def _passes(self, tokens: Array, place: Array) -> Iterator[_Pass]:
        for k in range(len(self.up)):
            yield _Pass(Network(**{f.name: getattr(self, f.name)[k] for f in fields(self)}), tokens, place)


class _Pass:
    """One network (no first axis) reading one turn."""

    def __init__(self, net: Network, tokens: Array, place: Array) -> None:
        self._net = net
        self._raised = tokens @ net.up
        self._features = np.maximum(self._raised + net.up_bias, 0)
        asked = self._features @ net.ask + net.ask_bias
        weights = np.exp(asked - asked.max(axis=0))
        self._weights = weights / weights.sum(axis=0)
        self._beside = np.maximum(place @ net.beside + net.beside_bias, 0)
        means = [(self._weights.T @ self._features).ravel(), self._features.mean(axis=0), self._beside]
        self._mixed = np.maximum(np.concatenate(means) @ net.mix + net.mix_bias, 0)

    def scores(self) -> Array:
        return np.asarray(self._mixed @ self._net.out + self._net.out_bias)

    def slopes(self, outputs: list[int]) -> tuple[Array, Array]:
        """By the chain rule, from the scores back."""
        net, (count, hidden), heads = self._net, self._features.shape, self._weights.shape[1]
        of_means = net.mix @ (net.out[:, outputs] * (self._mixed > 0)[:, None])
        asked, plain, beside = np.split(of_means, [heads * hidden, (heads + 1) * hidden])
        asked = asked.reshape(heads, hidden, -1)
        by_weight = np.einsum("th,qho->tqo", self._features, asked)
        by_weight -= np.einsum("tq,tqo->qo", self._weights, by_weight)
        of_features = np.einsum("tq,qho->tho", self._weights, asked) + plain / count
        of_features += np.einsum("hq,tq,tqo->tho", net.ask, self._weights, by_weight)
        shares = np.einsum("th,tho->to", self._raised * (self._features > 0), of_features)
        return shares, net.beside @ (beside * (self._beside > 0)[:, None])
