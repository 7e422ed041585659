"""The few loops that a compiler does not turn into the processor's vector instructions by itself, written out for it: tiles of
matrix products in 8-bit integers (VNNI), with weights of 8 bits or 4, and in float32; and how threads meet inside compiled code.

Each tile keeps its sums in registers and goes through what is summed strictly in order, so that a row's numbers are the
same in whatever tile it is. Addresses are taken as integers; nothing is checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding
import numba.core.types
import numba.extending
from llvmlite import ir
from numba.core import cgutils

intrinsic: Callable[[Callable[..., Any]], Any] = numba.extending.intrinsic
types: Any = numba.core.types
I8, I16, I32, I64, F16, F32 = (
    ir.IntType(8),
    ir.IntType(16),
    ir.IntType(32),
    ir.IntType(64),
    ir.HalfType(),
    ir.FloatType(),
)
CHANNELS = 16
"""Output channels that a tile holds side by side."""
STRETCH = 32
"""Numbers of a channel that share a step and a floor, where weights are kept in half bytes."""
STRETCH_BYTES = CHANNELS * (STRETCH // 2 + 2 + 2)
"""Of a stretch of all channels of a tile: the digits, the steps, the floors."""
AHEAD = 8192
"""Bytes of weights fetched ahead of their use."""
UNROLLED = 4

_features = dict(llvmlite.binding.get_host_cpu_features())
LANES = 16 if _features.get("avx512vnni") else 8 if _features.get("avxvnni") else 0
"""Integers a vector that sums products of bytes; 0: this processor has no such instruction."""


def _int(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _at(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    return builder.inttoptr(builder.add(base, offset), kind.as_pointer())


def _load(builder: Any, base: Any, offset: Any, kind: Any) -> Any:
    loaded = builder.load(_at(builder, base, offset, kind))
    loaded.align = 2
    return loaded


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """One number in every place of a vector."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count))


def _fetch(builder: Any, address: Any) -> None:
    """Have a line of memory brought near."""
    kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(I8), I32, I32, I32])
    fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(fetch, [address, *(ir.Constant(I32, n) for n in (0, 3, 1))])


def _dot(builder: Any, sums: Any, x: Any, weights: Any) -> Any:
    """Four unsigned bytes times four signed ones, added to each of `LANES` sums."""
    vector = ir.VectorType(I32, LANES)
    kind = ir.FunctionType(vector, [vector, vector, vector])
    name = f"llvm.x86.avx512.vpdpbusd.{32 * LANES}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [sums, x, weights])


def _summed(
    builder: Any,
    count: Any,
    unrolled: int,
    kind: Any,
    sums: int,
    body: Callable[[Any, list[Any]], list[Any]],
    first: Any = None,
) -> Sequence[Any]:
    """`sums` vectors of `kind`, from `first` (or zero), through `body` for 0, 1, ... `count` - 1 (>= 1, a multiple of
    `unrolled`)."""
    entry, loop, done = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    index = builder.phi(I64)
    kept = [builder.phi(kind) for _ in range(sums)]
    made: list[Any] = list(kept)
    for step in range(unrolled):
        made = body(builder.add(index, _int(step)), made)
    after = builder.add(index, _int(unrolled))
    index.add_incoming(_int(0), entry)
    index.add_incoming(after, builder.block)
    for phi, new in zip(kept, made, strict=True):
        phi.add_incoming(first or ir.Constant(kind, None), entry)
        phi.add_incoming(new, builder.block)
    builder.cbranch(builder.icmp_signed("<", after, count), loop, done)
    builder.position_at_end(done)
    return made


def _byte_tile(rows: int, blocks: int) -> Any:
    parts = CHANNELS // (LANES or CHANNELS)

    @intrinsic
    def tile(context: Any, weights: Any, x: Any, stride: Any, fours: Any, out: Any) -> Any:
        """`rows` rows of bytes from `x`, `stride` bytes apart, times `blocks` times `CHANNELS` channels: int32 [rows, channels]
        at `out`. `weights`: int8 [blocks, fours, CHANNELS, 4]; `fours` (a multiple of `UNROLLED`) times 4 bytes a row are
        summed."""

        def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            weights, x, stride, fours, out = args
            vector = ir.VectorType(I32, LANES)

            def body(index: Any, sums: list[Any]) -> list[Any]:
                held = []
                for block in range(blocks):
                    first = builder.mul(fours, _int(4 * CHANNELS * block))
                    at = builder.add(first, builder.mul(index, _int(4 * CHANNELS)))
                    held += [
                        _load(builder, weights, builder.add(at, _int(4 * LANES * p)), vector) for p in range(parts)
                    ]
                    _fetch(builder, _at(builder, weights, builder.add(at, _int(AHEAD)), I8))
                new = []
                for row in range(rows):
                    offset = builder.add(builder.mul(stride, _int(row)), builder.mul(index, _int(4)))
                    spread = _spread(builder, _load(builder, x, offset, I32), vector)
                    new += [_dot(builder, sums[row * len(held) + n], spread, weight) for n, weight in enumerate(held)]
                return new

            for number, sums in enumerate(_summed(builder, fours, UNROLLED, vector, rows * parts * blocks, body)):
                builder.store(sums, _at(builder, out, _int(4 * LANES * number), vector)).align = 4
            return context.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), made

    return tile


