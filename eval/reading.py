"""What the base models read of the corpus, call by call, kept in the cache folder: hours of work are never done twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from eval.corpus import GradedTurn
from simulator.evaluator.reading import read_call
from simulator.evaluator.signals import signals
from simulator.models import MODELS, LocalModel, ensure
from simulator.models.base import FeatureModel
from simulator.models.loading import Precision, eight_bits
from simulator.prompts import evaluator_segments
from simulator.settings import settings
from simulator.transcript import Transcript

Array = NDArray[np.float32]


def vectors(
    base: str,
    layers: tuple[int, ...],
    turns: Sequence[GradedTurn],
    precision: Precision = Precision.AUTO,
    *,
    either: bool = False,
) -> Array:
    """[turns, D] as `simulator.evaluator.reading.Reading.vector`, the model's part rounded to float16. One pass over a
    call gives all its turns; a call that has been read with these weights and layers is taken from the cache folder.
    `either`: also one read in other numbers than `precision`'s, which changes a level in few turns
    (`eval.compare_precision`): enough to learn from, not to measure with."""
    by_call = [list(group) for _, group in groupby(turns, key=lambda t: t.call)]
    model: FeatureModel | None = None
    rows: list[Array] = []
    eight = precision is Precision.AUTO and eight_bits()
    paths = [_kept(base, layers, call, eight) for call in by_call]
    if either:
        others = [_kept(base, layers, call, not eight) for call in by_call]
        paths = [o if o.exists() and not p.exists() else p for p, o in zip(paths, others, strict=True)]
    for call, path in track(
        list(zip(by_call, paths, strict=True)),
        description="reading calls",
        disable=all(path.exists() for path in paths),
    ):
        if not path.exists():
            model = model or LocalModel(ensure(base), precision=precision)
            _keep(path, call, model, layers)
        read = np.load(path).astype(np.float32)
        counted = [signals(t.turn, t.before, t.brief) for t in call]
        rows.extend(np.concatenate([r, s]) for r, s in zip(read, counted, strict=True))
    return np.asarray(rows)


def _keep(path: Path, call: Sequence[GradedTurn], model: FeatureModel, layers: tuple[int, ...]) -> None:
    last = call[-1]
    whole = Transcript((*last.before.turns, last.turn))
    found = read_call(model, [t.turn for t in call], whole, last.brief, layers=layers)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray([np.concatenate([r.tokens.mean(axis=0), r.after]) for r in found], dtype=np.float16))


def _kept(base: str, layers: tuple[int, ...], call: Sequence[GradedTurn], eight: bool) -> Path:
    """Where one call's reading is kept: named by everything that decides it."""
    last = call[-1]
    texts = evaluator_segments(last.turn, last.before, last.brief)
    which = [str(t.turn.index) for t in call]
    digest = hashlib.sha256("\0".join([MODELS[base].sha256, str(layers), *which, *texts]).encode()).hexdigest()[:20]
    return settings().cache_dir / "features" / f"{base}-{digest}{'-int8' if eight else ''}.npy"
