"""What the caller does next, and whether that ends the call: chosen from state, persona and what was just offered.

First the things that decide themselves (hanging up, accepting, telling what was held back, answering a question), then a
weighted draw among what this persona might do in this mood (`inclination.py`) after such words (`afterwards.py`). The draw
is seeded by call and turn: same state, same seed, same intent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from simulator.assessment import Assessment
from simulator.caller.afterwards import likelier
from simulator.caller.appraisal import Appraisal
from simulator.caller.inclination import LEAST, Mind, inclinations
from simulator.caller.occasions import occasions
from simulator.caller.questions import Asked, asked
from simulator.caller.state import CallerState, Mood
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.vocabulary import Difficulty, Dimension, Ending, Fault, Intensity, Intent, Occasion, Technique

MAX_TRAINEE_TURNS = 30
"""After so many trainee turns the call ends by itself."""
HEARD_ENOUGH = 2.5
"""Being-heard from which an offer is taken; below it only after two offers more, grudgingly."""
EARLIEST = {Difficulty.EASY: 3, Difficulty.MEDIUM: 4, Difficulty.HARD: 5}
"""Caller turns before which nobody accepts: people want to be talked with, not processed."""
SETTLED_AGITATION = 6.0
"""Above this agitation nobody accepts anything."""
TELLS = {
    Intent.DISCLOSE: 1.0,
    Intent.CORRECT: 0.46,
    Intent.REPEAT: 0.44,
    Intent.VENT: 0.42,
    Intent.DEMAND: 0.35,
    Intent.DOUBT: 0.22,
}
"""How often a move tells a fact that was not told yet, while there is one: as in written calls (`eval.train_moves`)."""

BOILING_ANSWERS = 0.5
"""How often somebody who is boiling answers a question."""


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

    @property
    def asked(self) -> Asked:
        """What the turn asked for."""
        return asked(self.said, self.persona, self.scenario, occasions(self.said, self.grades))

    @property
    def mind(self) -> Mind:
        """The part of it that inclinations come from."""
        more = any(f.id not in self.state.disclosed for f in self.scenario.facts)
        return Mind(self.persona, self.difficulty, self.intensity, self.state, self.appraisal, self.grades, more=more)


def opening_plan() -> Plan:
    """The caller's first turn states the problem."""
    return Plan(intent=Intent.OPEN, why="first turn")


def choose(now: Moment, rng: Random) -> Plan:
    """The caller's next move."""
    return _ends(now) or _accepts(now) or _tells(now, rng) or _drawn(now, rng)


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


def _tells(now: Moment, rng: Random) -> Plan | None:
    """What was asked for; a hidden fact when it is unlocked; an open one when whatever there is was asked for."""
    persona, scenario, state, grades, asked = now.persona, now.scenario, now.state, now.grades, now.asked
    held_back = [f.id for f in scenario.hidden if f.id not in state.disclosed]
    willing = _would_answer(state, rng)
    answers = tuple(f for f in asked.facts if f not in held_back) if willing else ()
    unlocked = bool(grades.tags & set(persona.unlocks)) and state.trust >= persona.levels[now.difficulty].disclose_at
    if held_back and unlocked:
        opened = next((f for f in held_back if f in asked.facts), held_back[0])
        return Plan(intent=Intent.DISCLOSE, facts=(*answers[:1], opened), why="trusts enough to say what was held back")
    if not willing:
        return None
    if answers or asked.about:
        again = not asked.about and all(f in state.disclosed for f in answers)
        return Plan(intent=Intent.REPEAT if again else Intent.DISCLOSE, facts=answers, why="was asked for it")
    fact = _nearest_open_fact(scenario, state, now.said) if asked.openly else None
    return Plan(intent=Intent.DISCLOSE, facts=(fact,), why="was asked a question") if fact else None


def _would_answer(state: CallerState, rng: Random) -> bool:
    """Whether they answer questions in this mood."""
    return state.patience > 1 and (state.mood is not Mood.BOILING or rng.random() < BOILING_ANSWERS)


def _drawn(now: Moment, rng: Random) -> Plan:
    """A seeded draw: what this person is inclined to, times what people do after such words. For want of an answer to a
    question they do something that the persona has words for then, and tell nothing else instead."""
    state, inclined = now.state, inclinations(now.mind)
    evasions = now.persona.answers.get(Occasion.ASKED, {}) if now.asked.informed else {}
    some = {move: much for move, much in inclined.items() if move in evasions and move is not Intent.DISCLOSE}
    evades = any(some.values())
    times = likelier(now.grades, now.persona.traits, inclined)
    weights = {
        move: max(much, LEAST) * times[move] for move, much in (some if evades else inclined).items() if much > 0
    }
    intent = rng.choices(list(weights), weights=list(weights.values()))[0]
    share = weights[intent] / sum(weights.values())
    why = f"{state.mood.value}, drawn with a chance of {share:.0%}"
    if evades:
        return Plan(intent=intent, why=f"asked, without an answer; {why}")
    facts: tuple[str, ...] = ()
    if rng.random() < TELLS.get(intent, 0.0):
        fact = _nearest_open_fact(now.scenario, state, now.said)
        facts = (fact,) if fact else ()
    told = [f for f in state.disclosed if f not in {p.id for p in now.scenario.particulars}]
    if intent is Intent.REPEAT and not facts and told:
        facts = (told[rng.randrange(len(told))],)
    return Plan(intent=intent, facts=facts, why=why)


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
