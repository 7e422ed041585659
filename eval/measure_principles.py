"""Can a model tell whether a caller's line keeps to a principle in plain words? Measured on the lines of data/principles.yaml.

    python -m eval.measure_principles --model small

AUC: the probability that a line which keeps its rule is scored above one which breaks its rule (.5: guessing), within a rule
and over all; accuracy: share of lines on the right side of 0. Intervals: rules drawn anew.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated

import numpy as np
import typer
from pydantic import Field

from eval.intervals import Estimate, mean
from simulator.caller.principles import Keeper
from simulator.errors import ModelFormatError
from simulator.models.base import DecidingModel
from simulator.models.choose import open_model
from simulator.persona import Line, Name
from simulator.yamlfile import Strict, read_model


class Rule(Strict):
    """One principle, with lines that keep to it and lines that break it."""

    rule: Line
    kept: tuple[Line, ...] = Field(min_length=2)
    broken: tuple[Line, ...] = Field(min_length=2)


class Rules(Strict):
    """The file."""

    id: Name
    about: str
    principles: tuple[Rule, ...]


def rules() -> tuple[Rule, ...]:
    """The rules that ship. Raises DataError."""
    return read_model(Rules, files("eval") / "data" / "principles.yaml").principles


def measured(keeper: Keeper, some: Sequence[Rule]) -> dict[str, Estimate]:
    """`auc within` a rule, `auc` over all lines (no interval), `accuracy`."""
    kept = [[keeper.kept(r.rule, line) for line in r.kept] for r in some]
    broken = [[keeper.kept(r.rule, line) for line in r.broken] for r in some]
    right = [[float(s > 0) for s in k] + [float(s <= 0) for s in b] for k, b in zip(kept, broken, strict=True)]
    groups = [r.rule for r, of in zip(some, right, strict=True) for _ in of]
    within = [_above(k, b) for k, b in zip(kept, broken, strict=True)]
    flat = _above([s for k in kept for s in k], [s for b in broken for s in b])
    return {
        "auc within": mean(within, [r.rule for r in some]),
        "auc": Estimate(flat, None, None, len(groups)),
        "accuracy": mean([v for of in right for v in of], groups),
    }


def _above(high: Sequence[float], low: Sequence[float]) -> float:
    """Probability that one of `high` is above one of `low`, half for a tie."""
    gaps = np.subtract.outer(np.array(high), np.array(low))
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())


def main(model: Annotated[str, typer.Option(help="whatever `simulator play --model` takes")] = "small") -> None:
    """Measure and print."""
    opened, some = open_model(model), rules()
    try:
        if not isinstance(opened, DecidingModel):
            raise ModelFormatError(f"{opened.info.name} cannot choose between answers")
        began = time.perf_counter()
        found = measured(Keeper(opened), some)
        asked = sum(1 + len(r.kept) + len(r.broken) for r in some)
        print(f"{opened.info.name}: " + ", ".join(f"{name} {value.told()}" for name, value in found.items()))
        print(f"{asked} questions about {len(some)} rules, {(time.perf_counter() - began) / asked:.3f} s each")
    finally:
        opened.close()


if __name__ == "__main__":
    typer.run(main)
