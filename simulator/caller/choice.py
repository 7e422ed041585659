"""Which of several candidates that the guard let pass is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.models.base import Candidate


def best(passed: Sequence[Candidate], incomplete: Callable[[str], bool]) -> str:
    """The likeliest of those that say all that is due; of all, if none does. Raises ValueError where there is none."""
    return max(passed, key=lambda c: (not incomplete(c.text), c.chance)).text
