"""What 8-bit numbers cost: `python -m eval.compare_precision --base small|standard [--calls N] [--turns N]`.

On held-out calls, in full precision and in 8 bits: the perplexity of a caller's token with the adapter, and the grader's
agreement with the reference labels. Both should be the same but for rounding; time is `simulator bench speed`'s matter.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.corpus import graded_turns, is_test
from eval.lines import WrittenCall, split, written_calls
from eval.measures import kappa
from eval.reading import readings
from simulator.evaluator.grader import decided
from simulator.evaluator.heads import DIMENSIONS
from simulator.evaluator.heads import load as load_heads
from simulator.models import ensure
from simulator.models.choose import ADAPTERS
from simulator.models.loading import Precision, load
from simulator.models.runner import Runner, Work
from simulator.models.tokens import TextTokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, choices=("small", "standard"))
    parser.add_argument("--calls", type=int, default=20, help="held-out calls whose lines are read")
    parser.add_argument("--turns", type=int, default=1254, help="held-out turns that are graded")
    args = parser.parse_args()
    calls = split(written_calls())[1][: args.calls]
    turns = [t for t in graded_turns() if is_test(t.call)][: args.turns]
    table = Table(title=f"{args.base}: {len(calls)} held-out calls, {len(turns)} graded turns")
    for column in ("numbers", "perplexity", *(f"kappa {d.value}" for d in DIMENSIONS), "same level as full"):
        table.add_column(column)
    reference: list[list[int | None]] = []
    for precision in (Precision.FULL, Precision.AUTO):
        loaded = load(ensure(args.base), adapter=ADAPTERS / args.base, precision=precision)
        lines = perplexity(loaded.runner, TextTokens(loaded.tokenizer, args.base), calls) if calls else math.nan
        del loaded
        heads = load_heads(args.base)
        grades = [decided(heads, heads.hear(r).scores) for r in readings(args.base, heads.layers, turns, precision)]
        said = [[g.level(d) for d in DIMENSIONS] for g in grades]
        reference = reference or said
        agreed = []
        for n, dimension in enumerate(DIMENSIONS):
            pairs = [(t.levels[dimension], s[n]) for t, s in zip(turns, said, strict=True)]
            both = np.array([p for p in pairs if None not in p], dtype=np.int64)
            agreed.append(f"{kappa(both[:, 0], both[:, 1]):.3f}")
        same = np.mean(
            [a == b for one, two in zip(reference, said, strict=True) for a, b in zip(one, two, strict=True)]
        )
        name = "full" if precision is Precision.FULL else "8 bits"
        table.add_row(name, f"{lines:.3f}", *agreed, f"{same:.3f}")
    Console(width=150).print(table)


def perplexity(runner: Runner, tokens: TextTokens, calls: list[WrittenCall]) -> float:
    """exp of the mean loss of a token of the callers' lines, read token by token as they are when they are drawn."""
    total, count = 0.0, 0
    for call in track(calls, description="reading lines"):
        tape, after = runner.tape(), torch.empty(0)
        for index, text in enumerate(call.segments):
            ids = tokens.encode(text)[0]
            with torch.inference_mode():
                if not index or index % 2:
                    after = runner.scores([Work(tape, ids)], adapted=True)[0][0]
                    continue
                for token in ids:
                    total -= float(after.log_softmax(-1)[token])
                    count += 1
                    after = runner.scores([Work(tape, [token])], adapted=True)[0][0]
    return math.exp(total / count)


if __name__ == "__main__":
    main()
