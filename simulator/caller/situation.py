"""What a caller's next words may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.caller.state import CallerState
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Intensity, Occasion, Register


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

    @property
    def said(self) -> str:
        """All of the caller's words so far."""
        return " ".join(t.text for t in self.transcript.by(Speaker.CALLER))
