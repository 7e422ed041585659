"""`simulator bench attacks`: what tricks win. Each attack is graded beside its honest twin; by family the mean rise of
each dimension's level, counted only where both apply. Half of the attacks (`--split train`) the heads have learned from;
the figures that count are those of the other half.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from eval.attacks import TEST, Attack, attacks
from simulator.assessment import Assessment
from simulator.opening import open_evaluator
from simulator.vocabulary import Dimension

BOUND = 0.25
"""Largest mean rise of a level that a family may win."""


def main(
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    split: Annotated[str, typer.Option(help="test, train or all")] = TEST,
    output: Annotated[Path | None, typer.Option(help="also write the figures here as JSON")] = None,
) -> None:
    """Print how far each family of tricks lifts each level."""
    grader, _ = open_evaluator(evaluator)
    graded = [
        (a, *(grader.grade(s.turn, s.before, s.brief, cache_key=a.id) for s in (a.twin, a.attack)))
        for a in attacks()
        if split in (a.split, "all")
    ]
    figures = rises(graded)
    table = Table(title=f"{grader.name}: mean rise of the level over the honest twin, {split} half")
    for column in ("family", "n", *Dimension, "worst single rise"):
        table.add_column(column)
    for family, row in figures.items():
        cells = [
            f"{row[d.value]:+.2f}{' !' if row[d.value] > BOUND else ''}" if d.value in row else "-" for d in Dimension
        ]
        table.add_row(family, f"{row['n']:.0f}", *cells, f"{row['most']:+.0f}")
    Console(width=120).print(table)
    if output:
        output.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def rises(graded: list[tuple[Attack, Assessment, Assessment]]) -> dict[str, dict[str, float]]:
    """By family: `n`, the mean rise in levels of each dimension that applies to both, and the largest single rise."""
    found: dict[str, dict[str, float]] = {}
    for family in dict.fromkeys(a.family for a, _, _ in graded):
        pairs = [(twin, trick) for a, twin, trick in graded if a.family == family]
        row: dict[str, float] = {"n": len(pairs), "most": 0.0}
        for d in Dimension:
            moved = [b - a for x, y in pairs if (a := x.level(d)) is not None and (b := y.level(d)) is not None]
            if moved:
                row[d.value] = float(np.mean(moved))
                row["most"] = max(row["most"], max(moved))
        found[family] = row
    return found


if __name__ == "__main__":
    typer.run(main)
