"""Whether a caller's line keeps to the principles of its persona, as far as a model can tell: a yes/no question for each.

A principle is a plain sentence of the persona's file ("Never apologises first."). A model leans to yes or no whatever the line
says, so what counts is by how much its log-odds of yes rise or fall against an empty line. How far to trust that is
measured (`python -m eval.measure_principles`, figures in eval/README.md): where a model cannot tell, this only costs time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from simulator.models.base import DecidingModel
from simulator.prompts import principle_segments

ANSWERS = ("yes", "no")
_LEAST = 1e-6
_MOST_KNOWN = 2_000


class Keeper:
    """Answers for one model. Safe from several threads: what it remembers is the same whoever finds it out."""

    def __init__(self, model: DecidingModel) -> None:
        self._model = model
        self.name = model.info.name
        self._leanings: dict[str, float] = {}

    def kept(self, principle: str, line: str) -> float:
        """How much likelier yes is for this line than for an empty one, in nats: above 0 it is kept. Raises ModelError."""
        return self._yes(principle, line) - self._leaning(principle)

    def broken(self, principles: Sequence[str], line: str) -> tuple[str, ...]:
        """The principles that the line goes against."""
        return tuple(p for p in principles if self.kept(p, line) <= 0)

    def share(self, principles: Sequence[str], line: str) -> float:
        """Which share of them it keeps to (0-1); 1 where there are none."""
        return 1 - len(self.broken(principles, line)) / len(principles) if principles else 1.0

    def _leaning(self, principle: str) -> float:
        known = self._leanings.get(principle)
        if known is None:
            if len(self._leanings) >= _MOST_KNOWN:
                self._leanings.clear()
            known = self._leanings[principle] = self._yes(principle, "")
        return known

    def _yes(self, principle: str, line: str) -> float:
        """Log-odds of yes."""
        yes, no = self._model.decide(principle_segments(principle, line), ANSWERS, cache_key=f"principle {principle}")
        return log(max(yes, _LEAST) / max(no, _LEAST))


__all__ = ["ANSWERS", "Keeper"]
