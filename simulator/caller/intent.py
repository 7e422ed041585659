"""What the caller does next, and whether that ends the call: chosen from state, persona and what was just offered.

First the things that decide themselves (hanging up, accepting, disclosing, answering a question), then a weighted draw
among what this persona might do in this mood. The draw is seeded by call and turn: same state, same seed, same intent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from simulator.assessment import Assessment
from simulator.caller.appraisal import Appraisal
from simulator.caller.state import CallerState, Mood
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.vocabulary import Difficulty, Dimension, Ending, Fault, Intensity, Intent, Technique

MAX_TRAINEE_TURNS = 30
"""After so many trainee turns the call ends by itself."""
HEARD_ENOUGH = 2.5
"""Being-heard from which an offer is taken; below it only after two offers more, grudgingly."""
EARLIEST = {Difficulty.EASY: 3, Difficulty.MEDIUM: 4, Difficulty.HARD: 5}
"""Caller turns before which nobody accepts: people want to be talked with, not processed."""
SETTLED_AGITATION = 6.0
"""Above this agitation nobody accepts anything."""
INSULTS_FROM = {Intensity.MILD: 0.35, Intensity.REALISTIC: 0.35, Intensity.HARSH: 0.25}
"""Hostility (0-1) from which a caller insults at all."""
SCALED: dict[Intensity, dict[Intent, float]] = {
    Intensity.MILD: {Intent.INSULT: 0.0, Intent.THREATEN: 0.4},
    Intensity.REALISTIC: {},
    Intensity.HARSH: {Intent.INSULT: 1.6},
}
"""What an intensity multiplies the weights of abusive moves by."""
_CARRIES_FACT = frozenset({Intent.VENT, Intent.REPEAT, Intent.DEMAND, Intent.CORRECT, Intent.DOUBT})


@dataclass(frozen=True, slots=True)
class Moment:
    """All that a move is chosen from. `state` is the state after the turn `said`, which `grades` and `appraisal`
    describe."""

    persona: Persona
    scenario: Scenario
    difficulty: Difficulty
    intensity: Intensity
    state: CallerState
    appraisal: Appraisal
    grades: Assessment
    said: str


def opening_plan() -> Plan:
    """The caller's first turn states the problem."""
    return Plan(intent=Intent.OPEN, why="first turn")


def choose(now: Moment, rng: Random) -> Plan:
    """The caller's next move."""
    return _ends(now) or _accepts(now) or _tells(now) or _drawn(now, rng)


def applied(state: CallerState, plan: Plan) -> CallerState:
    """The state once the caller has made this move."""
    return state.model_copy(
        update={
            "intents": (*state.intents, plan.intent),
            "disclosed": (*state.disclosed, *(f for f in plan.facts if f not in state.disclosed)),
            "wavers": state.wavers + (plan.intent is Intent.WAVER),
            "asked_supervisor": state.asked_supervisor + (plan.intent is Intent.ASK_SUPERVISOR),
            "accepted": plan.intent is Intent.ACCEPT or (state.accepted and plan.intent is not Intent.REFUSE),
        }
    )


def _ends(now: Moment) -> Plan | None:
    """Hanging up, being handed over, saying goodbye."""
    persona, state, grades = now.persona, now.state, now.grades
    calm = grades.value(Dimension.CALMNESS) or 3.0
    solution = grades.value(Dimension.SOLUTION)
    if state.accepted and calm < 2.0:
        return Plan(intent=Intent.REFUSE, why="insulted after accepting")
    if state.accepted:
        since = len(state.intents) - max(i for i, done in enumerate(state.intents) if done is Intent.ACCEPT)
        if grades.value(Dimension.CLOSING) is not None or since > 2:
            return Plan(intent=Intent.THANK, ending=Ending.RESOLVED, why="accepted, and the call is being closed")
        return Plan(intent=Intent.THANK if since == 1 else Intent.SOFTEN, why="accepted, waiting for the close")
    if state.patience <= 0:
        strong = persona.traits.assertiveness + persona.traits.hostility >= 7
        return Plan(
            intent=Intent.HANG_UP,
            ending=Ending.HUNG_UP if strong else Ending.UNRESOLVED,
            why="no patience left" if strong else "no patience left; gives up rather than slams down",
        )
    handed_over = Technique.ESCALATES in grades.techniques and state.asked_supervisor > 0
    if handed_over and (solution is None or solution >= 3.0):
        return Plan(intent=Intent.ACCEPT, ending=Ending.SUPERVISOR, why="asked for a supervisor and is handed over")
    if state.goodbyes >= 3 or (state.goodbyes >= 2 and Fault.PREMATURE_CLOSE in grades.faults):
        return Plan(intent=Intent.HANG_UP, ending=Ending.UNRESOLVED, why="sent away with the problem open")
    return None


