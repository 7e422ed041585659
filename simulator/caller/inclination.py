"""How inclined this person, in this mood, is to each move: traits, feelings and what was just offered, as weights.

The dial and a persona's file speak here. What people in written calls do after such words is `afterwards.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.assessment import Assessment
from simulator.caller.appraisal import Appraisal
from simulator.caller.state import CallerState
from simulator.persona import Persona
from simulator.vocabulary import Difficulty, Intensity, Intent, Technique

INSULTS_FROM = {Intensity.MILD: 0.35, Intensity.REALISTIC: 0.35, Intensity.HARSH: 0.25}
"""Hostility (0-1) from which a caller insults at all."""
SCALED: dict[Intensity, dict[Intent, float]] = {
    Intensity.MILD: {Intent.INSULT: 0.0, Intent.THREATEN: 0.4},
    Intensity.REALISTIC: {},
    Intensity.HARSH: {Intent.INSULT: 1.6},
}
"""What an intensity multiplies the weights of abusive moves by."""
JUST_DONE = (0.15, 0.5, 0.7)
"""What is left of a move's weight when it was the last one, the one before, the one before that."""
LEAST = 0.1
"""What the weight of a move counts at least, unless it is 0: people do unlikely things, too."""
DRAWN = (
    Intent.VENT,
    Intent.REPEAT,
    Intent.DEMAND,
    Intent.DOUBT,
    Intent.TEST,
    Intent.QUESTION,
    Intent.WANDER,
    Intent.WAVER,
    Intent.CORRECT,
    Intent.DISCLOSE,
    Intent.BARGAIN,
    Intent.ASK_SUPERVISOR,
    Intent.INSULT,
    Intent.THREATEN,
    Intent.REFUSE,
    Intent.SOFTEN,
)
"""The moves that are drawn; the others decide themselves (`intent.py`)."""


@dataclass(frozen=True, slots=True)
class Mind:
    """Who this is, how they feel after the trainee's turn, and what it did. `more`: they have facts left to tell."""

    persona: Persona
    difficulty: Difficulty
    intensity: Intensity
    state: CallerState
    appraisal: Appraisal
    grades: Assessment
    more: bool


def inclinations(mind: Mind) -> dict[Intent, float]:
    """A weight of 0 and more for each of `DRAWN`. Traits are scaled to 0-1."""
    persona, state, appraisal = mind.persona, mind.state, mind.appraisal
    stubborn, suspicious, assertive, hostile, talkative, undecided = (
        value / 10
        for value in (
            persona.traits.stubbornness,
            persona.traits.suspicion,
            persona.traits.assertiveness,
            persona.traits.hostility,
            persona.traits.talkativeness,
            persona.traits.indecision,
        )
    )
    heat = state.agitation / 10
    offered, moving = appraisal.offered, appraisal.moving
    redirected = Technique.REDIRECTS_TO_ISSUE in mind.grades.techniques
    short_of_trust = state.trust < persona.levels[mind.difficulty].accept_at
    insults = hostile >= INSULTS_FROM[mind.intensity] and heat >= 0.4
    weights = {
        Intent.VENT: heat * (1.5 if state.heard < 4 else 0.4),
        Intent.REPEAT: (1.0 if not moving else 0.15) + (0.3 if state.heard < 3 else 0.0),
        Intent.DEMAND: (0.2 + assertive) * (0.3 if offered else 0.9),
        Intent.DOUBT: suspicious * (1.2 if offered else 0.3),
        Intent.TEST: suspicious * (0.5 if len(state.intents) < 5 else 0.2),
        Intent.QUESTION: (0.7 if offered else 0.15) * (1.2 - heat),
        Intent.WANDER: 2.2 * talkative * (0.3 if redirected else 1.0) if talkative >= 0.5 else 0.0,
        Intent.WAVER: 1.6 * undecided if offered and undecided >= 0.4 else 0.0,
        Intent.CORRECT: stubborn * (0.3 if moving else 0.8),
        Intent.DISCLOSE: 1.0 if mind.more else 0.0,
        Intent.BARGAIN: stubborn if offered else 0.0,
        Intent.ASK_SUPERVISOR: assertive * (1.2 if state.patience < 4 else 0.1) if state.asked_supervisor < 2 else 0.0,
        Intent.INSULT: 1.8 * hostile * heat * 0.35**state.boundaries if insults else 0.0,
        Intent.THREATEN: assertive * heat if state.agitation >= 6 else 0.0,
        Intent.REFUSE: stubborn if offered and short_of_trust else 0.0,
        Intent.SOFTEN: 1.5 if state.streak >= 2 and state.agitation < 5 else 0.0,
    }
    for intent, factor in SCALED[mind.intensity].items():
        weights[intent] *= factor
    for back, done in enumerate(reversed(state.intents[-len(JUST_DONE) :])):
        if done in weights:
            weights[done] *= JUST_DONE[back]
    return weights
