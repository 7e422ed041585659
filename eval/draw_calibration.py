"""Draws the turns that facilitators rate on the page `/calibrate`: `python -m eval.draw_calibration --seed 1`.

Only held-out calls are used, so that no grader was trained on what it is compared on. Run it again when labels change.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from eval.corpus import is_test
from simulator.calibration.records import Said, TurnToRate
from simulator.calibration.turns import Candidate, spread
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Register

MOST_BEFORE, LONGEST = 16, 900
"""Turns before, and characters of the turn, that a rater can be asked to read."""


def candidates() -> list[Candidate]:
    """Every trainee turn of the held-out calls that is short enough, with its reference labels."""
    found: list[Candidate] = []
    with (files("eval") / "data" / "calls_graded.jsonl").open(encoding="utf-8") as lines:
        for call in map(json.loads, lines):
            if is_test(call["id"]):
                found += [(turn, turn.reference or {}) for turn in _of_call(call)]
    return found


def _of_call(call: dict[str, Any]) -> list[TurnToRate]:
    about, said = call["scenario"], [Said(speaker=t["speaker"], text=t["text"]) for t in call["turns"]]
    return [
        TurnToRate(
            id=f"{call['id']}-{index}",
            call=call["id"],
            medium=Register(call["register"]),
            caller=call["persona"]["name"],
            business=about["business"],
            issue=about["issue"],
            facts=tuple(about["facts"]),
            policy=tuple(about["policy"]),
            before=tuple(said[:index]),
            turn=turn["text"],
            reference={d: turn["grade"][d.value] for d in Dimension},
        )
        for index, turn in enumerate(call["turns"])
        if turn["speaker"] == Speaker.TRAINEE and index <= MOST_BEFORE and len(turn["text"]) <= LONGEST
    ]


def main(
    seed: Annotated[int, typer.Option(help="Another seed, another set.")] = 1,
    n: Annotated[int, typer.Option(help="How many turns.")] = 48,
    output: Annotated[Path, typer.Option(help="Where they go.")] = Path("simulator/calibration/turns.jsonl"),
) -> None:
    """Draw the turns and write them, one JSON object a line."""
    chosen = sorted((turn for turn, _ in spread(candidates(), n, Random(seed))), key=lambda turn: turn.id)
    output.write_text("".join(turn.model_dump_json() + "\n" for turn in chosen), encoding="utf-8")
    levels = Counter((d.value, level) for turn in chosen for d, level in (turn.reference or {}).items())
    typer.echo(f"{len(chosen)} turns of {len({t.call for t in chosen})} calls written to {output}")
    for dimension in Dimension:
        counts = ", ".join(f"{'n/a' if k is None else k}: {levels[dimension.value, k]}" for k in (1, 2, 3, 4, 5, None))
        typer.echo(f"  {dimension.value:9} {counts}")


if __name__ == "__main__":
    typer.run(main)
