"""`simulator bench facts`: how often the check of a turn against its scenario is right.

Hand-written trainee sentences over all shipped scenarios (`data/facts_checked.jsonl`), each with what should be found: a
false promise, a wrong fact, a question for what was already given, or nothing. Half of them (`split: tune`) were looked
at while the rules were written, the other half (`test`) was run once at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from simulator.assessment import Check
from simulator.errors import DataError
from simulator.evaluator.facts import check
from simulator.scenario import scenarios
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Fault


class Split(StrEnum):
    """The half that was looked at, and the one that was not."""

    TUNE = "tune"
    TEST = "test"


class Finding(StrEnum):
    """What a check can find."""

    FALSE_PROMISE = "false_promise"
    WRONG_FACT = "wrong_fact"
    ASKS_AGAIN = "asks_again"


@dataclass(frozen=True, slots=True)
class Case:
    """One trainee turn, the caller turns before it, and what should be found in it (None: nothing)."""

    id: str
    scenario: str
    split: Split
    before: tuple[str, ...]
    turn: str
    finds: Finding | None


def cases(path: Path | None = None) -> list[Case]:
    """The hand-written cases. Raises DataError naming the line."""
    source = path or files("eval") / "data" / "facts_checked.jsonl"
    found = []
    with source.open(encoding="utf-8") as lines:
        for number, row in enumerate(lines, 1):
            try:
                r = json.loads(row)
                finds = Finding(r["finds"]) if r["finds"] else None
                found.append(Case(r["id"], r["scenario"], Split(r["split"]), tuple(r["before"]), r["turn"], finds))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"is not a checked sentence ({error!r})", file=str(source), line=number) from error
    return found


def run(case: Case) -> tuple[Check, ...]:
    """What is found in that turn, said after a greeting, the caller's turns (or the scenario's opening)."""
    about = scenarios()[case.scenario]
    before = Transcript().plus(Speaker.TRAINEE, "Hello, how can I help?")
    for said in case.before or (about.opening,):
        before = before.plus(Speaker.CALLER, said).plus(Speaker.TRAINEE, "I see.")
    before = Transcript(before.turns[:-1])
    return check(Turn(len(before), Speaker.TRAINEE, case.turn), before, about)


def found_in(checks: Iterable[Check]) -> frozenset[Finding]:
    """The kinds of these checks."""
    return frozenset(
        Finding.WRONG_FACT
        if c.fault is None
        else Finding.ASKS_AGAIN
        if c.fault is Fault.ASKS_AGAIN
        else Finding.FALSE_PROMISE
        for c in checks
    )


def measure(some: Iterable[Case]) -> dict[str, object]:
    """Counts by kind (`right`, `wrong`, `missed`), the turns without fault that were accused, and milliseconds a turn."""
    kinds = {k.value: {"right": 0, "wrong": 0, "missed": 0} for k in Finding}
    clean = accused = 0
    seconds = []
    for case in some:
        began = perf_counter()
        found = found_in(run(case))
        seconds.append(perf_counter() - began)
        for kind in Finding:
            if kind in found or kind is case.finds:
                outcome = "missed" if kind not in found else "right" if kind is case.finds else "wrong"
                kinds[kind.value][outcome] += 1
        if case.finds is None:
            clean += 1
            accused += bool(found)
    return {"kinds": kinds, "clean": clean, "accused": accused, "milliseconds": 1000 * median(seconds or [0.0])}


def main(
    split: Annotated[Split, typer.Option(help="tune or test")] = Split.TEST,
    data: Annotated[Path | None, typer.Option(help="other cases (JSONL) in the same format")] = None,
    show: Annotated[bool, typer.Option(help="also print every turn that was judged wrongly")] = False,
) -> None:
    """Print how often the checks against the scenario are right."""
    some = [c for c in cases(data) if c.split is split]
    figures = measure(some)
    console = Console()
    table = Table(title=f"checks against the scenario, {split.value} half, {len(some)} turns")
    for column in ("kind", "n", "precision", "recall", "right", "wrong", "missed"):
        table.add_column(column)
    kinds = figures["kinds"]
    assert isinstance(kinds, dict)
    for kind, f in kinds.items():
        right, wrong, missed = f["right"], f["wrong"], f["missed"]
        precision = f"{right / (right + wrong):.2f}" if right + wrong else "-"
        recall = f"{right / (right + missed):.2f}" if right + missed else "-"
        table.add_row(kind, str(right + missed), precision, recall, str(right), str(wrong), str(missed))
    console.print(table)
    console.print(
        f"{figures['accused']} of {figures['clean']} turns without fault accused; "
        f"{figures['milliseconds']:.1f} ms a turn (median)"
    )
    if show:
        for case in some:
            found = found_in(checks := run(case))
            if found != (frozenset({case.finds}) if case.finds else frozenset()):
                wanted = case.finds.value if case.finds else "nothing"
                console.print(
                    f"{case.id} wanted {wanted}, found {', '.join(found) or 'nothing'}: {case.turn}", markup=False
                )
                for c in checks:
                    console.print(f"    {c.source.value} {c.title}: {c.says}", markup=False)


if __name__ == "__main__":
    typer.run(main)
