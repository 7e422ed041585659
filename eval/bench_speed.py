"""`simulator bench speed`: how fast callers answer and turns are graded here, beside peers with the same weights.

What is measured is in `speed_sections.py`, the peers in `peers.py` and `repliers.py`; what is told of it in `speed_tables.py`
and `speed_plot.py`, now or later, from files of raw samples.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from eval.speed_plot import draw
from eval.speed_sections import ENGINES, OPENED, Asked, memory
from eval.speed_tables import told
from simulator import __version__
from simulator.cli.rows import writing
from simulator.errors import DataError
from simulator.models.loading import cores
from simulator.opening import open_parts

FORMAT = 1
Section = StrEnum("Section", [(name, name) for name in (*ENGINES, *OPENED)])  # type: ignore[misc]
USUAL = tuple(s for s in Section if s != "room")
Run = dict[str, Any]


def main(
    model: Annotated[str, typer.Option(help="small or standard")] = "small",
    only: Annotated[list[Section] | None, typer.Option(help="only this section (may be given several times)")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="times that every engine, and the server's start, is timed")] = 5,
    calls: Annotated[int, typer.Option(min=1, help="calls of self-play, and of whole turns")] = 8,
    turns: Annotated[int, typer.Option(min=1, help="turns of each call or trainee")] = 3,
    grading: Annotated[int, typer.Option(min=1, help="held-out calls that are graded")] = 12,
    growth: Annotated[int, typer.Option(min=1, help="long calls of 40 turns")] = 2,
    trainees: Annotated[int, typer.Option(min=0, help="trainees in a room, each thinking 15-25 s (0: no room)")] = 0,
    peers: Annotated[bool, typer.Option(help="also time the peers")] = True,
    json_: Annotated[Path | None, typer.Option("--json", help="write all raw samples here")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw the engines' pace here (SVG)")] = None,
    from_: Annotated[
        list[Path] | None, typer.Option("--from", help="measure nothing: tell these files of --json (both sizes: both)")
    ] = None,
) -> None:
    """Time start-up, reading, decoding, replies, grading, whole turns, long calls, self-play and a room.

    \b
    Sections, and about how long each takes on two idle cores (small; standard):
      start      start to first page of `serve`, and first call (1 min; 2 min)
      decode     reading, 1, 4 and 8 rows, floor (1 min; 8 min)
      replies    whole replies, one and eight at once (2 min; 12 min)
      grade      one turn, and a file of turns (1 min; 2 min)
      turn       whole turns, at once and after thinking (1 min; 4 min)
      growth     turns 2 to 40 of long calls (1 min; 3 min)
      play       self-play one by one and at once (1 min; 5 min)
      room       thinking trainees, if asked for (2 min; 3 min)
    """
    console = Console(width=150)
    if from_:
        runs = [read(file) for file in from_]
        for run in runs:
            for name, raw in run["sections"].items():
                show(console, run["model"], name, raw)
    else:
        asked = Asked(rounds, calls, turns, trainees or 30, grading, growth, peers)
        sections = only or [*USUAL, *([Section("room")] if trainees else [])]
        runs = [measured(model, sections, asked, console)]
        if json_ is not None:
            with writing(str(json_)) as target:
                target.write(json.dumps(runs[0]) + "\n")
    if plot is not None:
        if not any("decode" in run["sections"] for run in runs):
            raise DataError("nothing to draw: no run has the section decode")
        draw(runs, plot)
        console.print(f"{plot}: the engines' pace", soft_wrap=True)


def measured(model: str, sections: Sequence[Section], asked: Asked, console: Console) -> Run:
    """All samples of these sections, told as they come."""
    run: Run = {
        "format": FORMAT,
        "program": __version__,
        "model": model,
        "cores": cores(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "asked": asdict(asked),
        "sections": {},
    }

    def keep(name: str, raw: dict[str, Any], began: float) -> None:
        run["sections"][name] = raw | {"took": time.perf_counter() - began}
        show(console, model, name, run["sections"][name])

    for name, measure in ENGINES.items():
        if name in sections:
            began = time.perf_counter()
            keep(name, measure(model, asked), began)
    if any(name in sections for name in OPENED):
        began = time.perf_counter()
        parts = open_parts(model, model)
        try:
            parts.warm_up()
            run["opened"] = {"seconds": time.perf_counter() - began, "memory": memory()}
            console.print(f"opened and warm in {run['opened']['seconds']:.1f} s, {memory():.2f} GB resident")
            for name, of_parts in OPENED.items():
                if name in sections:
                    began = time.perf_counter()
                    keep(name, of_parts(parts, asked), began)
        finally:
            parts.close()
    return run


def show(console: Console, model: str, name: str, raw: dict[str, Any]) -> None:
    """Print a section, and how long it took."""
    for part in told(name, model, raw):
        console.print(part)
    console.print(f"({name}: {raw['took']:.0f} s)\n")


def read(file: Path) -> Run:
    """A run from a file of `--json`. Raises DataError."""
    try:
        run: Run = json.loads(file.read_text("utf-8"))
        if run["format"] != FORMAT:
            raise DataError(f"is of format {run['format']}, not {FORMAT}: measure again", file=file)
        if not set(run["sections"]) <= {*ENGINES, *OPENED}:
            raise DataError("holds sections that this program does not know: it is of a newer one", file=file)
        return run
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", file=file) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("is no file of `simulator bench speed --json`", file=file) from error


if __name__ == "__main__":
    typer.run(main)
