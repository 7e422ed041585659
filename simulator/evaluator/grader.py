"""Grades one trainee turn: heads on the frozen middle layers of a local model (see `heads.py`).

The whole call so far is the context, read once and kept: grading one more turn costs one pass over the two new turns.
The level of a dimension is its expected level, stretched (`Heads.values`) and rounded; what a screen shows as confidence is the calibrated probability
of exactly that level times the probability that the dimension applies. Agreement with held-out reference labels:
`simulator bench evaluator`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.evaluator.evidence import Passage, passages, share_of
from simulator.evaluator.gates import capped, said_once, wordless
from simulator.evaluator.heads import DIMENSIONS, TAGS, Array, Heads
from simulator.evaluator.rationale import explained
from simulator.evaluator.reading import Reading, read_call, read_turn
from simulator.models.base import EvenModel, FeatureModel, ForeseeingModel
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
            return self._silent()
        reading = read_turn(
            self._model,
            _heard(turn),
            transcript,
            scenario,
            layers=self._heads.layers,
            cache_key=_cache(cache_key),
        )
        return self._told(turn, transcript, reading, time.perf_counter() - began)

    def grade_call(
        self, turns: Sequence[Turn], transcript: Transcript, scenario: Brief, *, cache_key: str | None = None
    ) -> list[Assessment]:
        """The same grades as turn by turn, of some of the trainee's `turns` in one call, the last of which ends `transcript`:
        they are read at once where that changes no number. `seconds` of each: its share of the reading, and its own rest.
        Raises ModelError."""
        if not (isinstance(self._model, EvenModel) and self._model.even):
            return [self.grade(t, transcript.before(t.index), scenario, cache_key=cache_key) for t in turns]
        began = time.perf_counter()
        whole = [
            t for t in turns if as_data(t.text) and _heard(t) == t
        ]  # the others are shown otherwise than they stand
        layers, key = self._heads.layers, _cache(cache_key)
        read = read_call(self._model, whole, transcript, scenario, layers=layers, cache_key=key) if whole else []
        readings = dict(zip((t.index for t in whole), read, strict=True))
        each, found = (time.perf_counter() - began) / max(1, len(whole)), []
        for turn in turns:
            before, reading = transcript.before(turn.index), readings.get(turn.index)
            if reading is None:
                found.append(self.grade(turn, before, scenario, cache_key=cache_key))
            else:
                found.append(self._told(turn, before, reading, each))
        return found

    def _silent(self) -> Assessment:
        silent = DimensionScore(confidence=1.0, reason=SILENT)
        return Assessment(scores=dict.fromkeys(Dimension, silent), grader=self.name)

    def _told(self, turn: Turn, transcript: Transcript, reading: Reading, seconds: float) -> Assessment:
        """What the heads make of a turn that took so many `seconds` to read."""
        began = time.perf_counter()
        read = self._heads.hear(reading)
        found = decided(self._heads, read.scores).model_copy(update={"grader": self.name})
        if wordless(turn.text):
            found = capped(found)
        heard = transcript.last(Speaker.CALLER)
        evidence = _evidence(turn.text, reading, found, read.shares)
        scores = explained(found.scores, found.tags, evidence, turn.text, heard.text if heard else "")
        took = round(seconds + time.perf_counter() - began, 4)
        return found.model_copy(update={"scores": scores, "evidence": evidence, "seconds": took})


def _heard(turn: Turn) -> Turn:
    """The turn as the model is shown it when it is graded: nothing twice."""
    return Turn(turn.index, turn.speaker, said_once(turn.text))


def _cache(key: str | None) -> str | None:
    return f"grade:{key}" if key else None


def decided(heads: Heads, scores: Array) -> Assessment:
    """Levels and tags of a turn of those scores, without the words that earned them."""
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


def _evidence(
    text: str, reading: Reading, found: Assessment, shares: Callable[[Sequence[int]], Array]
) -> tuple[Evidence, ...]:
    """For each level and each tag, the sentence that moved it most: up for a high level, down for a low one. `shares`: of
    the outputs asked for, [tokens, outputs]."""
    shift = reading.segment.index(": ") + 2
    parts = passages(text, reading.segment[shift:].rstrip("\n"))
    if not parts:
        return ()
    quoted: list[tuple[Dimension | Tag, int, float]] = []
    for i, dimension in enumerate(DIMENSIONS):
        level = found.level(dimension)
        if level is not None:
            quoted.append((dimension, i, 1.0 if level >= 3 else -1.0))
    quoted += [(t, 2 * len(DIMENSIONS) + i, 1.0) for i, t in enumerate(TAGS) if t in found.tags]
    moved = shares([output for _, output, _ in quoted])

    def most(column: int, sign: float) -> Passage:
        return max(parts, key=lambda p: sign * share_of(p, reading.offsets, moved, column, shift))

    told = [(about, most(column, sign)) for column, (about, _, sign) in enumerate(quoted)]
    return tuple(Evidence(about=about, quote=text[p.start : p.end], start=p.start) for about, p in told)
