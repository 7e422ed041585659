"""Passes of Llama-like models in 8-bit integers, several times as fast on a CPU as the library's own in bf16 or float32.

Weights are rounded to 8 bits with one scale an output channel (and kept in half of them where they were published so, see
`half_bytes`), the numbers that meet them to 8 bits with one scale a token; products are summed in integers (VNNI), everything
between is float32. What happens in a pass is in `passes`; here
are the tapes, and what each pass is given. A token's numbers do not depend on which tokens of other calls share its pass.

The method is W8A8 with dynamic per-token scales as in SmoothQuant (Xiao et al. 2023, table 2), without its smoothing,
which gained nothing here. What it changes: `python -m eval.compare_precision`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.models.kernels import ONE, ZERO, Digits, settle, totals
from simulator.models.passes import BLOCK, PARTS, PRODUCT, QUERIES, SHARE, SPAN, Room, Sizes, Wanted, through
from simulator.models.runner import Tape, Work
from simulator.models.vectors import CHANNELS

if TYPE_CHECKING:
    import torch

NARROW = 1024
"""Width under which a model feels the rounding of what its weights are multiplied with: the perplexity of the small one rose
by 2 %, that of standard by 0.8 %. There two digits are multiplied, in one product of twice the rows (0.1 %)."""
GROW = 256
"""Tokens by which a tape grows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model of this family."""

    layers: int
    width: int
    heads: int
    groups: int
    """Heads of keys and values; each serves heads / groups heads of queries."""
    head: int
    """Numbers a head."""
    inner: int
    eps: float
    theta: float
    """Base of the rotary positions."""

    @property
    def narrow(self) -> bool:
        """Whether it is computed in finer steps, and its adapter's weights are kept as a second set (see `NARROW`)."""
        return self.width < NARROW

    def tiled(self, vocabulary: int) -> bool:
        """Whether its sizes are those that the products here are made for."""
        sizes = (vocabulary, self.width, self.inner, self.heads * self.head, self.groups * self.head)
        return self.head % 64 == 0 and all(size % 16 == 0 for size in sizes)


class Int8Tape:
    """Keys, float16 [groups, capacity / BLOCK, head, BLOCK], and behind them values, [groups, capacity, head], a layer."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._length, self.capacity = shape, 0, 0
        self.held: np.ndarray = np.empty((0, 0), np.float16)
        """A row a layer that has been read onto it (a reader of middle layers needs no others); in one piece, for that is
        what the system gives large pages for."""

    def __len__(self) -> int:
        return self._length

    def crop(self, length: int) -> None:
        self._length = length

    def copied(self, length: int) -> Int8Tape:
        new = Int8Tape(self._shape)
        if length:
            new.grow(length, len(self.held))
            self._copy(self.held, new.held, length)
        return new

    def nbytes(self) -> int:
        return self.held.nbytes

    def grow(self, tokens: int, depth: int) -> int:
        """Make room for `tokens` more in `depth` layers; where they begin."""
        begin = self._length
        self._length += tokens
        if self._length > self.capacity or depth > len(self.held):
            self.capacity = max(self.capacity, GROW * math.ceil(self._length / GROW))
            size = 2 * self._shape.groups * self.capacity * self._shape.head
            new = np.empty((max(depth, len(self.held)), size), np.float16)
            self._copy(self.held, new, begin)
            self.held = new
        return begin

    def _copy(self, old: np.ndarray, new: np.ndarray, length: int) -> None:
        """The first `length` tokens of each layer of `old` (and what else is in their last block)."""
        size = BLOCK * math.ceil(length / BLOCK) * self._shape.head
        shape = (2 * self._shape.groups, -1)
        for theirs, mine in zip(old, new, strict=False):
            mine.reshape(shape)[:, :size] = theirs.reshape(shape)[:, :size]


class Int8Fork:
    """Rows as branches of one tape: each sees what the tape held and its own tokens."""

    def __init__(self, tape: Int8Tape, rows: int) -> None:
        self.tape, self.begin = tape, len(tape)
        self.rows = list(range(rows))
        self.owners: list[int] = []
        """Which row each token after `begin` belongs to."""
        self.step = 0

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[n] for n in rows]


@dataclass(frozen=True, slots=True)
class Weights:
    """A product's weights as `passes` wants them: bytes (flat; in half bytes where they are `halved`), float32 and int32 [out],
    float32 [out] or nothing."""

    weight: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    bias: np.ndarray | None = None

    @property
    def halved(self) -> bool:
        return self.weight.dtype == np.uint8


@dataclass(frozen=True, slots=True)
class Product:
    """One of a model's products; an adapter either as two products `beside` it, or as other weights `instead`."""

    own: Weights
    beside: tuple[Weights, Weights] | None = None
    instead: Weights | None = None

    def record(self, width: int, *, adapted: bool) -> tuple[int, ...]:
        """As `passes.PRODUCT`. `width`: numbers a row that it is multiplied with."""
        own = self.instead if adapted and self.instead is not None else self.own
        bias = self.own.bias.ctypes.data if self.own.bias is not None else 0
        halves = self.beside if adapted and self.beside is not None else ()
        return (
            *_addresses(own), bias, len(own.scale), width, own.halved, len(halves[0].scale) if halves else 0,
            *(_addresses(halves[0]) + _addresses(halves[1]) if halves else (0,) * 6),
        )  # fmt: skip