def _unpacked(builder: Any, weights: Any, index: Any) -> list[list[Any]]:
    """Of number `index` of the stretches of `CHANNELS` channels at `weights`: the bytes that `_byte_tile` wants, for each
    four numbers, in as many vectors as `CHANNELS` channels take."""
    words, bytes_, single = ir.VectorType(I16, 2 * LANES), ir.VectorType(I32, LANES), ir.VectorType(I16, LANES)

    def all_words(value: int) -> Any:
        return ir.Constant(words, [value] * words.count)

    begin = builder.mul(index, _int(STRETCH_BYTES))
    for line in range(0, STRETCH_BYTES, 64):
        ahead = _at(builder, weights, builder.add(begin, _int(AHEAD + line)), I8)
        _fetch(builder, ahead)
    found: list[list[Any]] = [[] for _ in range(STRETCH // 4)]
    for part in range(CHANNELS // (LANES or CHANNELS)):
        both = []
        for skip in (0, 2 * CHANNELS):  # a channel's step, and its floor, into both of its words
            at = builder.add(begin, _int(CHANNELS * STRETCH // 2 + skip + 2 * LANES * part))
            wide = builder.zext(_load(builder, weights, at, single), bytes_)
            twice = builder.or_(wide, builder.shl(wide, ir.Constant(bytes_, [16] * LANES)))
            both.append(builder.bitcast(twice, words))
        step, floor = both
        for eight in range(STRETCH // 8):
            at = builder.add(begin, _int(4 * (CHANNELS * eight + LANES * part)))
            packed = _load(builder, weights, at, words)
            whole = []
            for digit in range(4):
                shifted = builder.lshr(packed, all_words(4 * digit)) if digit else packed
                only = builder.and_(shifted, all_words(15)) if digit < 3 else shifted
                whole.append(builder.add(builder.mul(only, step), floor))
            for first in (0, 1):
                low = builder.lshr(whole[2 * first], all_words(8))
                high = builder.and_(whole[2 * first + 1], all_words(0xFF00))
                found[2 * eight + first].append(builder.bitcast(builder.or_(low, high), bytes_))
    return found


def _half_byte_tile(rows: int) -> Any:
    parts = CHANNELS // (LANES or CHANNELS)

    @intrinsic
    def tile(context: Any, weights: Any, x: Any, stride: Any, stretches: Any, out: Any) -> Any:
        """As the tiles of bytes, of `CHANNELS` channels whose weights are in half bytes: for each of `stretches` (>= 1), 16
        digits a channel in words [STRETCH / 8, CHANNELS, 2] (of eight numbers the first word has 0, 1, 4 and 5, the second 2, 3, 6 and 7,
        lowest bits first), then the channels' steps and floors, int16 [CHANNELS] each. A weight is the upper byte of
        digit * step + floor."""

        def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            weights, x, stride, stretches, out = args
            vector = ir.VectorType(I32, LANES)

            def body(index: Any, sums: list[Any]) -> list[Any]:
                fours = _unpacked(builder, weights, index)
                new = list(sums)
                for row in range(rows):
                    for n, four in enumerate(fours):
                        at = builder.add(builder.mul(index, _int(STRETCH)), _int(4 * n))
                        offset = builder.add(builder.mul(stride, _int(row)), at)
                        spread = _spread(builder, _load(builder, x, offset, I32), vector)
                        for p, weight in enumerate(four):
                            place = row * parts + p
                            new[place] = _dot(builder, new[place], spread, weight)
                return new

            for number, sums in enumerate(_summed(builder, stretches, 1, vector, rows * parts, body)):
                builder.store(sums, _at(builder, out, _int(4 * LANES * number), vector)).align = 4
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), made

    return tile


@intrinsic
def unpack(context: Any, weights: Any, stretches: Any, out: Any) -> Any:
    """`stretches` of half bytes at `weights` as the bytes that they stand for, at `out`."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        weights, stretches, out = args
        vector = ir.VectorType(I32, LANES)

        def body(index: Any, sums: list[Any]) -> list[Any]:
            begin = builder.mul(index, _int(CHANNELS * STRETCH))
            for n, four in enumerate(_unpacked(builder, weights, index)):
                for p, weight in enumerate(four):
                    at = builder.add(begin, _int(4 * (CHANNELS * n + LANES * p)))
                    builder.store(weight, _at(builder, out, at, vector)).align = 4
            return []

        _summed(builder, stretches, 1, vector, 0, body)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), made


def _number_tile(rows: int, columns: int) -> Any:
    @intrinsic
    def tile(
        context: Any, left: Any, stride: Any, right: Any, step: Any, apart: Any, count: Any, out: Any, pitch: Any
    ) -> Any:
        """float32 [rows, count] at `left` (rows `stride` numbers apart) times `columns` times float16 [count, 16] at `right`
        (rows `step`, columns `apart` numbers apart): float32 at `out`, rows `pitch` numbers apart, columns side by side."""

        def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            left, stride, right, step, apart, count, out, pitch = args
            vector, halves = ir.VectorType(F32, 16), ir.VectorType(F16, 16)
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector, vector, vector]), "llvm.fma.v16f32"
            )

            def body(index: Any, sums: list[Any]) -> list[Any]:
                held = []
                for column in range(columns):
                    at = builder.mul(builder.add(builder.mul(index, step), builder.mul(apart, _int(column))), _int(2))
                    held.append(builder.fpext(_load(builder, right, at, halves), vector))
                    if column % 2 == 0:  # a line of memory holds two of them
                        _fetch(builder, _at(builder, right, builder.add(at, _int(AHEAD)), I8))
                new = []
                for row in range(rows):
                    offset = builder.mul(builder.add(builder.mul(stride, _int(row)), index), _int(4))
                    spread = _spread(builder, _load(builder, left, offset, F32), vector)
                    new += [builder.call(fma, [spread, held[c], sums[row * columns + c]]) for c in range(columns)]
                return new

            for number, sums in enumerate(_summed(builder, count, 1, vector, rows * columns, body)):
                row, column = divmod(number, columns)
                offset = builder.add(builder.mul(builder.mul(pitch, _int(row)), _int(4)), _int(64 * column))
                builder.store(sums, _at(builder, out, offset, vector)).align = 4
            return context.get_dummy_value()

        return types.void(*[types.intp] * 8), made

    return tile


@intrinsic
def put_half(context: Any, address: Any, value: Any) -> Any:
    """A float32 as float16 at an address."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(builder.fptrunc(args[1], F16), builder.inttoptr(args[0], F16.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.intp, types.float32), made


single_1, single_2, single_4, single_8 = (_byte_tile(rows, 1) for rows in (1, 2, 4, 8))
double_1, double_2, double_4, double_8 = (_byte_tile(rows, 2) for rows in (1, 2, 4, 8))
half_byte_1, half_byte_2, half_byte_3, half_byte_4 = (_half_byte_tile(rows) for rows in (1, 2, 3, 4))
row_tile_1, row_tile_3, row_tile_4, row_tile_6, row_tile_8 = (_number_tile(rows, 2) for rows in (1, 3, 4, 6, 8))
wide_tile_1, wide_tile_3, wide_tile_4 = (_number_tile(rows, 4) for rows in (1, 3, 4))


@intrinsic
def float_of_bits(context: Any, bits: Any) -> Any:
    """The float32 whose bits an int32 has."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], F32)

    return types.float32(types.int32), made


def _pointer(kind: Any) -> Any:
    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(kind).as_pointer())

        return types.CPointer(kind)(types.intp), made

    return pointer


@intrinsic
def greatest(context: Any, address: Any, count: Any) -> Any:
    """The greatest of `count` (> 0, a multiple of 64) float32 at an address."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(F32, 64)
        larger = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector, vector]), "llvm.maxnum.v64f32"
        )
        least = ir.Constant(vector, [-3.0e38] * 64)
        most = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(F32, [vector]), "llvm.vector.reduce.fmax.v64f32"
        )

        def body(index: Any, sums: list[Any]) -> list[Any]:
            return [builder.call(larger, [sums[0], _load(builder, args[0], builder.mul(index, _int(256)), vector)])]

        (kept,) = _summed(builder, builder.sdiv(args[1], _int(64)), 1, vector, 1, body, least)
        return builder.call(most, [kept])

    return types.float32(types.intp, types.intp), made


floats_at, integers_at = _pointer(types.float32), _pointer(types.int32)
"""For `numba.carray`: what begins at an address."""


@intrinsic
def add_one(context: Any, address: Any) -> Any:
    """Add 1 to the integer (64 bits) at an address, at once for all threads; what it was."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(args[0], I64.as_pointer()), _int(1), "seq_cst")

    return types.int64(types.intp), made


@intrinsic
def seen_at(context: Any, address: Any) -> Any:
    """The integer (64 bits) at an address as other threads have left it; a short rest for the processor comes with it."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rest = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause")
        builder.call(rest, [])
        return builder.load_atomic(builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.intp), made


@intrinsic
def put_at(context: Any, address: Any, value: Any) -> Any:
    """Leave an integer (64 bits) at an address for other threads."""

    def made(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], builder.inttoptr(args[0], I64.as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.intp, types.int64), made


give_way = types.ExternalFunction("SwitchToThread" if os.name == "nt" else "sched_yield", types.int32())
"""Let another thread have this core."""
