"""What is done to one row between two products, compiled for this processor: normalising, rounding to 8 bits, turning by
position, gating, adding; and to one of scores, before a token is drawn.

numba compiles them at the first use and keeps what it made (no compiler need be installed). A row is always gone through in
the same order, so that its numbers do not depend on the rows beside it. Arrays are float32 and contiguous, but for digits.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np

from simulator.models.vectors import float_of_bits
from simulator.settings import settings

COMPILES = "SIMULATOR_COMPILES"
"""Set in the process that compiles for the others."""
_log = logging.getLogger(__name__)
SOURCES = ("kernels.py", "passes.py", "tiles.py", "vectors.py")
F = TypeVar("F", bound=Callable[..., Any])
HALF, MIDDLE, MOST = np.float32(0.5), np.float32(128.5), np.float32(127.0)
"""Bytes are 1 to 255 around 128; the conversion cuts, hence the half."""
FINER = np.float32(2 * 127)
"""How many steps of a second digit make one of the first."""
ONE, ZERO = np.float32(1.0), np.float32(0.0)
WITHOUT_SIGN = np.int32(0x7FFFFFFF)
LOG2_E, LOWEST = np.float32(1.4426950408889634), np.float32(-87.0)
C1, C2, C3, C4, C5, C6 = (np.float32(0.6931471805599453**n / f) for n, f in enumerate((1, 2, 6, 24, 120, 720), 1))
"""Of the Taylor series of 2**x; between -1/2 and 1/2 what is left out is below float32."""


def _cache() -> str:
    """Where what is compiled is kept: by all of its sources, for numba itself would look at one of them alone; and by their
    dates, for numba compiles anew, in whatever process comes first, what is older or newer than its source (see `settle`)."""
    said = sha256(numba.__version__.encode())
    for name in SOURCES:
        source = Path(__file__).with_name(name)
        said.update(source.read_bytes() + str(source.stat().st_mtime_ns).encode())
    given = os.environ.get("NUMBA_CACHE_DIR")  # numba's own setting: another place, named by the sources all the same
    return str((Path(given) if given else settings().cache_dir / "compiled") / said.hexdigest()[:16])


numba.config.CACHE_DIR = _cache()


def kept() -> bool:
    """Whether everything has been compiled on this machine before (all of it, or the processor's part of it, is in one file
    a function; numba looks closer)."""
    return any(Path(numba.config.CACHE_DIR).rglob("passes.through-*.nbc"))


def settle() -> None:
    """Let another process compile everything, if none ever has: code that comes straight from the compiler rounds here and
    there otherwise than the same code read back from the cache, and one machine's processes shall agree to the bit."""
    if COMPILES in os.environ or kept():
        return
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    child = [sys.executable, "-c", "from simulator.models.machine import probe; probe()"]
    done = subprocess.run(child, env=os.environ | {COMPILES: "1", "PYTHONPATH": path}, capture_output=True, check=False)
    if done.returncode:
        _log.warning("compiling aside failed: %s", done.stderr.decode(errors="replace")[-500:])


def compiled(function: F) -> F:
    """Sums may be taken in another order than written (always the same one) and divisions are not checked, which is what
    lets loops be vectors."""
    made: F = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)(function)
    return made


def inlined(function: F) -> F:
    """As if it were written where it is called."""
    made: F = numba.njit(inline="always")(function)
    return made


class Digits(NamedTuple):
    """Rows rounded to 8 bits: `first` (and, below it, as many rows of second digits, where there are any) uint8 [rows or
    2 rows, width], and what one step of each row's first digit is worth, [rows]."""

    first: np.ndarray
    step: np.ndarray


class Sums(NamedTuple):
    """A product before its steps are multiplied in: `sums` [rows or 2 rows, out or more], the rows' `step`, the same of an
    adapter's share (`more`, `more_step`), and the bias [out]; empty where there is none."""

    sums: np.ndarray
    step: np.ndarray
    more: np.ndarray
    more_step: np.ndarray
    bias: np.ndarray


@inlined
def exponential(x: Any) -> Any:
    """e**x, of at least -87."""
    t = max(x, LOWEST) * LOG2_E
    n = np.floor(t + HALF)
    f = t - n
    power = ONE + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * C6)))))
    return power * float_of_bits((np.int32(n) + np.int32(127)) << np.int32(23))


