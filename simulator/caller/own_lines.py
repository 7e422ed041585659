"""The persona's own lines where a caller only reacts, and which of them answers what was just said.

Where nothing has to be told, a model of this size answers beside the point or says next to nothing, while the writers of a persona
left twenty lines for just that ("You read that off something, didn't you?"). So some of those that do what the plan wants, that
were not said yet and that the guard lets pass are laid before the model, and it says how likely each is after these words.
"""

from __future__ import annotations

from random import Random

from simulator.caller.choice import Listener
from simulator.models.base import WeighingModel
from simulator.prompts import spoken
from simulator.vocabulary import Intent

SHORTLIST = 6
"""Lines that the model is asked about at once."""
ENOUGH = 4
"""Lines that must be left, at least, for the model to be asked: with fewer every call of that persona would sound the same."""
LEAST = -4.0
"""Mean log-probability a token from which the likeliest line is said; if all are below it the model finds its own words."""
REACTS = frozenset(
    {
        Intent.VENT,
        Intent.INSULT,
        Intent.THREATEN,
        Intent.WANDER,
        Intent.REFUSE,
        Intent.DOUBT,
        Intent.WAVER,
        Intent.TEST,
        Intent.SOFTEN,
        Intent.ASK_SUPERVISOR,
        Intent.ACCEPT,
        Intent.THANK,
        Intent.HANG_UP,
    }
)
"""What is done in words that need say nothing of the matter. The rest (to demand, to ask, to correct ...) is about it."""


def unused(lines: tuple[str, ...], said: str) -> tuple[str, ...]:
    """Those of `lines` that are not in what was `said`."""
    return tuple(line for line in lines if line not in said)


def likeliest(
    model: WeighingModel, segments: tuple[str, ...], lines: tuple[str, ...], listen: Listener, seed: str, key: str
) -> str:
    """Of SHORTLIST of the `lines` that pass, drawn by `seed`, the one that `model` finds likeliest after `segments`; '' if they
    are too few or all unlikely. Raises ModelError."""
    passed = [line for line in lines if not listen(line)]
    if len(passed) < ENOUGH:
        return ""
    some = Random(f"{seed}:own").sample(passed, min(SHORTLIST, len(passed)))
    chances = model.likely(segments, tuple(map(spoken, some)), cache_key=key or None)
    best = max(range(len(some)), key=chances.__getitem__)
    return some[best] if chances[best] >= LEAST else ""
