"""`simulator bench turn`: how long a trainee waits, from sending a turn to the full reply, and where the time goes."""

from __future__ import annotations

import time
from itertools import islice
from statistics import median, quantiles
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.playing import Setting, started, words
from eval.trainees import Policy
from simulator.events import CallerSaying, CallerSpoke, TurnGraded
from simulator.opening import open_parts
from simulator.persona import personas
from simulator.scenario import scenarios
from simulator.session import Session
from simulator.vocabulary import Difficulty


def main(
    model: Annotated[str, typer.Option(help="standard, small, or any other model")] = "small",
    evaluator: Annotated[str, typer.Option(help="auto, standard or small")] = "auto",
    calls: Annotated[int, typer.Option(min=1)] = 4,
    turns: Annotated[int, typer.Option(min=2, help="trainee turns of each call")] = 6,
) -> None:
    """Play calls and print turn times; the first turn of the process is left out (it warms up)."""
    parts = open_parts(model, evaluator)
    parts.warm_up()
    voice, grader = parts.voice, parts.evaluator
    rows: list[dict[str, float]] = []
    all_personas, all_scenarios = list(personas().values()), list(scenarios().values())
    for n in track(range(calls), description="playing calls"):
        persona, scenario = all_personas[5 * n % len(all_personas)], all_scenarios[n % len(all_scenarios)]
        setting = Setting(persona, scenario, Difficulty.MEDIUM, Policy.EXCELLENT, n)
        session = started(setting, voice, grader)
        for turn, said in enumerate(islice(words(session, setting), turns)):
            row = _timed(session, said)
            if n or turn:
                rows.append(row | {"turn": turn})
    table = Table(title=f"{voice.name}, {grader.name}: {len(rows)} turns")
    for column in ("seconds", "median", "95th percentile"):
        table.add_column(column)
    for part in ("grade", "first words", "reply", "whole turn"):
        values = [r[part] for r in rows]
        table.add_row(part, f"{median(values):.2f}", f"{quantiles(values, n=20)[-1]:.2f}")
    console = Console()
    console.print(table)
    attempts = [r["attempts"] for r in rows]
    console.print(
        f"times drawn per turn {sum(attempts) / len(attempts):.2f}, written lines {sum(r['written'] for r in rows):.0f}, "
        f"words per reply {median(r['words'] for r in rows):.0f}"
    )


def _timed(session: Session, said: str) -> dict[str, float]:
    """One turn, in seconds: until the grade, from there to the first words, to the full reply; and the whole."""
    began = time.perf_counter()
    graded = first = done = 0.0
    row: dict[str, float] = {}
    for event in session.submit(said):
        now = time.perf_counter() - began
        if isinstance(event, TurnGraded):
            graded = now
        elif isinstance(event, CallerSaying) and not first:
            first = now
        elif isinstance(event, CallerSpoke):
            done = now
            row = {"attempts": event.attempts, "written": event.written, "words": len(event.text.split())}
    return row | {"grade": graded, "first words": first - graded, "reply": done - graded, "whole turn": done}


if __name__ == "__main__":
    typer.run(main)
