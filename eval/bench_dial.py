"""`simulator bench dial`: is the difficulty dial one? A caller must be harder to win at each higher setting, for each persona.

Plays the excellent and the good scripted trainee against every persona at every difficulty, with the personas' own written
lines (the words do not decide the mood) and prints, per persona: the share of calls won, and how many turns that made an
offer were needed. Monotone: no setting is won more often, or sooner, than the one below.
`--output personas/measured.json` writes what persona cards show (`simulator/measured.py`).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.playing import grid, is_won, play_many
from eval.remembering import Remembering
from eval.trainees import Policy
from simulator.call import Call
from simulator.measured import FORMAT, Measured, Point
from simulator.opening import open_parts
from simulator.persona import find_persona, personas
from simulator.settings import settings as current_settings
from simulator.vocabulary import Difficulty

POLICIES = (Policy.EXCELLENT, Policy.GOOD)


def main(
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    seeds: Annotated[int, typer.Option(min=1, help="calls per persona, trainee and difficulty")] = 6,
    persona: Annotated[list[str] | None, typer.Option(help="only these")] = None,
    output: Annotated[Path | None, typer.Option(help="also write the curves to this JSON file")] = None,
) -> None:
    """Play two able trainees at every difficulty and print the curve of each persona."""
    parts = open_parts("small", evaluator, written=True)
    own = current_settings().data_dir / "personas"
    named = [find_persona(name, own) for name in persona] if persona else personas().values()
    chosen = {one.id: one for one in named}
    settings = grid(chosen.values(), Difficulty, POLICIES, seeds)
    played: dict[tuple[str, Difficulty], list[Call]] = {}
    playing = play_many(settings, parts.voice, Remembering(parts.evaluator))
    for place, call in track(playing, total=len(settings), description="playing calls"):
        played.setdefault((settings[place].persona.id, settings[place].difficulty), []).append(call)
    curves = {name: [point(played[name, level]) for level in Difficulty] for name in chosen}
    table = Table(title=f"won, and offers that were needed ({2 * seeds} calls a cell, {parts.evaluator.name})")
    for column in ("persona", *(d.value for d in Difficulty), "monotone"):
        table.add_column(column)
    for name, curve in curves.items():
        cells = [cell([at]) for at in curve]
        table.add_row(name, *cells, "yes" if monotone(curve) else "no")
    levels = list(zip(*curves.values(), strict=True))
    table.add_row("all", *(cell(level) for level in levels), f"{sum(map(monotone, curves.values()))}/{len(curves)}")
    Console(width=120).print(table)
    if output:
        only = "".join(f" --persona {name}" for name in persona or ())
        measured = Measured(
            format=FORMAT,
            made_by=f"simulator bench dial --evaluator {evaluator} --seeds {seeds}{only}",
            grader=parts.evaluator.name,
            calls_per_point=len(POLICIES) * seeds,
            curves={name: [Point(round(won, 4), round(moves, 2)) for won, moves in c] for name, c in curves.items()},
        )
        output.write_text(measured.model_dump_json(indent=1) + "\n", encoding="utf-8")


def cell(points: list[tuple[float, float]]) -> str:
    """The means of `points` as a table shows them; '-': none was won."""
    moves = [m for _, m in points if m]
    return f"{mean(won for won, _ in points):.0%}  " + (f"{mean(moves):.1f}" if moves else "-")


def point(calls: list[Call]) -> tuple[float, float]:
    """Share of `calls` won, and in those won the mean number of turns that offered something (0: none was won)."""
    won = [c for c in calls if is_won(c)]
    return len(won) / len(calls), mean(c.state.offers for c in won) if won else 0.0


def monotone(curve: list[tuple[float, float]]) -> bool:
    """Whether a harder setting is never won more often, nor with fewer offers where it is won at all."""
    pairs = list(pairwise(curve))
    return all(b[0] <= a[0] for a, b in pairs) and all(b[1] >= a[1] for a, b in pairs if a[1] and b[1])


if __name__ == "__main__":
    typer.run(main)
