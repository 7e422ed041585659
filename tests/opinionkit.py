"""What tests of the second opinion share: a turn to give one on, models that decide by rule, a server's answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from builders import scenario

from simulator.evaluator.second_opinion import SecondOpinion
from simulator.models import ScriptedModel
from simulator.transcript import Speaker, Transcript, Turn

BRIEF = scenario().brief
SAID = Turn(2, Speaker.TRAINEE, "I am sorry. I will refund the £40 today.")
BEFORE = (
    Transcript()
    .plus(Speaker.TRAINEE, "Good morning.")
    .plus(Speaker.CALLER, "My kettle has not come, and nobody helps!")
)
OPTIONS = ("n/a", "1", "2", "3", "4", "5")


def says(*weights: float) -> Callable[[tuple[str, ...], tuple[str, ...]], tuple[float, ...]]:
    """Those weights for n/a and levels 1 to 5; without the first where n/a is not offered."""
    return lambda _segments, options: weights[len(weights) - len(options) :]


def opinion(*weights: float, **more: Any) -> SecondOpinion:
    return SecondOpinion(ScriptedModel(decisions=says(*weights), name="other"), **more)


def chat(text: str | None, tops: list[tuple[str, float]] | None = None) -> dict[str, Any]:
    """A chat completion that says `text`; `tops`: first token's alternatives with their probabilities."""
    choice: dict[str, Any] = {
        "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text},
    }  # fmt: skip
    if tops is not None:
        ranked = [{"token": t, "logprob": math.log(p), "bytes": None} for t, p in tops]
        choice["logprobs"] = {"content": [{**ranked[0], "top_logprobs": ranked}]}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
