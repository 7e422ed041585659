"""What tests of calibration share: a scale, a set of turns, a rater's ratings of it and the machine's grades."""

from __future__ import annotations

from builders import BEGAN, assessment

from simulator.assessment import Assessment
from simulator.calibration import turns as pool
from simulator.calibration.records import OffsetMap, Rating, RatingSession
from simulator.vocabulary import Dimension, TurnsFrom


def scale(**overrides: object) -> OffsetMap:
    fields = {
        "name": "Acme", "version": 2, "made_at": BEGAN, "made_by": "Rowan", "grader": "scripted", "n": 24,
        "maps": {Dimension.EMPATHY: (1, 1, 2, 3, 4), Dimension.CLOSING: (2, 3, 4, 5, 5)},
    }  # fmt: skip
    return OffsetMap.model_validate(fields | overrides)


def sample(**overrides: object) -> RatingSession:
    fields = {
        "id": "s" * 32, "owner": "ann", "rater": "Rowan", "organisation": "Acme", "source": TurnsFrom.SHIPPED,
        "seed": 1, "made_at": BEGAN, "turns": pool.draw(1),
    }  # fmt: skip
    return RatingSession.model_validate(fields | overrides)


def rated(session: RatingSession, empathy: int = 0) -> dict[int, Rating]:
    """The reference labels as ratings, empathy moved."""
    out = {}
    for position, turn in enumerate(session.turns):
        levels = dict(turn.reference or {})
        if levels[Dimension.EMPATHY] is not None:
            levels[Dimension.EMPATHY] = min(5, max(1, levels[Dimension.EMPATHY] + empathy))
        out[position] = Rating(position=position, at=BEGAN + position, levels=levels)
    return out


def graded(session: RatingSession) -> dict[str, Assessment]:
    return {t.id: assessment(**{d.value: v for d, v in (t.reference or {}).items()}) for t in session.turns}
