"""`simulator bench evaluator`: how far a grader agrees with reference labels on calls it has not seen.

Per dimension: quadratic weighted kappa with a bootstrap interval (calls resampled, not rows), exact and within-one
agreement, agreement on whether the dimension applies, calibration error, how often it is unsure; per tag precision and
recall; bias by length, register, first or second language, home ground, author and persona (`eval/bias.py`); baselines and any other model beside it. The turns are those
of the held-out calls (`eval.corpus.is_test`), any file of graded calls in the same format, or anybody's ratings in a CSV
or JSONL file with a map of its columns (`eval/ratings.py`), turn by turn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.baselines import asked, commonest, words_alone
from eval.bias import Bias
from eval.corpus import GradedTurn, graded_turns, is_test
from eval.intervals import plain
from eval.measures import Pairs, levels, measure, raters
from eval.people import compare, furthest, table
from eval.ratings import ColumnMap, Rated, rated_turns
from eval.reading import readings
from simulator.assessment import Assessment
from simulator.errors import DataError, ModelError
from simulator.evaluator import batch
from simulator.evaluator.grader import decided
from simulator.evaluator.heads import load
from simulator.opening import open_evaluator
from simulator.vocabulary import Dimension
from simulator.yamlfile import read_model

Turns = TypeVar("Turns", GradedTurn, Rated)
_SHARES = ("exact", "within_one", "applies", "calibration_error", "unsure", "kappa_when_sure")


def main(
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    calls: Annotated[Path | None, typer.Option(help="graded calls (JSONL) instead of the held-out split")] = None,
    ratings: Annotated[
        Path | None, typer.Option(help="your own ratings (CSV or JSONL) instead; needs --columns")
    ] = None,
    columns: Annotated[Path | None, typer.Option(help="which of their columns is what (YAML: eval/ratings.py)")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only so many calls: for a quick look")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="a model to ask for levels, zero-shot; may be repeated")
    ] = None,
    turn_by_turn: Annotated[
        bool, typer.Option(help="grade as in a call, and time it; else a call is read once")
    ] = False,
    worst: Annotated[int, typer.Option(min=0, help="print so many of the largest disagreements")] = 0,
    output: Annotated[Path | None, typer.Option(help="also write the figures here as JSON")] = None,
) -> None:
    """Print a grader's agreement with reference labels."""
    if (ratings is None) != (columns is None):
        raise DataError("--ratings FILE and --columns MAP belong together: the map says which column is what")
    if ratings is not None and calls is not None:
        raise DataError("--calls and --ratings are two files to grade; give one of them")
    if ratings is not None and columns is not None:
        named = read_model(ColumnMap, columns)
        figures = _of_people(evaluator, named, _first(rated_turns(ratings, named), limit), model or (), worst)
    else:
        turns = _first([t for t in graded_turns(calls) if calls is not None or is_test(t.call)], limit)
        ours = graded_in_calls(evaluator, turns) if turn_by_turn else graded_at_once(evaluator, turns)
        figures = _of_levels(evaluator, turns, ours, tuple(Dimension), model or (), worst)
    if output:
        output.write_text(json.dumps(plain(figures), indent=2, allow_nan=False), encoding="utf-8")


def _first(turns: list[Turns], calls: int | None) -> list[Turns]:
    """Those of the first so many calls; None: all."""
    few = set(list(dict.fromkeys(_call(t) for t in turns))[:calls])
    return [t for t in turns if _call(t) in few]


def _call(turn: GradedTurn | Rated) -> str:
    return turn.turn.call if isinstance(turn, Rated) else turn.call


def _of_people(
    evaluator: str, columns: ColumnMap, rated: list[Rated], models: Sequence[str], worst: int
) -> dict[str, Any]:
    turns = [r.turn for r in rated]
    ours = graded_as_they_go_on(evaluator, turns)
    dimensions = tuple(d for d in Dimension if d in columns.dimensions)
    figures = _of_levels(evaluator, turns, ours, dimensions, models, worst) if dimensions else {}
    found = compare(rated, ours, columns)
    console = Console(width=150)
    console.print(table(found, f"ours, {evaluator}", columns.of))
    for apart in furthest(rated, ours, columns)[:worst]:
        console.print(
            f"\n{apart.turns[0].turn.call}, {apart.question}: people {apart.people:.2f}, grader {apart.grader:.2f}; of a "
            f"hundred the grader ranks it {abs(apart.higher) * 100:.0f} {'higher' if apart.higher > 0 else 'lower'}",
            markup=False,
        )
        for one in apart.turns:
            for said in one.turn.before.turns[-1:]:
                console.print(f"  {said.speaker.value}: {said.text}", markup=False)
            console.print(f"  trainee: {one.turn.turn.text}", markup=False)
    return {**figures, "beside people": found}


def _of_levels(
    evaluator: str,
    turns: Sequence[GradedTurn],
    ours: Sequence[Assessment],
    dimensions: Sequence[Dimension],
    models: Sequence[str],
    worst: int,
) -> dict[str, Any]:
    figures: dict[str, Any] = {f"ours, {evaluator}": measure(list(zip(turns, ours, strict=True)), dimensions)}
    train = [t for t in graded_turns() if not is_test(t.call)]
    for name, given in (("commonest level", commonest(train, turns)), ("words alone", words_alone(train, turns))):
        figures[name] = measure(list(zip(turns, given, strict=True)), dimensions)
    for name in models:
        answers = [(t, a) for t, a in zip(turns, asked(name, turns), strict=True) if a is not None]
        figures[f"{name}, asked"] = {**measure(answers, dimensions), "failed": len(turns) - len(answers)}
    figures["raters"] = raters(turns)
    show(figures, list(zip(turns, ours, strict=True)), worst)
    return figures


