"""What the caller is about to do, before it has words: the one thing that a choice of intent hands to a voice."""

from __future__ import annotations

from simulator.assessment import Frozen
from simulator.vocabulary import Ending, Intent


class Plan(Frozen):
    """One caller turn before it has words: the intent, the ids of the facts to say, and how the call ends (None: on)."""

    intent: Intent
    facts: tuple[str, ...] = ()
    ending: Ending | None = None
    why: str = ""
