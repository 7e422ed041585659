"""Scripted trainees: nine ways of handling each scenario, written by hand, played as a policy against any persona."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from simulator.persona import Name
from simulator.plan import Plan
from simulator.scenario import Scenario
from simulator.vocabulary import Intent
from simulator.yamlfile import Strict, read_folder

Words = Annotated[str, Field(min_length=1, max_length=700)]


class Policy(StrEnum):
    """Ways of handling a call."""

    EXCELLENT = "excellent"
    GOOD = "good"
    """Decent and ordinary: acknowledges, has a next step, is a little stiff."""
    COLD = "cold"
    """Competent, no acknowledgement at all."""
    CLUMSY = "clumsy"
    """Means well, fumbles, asks again, comes to a fix late."""
    HOLLOW = "hollow"
    """Stock sympathy, again and again, and no movement."""
    OVERPROMISING = "overpromising"
    """Warm, and promises what nobody may."""
    HOSTILE = "hostile"
    SILENT = "silent"
    """Hardly says anything."""
    STEERING = "steering"
    """Tries to make the caller drop its role."""


class Script(Strict):
    """One policy in one scenario. `on` holds replies to what a caller may do; they are used before the next step. Those to
    `disclose` answer what was held back."""

    greeting: Words
    steps: tuple[Words, ...] = Field(min_length=4)
    on: dict[Intent, tuple[Words, ...]] = {}
    close: Words

    @property
    def lines(self) -> frozenset[str]:
        """Everything that is ever said."""
        return frozenset(
            (self.greeting, *self.steps, *(line for some in self.on.values() for line in some), self.close)
        )


class ScenarioScripts(Strict):
    """The scripts of one scenario, one for each policy (`id` is the scenario's)."""

    id: Name
    scripts: dict[Policy, Script]


class ScriptedTrainee:
    """Plays a `Script`: the greeting, then replies to what the caller did, else the next step; steps start over at their
    end. Deterministic."""

    def __init__(self, policy: Policy, scenario: Scenario) -> None:
        self._script = scripts()[scenario.id].scripts[policy]
        self._held_back = {fact.id for fact in scenario.hidden}
        self._step = 0
        self._used: dict[Intent, int] = {}

    def say(self, heard: Plan | None, *, settled: bool) -> str:
        """The next trainee turn, after the caller's last move (None: nobody has spoken). `settled`: they accepted."""
        if heard is None:
            return self._script.greeting
        if settled:
            return self._script.close
        told = heard.intent is Intent.DISCLOSE and self._held_back.isdisjoint(heard.facts)
        replies = () if told else self._script.on.get(heard.intent, ())
        used = self._used.get(heard.intent, 0)
        if used < len(replies):
            self._used[heard.intent] = used + 1
            return replies[used]
        text = self._script.steps[self._step % len(self._script.steps)]
        self._step += 1
        return text


@lru_cache(maxsize=1)
def scripts() -> dict[str, ScenarioScripts]:
    """The shipped scripts by scenario id. Raises DataError."""
    return read_folder(ScenarioScripts, files("eval") / "trainees_data")