def graded_at_once(base: str, turns: Sequence[GradedTurn]) -> list[Assessment]:
    """Levels and tags of the heads from one pass over each call: what the grader gives turn by turn, up to rounding and
    without its gates (words said twice, turns without words)."""
    heads = load(base)
    return [decided(heads, heads.hear(r).scores) for r in readings(base, heads.layers, turns)]


def graded_in_calls(base: str, turns: Sequence[GradedTurn]) -> list[Assessment]:
    """As in a call, one turn after the other; `seconds` are what each took."""
    grader, _ = open_evaluator(base)
    return [grader.grade(t.turn, t.before, t.brief, cache_key=t.call) for t in track(turns, description="grading")]


def graded_as_they_go_on(base: str, turns: Sequence[GradedTurn]) -> list[Assessment]:
    """Ratings of others need not be of whole calls: what goes on in one is read at once (`simulator grade --input`), with
    the grades of turn by turn. Raises ModelError for a turn that cannot be graded."""
    grader, _ = open_evaluator(base)
    found = []
    for given in track(
        batch.graded(grader, [batch.Asked(t.turn.text, t.before, t.brief, t.call) for t in turns]),
        description="grading",
        total=len(turns),
    ):
        if isinstance(given, ModelError):
            raise given
        found.append(given)
    return found


def show(figures: dict[str, Any], graded: Pairs, worst: int) -> None:
    """Print the figures as tables."""
    console = Console(width=150)
    first = next(iter(figures.values()))
    table = Table(title=f"{first['turns']} turns in {first['calls']} calls that no grader here was trained on")
    for column in ("grader", "dimension", "n", "quadratic kappa (95 %)", *(s.replace("_", " ") for s in _SHARES)):
        table.add_column(column)
    for name, found in figures.items():
        if name == "raters":
            continue
        for place, (d, f) in enumerate(found["dimensions"].items()):
            interval = f"{f['kappa']:.2f} ({f['kappa_low']:.2f}-{f['kappa_high']:.2f})"
            shares = [f"{f[s]:.2f}" for s in _SHARES]
            table.add_row("" if place else name, d, str(f["n"]), interval, *shares)
    console.print(table)
    if seconds := first["seconds_median"]:
        console.print(f"{seconds:.2f} s a turn (median)")
    if figures["raters"]:
        table = Table(title="how far the raters of these turns agree")
        for column in ("raters", "turns", *Dimension):
            table.add_column(column)
        for row in figures["raters"]:
            cells = [f"{row[d.value]['kappa']:.2f}, applies {row[d.value]['applies']:.2f}" for d in Dimension]
            table.add_row(row["raters"], str(row["turns"]), *cells)
        console.print(table)
    if first["tags"]:
        console.print(_tags(first["tags"]))
    console.print(_bias(first["bias"]))
    for turn, given, dimension in disagreements(graded)[:worst]:
        console.print(
            f"\n{turn.call} turn {turn.turn.index}, {dimension.value}: reference {turn.levels[dimension]}, "
            f"grader {given.level(dimension)} ({given.value(dimension)})"
        )
        if turn.before.turns:
            console.print(f"  caller: {turn.before.turns[-1].text}", markup=False)
        console.print(f"  trainee: {turn.turn.text}", markup=False)


def _bias(found: dict[str, dict[str, dict[str, Bias]]]) -> Table:
    table = Table(title="bias: grader minus reference, in levels (95 %); *: other than the rest's, p < .05 (Holm)")
    for column in ("by", "group", *Dimension):
        table.add_column(column)
    for by, groups in found.items():
        for group, row in groups.items():
            table.add_row(by, group, *(row[d.value].told if d.value in row else "-" for d in Dimension))
    return table


def _tags(found: dict[str, Any]) -> Table:
    table = Table(title="tags")
    for column in ("tag", "n", "precision", "recall", "F1"):
        table.add_column(column)
    for tag, f in sorted(found.items(), key=lambda kv: -kv[1]["n"]):
        shares = ("-" if f[k] is None else f"{f[k]:.2f}" for k in ("precision", "recall", "f1"))
        table.add_row(tag, str(f["n"]), *shares)
    return table


def disagreements(graded: Pairs) -> list[tuple[GradedTurn, Assessment, Dimension]]:
    """Turns and dimensions to which both gave a level, the furthest apart first."""
    found = []
    for d in Dimension:
        truth, said = levels(graded, d)
        for i in np.flatnonzero((truth > 0) & (said > 0)):
            turn, given = graded[i]
            found.append((abs((given.value(d) or 0) - truth[i]), turn.call, turn.turn.index, turn, given, d))
    found.sort(key=lambda row: (-row[0], row[1], row[2], row[5]))
    return [(turn, given, d) for *_, turn, given, d in found]


if __name__ == "__main__":
    typer.run(main)
