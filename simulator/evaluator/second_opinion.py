"""A second opinion: any model grades a turn with the same rubric, by one typed decision for each dimension.

It is another model's view, shown beside the grades and never in their place: nothing is computed from it. A model that
was not trained for this rubric agrees with reference labels far less than the evaluator does (the standard embedded
model, asked like this: quadratic kappa .09 to .55). A grade that could not be made is a `Failed` with a sentence.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.assessment import Assessment, DimensionScore
from simulator.errors import SimulatorError
from simulator.models.base import DecidingModel, GivenUp, Source
from simulator.prompts import decision_segments, rubric_segment
from simulator.rubric import LEVELS, level_text, rubric
from simulator.scenario import Brief
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Dimension

DEADLINE = 120.0
"""Seconds of work that one turn may take."""
NOT_APPLICABLE = "n/a"
APPLIES = 0.5
"""Probability from which a dimension counts as applicable, as for the evaluator."""
_SHARED = "second opinion"
"""Cache key of all turns: turns graded one after another share the rubric, those of one call also the call."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no second opinion on a turn: `reason` is a sentence for the trainee."""

    reason: str


class SecondOpinion:
    """Grades levels (no tags, no evidence) by asking `model`. Safe from several threads.

    `deadline`: seconds of work; looked at between pieces of it, so that a server's answer (which has a time-out of its
    own) can overrun it.
    """

    def __init__(
        self, model: DecidingModel, *, deadline: float = DEADLINE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model, self._deadline, self._clock = model, deadline, clock
        words = rubric()
        rules = (*words.rules, *(f"{case.case} {case.text}" for case in words.settled))
        self._rubric = rubric_segment(words.unit, words.dimensions.values(), rules)
        self.model_name = model.info.name
        self.name = f"second opinion: {self.model_name}, rubric {words.version}"

    def read_ahead(self, may_go_on: Callable[[], bool] = lambda: True) -> None:
        """Let a local model read the rubric, which every turn begins with. `may_go_on` as in `grade`. Raises ModelError."""

        def pause() -> None:
            if not may_go_on():
                raise GivenUp

        if self._model.info.source is not Source.SERVER:
            with contextlib.suppress(GivenUp):
                self._model.decide((self._rubric,), ("yes", "no"), cache_key=_SHARED, pause=pause)

    def grade(
        self,
        turn: Turn,
        transcript: Transcript,
        scenario: Brief,
        *,
        cache_key: str | None = None,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> Assessment | Failed:
        """Grades of `turn`, said after `transcript`; never raises. `cache_key`: a cache for this call alone. `may_go_on`
        is asked before each piece of work: it may wait (which does not count as work), and False gives the turn up."""
        began, waited = self._clock(), 0.0

        def pause() -> None:
            nonlocal waited
            since = self._clock()
            if not may_go_on():
                raise GivenUp("the program was closed before it was done")
            waited += self._clock() - since
            if since - began > self._deadline + waited:
                raise GivenUp(f"it took longer than {self._deadline:g} seconds")

        scores = dict[Dimension, DimensionScore]()
        try:
            for dimension in Dimension:
                scores[dimension] = self._decided(turn, transcript, scenario, dimension, cache_key or _SHARED, pause)
        except (SimulatorError, GivenUp) as error:
            return Failed(str(error))
        except Exception as error:
            _log.exception("no second opinion")
            return Failed(f"the model failed in a way that it should not ({type(error).__name__}); the log has more")
        return Assessment(scores=scores, grader=self.name, seconds=round(self._clock() - began - waited, 4))

    def _decided(
        self,
        turn: Turn,
        transcript: Transcript,
        scenario: Brief,
        dimension: Dimension,
        key: str,
        pause: Callable[[], None],
    ) -> DimensionScore:
        always = dimension is Dimension.CALMNESS
        levels = tuple(str(level) for level in LEVELS)
        options = levels if always else (NOT_APPLICABLE, *levels)
        title = rubric().dimensions[dimension].title
        segments = decision_segments(self._rubric, turn, transcript, scenario, title, options)
        probabilities = self._model.decide(segments, options, cache_key=key, pause=pause)
        if len(probabilities) != len(options) or not all(math.isfinite(p) and p >= 0 for p in probabilities):
            raise ValueError(f"{len(options)} probabilities were asked for, and {probabilities!r} came")
        return _score(dimension, (0.0, *probabilities) if always else probabilities)


def _score(dimension: Dimension, probabilities: tuple[float, ...]) -> DimensionScore:
    """The expected level, rounded, from the probabilities of n/a and of levels 1 to 5; or that none applies."""
    total = sum(probabilities)
    never, *levels = (p / total for p in probabilities)
    applies = sum(levels)
    if applies < APPLIES:
        told = rubric().dimensions[dimension]
        return DimensionScore(confidence=_share(never), reason=told.not_applicable or f"It is {told.applies}.")
    given = [p / applies for p in levels]
    value = min(5.0, max(1.0, sum(level * p for level, p in zip(LEVELS, given, strict=True))))
    level = round(value)
    return DimensionScore(
        level=level,
        value=round(value, 3),
        confidence=_share(levels[level - 1]),
        reason=level_text(dimension, level),
        probabilities=tuple(_share(p) for p in given),
    )


def _share(p: float) -> float:
    return round(min(1.0, max(0.0, p)), 4)
