"""One pass of tokens through a model's blocks, as one compiled function that several threads run at once.

The threads share each step's channels, rows or heads among themselves and meet after it; nothing goes back to Python
before the pass is over. (With a call from Python for every step, these and not the products were half of a token's time.)
A token's numbers depend on what stands before it on its own tape, not on the tokens beside it, the number of threads, or
whether it was read alone: every sum is taken in one order.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from simulator.models.kernels import (
    ONE,
    ZERO,
    Digits,
    Sums,
    added,
    compiled,
    exponential,
    gated,
    normed,
    rounded,
    taken,
    turned,
)
from simulator.models.tiles import FEW, bytes_taken, half_bytes_taken, queries_taken, scores_taken
from simulator.models.vectors import (
    CHANNELS,
    STRETCH,
    STRETCH_BYTES,
    add_one,
    floats_at,
    give_way,
    greatest,
    integers_at,
    put_at,
    put_half,
    seen_at,
    unpack,
)

BLOCK = CHANNELS
"""Tokens whose keys lie side by side on a tape: as many as a tile takes."""
SPAN = 64
"""Tokens by which scores of attention are counted, so that a sum over them is always made of the same vectors."""
QUERIES = 8
"""Queries of a head that go through the keys together."""
UNSEEN = np.float32(-3.0e38)
PATIENCE = 2000
"""How often a thread looks for the others before it lets another have its core."""
QKV, OUT, UP, DOWN, PARTS = 0, 1, 2, 3, 4

PRODUCT = np.dtype([(name, np.int64) for name in (
    "weight", "scale", "offset", "bias", "out", "width", "halved",
    "rank", "low_weight", "low_scale", "low_offset", "up_weight", "up_scale", "up_offset",
)])  # fmt: skip
"""A product's weights: addresses of int8 [out / 16, width / 4, 16, 4], of the channels' scales (float32) and of 128 times
their weights' sums (int32), of the bias or 0, and its sizes; `halved` (1, else 0) where they are in half bytes instead, uint8
[out / 16, width / STRETCH, STRETCH_BYTES]; with a `rank`, the same of an adapter's two halves (in bytes)."""

SHARE = np.dtype([(name, np.int64) for name in ("begin", "count", "at", "trunk", "owners", "rows", "capacity")])
"""One call's tokens in a pass: rows `begin` and on, to be put on its tape at `at`. For rows of a fork, `trunk` is where it
begins, `owners` the address of whose each token after it is, and `rows` that of whose the tokens here are (int32);
otherwise `trunk` is -1. `capacity`: tokens for which the tape has room."""


class Sizes(NamedTuple):
    """Of the model: blocks, numbers a token, heads of queries, heads of keys, numbers a head, and between gate and down."""

    layers: int
    width: int
    heads: int
    groups: int
    head: int
    inner: int
    eps: float


class Room(NamedTuple):
    """Where a pass computes: rows [rows, width], what products give (flat), the same of an adapter's halves, queries (flat), what
    attention found [rows, heads * head], the digits of each, and rooms of the threads [threads, ...] (`unpacked`: uint8)."""

    x: np.ndarray
    sums: np.ndarray
    low: np.ndarray
    more: np.ndarray
    queries: np.ndarray
    seen: np.ndarray
    normed: Digits
    gathered: Digits
    gated: Digits
    halves_first: np.ndarray
    halves_step: np.ndarray
    row: np.ndarray
    scores: np.ndarray
    unpacked: np.ndarray


class Wanted(NamedTuple):
    """What is to come of a pass: after how many blocks it ends; the place in `states` [wanted, rows, width] of each block's
    states (-1: not wanted); the rows (`ends`) whose `scores` [ends, vocabulary] are wanted, and their digits."""

    depth: int
    places: np.ndarray
    states: np.ndarray
    ends: np.ndarray
    digits: Digits
    scores: np.ndarray


