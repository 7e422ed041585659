"""What the worked studies in `notebooks/` share: a study played once and kept, tables, plots that fit a page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.intervals import Estimate
from eval.study import Study, jobs
from eval.study_plots import dot, label_rows
from eval.study_rows import CallRow, read_calls
from eval.study_run import run
from eval.study_tables import grid
from simulator.settings import settings
from simulator.yamlfile import parse_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def played(text: str, folder: Path = Path()) -> tuple[Study, list[CallRow]]:
    """The study that this YAML describes and all its calls; those that are in the cache folder already are not played
    again. `folder`: where paths of persona files start. Raises SimulatorError."""
    from rich.console import Console

    study = parse_model(Study, text, "study.yaml")
    ids = ",".join(job.id for job in jobs(study, folder))
    kept = settings().cache_dir / "studies" / f"{study.name}-{hashlib.sha256(ids.encode()).hexdigest()[:12]}"
    run(study, kept, folder=folder, console=Console(quiet=True))
    order = [job.id for job in jobs(study, folder)]
    return study, sorted(read_calls(kept), key=lambda call: order.index(call.id))


def style() -> None:
    """Plots that are small in the file and quiet on the page."""
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {"figure.dpi": 70, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
    )


def table(header: Sequence[object], rows: Sequence[Sequence[object]]) -> None:
    """Show rows of text as a table."""
    from IPython.display import Markdown, display

    display(Markdown("\n".join(grid([str(h) for h in header], [[str(cell) for cell in row] for row in rows]))))


def dots(ax: Axes, estimates: Mapping[str, Estimate], *, zero: bool = True) -> None:
    """A row for each estimate, the first on top; `zero`: with a line at nought."""
    if zero:
        ax.axvline(0, color="black", linewidth=0.8)
    for at, estimate in enumerate(estimates.values()):
        dot(ax, estimate, at)
    label_rows(ax, list(estimates))
