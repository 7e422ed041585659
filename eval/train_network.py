"""Learns the small networks that read a turn token by token (`simulator.evaluator.network`), from several starts.

Same turns, same seeds, same machine: same networks. A network takes about a minute on two cores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simulator.evaluator.heads import DIMENSIONS
from simulator.evaluator.network import Network

Array = NDArray[np.float64]
SEEDS = (0, 1)
HIDDEN, HEADS, WIDE = 128, 6, 256
EPOCHS = 12
BATCH = 48
LEARNING_RATE = 1.5e-3
LEFT_OUT = 0.3
"""Share of features that are left out while learning (dropout)."""
LONGEST = 160
"""Tokens of a turn that are learned from; one in a hundred turns is longer."""
_DECAY = 0.05
_LEVELS, _APPLIES = 4.0, 2.0
"""How many times a level, and whether a dimension applies, counts as much as a tag."""


class _Net(nn.Module):
    def __init__(self, directions: int, r: int, outputs: int) -> None:
        super().__init__()
        self.up, self.ask = nn.Linear(directions, HIDDEN), nn.Linear(HIDDEN, HEADS)
        self.beside = nn.Linear(r, HIDDEN)
        self.mix, self.out = nn.Linear((HEADS + 2) * HIDDEN, WIDE), nn.Linear(WIDE, outputs)
        self.drop = nn.Dropout(LEFT_OUT)

    def forward(self, tokens: Tensor, known: Tensor, places: Tensor) -> Tensor:
        """[batch, outputs] from tokens [batch, tokens, directions], which of them are there, and places [batch, r]."""
        features = torch.relu(self.up(self.drop(tokens)))
        weights = self.ask(features).masked_fill(~known[..., None], -1e4).softmax(dim=1)
        asked = torch.einsum("btq,bth->bqh", weights, features).flatten(1)
        mean = (features * known[..., None]).sum(dim=1) / known.sum(dim=1, keepdim=True)
        beside = torch.relu(self.beside(self.drop(places)))
        mixed = torch.relu(self.mix(self.drop(torch.cat([asked, mean, beside], dim=1))))
        return self.out(self.drop(mixed))


def learned(
    tokens: Sequence[NDArray[np.float32]],
    places: Array,
    y: Array,
    weight: Array | None = None,
    seeds: Sequence[int] = SEEDS,
) -> Network:
    """From turns of those tokens [each: tokens, directions], of a spread of about 1, and `places` [turns, r], the scores `y`
    [turns, outputs], NaN where not known. `weight` [turns]: how many times a turn counts (default: once)."""
    mean, spread = np.nanmean(y, axis=0), np.nanstd(y, axis=0) + 1e-6
    apart = places.std(axis=0) + 1e-6
    aims = torch.from_numpy(np.nan_to_num((y - mean) / spread).astype(np.float32))
    counts = ~np.isnan(y) * (np.ones(len(y)) if weight is None else weight)[:, None] * _importance(y.shape[1])
    nets = [_trained(tokens, places / apart, aims, torch.from_numpy(counts.astype(np.float32)), s) for s in seeds]

    return _kept(nets, apart, spread, mean)


def _kept(nets: Sequence[_Net], apart: Array, spread: Array, mean: Array) -> Network:
    """As they are read: of places that are `apart` times wider, with scores of that spread and mean."""
    arrays = {}
    for layer in ("up", "ask", "beside", "mix", "out"):
        of = [getattr(net, layer) for net in nets]
        arrays[layer] = np.stack([linear.weight.detach().numpy().T for linear in of]).astype(np.float64)
        arrays[f"{layer}_bias"] = np.stack([linear.bias.detach().numpy() for linear in of]).astype(np.float64)
    arrays["beside"] /= apart[:, None]
    arrays["out"], arrays["out_bias"] = arrays["out"] * spread, arrays["out_bias"] * spread + mean
    return Network(**{name: a.astype(np.float32) for name, a in arrays.items()})


def _importance(outputs: int) -> Array:
    found = np.ones(outputs)
    found[: len(DIMENSIONS)], found[len(DIMENSIONS) : 2 * len(DIMENSIONS)] = _LEVELS, _APPLIES
    return found / found.mean()


def _trained(tokens: Sequence[NDArray[np.float32]], places: Array, aims: Tensor, counts: Tensor, seed: int) -> _Net:
    torch.manual_seed(seed)
    rng, beside = np.random.default_rng(seed), torch.from_numpy(places.astype(np.float32))
    lengths = np.array([len(t) for t in tokens])
    net = _Net(tokens[0].shape[1], places.shape[1], aims.shape[1])
    batches = -(-len(tokens) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=_DECAY)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=EPOCHS * batches, pct_start=0.15)
    for _ in range(EPOCHS):
        for rows in _batches(lengths, rng):
            shown, known = _padded([tokens[r][:LONGEST] for r in rows])
            missed = (net(shown, known, beside[rows]) - aims[rows]) ** 2 * counts[rows]
            optimiser.zero_grad()
            (missed.sum() / (counts[rows] > 0).sum()).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            pace.step()
    return net.eval()


def _batches(lengths: NDArray[np.int_], rng: np.random.Generator) -> list[NDArray[np.int_]]:
    """All rows once, in batches of turns of about one length, so that little is padded; turns and batches in random order."""
    order, many = rng.permutation(len(lengths)), 8 * BATCH
    alike = [chunk[np.argsort(lengths[chunk])] for chunk in np.split(order, range(many, len(order), many))]
    found = [rows for chunk in alike for rows in np.split(chunk, range(BATCH, len(chunk), BATCH))]
    return [found[i] for i in rng.permutation(len(found))]


def _padded(tokens: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    shown = nn.utils.rnn.pad_sequence([torch.from_numpy(np.asarray(t)) for t in tokens], batch_first=True)
    lengths = torch.tensor([len(t) for t in tokens])
    return shown, torch.arange(shown.shape[1]) < lengths[:, None]
