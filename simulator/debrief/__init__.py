"""A finished stream → what to tell the trainee. Pure: no model, no store, no screen.

`debrief(call)` works on any call, also one that has not begun or was cut off. The parts: `outcome` (ending and
figures), `thoughts` (what the caller kept to themselves), `techniques` (used and missed), `advice` (one strength, one
fix), `note` (the wrap-up note against what happened).
"""

from __future__ import annotations

from simulator.call import Call
from simulator.caller.state import Mood
from simulator.debrief.advice import fix, gained, strength, weak_dimension, weakest
from simulator.debrief.data import (
    Advice,
    Debrief,
    DimensionSummary,
    Figure,
    MoodPoint,
    Outcome,
    TechniqueUse,
)
from simulator.debrief.note import note_comments
from simulator.debrief.outcome import outcome
from simulator.debrief.techniques import missed, used
from simulator.debrief.thoughts import thoughts
from simulator.vocabulary import Dimension, Fault, Intent

ROUGH_ATTACKS = 2
"""Insults and threats from which a call counts as rough, or"""
ROUGH_TURNS = 3
"""turns with the caller boiling."""


def debrief(call: Call) -> Debrief:
    """Everything to tell the trainee about a call, as far as it has got."""
    worst = weakest(call)
    return Debrief(
        outcome=outcome(call),
        dimensions=tuple(_summary(call, dimension) for dimension in Dimension),
        mood=_mood(call),
        used=used(call),
        missed=missed(call),
        faults=_faults(call),
        strength=strength(call),
        fix=fix(call),
        weakest_turn=worst[0] if worst else None,
        weakest_dimension=worst[1] if worst else None,
        note_comments=note_comments(call),
        rough=_rough(call),
    )


def _summary(call: Call, dimension: Dimension) -> DimensionSummary:
    levels = [(turn, grades.level(dimension)) for turn, grades in sorted(call.grades.items())]
    applied = tuple((turn, level) for turn, level in levels if level is not None)
    mean = round(sum(level for _, level in applied) / len(applied), 2) if applied else None
    return DimensionSummary(dimension, mean, applied)


def _mood(call: Call) -> tuple[MoodPoint, ...]:
    kept = thoughts(call)
    return tuple(
        MoodPoint(
            turn=turn,
            agitation=move.state.agitation,
            trust=move.state.trust,
            patience=move.state.patience,
            heard=move.state.heard,
            intent=move.plan.intent,
            thought=kept[turn],
            reasons=move.appraisal.reasons,
            gained=gained(call, turn),
        )
        for turn, move in sorted(call.moves.items())
    )


def _faults(call: Call) -> tuple[tuple[Fault, tuple[int, ...]], ...]:
    seen: dict[Fault, list[int]] = {}
    for turn, grades in sorted(call.grades.items()):
        for fault in grades.faults:
            seen.setdefault(fault, []).append(turn)
    return tuple((fault, tuple(turns)) for fault, turns in seen.items())


def _rough(call: Call) -> bool:
    attacks = sum(move.plan.intent in {Intent.INSULT, Intent.THREATEN} for move in call.moves.values())
    boiling = sum(move.state.mood is Mood.BOILING for move in call.moves.values())
    return attacks >= ROUGH_ATTACKS or boiling >= ROUGH_TURNS


__all__ = [
    "Advice",
    "Debrief",
    "DimensionSummary",
    "Figure",
    "MoodPoint",
    "Outcome",
    "TechniqueUse",
    "debrief",
    "weak_dimension",
]
