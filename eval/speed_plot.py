"""`simulator bench speed --plot FILE`: how many tokens a second each engine reads and decodes, one panel a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.speed_sections import PARTS
from eval.speed_tables import limits, pace
from eval.study_plots import COLOURS, STYLE

_LOOKS = {"ours": (COLOURS[0], "o"), "llama.cpp": (COLOURS[1], "s"), "transformers": (COLOURS[2], "D")}
"""Colour and mark by the first word of an engine's name: told apart without colour, too."""
_NAMES = ("reads 512 tokens", "decodes 1 row", "decodes 4 rows", "decodes 8 rows")


def draw(runs: Sequence[dict[str, Any]], file: Path) -> None:
    """Write the figure of all runs that timed engines, as SVG. Raises ValueError if there is none."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    timed = [run for run in runs if "decode" in run["sections"]]
    if not timed:
        raise ValueError("no run has the section decode")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.6 + 4.4 * len(timed), 4.2), layout="constrained")
        axes = figure.subplots(1, len(timed), squeeze=False, sharey=True)[0]
        for ax, run in zip(axes, timed, strict=True):
            _panel(ax, run["sections"]["decode"])
            ax.set(
                title=f"{run['model']}, {run['cores']} cores",
                xlabel="tokens a second, all rows together (more is better)",
            )
        axes[0].set(yticks=range(len(PARTS)), yticklabels=_NAMES, ylim=(len(PARTS) - 0.45, -0.55))
        shown = {label: mark for ax in axes for mark, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=len(shown), fontsize=8)
        figure.savefig(file, format="svg", metadata={"Date": None})


def _panel(ax: Any, raw: dict[str, Any]) -> None:
    engines, most = pace(raw), limits(raw)
    step = 0.62 / max(1, len(engines))
    for at, tokens in enumerate(most):
        label = "most that our weights allow" if not at else None
        ax.plot([tokens] * 2, [at - 0.4, at + 0.4], color="black", linestyle=":", label=label)
    for number, (name, rates) in enumerate(engines.items()):
        who = name.split(",")[0]
        colour, mark = _LOOKS[who]
        for at, rate in enumerate(rates):
            where, value = at + (number - (len(engines) - 1) / 2) * step, rate.value or 0.0
            if rate.low is not None:
                ax.plot([rate.low, rate.high], [where] * 2, "|-", color=colour, linewidth=1.2, markersize=7)
            ax.plot(value, where, mark, color=colour, markersize=5, label=who if not at else None)
            ax.annotate(
                f"{value:,.0f}" if value >= 10 else f"{value:.1f}",
                (rate.high or value, where),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )
    for at in range(1, len(PARTS)):
        ax.axhline(at - 0.5, color="#dddddd", linewidth=0.6)
    every = [r.value for rates in engines.values() for r in rates if r.value] + most
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    ax.set_xlim(min(every) / 1.5, max(every) * 2.2)
    ax.tick_params(axis="y", length=0)