@compiled
def _meet(sync: np.ndarray, threads: int) -> None:
    """Go on when all threads are here. `sync`: zeros, int64 [16]."""
    if threads == 1:
        return
    here = np.intp(sync.ctypes.data)
    turn = seen_at(here + 64)
    if add_one(here) == threads - 1:
        put_at(here, 0)
        put_at(here + 64, turn + 1)
        return
    looked = 0
    while seen_at(here + 64) == turn:
        looked += 1
        if looked % PATIENCE == 0:
            give_way()


@compiled
def _multiplied(
    weight: int, scale: int, offset: int, halved: int, digits: Digits, out: np.ndarray, me: int, threads: int,
    room: np.ndarray, bytes_room: np.ndarray,
) -> None:  # fmt: skip
    """This thread's channels of a product, [rows or 2 rows, channels], before the rows' steps are multiplied in."""
    rows, width = digits.first.shape
    blocks, stretches = out.shape[1] // CHANNELS, width // STRETCH
    scales = numba.carray(floats_at(scale), blocks * CHANNELS)
    offsets = numba.carray(integers_at(offset), blocks * CHANNELS)
    whole = room[: 8 * 2 * CHANNELS].view(np.int32)
    to, x = np.intp(whole.ctypes.data), np.intp(digits.first.ctypes.data)
    # Few rows take half bytes as they come from memory; for more they are made bytes once, near at hand.
    few = halved != 0 and rows <= FEW
    near = (np.intp(bytes_room.ctypes.data) + 63) // 64 * 64
    block, last = blocks * me // threads, blocks * (me + 1) // threads
    while block < last:
        first = block * CHANNELS
        double = last - block >= 2 and not few
        channels = 2 * CHANNELS if double else CHANNELS
        held = weight + block * (stretches * STRETCH_BYTES if halved else width * CHANNELS)
        if halved and not few:
            unpack(held, stretches, near)
            if double:
                unpack(held + stretches * STRETCH_BYTES, stretches, near + width * CHANNELS)
            held = near
        row = 0
        while row < rows:
            if few:
                count = half_bytes_taken(held, x, width, stretches, rows, to)
            else:
                count = bytes_taken(held, x + row * width, width, double, rows - row, to)
            for r in range(count):
                line, found = out[row + r, first : first + channels], whole[r * channels : (r + 1) * channels]
                for c in range(channels):
                    line[c] = np.float32(found[c] - offsets[first + c]) * scales[first + c]
            row += count
        block += 2 if double else 1


@compiled
def _product(
    part: np.ndarray, digits: Digits, adapted: bool, room: Room, me: int, threads: int, sync: np.ndarray
) -> Sums:
    """All threads' channels of a product, with its adapter's share if there is one and it is `adapted`."""
    p = part[0]
    rows, lines = len(digits.step), len(digits.first)
    out = room.sums[: lines * p.out].reshape(lines, p.out)
    none = room.more[:0].reshape(0, p.out)
    bias = numba.carray(floats_at(p.bias), p.out if p.bias else 0)
    mine, near = room.row[me], room.unpacked[me]
    _multiplied(p.weight, p.scale, p.offset, p.halved, digits, out, me, threads, mine, near)
    if not (adapted and p.rank):
        _meet(sync, threads)
        return Sums(out, digits.step, none, digits.step, bias)
    low = room.low[: lines * p.rank].reshape(lines, p.rank)
    _multiplied(p.low_weight, p.low_scale, p.low_offset, 0, digits, low, me, threads, mine, near)
    _meet(sync, threads)
    halves = Digits(room.halves_first[: rows * p.rank].reshape(rows, p.rank), room.halves_step)
    half = Sums(low, digits.step, none, digits.step, bias[:0])
    for row in range(me, rows, threads):
        taken(half, row, 0, mine[: p.rank])
        rounded(mine[: p.rank], ONE, halves, row)
    _meet(sync, threads)
    more = room.more[: p.out * rows].reshape(rows, p.out)
    _multiplied(p.up_weight, p.up_scale, p.up_offset, 0, halves, more, me, threads, mine, near)
    _meet(sync, threads)
    return Sums(out, digits.step, more, halves.step, bias)


