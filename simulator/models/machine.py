"""What this machine can carry: free memory (a container's limit too) and, by a short probe, how fast it would speak."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

CGROUP = Path("/sys/fs/cgroup")
REACHED = 0.6
"""Share of the probed memory bandwidth that decoding reaches: 8-10 tokens/s of a possible 13 for the standard model in bf16, 11
of 16 in 8 bits."""


@dataclass(frozen=True, slots=True)
class Speed:
    """`gflops`: matrix products, 10^9 operations/s; `gbytes`: weights read, GB/s; `width`: bytes a weight (1: 8-bit integers,
    2: bf16, 4: float32)."""

    gflops: float
    gbytes: float
    width: int

    def decode(self, parameters: int) -> float:
        """Predicted tokens/s of one call: each token reads every weight once."""
        return REACHED * self.gbytes * 1e9 / (parameters * self.width)

    def prefill(self, parameters: int) -> float:
        """Predicted tokens/s of reading a prompt: two operations a weight; a third of the probe's peak is reached."""
        return self.gflops * 1e9 / (2 * parameters) / 3


def free_memory() -> int:
    """Bytes a new model may take: the system's available memory, or what a container's limit (v2 or v1) leaves."""
    psutil: Any = import_module("psutil")  # it comes without types

    free = int(psutil.virtual_memory().available)
    for limit, used, stat, inactive in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            most = int((CGROUP / limit).read_text("ascii"))  # "max" is no number: no limit
            taken = int((CGROUP / used).read_text("ascii"))
            lines = (line.split() for line in (CGROUP / stat).read_text("ascii").splitlines())
            cached = next((int(line[1]) for line in lines if line[0] == inactive), 0)  # given back when asked for
            free = min(free, most - taken + cached)
        except (OSError, ValueError, IndexError):
            continue
    return max(free, 0)


def probe() -> Speed:
    """Measure for about half a second, in pieces of milliseconds of which the best counts: a program that happens to be busy
    meanwhile should not change the choice. Loads torch; in a thread that ends, and with it its OpenMP team."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(_probed).result()


def _probed() -> Speed:
    from simulator.models.loading import cores, eight_bits, number_type, patient_threads

    patient_threads()
    import torch

    torch.set_num_threads(cores())
    # One row times slices of a matrix larger than most caches: what decoding does, and bound by memory alone.
    with torch.inference_mode():
        if eight_bits():
            return _probed_in_integers()
        kind = number_type("cpu")
        side = 768
        a, b = torch.ones(side, side, dtype=kind), torch.ones(side, side, dtype=kind)
        gflops = 2 * side**3 / _good([lambda: a @ b] * 60) / 1e9
        blocks, row = torch.ones(64, 1024, 2048, dtype=kind), torch.ones(1, 2048, dtype=kind)
        linear = torch.nn.functional.linear
        work = [partial(linear, row, matrix) for matrix in blocks] * 4
        gbytes = blocks[0].numel() * blocks.element_size() / _good(work) / 1e9
    return Speed(gflops, gbytes, kind.itemsize)


def _probed_in_integers() -> Speed:
    """Of a model of four blocks, whose weights are larger than most caches. Its passes are compiled if none ever was."""
    import numpy as np
    import torch

    from simulator.models.int8 import Int8Runner, Product, Shape, Weights
    from simulator.models.runner import Work

    shape = Shape(layers=4, width=1024, heads=16, groups=4, head=64, inner=4096, eps=1e-6, theta=1e4)
    sizes = {"qkv": (1536, 1024), "o": (1024, 1024), "up": (8192, 1024), "down": (1024, 4096)}

    def product(out: int, width: int) -> Product:
        return Product(Weights(np.ones(out * width, np.int8), np.ones(out, np.float32), np.zeros(out, np.int32)))

    products = {f"{n}.{part}": product(*size) for n in range(shape.layers) for part, size in sizes.items()}
    runner = Int8Runner(
        shape, torch.ones(16, 1024), np.ones((9, 1024), np.float32), products | {"head": product(16, 1024)}
    )
    parameters = shape.layers * sum(out * width for out, width in sizes.values())

    def read(tokens: int) -> Callable[[], object]:
        return lambda: runner.scores([Work(runner.tape(), [0] * tokens)], adapted=False)

    return Speed(2 * 128 * parameters / _good([read(128)] * 4) / 1e9, parameters / _good([read(1)] * 40) / 1e9, 1)


def _good(work: Sequence[Callable[[], object]]) -> float:
    """Seconds of the fastest of `work`, each done once: the one that nothing disturbed."""
    work[0]()
    times = []
    for one in work:
        start = time.perf_counter()
        one()
        times.append(time.perf_counter() - start)
    return min(times)