@compiled
def taken(sums: Sums, row: int, begin: int, out: np.ndarray) -> None:
    """Numbers `begin`, ... of a row into `out`."""
    rows, count = len(sums.step), len(out)
    step, y = sums.step[row], sums.sums[row, begin : begin + count]
    for i in range(count):
        out[i] = y[i] * step
    if len(sums.sums) > rows:
        step, y = step / FINER, sums.sums[rows + row, begin : begin + count]
        for i in range(count):
            out[i] += y[i] * step
    if len(sums.more):
        step, y = sums.more_step[row], sums.more[row, begin : begin + count]
        for i in range(count):
            out[i] += y[i] * step
    if len(sums.bias):
        y = sums.bias[begin : begin + count]
        for i in range(count):
            out[i] += y[i]


@compiled
def rounded(x: np.ndarray, scale: np.float32, digits: Digits, row: int) -> None:
    """`x` [width] times `scale` as a row of `digits`."""
    rows, count = len(digits.step), len(x)
    bits, most_bits = x.view(np.int32), np.int32(0)
    for i in range(count):  # without its sign a number's bits are in its order, and integers are compared as vectors
        most_bits = max(most_bits, bits[i] & WITHOUT_SIGN)
    most = float_of_bits(most_bits)
    digits.step[row] = most * scale / MOST
    times = MOST / most if most > ZERO else ZERO
    first = digits.first[row]
    if len(digits.first) == rows:
        for i in range(count):
            first[i] = np.uint8(np.int32(x[i] * times + MIDDLE))
    else:
        second = digits.first[rows + row]
        for i in range(count):
            exact = x[i] * times
            whole = np.int32(exact + MIDDLE)
            first[i] = np.uint8(whole)
            second[i] = np.uint8(np.int32((exact - np.float32(whole - np.int32(128))) * FINER + MIDDLE))


@compiled
def normed(x: np.ndarray, weight: np.ndarray, eps: float, room: np.ndarray, digits: Digits, row: int) -> None:
    """`x` [width], normed by its root mean square, as a row of `digits`."""
    width = len(x)
    out = room[:width]
    square = ZERO
    for i in range(width):
        square += x[i] * x[i]
        out[i] = x[i] * weight[i]
    rounded(out, ONE / np.sqrt(square / np.float32(width) + np.float32(eps)), digits, row)


@compiled
def turned(part: np.ndarray, cos: np.ndarray, sin: np.ndarray, scale: np.float32, out: np.ndarray) -> None:
    """A head's numbers [head] turned by `cos` and `sin` [head / 2], times `scale`, into `out`."""
    half = len(cos)
    for i in range(half):
        out[i] = (part[i] * cos[i] - part[half + i] * sin[i]) * scale
    for i in range(half):
        out[half + i] = (part[half + i] * cos[i] + part[i] * sin[i]) * scale


@compiled
def gated(sums: Sums, row: int, room: np.ndarray, digits: Digits) -> None:
    """A row of a gate and what it gates, [2 * inner], as a row of digits of silu(gate) * gated. `room`: [2 * inner]."""
    inner = digits.first.shape[1]
    gate, up = room[:inner], room[inner : 2 * inner]
    taken(sums, row, 0, gate)
    taken(sums, row, inner, up)
    for i in range(inner):
        gate[i] = gate[i] * up[i] / (ONE + exponential(-gate[i]))
    rounded(gate, ONE, digits, row)


@compiled
def added(sums: Sums, row: int, room: np.ndarray, x: np.ndarray) -> None:
    """A row's numbers added to `x` [width]."""
    out = room[: len(x)]
    taken(sums, row, 0, out)
    for i in range(len(x)):
        x[i] += out[i]


@compiled
def totals(scores: np.ndarray, fair: np.ndarray, most: np.float32, colder: np.float32) -> tuple[np.float32, np.float32]:
    """What the exponentials of two rows over a vocabulary, less `most`, add up to: of `scores`, and of `fair` times `colder`."""
    plain, warm = ZERO, ZERO
    for i in range(len(scores)):
        plain += exponential(scores[i] - most)
        warm += exponential((fair[i] - most) * colder)
    return plain, warm