@compiled
def _put(
    sums: Sums, row: int, token: int, share: np.ndarray, tape: int, sizes: Sizes, cos: np.ndarray, sin: np.ndarray,
    queries: np.ndarray, room: np.ndarray,
) -> None:  # fmt: skip
    """A token's keys and values onto its tape, its queries where attention looks for them."""
    s = share[0]
    head, groups = sizes.head, sizes.groups
    each = sizes.heads // groups
    line = room[: (sizes.heads + 2 * groups) * head]
    turned_head = room[len(line) : len(line) + head]
    taken(sums, row, 0, line)
    scale = ONE / np.sqrt(np.float32(head))
    for h in range(sizes.heads):
        at = (s.begin * sizes.heads + (h // each * each + h % each) * s.count + token) * head
        turned(line[h * head : (h + 1) * head], cos, sin, scale, queries[at : at + head])
    where = s.at + token
    values = tape + 2 * groups * s.capacity * head
    for g in range(groups):
        h = sizes.heads + g
        turned(line[h * head : (h + 1) * head], cos, sin, ONE, turned_head)
        to = tape + 2 * ((g * s.capacity + where // BLOCK * BLOCK) * head + where % BLOCK)
        for i in range(head):
            put_half(to + 2 * BLOCK * i, turned_head[i])
        h += groups
        to = values + 2 * (g * s.capacity + where) * head
        for i in range(head):
            put_half(to + 2 * i, line[h * head + i])


@compiled
def _attended(
    share: np.ndarray, tape: int, group: int, first: int, count: int, sizes: Sizes, queries: np.ndarray,
    seen: np.ndarray, scores: np.ndarray, room: np.ndarray,
) -> None:  # fmt: skip
    """What `count` (<= `QUERIES`) queries of a group of heads take from a tape, beginning with number `first` of that group."""
    s = share[0]
    head = sizes.head
    each = sizes.heads // sizes.groups
    forked = s.trunk >= 0
    longest = s.at + s.count
    if not forked:
        longest = 0
        for q in range(first, first + count):
            longest = max(longest, s.at + q % s.count + 1)
    span = (longest + SPAN - 1) // SPAN * SPAN
    keys = tape + 2 * group * s.capacity * head
    values = tape + 2 * (sizes.groups + group) * s.capacity * head
    at = np.intp(queries.ctypes.data) + 4 * ((s.begin * sizes.heads + group * each * s.count) + first) * head
    to = np.intp(scores.ctypes.data)
    for begin in range(0, longest, 2 * BLOCK):
        q = 0
        while q < count:
            line = to + 4 * (begin + q * span)
            q += queries_taken(keys + 2 * begin * head, at + 4 * q * head, head, count - q, line, span)
    for q in range(count):
        line = scores[q * span : (q + 1) * span]
        token = (first + q) % s.count
        if forked:
            owners = numba.carray(integers_at(s.owners), longest - s.trunk)
            mine = numba.carray(integers_at(s.rows), s.count)[token]
            for t in range(s.trunk, longest):
                if owners[t - s.trunk] != mine:
                    line[t] = UNSEEN
        for t in range(longest if forked else s.at + token + 1, span):
            line[t] = UNSEEN
        most = greatest(np.intp(line.ctypes.data), span)
        total = ZERO
        for t in range(span):
            line[t] = exponential(line[t] - most)
            total += line[t]
        room[QUERIES * head + q] = ONE / total
    found = np.intp(room.ctypes.data)
    for column in range(0, head, 64):
        q = 0
        while q < count:
            line = found + 4 * (q * head + column)
            q += scores_taken(to + 4 * q * span, span, values + 2 * column, head, longest, count - q, line)
    for q in range(count):
        h, token = group * each + (first + q) // s.count, (first + q) % s.count
        out = seen[s.begin + token, h * head : (h + 1) * head]
        scale = room[QUERIES * head + q]
        for i in range(head):
            out[i] = room[q * head + i] * scale


@compiled
def through(
    me: int,
    threads: int,
    sync: np.ndarray,
    sizes: Sizes,
    parts: np.ndarray,
    norms: np.ndarray,
    adapted: bool,
    shares: np.ndarray,
    tapes: np.ndarray,
    cos: np.ndarray,
    sin: np.ndarray,
    room: Room,
    wanted: Wanted,
) -> None:
    """Thread `me` of `threads` that take `room.x` through the model. `parts` [layers * 4 + 1] (PRODUCT; the last: the head),
    `norms` [2 * layers + 1, width], `shares` [calls] (SHARE), `tapes` [calls, layers] addresses."""
    x, mine, rows = room.x, room.row[me], len(room.x)
    for row in range(me, rows, threads):
        normed(x[row], norms[0], sizes.eps, mine, room.normed, row)
    _meet(sync, threads)
    for layer in range(wanted.depth):
        part = PARTS * layer
        sums = _product(parts[part + QKV : part + QKV + 1], room.normed, adapted, room, me, threads, sync)
        for number in range(len(shares)):
            begin, count = shares[number].begin, shares[number].count
            for token in range(count):
                row = begin + token
                if row % threads == me:
                    _put(
                        sums, row, token, shares[number : number + 1], tapes[number, layer], sizes, cos[row], sin[row],
                        room.queries, mine,
                    )  # fmt: skip
        _meet(sync, threads)
        item = 0
        for number in range(len(shares)):
            queries = sizes.heads // sizes.groups * shares[number].count
            together = (queries + QUERIES - 1) // QUERIES
            together = (queries + together - 1) // together  # all of one size, so that no thread waits for another's
            for group in range(sizes.groups):
                for first in range(0, queries, together):
                    if item % threads == me:
                        _attended(
                            shares[number : number + 1], tapes[number, layer], group, first,
                            min(together, queries - first), sizes, room.queries, room.seen, room.scores[me], mine,
                        )  # fmt: skip
                    item += 1
        _meet(sync, threads)
        for row in range(me, rows, threads):
            rounded(room.seen[row], ONE, room.gathered, row)
        _meet(sync, threads)
        sums = _product(parts[part + OUT : part + OUT + 1], room.gathered, adapted, room, me, threads, sync)
        for row in range(me, rows, threads):
            added(sums, row, mine, x[row])
            normed(x[row], norms[2 * layer + 1], sizes.eps, mine, room.normed, row)
        _meet(sync, threads)
        sums = _product(parts[part + UP : part + UP + 1], room.normed, adapted, room, me, threads, sync)
        for row in range(me, rows, threads):
            gated(sums, row, mine, room.gated)
        _meet(sync, threads)
        sums = _product(parts[part + DOWN : part + DOWN + 1], room.gated, adapted, room, me, threads, sync)
        for row in range(me, rows, threads):
            added(sums, row, mine, x[row])
            normed(x[row], norms[2 * layer + 2], sizes.eps, mine, room.normed, row)
            if wanted.places[layer] >= 0:
                wanted.states[wanted.places[layer], row] = x[row]
        _meet(sync, threads)
    if not len(wanted.ends):
        return
    for number in range(me, len(wanted.ends), threads):
        normed(x[wanted.ends[number]], norms[2 * sizes.layers], sizes.eps, mine, wanted.digits, number)
    _meet(sync, threads)
    sums = _product(parts[PARTS * sizes.layers :], wanted.digits, False, room, me, threads, sync)
    for number in range(me, len(wanted.ends), threads):
        taken(sums, number, 0, wanted.scores[number])
