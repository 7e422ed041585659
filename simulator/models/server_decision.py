"""Asks a chat server to choose among a few answers, and reads what comes back. Knows the protocol's words, no network.

Servers differ: some tell the probabilities of their first token, some only follow a JSON schema, some just talk. What
comes back is checked piece by piece, because the client takes whatever JSON a server sends.
"""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any

ENOUGH = 0.5
"""Share of the first token's probability that has to lie on the options, for that token to be the decision."""
MOST_LOGPROBS = 20
"""The protocol gives no more."""
Message = dict[str, str]


class Way(StrEnum):
    """How to ask, the most telling way first."""

    LOGPROBS = "logprobs"
    SCHEMA = "schema"
    PLAIN = "plain"


def asked(way: Way, messages: list[Message], options: tuple[str, ...]) -> dict[str, Any]:
    """The request's arguments besides the model: `messages` with the options named at their end."""
    last = messages[-1]
    told = f"{last['content']}\n\nAnswer with one of these and nothing else: {', '.join(options)}."
    request: dict[str, Any] = {
        "messages": [*messages[:-1], {**last, "content": told}],
        "temperature": 0.0,
        "max_tokens": 16,
        "seed": 0,
    }
    if way is Way.LOGPROBS:
        return request | {"logprobs": True, "top_logprobs": MOST_LOGPROBS}
    if way is Way.SCHEMA:
        schema = {
            "type": "object",
            "properties": {"answer": {"type": "string", "enum": list(options)}},
            "required": ["answer"],
            "additionalProperties": False,
        }
        form = {"type": "json_schema", "json_schema": {"name": "decision", "strict": True, "schema": schema}}
        return request | {"response_format": form, "max_tokens": 40}
    return request


def decision(way: Way, answer: Any, options: tuple[str, ...]) -> tuple[tuple[float, ...], str]:
    """(probabilities of `options`, or () if the answer is none of them; what the server said)."""
    choices = getattr(answer, "choices", None)
    choice = choices[0] if isinstance(choices, list) and choices else None
    said = getattr(getattr(choice, "message", None), "content", None)
    text = said if isinstance(said, str) else ""
    found = _from_tokens(choice, options) if way is Way.LOGPROBS else ()
    if not found:
        picked = _picked(text, options)
        found = tuple(float(option == picked) for option in options) if picked else ()
    return found, text


def _from_tokens(choice: Any, options: tuple[str, ...]) -> tuple[float, ...]:
    """Probabilities from the first token that says anything; () if it is not about the options."""
    tokens = getattr(getattr(choice, "logprobs", None), "content", None)
    for token in tokens if isinstance(tokens, list) else ():
        if not _bare(getattr(token, "token", None)):
            continue  # a blank or a quotation mark before the answer
        mass = dict.fromkeys(options, 0.0)
        ranked = getattr(token, "top_logprobs", None)
        for other in ranked if isinstance(ranked, list) else ():
            begun = _bare(getattr(other, "token", None))
            meant = [o for o in options if begun and o.casefold().startswith(begun)]
            if len(meant) > 1:
                return ()  # the options part only later: the first token does not decide
            logprob = getattr(other, "logprob", None)
            if meant and isinstance(logprob, int | float) and not math.isnan(logprob):
                mass[meant[0]] += math.exp(min(0.0, logprob))
        total = sum(mass.values())
        return tuple(mass[o] / total for o in options) if total >= ENOUGH else ()
    return ()


def _picked(text: str, options: tuple[str, ...]) -> str:
    """The option that `text` is, strictly: alone, or as the one value of a JSON object; '' if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    if isinstance(value, dict):
        value = next(iter(value.values())) if len(value) == 1 else ""
    bare = _bare(value if isinstance(value, str) else str(value))
    return next((o for o in options if o.casefold() == bare), "")


def _bare(text: object) -> str:
    """`text` without blanks, quotation marks and a final stop, in lower case."""
    return text.strip().strip("\"'`*").rstrip(".").strip().casefold() if isinstance(text, str) else ""


__all__ = ["Message", "Way", "asked", "decision"]
