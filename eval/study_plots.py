"""A study as pictures: who wins, how the mood goes, what a value in the file does, what moves callers. SVG, the same bytes
for the same figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.intervals import SIGNIFICANT, Estimate
from eval.study_measures import ABOUT, Response
from eval.study_techniques import Effect
from simulator.vocabulary import Difficulty, Feeling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#999933", "#882255")
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "svg.hashsalt": "study"}


def draw(found: dict[str, Any], folder: Path) -> list[Path]:
    """Write every plot that the figures give; the files."""
    import matplotlib

    matplotlib.use("agg")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with matplotlib.rc_context(STYLE):
        for name, figure in figures(found):
            file = folder / f"{name}.svg"
            figure.savefig(file, metadata={"Date": None})
            files.append(file)
    return files


def figures(found: dict[str, Any]) -> Iterator[tuple[str, Figure]]:
    """Name and figure of each plot that there is anything to draw for."""
    every = found["conditions"]
    named = {name: one for name, one in every.items() if not one["swept"]} or every
    yield "won", won_figure(named)
    yield "trajectory", trajectory_figure(named)
    if found["responses"]:
        yield "dose", dose_figure(found["responses"])
        yield "dose_trajectory", dose_trajectory_figure(found["dose_trajectories"])
    if found["techniques"]["all"]:
        yield "techniques", technique_figure(found["techniques"]["all"])
    each = {name: some for name, some in found["techniques"].items() if some and name != "all"}
    if len(each) > 1:
        yield "sensitivity", sensitivity_figure(each)


def won_figure(conditions: dict[str, Any]) -> Figure:
    """Share of calls won, by trainee and, where there are several, by difficulty; one panel a condition."""
    names = list(conditions)
    figure, axes = _panels(len(names), width=4.2, height=3.0, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        parts = dict(conditions[name]["by"]["trainee"])
        if len(conditions[name]["by"]["difficulty"]) > 1:
            order = [d.value for d in Difficulty]
            levels = conditions[name]["by"]["difficulty"]
            parts = {level: levels[level] for level in sorted(levels, key=order.index)} | parts
        shares = [parts[part]["resolved"] for part in parts]
        for at, share in enumerate(shares):
            dot(ax, share, at)
        label_rows(ax, list(parts))
        ax.set(xlim=(-0.03, 1.03), title=name, xlabel="share won")
    return figure


def trajectory_figure(conditions: dict[str, Any]) -> Figure:
    """Mean of each feeling after every trainee turn: a line a trainee where there is one condition, else a line a
    condition (the first trainee's)."""
    only = len(conditions) == 1
    whose = "" if only else f" ({next(iter(next(iter(conditions.values()))['trajectory']))} trainee)"
    lines = (
        next(iter(conditions.values()))["trajectory"]
        if only
        else {n: next(iter(c["trajectory"].values())) for n, c in conditions.items()}
    )
    figure, axes = _panels(4, width=3.4, height=2.8)
    for ax, feeling in zip(axes, Feeling, strict=True):
        for (name, points), colour in zip(lines.items(), _colours(len(lines)), strict=True):
            turns = [p["turn"] for p in points]
            means = [p[feeling.value] for p in points]
            ax.plot(turns, [m.value for m in means], color=colour, label=name, linewidth=1.5)
            if all(m.low is not None for m in means):
                ax.fill_between(
                    turns, [m.low for m in means], [m.high for m in means], color=colour, alpha=0.15, linewidth=0
                )
        ax.set(title=feeling.value, xlabel=f"trainee turns{whose}", ylim=(0, 10))
    axes[-1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def dose_figure(responses: Sequence[Response]) -> Figure:
    """Each measure at each value of its field."""
    figure, axes = _panels(len(responses), width=3.4, height=2.8)
    for ax, r in zip(axes, responses, strict=True):
        ax.plot(list(r.means), list(r.means.values()), "o-", color=COLOURS[0 if r.expected else 6])
        ax.set_ylim(0, 1.02 if r.measure == "won" else 1.1 * max(*r.means.values(), 0.01))
        ax.set(title=f"slope {r.slope.told('.3f')}", xlabel=r.field, ylabel=r.measure)
        ax.title.set_fontsize(9)
    return figure


def dose_trajectory_figure(fields: dict[str, dict[float, list[dict[str, Any]]]]) -> Figure:
    """For each swept field the mean of the feeling that it is about, after every trainee turn: a line a value, the
    darkest the highest."""
    figure, axes = _panels(len(fields), width=3.4, height=2.8)
    for ax, (field, doses) in zip(axes, fields.items(), strict=True):
        feeling = ABOUT.get(field, Feeling.AGITATION)
        for n, (dose, points) in enumerate(doses.items(), 1):
            means = [p[feeling.value].value for p in points]
            shade = 0.2 + 0.8 * n / len(doses)
            ax.plot(range(len(means)), means, color=COLOURS[0], alpha=shade, label=f"{dose:g}", linewidth=1.5)
        ax.set(title=field, xlabel="trainee turns", ylabel=feeling.value, ylim=(0, 10))
        ax.title.set_fontsize(9)
        ax.legend(fontsize=7)
    return figure


def technique_figure(effects: Sequence[Effect]) -> Figure:
    """What each tag does to trust and agitation in a turn."""
    figure, axes = _panels(2, width=4.6, height=1.2 + 0.24 * len(effects), sharey=True)
    for ax, feeling in zip(axes, (Feeling.TRUST, Feeling.AGITATION), strict=True):
        ax.axvline(0, color="black", linewidth=0.8)
        for at, effect in enumerate(effects):
            dot(ax, effect.moves[feeling.value], at)
        label_rows(ax, [e.tag.replace("_", " ") for e in effects])
        ax.set(title=f"{feeling.value}, points a turn")
    return figure


def sensitivity_figure(found: dict[str, list[Effect]]) -> Figure:
    """Which tag moves whose trust: a row a tag, a column a persona; printed bold and starred what stands after correction,
    white where too few turns had the tag."""
    import numpy as np
    from matplotlib.figure import Figure

    personas, moves = list(found), {(e.tag, name): e for name, some in found.items() for e in some}
    tags = sorted({tag for tag, _ in moves}, key=lambda tag: -sum(_trust(moves.get((tag, n))) for n in personas))
    values = np.array([[_trust(moves.get((tag, n)), np.nan) for n in personas] for tag in tags])
    size = (2.8 + 0.75 * len(personas), 1.6 + 0.26 * len(tags))
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    shown = ax.imshow(values, cmap="RdBu", vmin=-2, vmax=2, aspect="auto")
    for (y, x), value in np.ndenumerate(values):
        if not np.isnan(value):
            p = moves[tags[y], personas[x]].p_holm[Feeling.TRUST.value]
            sure = p is not None and p < SIGNIFICANT
            ink = "white" if abs(value) > 1.4 else "black"
            weight = "bold" if sure else "normal"
            ax.text(x, y, f"{value:+.1f}" + "*" * sure, ha="center", va="center", fontsize=7, color=ink, weight=weight)
    ax.set(yticks=range(len(tags)), yticklabels=[t.replace("_", " ") for t in tags], xticks=range(len(personas)))
    ax.set_xticklabels([n.replace("_", "\n") for n in personas], fontsize=7)
    ax.tick_params(length=0)
    figure.colorbar(shown, ax=ax, label="trust, points a turn")
    return figure


def _trust(effect: Effect | None, none: float = 0.0) -> float:
    value = effect.moves[Feeling.TRUST.value].value if effect else None
    return none if value is None else value


def label_rows(ax: Axes, names: Sequence[str]) -> None:
    """One row a name, the first on top."""
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))


def dot(ax: Axes, estimate: Estimate, at: float, colour: str = COLOURS[0]) -> None:
    """An estimate in row `at`: a point, and its interval as a line where it has one."""
    if estimate.value is None:
        return
    if estimate.low is not None:
        ax.plot([estimate.low, estimate.high], [at, at], color=colour, linewidth=1.2)
    ax.plot(estimate.value, at, "o", color=colour, markersize=5)


def _panels(count: int, *, width: float, height: float, sharey: bool = False) -> tuple[Figure, list[Axes]]:
    """`count` panels, at most four in a row."""
    from matplotlib.figure import Figure

    columns = min(4, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey).flatten()
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, list(axes[:count])


def _colours(count: int) -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(count)]
