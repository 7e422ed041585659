"""Passes of Llama-like models in 8-bit integers, several times as fast on a CPU as the library's own in bf16 or float32.

Weights are rounded to 8 bits with one scale an output channel, the numbers that meet them to 8 bits with one scale a
token; products are summed in integers (oneDNN, VNNI or AMX), everything between is float32. A block is four products
(query-key-value, attention's output, gate-up, down) and few small operations: at one token a pass, Python and those are
what costs. As integer sums are exact and all else goes row by row, a token's numbers do not depend on which tokens of
other calls share its pass.

The method is W8A8 with dynamic per-token scales as in SmoothQuant (Xiao et al. 2023, table 2), without its smoothing,
which gained nothing here. What it changes: `python -m eval.compare_precision`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.models.runner import Tape, Work

if TYPE_CHECKING:
    import torch

Pair = tuple["torch.Tensor", "torch.Tensor"]
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


class Int8Tape:
    """Keys and values, float32 [groups, capacity, head] a layer."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._length, self._capacity = shape, 0, 0
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        self.depth = 0
        """Layers that have been read onto it (a reader of middle layers needs no others)."""

    def __len__(self) -> int:
        return self._length

    def crop(self, length: int) -> None:
        self._length = length

    def copied(self, length: int) -> Int8Tape:
        new = Int8Tape(self._shape)
        if length:
            new.grow(length, self.depth)
            for mine, theirs in zip((*new.keys, *new.values), (*self.keys, *self.values), strict=True):
                mine[:, :length] = theirs[:, :length]
        return new

    def nbytes(self) -> int:
        return sum(t.nbytes for t in (*self.keys, *self.values))

    def grow(self, tokens: int, depth: int) -> int:
        """Make room for `tokens` more in `depth` layers; where they begin."""
        import torch

        begin = self._length
        self._length += tokens
        if self._length > self._capacity or depth > self.depth:
            self._capacity = max(self._capacity, GROW * math.ceil(self._length / GROW))
            size = (self._shape.groups, self._capacity, self._shape.head)
            for kept in (self.keys, self.values):
                for layer in range(depth):
                    new = torch.empty(size)
                    if layer < len(kept):
                        new[:, :begin] = kept[layer][:, :begin]
                        kept[layer] = new
                    else:
                        kept.append(new)
            self.depth = max(depth, self.depth)
        return begin


class Int8Fork:
    """Rows as branches of one tape: each sees what the tape held and its own tokens, by a mask, so that nothing is copied."""

    def __init__(self, tape: Int8Tape, rows: int) -> None:
        self.tape, self.begin = tape, len(tape)
        self.rows = list(range(rows))
        self.owners: list[int] = []
        """Which row each token after `begin` belongs to."""
        self.step = 0

    def keep(self, rows: Sequence[int]) -> None:
        self.rows = [self.rows[n] for n in rows]


class Linear:
    """y = x Wᵀ (+ bias) with 8-bit weights, with or without a low-rank adapter."""

    def __init__(
        self,
        weight: torch.Tensor,
        scale: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        beside: Pair | None = None,
        instead: Pair | None = None,
        fine: bool = False,
    ) -> None:
        """`weight` int8 [out, in], `scale` float32 [out], `bias` float32 [out]. `fine`: what is multiplied is given two digits
        of 8 bits. An adapter is either kept `beside` (its halves, float32 [rank, in] and [out, rank]: the first is appended
        to the weights as further rows, so that it costs one product more) or its weights are used `instead` (as `weight` and
        `scale`: no product more, and all the memory twice)."""
        import torch

        self.out, self.bias, self._fine = weight.shape[0], bias, fine
        self._up: Linear | None = None
        self._adapted: Linear | None = None
        if instead is not None:
            self._adapted = Linear(*instead, bias, fine=fine)
        elif beside is not None:
            down, down_scale = rounded(beside[0])
            weight, scale = torch.cat([weight, down]), torch.cat([scale, down_scale])
            self._up = Linear(*rounded(beside[1]))
        self._scale = scale
        self._middle = torch.tensor(128.5)  # bytes are 1 to 255 around 128; the conversion cuts, hence the half
        self._zeros = torch.zeros(weight.shape[0], dtype=torch.int32)
        self._weight = torch.ops.onednn.qlinear_prepack(weight, [1, weight.shape[1]])
        self._product = torch.ops.onednn.qlinear_pointwise

    def __call__(self, x: torch.Tensor, *, adapted: bool = False) -> torch.Tensor:
        """float32 [rows, in] -> [rows, out]"""
        import torch

        if adapted and self._adapted is not None:
            return self._adapted(x)
        step = x.abs().amax(-1, keepdim=True).mul_(1 / 127)  # 0 for a row of zeros: what is made of it is taken times 0
        if self._fine:
            exact = x / step
            first = exact.round()
            x8 = torch.cat([first, exact.sub_(first).mul_(2 * 127)]).add_(128.5).to(torch.uint8)
        else:
            x8 = torch.addcdiv(self._middle, x, step).to(torch.uint8)
        y: torch.Tensor = self._product(
            x8, 1.0, 128, self._weight, self._scale, self._zeros, None, 1.0, 0, torch.float32, "none", [], ""
        )
        if self._fine:
            y = y[: len(x)].add_(y[len(x) :], alpha=1 / (2 * 127))
        y.mul_(step)
        if self._up is not None:
            own = y[:, : self.out]
            y = own.add_(self._up(y[:, self.out :])) if adapted else own
        return y if self.bias is None else y.add_(self.bias)


