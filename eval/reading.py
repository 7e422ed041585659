"""What the base models read of the corpus, call by call, kept in the cache folder: hours of work are never done twice.

A file holds one call's states as float16: a grader learns from single tokens, too, so none is thrown away (three to four
gigabytes for all training calls). They are read turn by turn; no more than one call is in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from safetensors import safe_open
from safetensors.numpy import save_file

from eval.corpus import GradedTurn
from simulator.evaluator.reading import Reading, read_call
from simulator.evaluator.signals import signals
from simulator.models import MODELS, LocalModel, ensure
from simulator.models.base import FeatureModel
from simulator.models.loading import Precision, eight_bits
from simulator.prompts import evaluator_segments
from simulator.settings import settings
from simulator.transcript import Transcript

Array = NDArray[np.float32]


def readings(
    base: str,
    layers: tuple[int, ...],
    turns: Sequence[GradedTurn],
    precision: Precision = Precision.AUTO,
    *,
    either: bool = False,
) -> Iterator[Reading]:
    """What the grader reads of each turn, the model's part rounded to float16, without what only evidence needs (`segment`,
    `offsets`). One pass over a call gives all its turns; a call that has been read with these weights and layers is taken
    from the cache folder. `either`: also one read in other numbers than `precision`'s, which changes a level in few turns
    (`eval.compare_precision`): enough to learn from, not to measure with."""
    by_call = [list(group) for _, group in groupby(turns, key=lambda t: t.call)]
    model: FeatureModel | None = None
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
        with safe_open(path, framework="numpy") as file:
            lengths, after = file.get_tensor("lengths"), file.get_tensor("after").astype(np.float32)
            tokens = np.split(file.get_tensor("tokens"), np.cumsum(lengths)[:-1])
        for t, states, rest in zip(call, tokens, after, strict=True):
            yield Reading("", states.astype(np.float32), (), rest, signals(t.turn, t.before, t.brief))


def vectors(
    base: str,
    layers: tuple[int, ...],
    turns: Sequence[GradedTurn],
    precision: Precision = Precision.AUTO,
    *,
    either: bool = False,
) -> Array:
    """[turns, D]: the `Reading.vector` of each; arguments as of `readings`."""
    return np.asarray([r.vector for r in readings(base, layers, turns, precision, either=either)])


def _keep(path: Path, call: Sequence[GradedTurn], model: FeatureModel, layers: tuple[int, ...]) -> None:
    last = call[-1]
    whole = Transcript((*last.before.turns, last.turn))
    found = read_call(model, [t.turn for t in call], whole, last.brief, layers=layers)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")  # so that a run that is stopped leaves no half a file
    save_file(
        {
            "tokens": np.concatenate([r.tokens for r in found]).astype(np.float16),
            "lengths": np.array([len(r.tokens) for r in found]),
            "after": np.asarray([r.after for r in found], dtype=np.float16),
        },
        part,
    )
    part.replace(path)


def _kept(base: str, layers: tuple[int, ...], call: Sequence[GradedTurn], eight: bool) -> Path:
    """Where one call's reading is kept: named by everything that decides it."""
    last = call[-1]
    texts = evaluator_segments(last.turn, last.before, last.brief)
    which = [str(t.turn.index) for t in call]
    digest = hashlib.sha256("\0".join([MODELS[base].sha256, str(layers), *which, *texts]).encode()).hexdigest()[:20]
    return settings().cache_dir / "features" / f"{base}-{digest}{'-int8' if eight else ''}.safetensors"
