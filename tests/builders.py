"""Small valid objects for tests, made in code, so that tests do not hang on the shipped YAML.

`persona()`, `scenario()`, `assessment(calmness=…)`, `started()` build one object each; `play()` builds a short valid
stream by running the real `Session` on a scripted grader and a scripted voice. Every builder takes overrides by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.caller.choice import Refused
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.events import Branch, CallerSaying, CallStarted, StoredEvent
from simulator.models.base import Candidate, ModelInfo, Sampling, Source
from simulator.models.scripted import ScriptedModel
from simulator.persona import WRITTEN, Persona
from simulator.scenario import Brief, Scenario
from simulator.session import Session
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Difficulty, Dimension, Ending, Fault, Intensity, Register, Tag, Technique

HERE = Path(__file__).parent
BEGAN = 1_750_000_000.0
"""When built calls begin: seconds since 1970."""


def persona(**overrides: Any) -> Persona:
    """A middling caller: every trait 5, two written lines for every intent."""
    level = {"provoke": 1.0, "soothe": 1.0, "patience": 0, "disclose_at": 4, "accept_at": 5}
    traits = (
        "volatility", "forgiveness", "stubbornness", "suspicion", "assertiveness", "hostility", "talkativeness",
        "indecision",
    )  # fmt: skip
    fields: dict[str, Any] = {
        "id": "tester",
        "label": "Test caller",
        "name": "Ada Quist",
        "pronoun": "she",
        "summary": "A caller made for tests.",
        "who": "She tests call centres.",
        "voice": {
            "manner": "Plain and short.",
            "cue": "dry, short",
            "words": (4, 30),
            "pet_phrases": ("Right then.", "Mark my words."),
        },
        "traits": dict.fromkeys(traits, 5),
        "start": {"agitation": 5, "trust": 4, "patience": 6},
        "triggers": {Fault.RUSHES: 1.5, Fault.TELLS_TO_CALM_DOWN: 2.0},
        "soothers": {Technique.ACKNOWLEDGES_FEELING: 1.5, Technique.GIVES_TIMEFRAME: 1.2},
        "needs": "To be taken seriously.",
        "holds_back": "That she waited too long herself.",
        "unlocks": (Technique.ACKNOWLEDGES_FEELING,),
        "opens": ("Good morning.", "Hello, is that the shop?", "At last, somebody."),
        "leaves": dict.fromkeys(Ending, ("Goodbye then.", "That was that.")),
        "lines": {intent: (f"My {intent.value} line.", f"My other {intent.value} line.") for intent in WRITTEN},
        "levels": dict.fromkeys(Difficulty, level),
    }
    return Persona.model_validate(fields | overrides)


def scenario(**overrides: Any) -> Scenario:
    """A kettle that never came: four open facts, one hidden."""
    fields: dict[str, Any] = {
        "id": "kettle",
        "title": "A kettle that never came",
        "industry": "retail",
        "business": "Kettle & Co, customer care",
        "root_cause": "unresolved",
        "issue": "A kettle paid for on 3 May has not been delivered.",
        "opening": "I paid for a kettle on 3 May and it has not come.",
        "wants": "I want my kettle or my money.",
        "facts": [
            {"id": "paid", "text": "Paid £40 on 3 May.", "say": "I paid £40 on 3 May."},
            {"id": "order", "text": "Order K-77.", "say": "The order is K-77."},
            {"id": "called", "text": "Called twice before.", "say": "I have called twice."},
            {"id": "email", "text": "Promised for 10 May by email.", "say": "Your email said 10 May."},
        ],
        "hidden": [{"id": "gift", "text": "It is a gift.", "say": "It is a gift for my sister."}],
        "goal": "Refund it or send a new one today.",
        "record": [{"label": f"Record {n}", "value": f"Entry {n}"} for n in range(4)],
        "articles": [{"id": f"article_{n}", "title": f"Article {n}", "body": "Read it."} for n in range(2)],
        "policy": ("Refunds take three days.", "Lost goods are replaced."),
        "may": ("Refund £40.", "Send a new kettle."),
        "resolutions": ("Refunded.",),
        "wrong_promises": [{"promise": f"Promise {n}", "why": "It cannot be kept."} for n in range(2)],
        "handover": "To the team lead, until 17:00.",
        "discussion": ("What would you have said?", "What did she need?"),
    }
    return Scenario.model_validate(fields | overrides)


def assessment(
    *, tags: Sequence[Tag] = (), evidence: Sequence[Evidence] = (), grader: str = "scripted", **levels: int | None
) -> Assessment:
    """Grades by dimension name, 1-5 or None: `assessment(calmness=4, closing=3)`. Default: 3, and no closing."""
    wanted: dict[str, int | None] = {"calmness": 3, "empathy": 3, "solution": 3, "closing": None} | levels
    scores = {
        Dimension(name): DimensionScore(confidence=0.9, reason="does not apply")
        if level is None
        else DimensionScore(level=level, value=float(level), confidence=0.9)
        for name, level in wanted.items()
    }
    return Assessment(
        scores=scores,
        techniques=tuple(t for t in tags if isinstance(t, Technique)),
        faults=tuple(t for t in tags if isinstance(t, Fault)),
        evidence=tuple(evidence),
        tag_confidence=dict.fromkeys(tags, 0.8),
        grader=grader,
    )


def started(
    *,
    at: float = BEGAN,
    who: Persona | None = None,
    about: Scenario | None = None,
    difficulty: Difficulty = Difficulty.MEDIUM,
    intensity: Intensity = Intensity.REALISTIC,
    medium: Register = Register.PHONE,
    seed: int = 7,
    hints: bool = True,
    branched_from: Branch | None = None,
) -> CallStarted:
    """The first event of a call."""
    return CallStarted(
        at=at,
        persona=who or persona(),
        scenario=about or scenario(),
        difficulty=difficulty,
        intensity=intensity,
        consented=intensity is Intensity.HARSH,
        medium=medium,
        seed=seed,
        model="scripted",
        grader="scripted",
        hints=hints,
        branched_from=branched_from,
    )


class ScriptedGrader:
    """Gives its assessments in turn, the last one for ever. A `Grader` of the session."""

    name = "scripted"

    def __init__(self, *assessments: Assessment) -> None:
        self._left = list(assessments) or [assessment()]

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


class ScriptedVoice:
    """Says that it has turn number n, and nothing else. A `Speech` of the session."""

    name = "scripted"

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        text = f"This is turn {len(situation.transcript)}."
        yield Saying(text)
        yield Line(text, written=False, attempts=1, seconds=0.25)


def ticking(start: float = BEGAN, step: float = 1.0) -> Callable[[], float]:
    """A clock that goes on by `step` seconds whenever it is read."""
    ticks = count(1)
    return lambda: start + step * next(ticks)


def session(start: CallStarted | None = None, grades: Sequence[Assessment] = ()) -> Session:
    """A session with scripted parts and a ticking clock."""
    start = start or started()
    return Session([start], ScriptedVoice(), ScriptedGrader(*grades), clock=ticking(start.at))


def play(
    *said: str, start: CallStarted | None = None, grades: Sequence[Assessment] = (), end: bool = False
) -> tuple[StoredEvent, ...]:
    """The stored stream of a short call in which the trainee says `said` (two plain turns by default)."""
    call = session(start, grades)
    for text in said or ("Good morning, Ada speaking.", "I am sorry. I will refund the £40 today."):
        drain(call.submit(text))
    if end:
        drain(call.end())
    return tuple(call.events)


def drain(events: Iterator[Any]) -> tuple[StoredEvent, ...]:
    """Everything that such a generator yields and that would be stored."""
    return tuple(e for e in events if not isinstance(e, CallerSaying))


def worker(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another program, with the program and these tests to import."""
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


class TunedModel(ScriptedModel):
    """A tuned model that draws what `draws` gives, anew each time it is asked; `prompts`: what it was asked."""

    def __init__(self, draws: Callable[[], tuple[Candidate, ...]], parameters: int = 0) -> None:
        super().__init__()
        self._info = ModelInfo("scripted", Source.SCRIPTED, parameters, tuned="1234abcd")
        self._draws = draws
        self.prompts: list[tuple[str, ...]] = []

    def several(
        self,
        segments: tuple[str, ...],
        sampling: Sampling,
        count: int,
        *,
        enough: Callable[[str], bool] | None = None,
        least: int = 0,
        cache_key: str | None = None,
    ) -> tuple[Candidate, ...]:
        self.prompts.append(segments)
        return self._draws()