def rounded(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[out, in] as int8 and one float32 scale an output channel, such that int8 * scale is nearest."""
    import torch

    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min_(1e-9) / 127
    return (weight / scale[:, None]).round_().to(torch.int8), scale


class Int8Runner:
    """Runner of one model (see `int8_weights`)."""

    def __init__(
        self,
        shape: Shape,
        weights: Mapping[str, torch.Tensor],
        *,
        beside: Mapping[str, Pair] = {},
        instead: Mapping[str, Pair] = {},
    ) -> None:
        """`weights`, and an adapter's products in one of the two forms that `Linear` knows, as `int8_weights` names them."""
        import torch

        self.shape, self.layers, self.width = shape, shape.layers, shape.width

        def linear(name: str) -> Linear:
            bias = weights.get(f"{name}.bias")
            parts = weights[f"{name}.weight"], weights[f"{name}.scale"], bias
            return Linear(*parts, beside=beside.get(name), instead=instead.get(name), fine=shape.narrow)

        self._embed, self._norm, self._head = weights["embed"], weights["norm"], linear("head")
        self._blocks = [
            Block(
                weights[f"{n}.norm1"],
                weights[f"{n}.norm2"],
                *(linear(f"{n}.{part}") for part in ("qkv", "o", "up", "down")),
            )
            for n in range(shape.layers)
        ]
        self._turns = shape.theta ** -(torch.arange(0, shape.head, 2).float() / shape.head)

    def tape(self) -> Int8Tape:
        return Int8Tape(self.shape)

    def fork(self, tape: Tape, rows: int) -> Int8Fork:
        assert isinstance(tape, Int8Tape)
        return Int8Fork(tape, rows)

    def scores(self, works: Sequence[Work], *, adapted: bool) -> list[torch.Tensor]:
        import torch

        layout, x = self._begun(works, self.layers)
        for number in range(self.layers):
            x = self._through(number, x, layout, adapted)
        ends = [row for share in layout.shares for row in range(share.end - share.rows, share.end)]
        x = x if len(ends) == len(x) else x[ends]
        scores = self._head(torch.nn.functional.rms_norm(x, (self.width,), self._norm, self.shape.eps))
        return list(torch.split(scores, [share.rows for share in layout.shares]))

    def states(self, works: Sequence[Work], depth: int, wanted: Sequence[int]) -> list[torch.Tensor]:
        import torch

        layout, x = self._begun(works, depth)
        seen = {}
        for number in range(depth):
            x = self._through(number, x, layout, False)
            if number + 1 in wanted:
                seen[number + 1] = x
        found = torch.stack([seen[layer] for layer in wanted]) if wanted else x[None, :0]
        return [found[:, share.begin : share.end] for share in layout.shares]

    def _begun(self, works: Sequence[Work], depth: int) -> tuple[Layout, torch.Tensor]:
        """What is where in the pass, and the tokens' embeddings, [tokens, width]."""
        import torch

        shares: list[Share] = []
        at = 0
        for work in works:
            shares.append(_share(work, at, depth, self.shape.heads // self.shape.groups))
            at += len(work.ids)
        positions = torch.cat([share.positions for share in shares])
        angles = torch.outer(positions, self._turns)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        layout = Layout(shares, torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1))
        return layout, self._embed[[i for work in works for i in work.ids]].float()

    def _through(self, number: int, x: torch.Tensor, layout: Layout, adapted: bool) -> torch.Tensor:
        """Block `number` over a pass, [tokens, width]."""
        import torch

        functional, shape, block = torch.nn.functional, self.shape, self._blocks[number]
        turned = shape.heads + shape.groups
        h = block.qkv(functional.rms_norm(x, (shape.width,), block.norm1, shape.eps), adapted=adapted)
        h = torch.unflatten(h, 1, (turned + shape.groups, shape.head))
        qk = h[:, :turned]
        qk = (qk * layout.cos).addcmul_(qk.roll(shape.head // 2, -1), layout.sin)
        seen = [_attended(s, number, qk[s.begin : s.end], h[s.begin : s.end, turned:], shape) for s in layout.shares]
        x = x + block.o(seen[0] if len(seen) == 1 else torch.cat(seen), adapted=adapted)
        h = block.up(functional.rms_norm(x, (shape.width,), block.norm2, shape.eps), adapted=adapted)
        gate, up = h[:, : shape.inner], h[:, shape.inner :]
        return block.down(functional.silu(gate).mul_(up), adapted=adapted).add_(x)


@dataclass(frozen=True, slots=True)
class Block:
    """The weights of one block."""

    norm1: torch.Tensor
    norm2: torch.Tensor
    qkv: Linear
    o: Linear
    up: Linear
    """The gate's rows, then those of the part that it gates."""
    down: Linear


@dataclass(frozen=True, slots=True)
class Share:
    """One work's tokens in a pass: rows `begin` to `end` of it, of which the last `rows` ask for scores."""

    begin: int
    end: int
    rows: int
    tape: Int8Tape
    at: int
    """Where its tokens begin on the tape."""
    positions: torch.Tensor
    mask: torch.Tensor | None
    """float32 [query heads of a group * tokens, what is on the tape], 0 or -inf; None: all is seen."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a pass holds: each work's share of its tokens, and how far the tokens' positions turn keys and queries, float32
    [tokens, 1, head]."""

    shares: list[Share]
    cos: torch.Tensor
    sin: torch.Tensor


def _share(work: Work, begin: int, depth: int, each: int) -> Share:
    """Make room for `work`; what its tokens see. `each`: query heads of a group."""
    import torch

    count, onto = len(work.ids), work.onto
    end = begin + count
    if isinstance(onto, Int8Fork):
        at = onto.tape.grow(count, depth)
        onto.owners += onto.rows
        own = torch.tensor(onto.owners)[None] == torch.tensor(onto.rows)[:, None]
        mask = torch.zeros(count, at + count)
        mask[:, onto.begin :].masked_fill_(~own, -math.inf)
        positions = torch.full((count,), float(onto.begin + onto.step))
        onto.step += 1
        return Share(begin, end, count, onto.tape, at, positions, mask.repeat(each, 1))
    assert isinstance(onto, Int8Tape)
    at = onto.grow(count, depth)
    positions = torch.arange(at, at + count, dtype=torch.float32)
    later = torch.full((count, at + count), -math.inf).triu_(at + 1).repeat(each, 1) if count > 1 else None
    return Share(begin, end, 1, onto, at, positions, later)


def _attended(share: Share, layer: int, qk: torch.Tensor, v: torch.Tensor, shape: Shape) -> torch.Tensor:
    """What one work's tokens take from its tape: [tokens, heads * head]. `qk` [tokens, heads + groups, head]."""
    import torch

    count, end = len(qk), share.at + len(qk)
    keys, values = share.tape.keys[layer], share.tape.values[layer]
    keys[:, share.at : end] = qk[:, shape.heads :].transpose(0, 1)
    values[:, share.at : end] = v.transpose(0, 1)
    # The query heads of a group side by side, as if they were further tokens: then keys need not be repeated for them.
    each = shape.heads // shape.groups
    q = torch.unflatten(qk[:, : shape.heads], 1, (shape.groups, each))
    q = q.permute(1, 2, 0, 3).reshape(shape.groups, -1, shape.head)
    out = torch.nn.functional.scaled_dot_product_attention(
        q[None], keys[None, :, :end], values[None, :, :end], attn_mask=share.mask
    )
    return out.view(shape.groups, each, count, shape.head).permute(2, 0, 1, 3).reshape(count, -1)
