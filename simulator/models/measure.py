"""How fast a model runs on this machine: `python -m simulator.models.measure small|standard|FOLDER|...`."""

from __future__ import annotations

import resource
import sys
import time
from itertools import pairwise

from simulator.models.base import Sampling
from simulator.models.choose import open_model
from simulator.models.local import LocalModel

TEXT = "I ordered three items and was charged for four, and nobody has called me back. "
SPOKEN = 48


def measure(spec: str) -> str:
    """One line: seconds to load, tokens/s of prefill, decoding and features, peak resident memory in GB."""
    model, clock = open_model(spec), time.perf_counter
    if not isinstance(model, LocalModel):
        return f"{model.info.name} does not run on this machine."
    segments = tuple(TEXT * 8 + "\n" for _ in range(8))
    tokens, layer = sum(model.count(s) for s in segments), model.layers * 2 // 3
    list(model.stream((TEXT,), Sampling(temperature=0.0, max_tokens=2, stop=())))  # the first pass reads the weights in
    times = [clock()]
    list(model.stream(segments, Sampling(temperature=0.0, max_tokens=1, stop=()), cache_key="a"))
    times.append(clock())
    spoken = "".join(model.stream(segments, Sampling(max_tokens=SPOKEN, stop=(), seed=1), cache_key="a"))
    times.append(clock())
    model.features(segments, layers=(layer,))
    times.append(clock())
    prefill, decode, read = (b - a for a, b in pairwise(times))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        f"{model.info.name}: load {model.load_time:.1f} s, prefill {tokens / prefill:.0f} tokens/s ({tokens} tokens), "
        f"decode {max(model.count(spoken) - 1, 1) / decode:.1f} tokens/s, features of layer {layer} "
        f"{tokens / read:.0f} tokens/s, peak {peak:.2f} GB"
    )


if __name__ == "__main__":
    print(measure(sys.argv[1]))
