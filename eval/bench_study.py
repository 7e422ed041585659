"""`simulator bench study FILE --out DIR`: plays a study from a YAML file and measures it; resumes where it was cut off.

`simulator bench study compare DIR1 DIR2` holds two studies against each other, call by call. What may stand in the file:
`eval/study.py`, examples in `eval/studies/`. What comes out: `eval/README.md`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from eval.intervals import plain
from eval.study import Study, jobs, read_study
from eval.study_compare import compare
from eval.study_plots import draw
from eval.study_rows import read_calls, read_manifest, write_parquet
from eval.study_run import run
from eval.study_tables import TECHNIQUES, compared_table, markdown, measured, summary
from simulator.cli.rows import writing
from simulator.errors import DataError


def main(
    what: Annotated[str, typer.Argument(metavar="FILE|compare", help="a study (YAML), or the word compare")],
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="[DIR1 DIR2]", help="after compare: two studies' folders")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the folder of the study's calls and tables")] = None,
    limit: Annotated[
        int,
        typer.Option(
            min=0, help="only so many of the calls that are left, drawn by chance, and how long the rest takes"
        ),
    ] = 0,
    processes: Annotated[int, typer.Option(min=1, help="play in so many processes, each with its own models")] = 1,
    count: Annotated[bool, typer.Option("--count", help="only say how many calls the study has")] = False,
    output: Annotated[Path | None, typer.Option(help="after compare: also write the figures here as JSON")] = None,
) -> None:
    """Play a study and measure it, or compare two."""
    console = Console(width=max(150, Console().width))  # tables, as in the other benchmarks
    if what == "compare":
        _compare(folders or [], output, console)
        return
    if folders:
        raise DataError(f"{folders[0]} is one too many: a study is one file, its folder goes after --out")
    path = Path(what)
    study = read_study(path)
    if count:
        console.print(f"{len(jobs(study, path.parent)):,} calls")
        return
    if out is None:
        raise DataError(
            "where to? --out DIR names the folder of calls and tables (it may hold a part of this study already)"
        )
    ran = run(study, out, folder=path.parent, processes=processes, limit=limit, console=console)
    console.print(ran.told)
    told = tables(study, out)
    console.print(Markdown(told.partition(TECHNIQUES)[0]))
    console.print(f"{out}: calls.jsonl, calls.parquet, manifest.json, summary.json, table.md, plots", soft_wrap=True)


def tables(study: Study, out: Path) -> str:
    """Measure what is in `out`, write tables, plots and Parquet, and return the table. Raises DataError without calls."""
    manifest, calls = read_manifest(out), read_calls(out)
    if manifest is None or not calls:
        raise DataError("holds no calls of a study", file=out)
    order = [c.name for c in study.every_condition]
    calls.sort(key=lambda c: (order.index(c.condition), c.match))  # whoever played them, in whatever order
    found = measured(study, calls)
    told = markdown(manifest, found)
    with writing(str(out / "summary.json")) as file:
        file.write(json.dumps(summary(manifest, found), indent=1, ensure_ascii=False) + "\n")
    with writing(str(out / "table.md")) as file:
        file.write(told)
    draw(found, out / "plots")
    write_parquet(out, calls)
    return told


def _compare(folders: list[Path], output: Path | None, console: Console) -> None:
    if len(folders) != 2:
        raise DataError("compare takes two folders of studies: simulator bench study compare DIR1 DIR2")
    found, notes = compare(folders[0], folders[1])
    console.print(Markdown("\n".join(compared_table(found))))
    for note in (*notes, f"{len(found)} tests, corrected by Holm's method; *: p < .05."):
        console.print(note)
    if output:
        with writing(os.fspath(output)) as file:
            told = {"first": folders[0].name, "second": folders[1].name, "notes": notes}
            file.write(json.dumps(told | {"differences": plain(found)}, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
