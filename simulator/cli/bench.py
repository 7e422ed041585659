"""`simulator bench`: runs a benchmark of the research harness, which the simulator itself never imports."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Annotated

import typer

from simulator.errors import DataError, UnknownNameError

GROUP = "simulator.bench"
"""Entry points of this group are functions that Typer can run."""
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["-h"]}
"""What follows the name, --help included, belongs to the benchmark."""


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which benchmark; without one they are listed.", show_default=False)] = "",
) -> int:
    """Measure the evaluator, a turn or the caller (`simulator bench NAME --help` tells more)."""
    known = {point.name: point for point in entry_points(group=GROUP)}
    if not known:
        raise DataError(
            "no benchmarks are installed: they come with the repository's `eval` folder; "
            "type `pip install -e .` where pyproject.toml is"
        )
    if name in ("", "--help"):
        typer.echo(f"usage: simulator bench NAME [OPTIONS]\nbenchmarks: {', '.join(sorted(known))}")
        return 0
    if name not in known:
        raise UnknownNameError("benchmark", name, known, next_command="simulator bench")
    sub = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    sub.command()(known[name].load())
    code = typer.main.get_command(sub).main(
        args=list(context.args), prog_name=f"simulator bench {name}", standalone_mode=False
    )
    return code if isinstance(code, int) else 0