def _accepts(now: Moment) -> Plan | None:
    """Taking the offer, or wavering over it first."""
    persona, difficulty, state, appraisal = now.persona, now.difficulty, now.state, now.appraisal
    if not (appraisal.offered or (appraisal.moving and state.offers)) or state.agitation > SETTLED_AGITATION:
        return None
    if state.trust < persona.levels[difficulty].accept_at or len(state.intents) < EARLIEST[difficulty]:
        return None
    hard = {Difficulty.EASY: 0, Difficulty.MEDIUM: 0, Difficulty.HARD: 1}[difficulty]
    needed = 1 + (persona.traits.stubbornness >= 6) + hard
    patience_with_unheard = 0 if state.heard >= HEARD_ENOUGH else 2
    if state.offers < needed + patience_with_unheard:
        return None
    wavers = int(persona.traits.indecision // 4) + hard - (difficulty is Difficulty.EASY)
    guided = now.grades.tags & {Technique.REASSURES_CHOICE, Technique.SUMMARISES}
    if state.wavers < wavers - bool(guided):
        return Plan(intent=Intent.WAVER, why="would accept, but cannot decide yet")
    return Plan(intent=Intent.ACCEPT, why="offer is good, trust is there")


def _tells(now: Moment) -> Plan | None:
    """A hidden fact when it is unlocked; an open one when asked a question."""
    persona, scenario, state, grades = now.persona, now.scenario, now.state, now.grades
    hidden = [f for f in scenario.hidden if f.id not in state.disclosed]
    unlocked = bool(grades.tags & set(persona.unlocks)) and state.trust >= persona.levels[now.difficulty].disclose_at
    if hidden and unlocked:
        return Plan(intent=Intent.DISCLOSE, facts=(hidden[0].id,), why="trusts enough to say what was held back")
    asked = Technique.ASKS_CLARIFYING_QUESTION in grades.techniques
    if asked and state.mood is not Mood.BOILING and state.patience > 1:
        fact = _nearest_open_fact(scenario, state, now.said)
        if fact is not None:
            return Plan(intent=Intent.DISCLOSE, facts=(fact,), why="was asked a question")
    return None


def _drawn(now: Moment, rng: Random) -> Plan:
    """A seeded draw by weights."""
    state, weights = now.state, _weights(now)
    for back, done in enumerate(reversed(state.intents[-3:])):
        weights[done] = weights.get(done, 0.0) * (0.15, 0.5, 0.7)[back]
    likely = {i: w for i, w in weights.items() if w > 0.05} or {Intent.REPEAT: 1.0}
    intent = rng.choices(list(likely), weights=list(likely.values()))[0]
    facts: tuple[str, ...] = ()
    if intent in _CARRIES_FACT and rng.random() < 0.75:
        fact = _nearest_open_fact(now.scenario, state, now.said)
        facts = (fact,) if fact else ()
    if intent is Intent.REPEAT and not facts and state.disclosed:
        facts = (state.disclosed[rng.randrange(len(state.disclosed))],)
    return Plan(intent=intent, facts=facts, why=f"{state.mood.value}, drawn with weight {likely[intent]:.2f}")


def _weights(now: Moment) -> dict[Intent, float]:
    """How likely each move is. Traits are scaled to 0-1."""
    persona, state, appraisal = now.persona, now.state, now.appraisal
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
    redirected = Technique.REDIRECTS_TO_ISSUE in now.grades.techniques
    short_of_trust = state.trust < persona.levels[now.difficulty].accept_at
    insults = hostile >= INSULTS_FROM[now.intensity] and heat >= 0.4
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
        Intent.BARGAIN: stubborn if offered else 0.0,
        Intent.ASK_SUPERVISOR: assertive * (1.2 if state.patience < 4 else 0.1) if state.asked_supervisor < 2 else 0.0,
        Intent.INSULT: 1.8 * hostile * heat * 0.35**state.boundaries if insults else 0.0,
        Intent.THREATEN: assertive * heat if state.agitation >= 6 else 0.0,
        Intent.REFUSE: stubborn if offered and short_of_trust else 0.0,
        Intent.SOFTEN: 1.5 if state.streak >= 2 and state.agitation < 5 else 0.0,
    }
    for intent, factor in SCALED[now.intensity].items():
        weights[intent] *= factor
    return weights


def _nearest_open_fact(scenario: Scenario, state: CallerState, said: str) -> str | None:
    """The open fact, not yet said, that shares most words with what the trainee said; else the first not yet said."""
    left = [f for f in scenario.facts if f.id not in state.disclosed]
    if not left:
        return None
    words = set(_words(said))
    return max(left, key=lambda f: (len(words & set(_words(f.text + " " + f.say))), -scenario.facts.index(f))).id


def _words(text: str) -> list[str]:
    """Lower-case words of four letters and more: enough to tell what a question is about."""
    return re.findall(r"[a-z0-9]{4,}", text.lower())
