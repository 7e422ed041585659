"""Plays whole calls between scripted trainees and callers, for benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eval.trainees import Policy, ScriptedTrainee, scripts
from simulator.call import Call
from simulator.events import CallStarted
from simulator.persona import Persona
from simulator.scenario import Scenario, scenarios
from simulator.session import Grader, Session, Speech
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty, Ending, Register


@dataclass(frozen=True, slots=True)
class Setting:
    """One call to play."""

    persona: Persona
    scenario: Scenario
    difficulty: Difficulty
    policy: Policy
    seed: int
    medium: Register = Register.PHONE

    @property
    def key(self) -> str:
        """A name for caches and tables."""
        return f"{self.persona.id}/{self.scenario.id}/{self.difficulty}/{self.policy}/{self.seed}"


def grid(
    personas: Iterable[Persona], difficulties: Iterable[Difficulty], policies: Iterable[Policy], seeds: int
) -> list[Setting]:
    """Every persona with every difficulty, trainee and seed. Each persona meets another scenario with each seed; persona n
    starts at scenario n, so that all pairs come up."""
    situations, levels, trainees = list(scenarios().values()), list(difficulties), list(policies)
    return [
        Setting(one, situations[(n + seed) % len(situations)], level, policy, seed)
        for n, one in enumerate(personas)
        for level in levels
        for policy in trainees
        for seed in range(seeds)
    ]


def is_won(call: Call) -> bool:
    """Whether the call ended resolved."""
    return call.ended is not None and call.ended.ending is Ending.RESOLVED


def play(setting: Setting, voice: Speech, evaluator: Grader, *, turns: int = 30) -> Call:
    """The call, played to its end or for `turns` trainee turns."""
    start = CallStarted(
        at=0.0,
        persona=setting.persona,
        scenario=setting.scenario,
        difficulty=setting.difficulty,
        medium=setting.medium,
        seed=setting.seed,
        model=voice.name,
        grader=evaluator.name,
    )
    session = Session([start], voice, evaluator, key=setting.key)
    trainee = ScriptedTrainee(scripts()[setting.scenario.id].scripts[setting.policy])
    while session.call.ended is None and len(session.call.transcript.by(Speaker.TRAINEE)) < turns:
        move = session.call.last_move
        said = trainee.say(move.plan.intent if move else None, settled=session.call.state.accepted)
        for _ in session.submit(said):
            pass
    return session.call
