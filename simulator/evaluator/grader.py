"""Grades one trainee turn: heads on the frozen middle layers of a local model (see `heads.py`).

The whole call so far is the context, read once and kept: grading one more turn costs one pass over the two new turns.
The level of a dimension is its expected level, stretched (`Heads.values`) and rounded; what a screen shows as confidence is the calibrated probability
of exactly that level times the probability that the dimension applies. Agreement with held-out reference labels:
`simulator bench evaluator`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.evaluator.evidence import Passage, passages, share_of
from simulator.evaluator.gates import capped, said_once, wordless
from simulator.evaluator.heads import DIMENSIONS, TAGS, Array, Heads
from simulator.evaluator.rationale import explained
from simulator.evaluator.reading import Reading, read_turn
from simulator.models.base import FeatureModel, ForeseeingModel
from simulator.prompts import as_data, context_segments
from simulator.rubric import level_text, rubric
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Tag, Technique

APPLIES = 0.5
"""Probability from which a dimension counts as applicable."""
SILENT = "Nothing was said that could be graded."


class Evaluator:
    """The grader behind one interface: `grade(turn, transcript, scenario) -> Assessment`. Safe from several threads."""

    def __init__(self, model: FeatureModel, heads: Heads) -> None:
        self._model, self._heads = model, heads
        self.name = f"heads-{heads.base} {heads.version}, rubric {rubric().version}"

    def read_ahead(
        self, transcript: Transcript, scenario: Brief, *, cache_key: str, pause: Callable[[], None] | None = None
    ) -> None:
        """Let the model read what comes before the next turn, whatever that says. `cache_key` as in `grade`; it changes no
        grades. `pause` as in `ForeseeingModel.read_ahead`. Raises ModelError."""
        if isinstance(self._model, ForeseeingModel):
            known, depth = context_segments(transcript, scenario), max(self._heads.layers)
            self._model.read_ahead(known, cache_key=f"grade:{cache_key}", depth=depth, pause=pause)

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        """Grades of `turn`, said after `transcript`. `cache_key` names the call, so that what was read of it before is
        not read again; it never changes the grades. Raises ModelError."""
        began = time.perf_counter()
        if not as_data(turn.text):
            silent = DimensionScore(confidence=1.0, reason=SILENT)
            return Assessment(scores=dict.fromkeys(Dimension, silent), grader=self.name)
        spoken = Turn(turn.index, turn.speaker, said_once(turn.text))
        reading = read_turn(
            self._model,
            spoken,
            transcript,
            scenario,
            layers=self._heads.layers,
            cache_key=f"grade:{cache_key}" if cache_key else None,
        )
        place = self._heads.place(reading.vector)
        found = decided(self._heads, place).model_copy(update={"grader": self.name})
        if wordless(turn.text):
            found = capped(found)
        heard = transcript.last(Speaker.CALLER)
        evidence = _evidence(turn.text, reading, self._heads.shares(place, reading.tokens), found)
        scores = explained(found.scores, found.tags, evidence, turn.text, heard.text if heard else "")
        return found.model_copy(
            update={"scores": scores, "evidence": evidence, "seconds": round(time.perf_counter() - began, 4)}
        )


def decided(heads: Heads, place: Array) -> Assessment:
    """Levels and tags of a turn at `place`, without the words that earned them."""
    scores = heads.scores(place)
    levels, rest = heads.level_probabilities(scores), heads.probabilities(scores)
    values = heads.values(levels)
    applies, tags = rest[: len(DIMENSIONS)], rest[len(DIMENSIONS) :]
    given = {t: _share(float(p)) for t, p, least in zip(TAGS, tags, heads.thresholds, strict=True) if p >= least}
    return Assessment(
        scores={d: _score(d, float(applies[i]), float(values[i]), levels[i]) for i, d in enumerate(DIMENSIONS)},
        techniques=tuple(t for t in given if isinstance(t, Technique)),
        faults=tuple(t for t in given if isinstance(t, Fault)),
        tag_confidence=given,
    )


def _score(dimension: Dimension, applies: float, value: float, levels: Array) -> DimensionScore:
    """A level with its rubric text, or the reason why there is none."""
    if dimension is not Dimension.CALMNESS and applies < APPLIES:
        told = rubric().dimensions[dimension]
        return DimensionScore(
            confidence=_share(1 - applies), reason=told.not_applicable or f"Here it is not: {told.applies}."
        )
    sure = 1.0 if dimension is Dimension.CALMNESS else applies
    p = levels / levels.sum()
    level = int(np.clip(np.round(value), 1, 5))
    return DimensionScore(
        level=level,
        value=round(min(5.0, max(1.0, value)), 3),
        confidence=_share(sure * float(p[level - 1])),
        reason=level_text(dimension, level),
        probabilities=tuple(_share(float(each)) for each in p),
    )


def _share(p: float) -> float:
    return round(min(1.0, max(0.0, p)), 4)


def _evidence(text: str, reading: Reading, shares: Array, found: Assessment) -> tuple[Evidence, ...]:
    """For each level and each tag, the sentence that moved it most: up for a high level, down for a low one."""
    shift = reading.segment.index(": ") + 2
    parts = passages(text, reading.segment[shift:].rstrip("\n"))
    if not parts:
        return ()

    def most(output: int, sign: float) -> Passage:
        return max(parts, key=lambda p: sign * share_of(p, reading.offsets, shares, output, shift))

    quoted: list[tuple[Dimension | Tag, Passage]] = []
    for i, dimension in enumerate(DIMENSIONS):
        level = found.level(dimension)
        if level is not None:
            quoted.append((dimension, most(i, 1.0 if level >= 3 else -1.0)))
    quoted += [(t, most(2 * len(DIMENSIONS) + i, 1.0)) for i, t in enumerate(TAGS) if t in found.tags]
    return tuple(Evidence(about=about, quote=text[p.start : p.end], start=p.start) for about, p in quoted)
