"""What a caller's next words may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.caller.questions import NOTHING, Asked
from simulator.caller.state import CallerState
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Intensity, Intent, Occasion, Register


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything they may depend on. `plans` and `states` by index of the trainee turn."""

    persona: Persona
    scenario: Scenario
    medium: Register
    seed: int
    transcript: Transcript
    plans: Mapping[int, Plan]
    states: Mapping[int, CallerState]
    key: str = ""
    intensity: Intensity = Intensity.REALISTIC
    occasions: frozenset[Occasion] = frozenset()
    """What the trainee's last turn did."""
    asked: Asked = NOTHING
    """What it asked for."""

    def answers(self, plan: Plan) -> bool:
        """Whether the plan is to answer what was asked."""
        if plan.ending is not None or plan.intent not in (Intent.DISCLOSE, Intent.REPEAT):
            return False
        told = not {*self.asked.facts}.isdisjoint(plan.facts)
        return told or (plan.intent is Intent.DISCLOSE and bool(self.asked.about))

    def evades(self, plan: Plan) -> bool:
        """Whether something was asked that is not answered."""
        told = plan.facts or plan.intent is Intent.DISCLOSE
        return self.asked.informed and plan.ending is None and not told

    @property
    def said(self) -> str:
        """All of the caller's words so far."""
        return " ".join(t.text for t in self.transcript.by(Speaker.CALLER))