def _addresses(weights: Weights) -> tuple[int, ...]:
    return weights.weight.ctypes.data, weights.scale.ctypes.data, weights.offset.ctypes.data


class Int8Runner:
    """Runner of one model (see `int8_weights`)."""

    def __init__(self, shape: Shape, embed: torch.Tensor, norms: np.ndarray, products: Mapping[str, Product]) -> None:
        """`embed` [vocabulary, width], `norms` float32 [2 * layers + 1, width], `products` as `int8_weights` names them."""
        import torch

        settle()
        nothing = np.zeros(1, np.float32)
        totals(nothing, nothing, ZERO, ONE)  # compiled with the rest, not in a first turn
        self.shape, self.layers, self.width = shape, shape.layers, shape.width
        self._embed, self._norms, self._products = embed, norms, products
        self._sizes = Sizes(
            shape.layers, shape.width, shape.heads, shape.groups, shape.head, shape.inner, float(np.float32(shape.eps))
        )
        inputs = {"qkv": shape.width, "o": shape.heads * shape.head, "up": shape.width, "down": shape.inner}
        names = [(f"{n}.{part}", width) for n in range(shape.layers) for part, width in inputs.items()]
        assert len(inputs) == PARTS
        self._parts = {
            adapted: np.array(
                [products[name].record(width, adapted=adapted) for name, width in (*names, ("head", shape.width))],
                PRODUCT,
            )
            for adapted in (False, True)
        }
        self._widest = int(self._parts[False]["out"][:-1].max())
        self._vocabulary = int(self._parts[False]["out"][-1])
        halved = any(product.own.halved for product in products.values())
        self._unpacked = 2 * CHANNELS * max(inputs.values()) + 64 if halved else 0
        self._rank = int(self._parts[True]["rank"].max())
        self._turns = shape.theta ** -(np.arange(0, shape.head, 2, dtype=np.float32) / np.float32(shape.head))
        self._threads = torch.get_num_threads()
        self._others = ThreadPoolExecutor(self._threads - 1, "pass") if self._threads > 1 else None

    def tape(self) -> Int8Tape:
        return Int8Tape(self.shape)

    def fork(self, tape: Tape, rows: int) -> Int8Fork:
        assert isinstance(tape, Int8Tape)
        return Int8Fork(tape, rows)

    def scores(self, works: Sequence[Work], *, adapted: bool) -> list[torch.Tensor]:
        import torch

        ends, at = [], 0
        for work in works:
            at += len(work.ids)
            ends.append(range(at - (len(work.ids) if isinstance(work.onto, Int8Fork) else 1), at))
        rows = np.array([row for span in ends for row in span])
        nothing = np.empty((0, 0, 0), np.float32)
        scores = np.empty((len(rows), self._vocabulary), np.float32)
        nowhere = np.full(self.layers, -1)
        self._pass(
            works, Wanted(self.layers, nowhere, nothing, rows, self._digits(len(rows), self.width), scores), adapted
        )
        return list(torch.split(torch.from_numpy(scores), [len(span) for span in ends]))

    def states(self, works: Sequence[Work], depth: int, wanted: Sequence[int]) -> list[torch.Tensor]:
        import torch

        rows = sum(len(work.ids) for work in works)
        places = np.full(self.layers, -1)
        places[[layer - 1 for layer in wanted]] = range(len(wanted))
        found = np.empty((len(wanted), rows, self.width), np.float32)
        nothing, no_row = np.empty((0, 0), np.float32), np.empty(0, np.int64)
        self._pass(works, Wanted(depth, places, found, no_row, self._digits(0, self.width), nothing), False)
        return list(torch.split(torch.from_numpy(found), [len(work.ids) for work in works], dim=1))

    def _pass(self, works: Sequence[Work], wanted: Wanted, adapted: bool) -> None:
        shape, each = self.shape, self.shape.heads * self.shape.head
        shares = np.zeros(len(works), SHARE)
        tapes = np.zeros((len(works), wanted.depth), np.int64)
        kept, positions, rows, longest = [], [], 0, 0
        for number, work in enumerate(works):
            count, onto = len(work.ids), work.onto
            trunk, owners, mine = -1, np.empty(0, np.int32), np.empty(0, np.int32)
            if isinstance(onto, Int8Fork):
                tape, trunk = onto.tape, onto.begin
                onto.owners += onto.rows
                owners, mine = np.array(onto.owners, np.int32), np.array(onto.rows, np.int32)
                positions += [onto.begin + onto.step] * count
                onto.step += 1
            else:
                assert isinstance(onto, Int8Tape)
                tape = onto
                positions += range(len(tape), len(tape) + count)
            at = tape.grow(count, wanted.depth)
            kept.append((owners, mine))  # the pass knows their addresses only
            shares[number] = (rows, count, at, trunk, owners.ctypes.data, mine.ctypes.data, tape.capacity)
            tapes[number] = tape.held.ctypes.data + tape.held.strides[0] * np.arange(wanted.depth)
            rows, longest = rows + count, max(longest, at + count)
        angles = np.outer(np.array(positions, np.float32), self._turns)
        x = self._embed[[i for work in works for i in work.ids]].float().numpy()
        room = Room(
            x,
            _room(max(self._lines(rows) * self._widest, self._lines(len(wanted.ends)) * self._vocabulary)),
            _room(self._lines(rows) * self._rank),
            _room(rows * self._widest if adapted and self._rank else 0),
            _room(rows * each),
            _room(rows, each),
            self._digits(rows, self.width),
            self._digits(rows, each),
            self._digits(rows, shape.inner),
            np.empty(rows * self._rank, np.uint8),
            _room(rows),
            _room(
                self._threads, 256 + 2 * shape.inner + each + 3 * shape.groups * shape.head + QUERIES * (shape.head + 1)
            ),
            _room(self._threads, QUERIES * (longest + SPAN)),
            np.empty((self._threads, self._unpacked), np.uint8),
        )
        given = (
            self._threads, np.zeros(16, np.int64), self._sizes, self._parts[adapted], self._norms, adapted, shares, tapes,
            np.cos(angles), np.sin(angles), room, wanted,
        )  # fmt: skip
        others = [self._others.submit(through, me, *given) for me in range(1, self._threads)] if self._others else []
        through(0, *given)
        for other in others:
            other.result()

    def _lines(self, rows: int) -> int:
        return 2 * rows if self.shape.narrow else rows

    def _digits(self, rows: int, width: int) -> Digits:
        return Digits(np.empty((self._lines(rows), width), np.uint8), _room(rows))


def _room(*sizes: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.empty(sizes, np.float32)
