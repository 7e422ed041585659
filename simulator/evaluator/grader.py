"""Grades one trainee turn: heads on the frozen middle layers of a local model (see `heads.py`).

The whole call so far is the context, read once and kept: grading one more turn costs one pass over the two new turns.
The level of a dimension is its expected level, rounded; what a screen shows as confidence is the calibrated probability
of exactly that level times the probability that the dimension applies. Agreement with held-out reference labels:
`simulator bench evaluator`.
"""

from __future__ import annotations

import time

import numpy as np

from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.evaluator.evidence import Passage, passages, share_of
from simulator.evaluator.heads import DIMENSIONS, TAGS, Array, Heads
from simulator.models.base import FeatureModel, Features
from simulator.prompts import evaluator_segments
from simulator.rubric import level_text, rubric
from simulator.scenario import Brief
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Tag, Technique

APPLIES = 0.5
"""Probability from which a dimension counts as applicable."""
_LEVELS = np.arange(1, 6, dtype=np.float32)


class Evaluator:
    """The grader behind one interface: `grade(turn, transcript, scenario) -> Assessment`. Safe from several threads."""

    def __init__(self, model: FeatureModel, heads: Heads) -> None:
        self._model, self._heads = model, heads
        self.name = f"heads-{heads.base} {heads.version}, rubric {rubric().version}"

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        """Grades of `turn`, said after `transcript`. `cache_key` names the call, so that what was read of it before is
        not read again; it never changes the grades. Raises ModelError."""
        began = time.perf_counter()
        segments = evaluator_segments(turn, transcript, scenario)
        features = self._model.features(
            segments, layers=self._heads.layers, cache_key=f"grade:{cache_key}" if cache_key else None
        )
        shares = self._heads.shares(features.states)
        scores = self._heads.scores(shares)
        levels, rest = self._heads.level_probabilities(scores), self._heads.probabilities(scores)
        applies, tags = rest[: len(DIMENSIONS)], rest[len(DIMENSIONS) :]
        by_dimension = {d: _score(d, float(applies[i]), levels[i]) for i, d in enumerate(DIMENSIONS)}
        given = [i for i in range(len(TAGS)) if tags[i] >= self._heads.thresholds[i]]
        return Assessment(
            scores=by_dimension,
            techniques=tuple(t for i in given if isinstance(t := TAGS[i], Technique)),
            faults=tuple(t for i in given if isinstance(t := TAGS[i], Fault)),
            evidence=_evidence(turn.text, segments[-1], features, shares, by_dimension, given),
            tag_confidence={TAGS[i]: round(float(tags[i]), 4) for i in given},
            grader=self.name,
            seconds=round(time.perf_counter() - began, 4),
        )


def _score(dimension: Dimension, applies: float, levels: Array) -> DimensionScore:
    """A level with its rubric text, or the reason why there is none."""
    if dimension is not Dimension.CALMNESS and applies < APPLIES:
        return DimensionScore(confidence=_share(1 - applies), reason=rubric().dimensions[dimension].not_applicable)
    sure = 1.0 if dimension is Dimension.CALMNESS else applies
    value = float((levels * _LEVELS).sum() / levels.sum())
    level = int(np.clip(np.round(value), 1, 5))
    return DimensionScore(
        level=level,
        value=round(min(5.0, max(1.0, value)), 3),
        confidence=_share(sure * float(levels[level - 1])),
        reason=level_text(dimension, level),
    )


def _share(p: float) -> float:
    return round(min(1.0, max(0.0, p)), 4)


def _evidence(
    text: str,
    segment: str,
    features: Features,
    shares: Array,
    scores: dict[Dimension, DimensionScore],
    given: list[int],
) -> tuple[Evidence, ...]:
    """For each level and each tag, the sentence that moved it most: up for a high level, down for a low one."""
    shift = segment.index(": ") + 2
    parts = passages(text, segment[shift:].rstrip("\n"))
    if not parts:
        return ()

    def most(output: int, sign: float) -> Passage:
        return max(parts, key=lambda p: sign * share_of(p, features.offsets, shares, output, shift))

    found: list[tuple[Dimension | Tag, Passage]] = []
    for i, dimension in enumerate(DIMENSIONS):
        level = scores[dimension].level
        if level is not None:
            found.append((dimension, most(i, 1.0 if level >= 3 else -1.0)))
    found += [(TAGS[i], most(2 * len(DIMENSIONS) + i, 1.0)) for i in given]
    return tuple(Evidence(about=about, quote=text[p.start : p.end], start=p.start) for about, p in found)
