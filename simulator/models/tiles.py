"""Which tile (see `vectors`) takes how many rows: the largest that the rows left fill, written where they are taken.

A row's numbers are the same in every tile; what differs is how often weights, keys and values go through the processor. Each
function takes rows from the first of those left on and says how many they were. Addresses are integers; nothing is checked.
"""

from __future__ import annotations

import numpy as np

from simulator.models.kernels import inlined
from simulator.models.vectors import (
    CHANNELS,
    double_1,
    double_2,
    double_4,
    double_8,
    half_byte_1,
    half_byte_2,
    half_byte_3,
    half_byte_4,
    row_tile_1,
    row_tile_3,
    row_tile_4,
    row_tile_6,
    row_tile_8,
    single_1,
    single_2,
    single_4,
    single_8,
    wide_tile_1,
    wide_tile_3,
    wide_tile_4,
)

Address = int | np.intp
FEW = 4
"""Rows that take weights in half bytes as they are."""


@inlined
def half_bytes_taken(held: Address, x: Address, width: int, stretches: int, left: int, to: Address) -> int:
    """Rows of bytes, [left, width] at `x`, times half bytes; `left` (1 to `FEW`): all of them."""
    if left == 4:
        half_byte_4(held, x, width, stretches, to)
    elif left == 3:
        half_byte_3(held, x, width, stretches, to)
    elif left == 2:
        half_byte_2(held, x, width, stretches, to)
    else:
        half_byte_1(held, x, width, stretches, to)
    return left


@inlined
def bytes_taken(held: Address, x: Address, width: int, double: bool, left: int, to: Address) -> int:
    """Rows of bytes, [left, width] at `x`, times `CHANNELS` channels of bytes, or twice as many (`double`)."""
    fours = width // 4
    count = 8 if left >= 8 else 4 if left >= 4 else 2 if left >= 2 else 1
    if double:
        if count == 8:
            double_8(held, x, width, fours, to)
        elif count == 4:
            double_4(held, x, width, fours, to)
        elif count == 2:
            double_2(held, x, width, fours, to)
        else:
            double_1(held, x, width, fours, to)
    elif count == 8:
        single_8(held, x, width, fours, to)
    elif count == 4:
        single_4(held, x, width, fours, to)
    elif count == 2:
        single_2(held, x, width, fours, to)
    else:
        single_1(held, x, width, fours, to)
    return count


@inlined
def queries_taken(keys: Address, queries: Address, head: int, left: int, to: Address, span: int) -> int:
    """Queries, [left, head] at `queries`, times two blocks of keys, [2, head, CHANNELS] at `keys`: their scores, rows `span` apart."""
    apart = CHANNELS * head
    if left == 8:
        row_tile_8(queries, head, keys, CHANNELS, apart, head, to, span)
        return 8
    if left >= 6:
        row_tile_6(queries, head, keys, CHANNELS, apart, head, to, span)
        return 6
    if left >= 4:
        row_tile_4(queries, head, keys, CHANNELS, apart, head, to, span)
        return 4
    if left == 3:
        row_tile_3(queries, head, keys, CHANNELS, apart, head, to, span)
        return 3
    row_tile_1(queries, head, keys, CHANNELS, apart, head, to, span)
    return 1


@inlined
def scores_taken(scores: Address, span: int, values: Address, head: int, longest: int, left: int, to: Address) -> int:
    """Scores of `longest` tokens, [left, span] at `scores`, times 64 columns of values, [longest, head] at `values`."""
    if left in (3, 6):
        wide_tile_3(scores, span, values, head, CHANNELS, longest, to, head)
        return 3
    if left >= 4:
        wide_tile_4(scores, span, values, head, CHANNELS, longest, to, head)
        return 4
    wide_tile_1(scores, span, values, head, CHANNELS, longest, to, head)
    return 1
