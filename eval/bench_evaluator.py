"""`simulator bench evaluator`: how far the grader agrees with reference labels on calls it has not seen.

Per dimension: quadratic weighted kappa with a bootstrap interval (calls resampled, not rows), exact and within-one
agreement, agreement on whether the dimension applies, and calibration error; per tag: precision and recall. The turns
are those of the held-out calls (`eval.corpus.is_test`), or any file of graded calls in the same format.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import cohen_kappa_score

from eval.corpus import GradedTurn, graded_turns, is_test
from simulator.assessment import Assessment
from simulator.evaluator.heads import TAGS
from simulator.opening import open_evaluator
from simulator.vocabulary import Dimension

Pairs = list[tuple[GradedTurn, Assessment]]


def main(
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    calls: Annotated[Path | None, typer.Option(help="graded calls (JSONL) instead of the held-out split")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only so many calls: for a quick look")] = None,
    output: Annotated[Path | None, typer.Option(help="also write the figures here as JSON")] = None,
) -> None:
    """Print the grader's agreement with reference labels."""
    turns = [t for t in graded_turns(calls) if calls is not None or is_test(t.call)]
    if limit:
        few = set(list(dict.fromkeys(t.call for t in turns))[:limit])
        turns = [t for t in turns if t.call in few]
    grader, _ = open_evaluator(evaluator)
    graded: Pairs = [
        (t, grader.grade(t.turn, t.before, t.brief, cache_key=t.call)) for t in track(turns, description="grading")
    ]
    figures = measure(graded)
    show(figures, grader.name)
    if output:
        output.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def measure(graded: Pairs, resamples: int = 500) -> dict[str, object]:
    """All figures as plain data. Kappa intervals are 95 % percentile bootstraps over calls, seed 0."""
    rng = np.random.default_rng(0)
    calls = np.array([t.call for t, _ in graded])
    by_call = [np.flatnonzero(calls == c) for c in dict.fromkeys(calls)]
    samples = [
        np.concatenate([by_call[i] for i in rng.integers(len(by_call), size=len(by_call))]) for _ in range(resamples)
    ]
    dimensions = {}
    for d in Dimension:
        truth = np.array([t.levels[d] or 0 for t, _ in graded])
        said = np.array([a.level(d) or 0 for _, a in graded])
        sure = np.array([a.scores[d].confidence for _, a in graded])
        both = (truth > 0) & (said > 0)
        spread = [kappa(truth[s], said[s]) for s in samples]
        low, high = np.nanpercentile(spread, [2.5, 97.5])
        dimensions[d.value] = {
            "n": int((truth > 0).sum()),
            "kappa": kappa(truth, said),
            "kappa_low": float(low),
            "kappa_high": float(high),
            "exact": float((truth == said)[both].mean()),
            "within_one": float((np.abs(truth - said) <= 1)[both].mean()),
            "applies": float(((truth > 0) == (said > 0)).mean()),
            "calibration_error": calibration_error(sure, truth == said),
        }
    tags = {}
    for tag in TAGS:
        real = np.array([tag in t.tags for t, _ in graded])
        given = np.array([tag in a.tags for _, a in graded])
        hit = int((real & given).sum())
        tags[tag.value] = {
            "n": int(real.sum()),
            "precision": hit / int(given.sum()) if given.any() else None,
            "recall": hit / int(real.sum()) if real.any() else None,
        }
    return {
        "turns": len(graded),
        "calls": len(by_call),
        "seconds_median": median(a.seconds for _, a in graded),
        "dimensions": dimensions,
        "tags": tags,
    }


def kappa(truth: NDArray[np.int_], said: NDArray[np.int_]) -> float:
    """Quadratic weighted kappa over the rows where both give a level (1-5); NaN when there are none."""
    both = (truth > 0) & (said > 0)
    if not both.any():
        return float("nan")
    return float(cohen_kappa_score(truth[both], said[both], weights="quadratic", labels=[1, 2, 3, 4, 5]))


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error 0-1: mean gap between stated confidence and share of right answers, by tenths."""
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[where == b].mean() - right[where == b].mean()) * (where == b).mean() for b in set(where)]
    return float(sum(gaps))


def show(figures: dict[str, object], name: str) -> None:
    """Print the figures as tables."""
    console = Console(width=130)
    table = Table(
        title=f"{name}: {figures['turns']} held-out turns in {figures['calls']} calls, "
        f"{figures['seconds_median']:.2f} s a turn (median)"
    )
    for column in ("dimension", "n", "quadratic kappa (95 %)", "exact", "within one", "applies", "calibration error"):
        table.add_column(column)
    dimensions, tags = figures["dimensions"], figures["tags"]
    assert isinstance(dimensions, dict) and isinstance(tags, dict)
    for d, f in dimensions.items():
        table.add_row(
            d,
            str(f["n"]),
            f"{f['kappa']:.2f} ({f['kappa_low']:.2f}-{f['kappa_high']:.2f})",
            f"{f['exact']:.2f}",
            f"{f['within_one']:.2f}",
            f"{f['applies']:.2f}",
            f"{f['calibration_error']:.2f}",
        )
    console.print(table)
    table = Table(title="tags")
    for column in ("tag", "n", "precision", "recall"):
        table.add_column(column)
    for tag, f in sorted(tags.items(), key=lambda kv: -kv[1]["n"]):
        table.add_row(tag, str(f["n"]), *("-" if f[k] is None else f"{f[k]:.2f}" for k in ("precision", "recall")))
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
