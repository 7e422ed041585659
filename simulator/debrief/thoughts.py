"""What the caller thinks and does not say, after each trainee turn: the choice from a table written by hand.

A thought follows what moved the caller most: a fault, a technique, a level, and else what they did next. Lines with
`{quote}` are used only where a short quote from the turn is at hand. No line comes twice in one call.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator.call import Call
from simulator.caller.appraisal import Appraisal
from simulator.caller.reason import Weariness
from simulator.debrief.thought_lines import (
    ALWAYS,
    ENDINGS,
    FAULTS,
    INTENTS,
    IRRITATED,
    LEVELS,
    MOODS,
    STALLED,
    TECHNIQUES,
)
from simulator.vocabulary import Dimension, Fault, Intent, Technique

QUOTE_WORDS = 9
"""Longest quote, in words, that fits into a thought."""


def thoughts(call: Call) -> dict[int, str]:
    """A thought for every trainee turn that the caller has taken in; no line twice in the call while any is left."""
    found: dict[int, str] = {}
    used: set[str] = set()
    for turn in sorted(call.moves):
        for line in _candidates(call, turn):
            if line not in used:
                used.add(line)
                found[turn] = line.replace("{quote}", _quote(call, turn))
                break
        else:
            found[turn] = ALWAYS[turn % len(ALWAYS)]
    return found


def _candidates(call: Call, turn: int) -> Iterator[str]:
    """Every line that fits this turn, best first."""
    move = call.moves[turn]
    plan = move.plan
    offset = call.start.seed + turn // 2
    if plan.ending in ENDINGS:
        yield from _turned(ENDINGS[plan.ending], offset)
    decided = {Intent.OPEN, Intent.ACCEPT, Intent.THANK, Intent.HANG_UP}
    hidden = {fact.id for fact in call.start.scenario.hidden}
    if plan.intent in decided or (plan.intent is Intent.DISCLOSE and hidden & set(plan.facts)):
        yield from _turned(INTENTS[plan.intent], offset)
    has_quote = bool(_quote(call, turn))
    pools = list(_reason_pools(move.appraisal))
    for pool in (*pools, INTENTS[plan.intent], MOODS[move.state.mood], ALWAYS):
        yield from (line for line in _turned(pool, offset) if has_quote or "{quote}" not in line)


def _turned(lines: tuple[str, ...], by: int) -> tuple[str, ...]:
    """The lines, beginning at another one in each call and turn."""
    start = by % len(lines)
    return (*lines[start:], *lines[:start])


def _reason_pools(appraisal: Appraisal) -> Iterator[tuple[str, ...]]:
    """The lines for each reason that moved the caller, strongest first."""
    for reason in appraisal.reasons:
        match reason.about:
            case Weariness.NO_MOVEMENT:
                yield STALLED
            case Fault() as fault:
                yield FAULTS[fault]
            case Technique() as technique:
                yield TECHNIQUES[technique] if reason.points >= 0 else IRRITATED
            case Dimension() as dimension:
                level = reason.level or 3
                share = "low" if level < 2.6 else "middle" if level < 3.6 else "high"
                yield LEVELS.get((dimension, share), ALWAYS)


def _quote(call: Call, turn: int) -> str:
    """The shortest piece of evidence for a fault of this turn, if it is short enough to be thought."""
    grades = call.grades.get(turn)
    quotes = [e.quote.strip(" .,;:!?\n") for e in grades.evidence if isinstance(e.about, Fault)] if grades else []
    return min((q for q in quotes if 0 < len(q.split()) <= QUOTE_WORDS), key=len, default="")


__all__ = ["thoughts"]
