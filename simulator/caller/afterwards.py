"""What such people in written calls do after such words: a correction when blamed, a question after a promised step.

`afterwards.csv` has a row for each thing that a turn can be graded with, one for each trait, and a column for each move:
the logarithm of how many times likelier the move becomes. `python -m eval.train_moves` learns it from the calls of the
corpus, on top of the weights of `inclination.py`, so that it says what those leave open. A cell of 0 is left empty.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from math import exp

from simulator.assessment import Assessment
from simulator.persona import Traits
from simulator.vocabulary import Dimension, Fault, Intent, Technique

ALWAYS = "always"
_MOST = 3.0
"""Bound of a sum of logarithms: no move becomes more than twenty times likelier or less likely."""


def qualities(graded: Assessment, traits: Traits) -> dict[str, float]:
    """What a turn was graded with, each 0-1: `always`, how low and how high a level is, or that it has none, and the tags;
    and who hears it: each trait from -1 (0 points) to 1 (10)."""
    found = {ALWAYS: 1.0}
    for dimension in Dimension:
        value = graded.value(dimension)
        if value is None:
            found[f"{dimension.value} does not apply"] = 1.0
        else:
            found[f"{dimension.value} low"] = max(0.0, (3.0 - value) / 2)
            found[f"{dimension.value} high"] = max(0.0, (value - 3.0) / 2)
    found |= {tag.value: 1.0 for tag in sorted(graded.tags, key=lambda t: t.value)}
    return found | {name: (getattr(traits, name) - 5) / 5 for name in Traits.model_fields}


QUALITIES = (
    ALWAYS,
    *(f"{d.value} {how}" for d in Dimension for how in ("low", "high", "does not apply")),
    *(t.value for t in (*Technique, *Fault)),
    *Traits.model_fields,
)
"""All of them, in the table's order."""


def likelier(graded: Assessment, traits: Traits, moves: Iterable[Intent]) -> dict[Intent, float]:
    """How many times likelier each of these moves is for somebody of these traits after a turn `graded` so, from .05 to 20."""
    table, found = _table(), qualities(graded, traits)
    sums = {move: sum(table[name].get(move, 0.0) * much for name, much in found.items()) for move in moves}
    return {move: exp(max(-_MOST, min(_MOST, much))) for move, much in sums.items()}


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[Intent, float]]:
    text = (files("simulator.caller") / "afterwards.csv").read_text(encoding="utf-8")
    rows = {row.pop("after"): row for row in csv.DictReader(text.splitlines())}
    return {name: {Intent(move): float(cell) for move, cell in rows[name].items() if cell} for name in QUALITIES}
