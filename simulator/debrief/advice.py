"""One strength and one fix: the turn that did most for this caller, and the turn that cost most.

What a turn did is read off the caller's state before and after it, and off the reasons its appraisal gives; where the
state does not react (closing), off the level alone. Points are those of the state, 0-10.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from simulator.call import Call
from simulator.caller.appraisal import opening_state
from simulator.caller.reason import About, Weariness
from simulator.caller.state import CallerState
from simulator.debrief.data import Advice
from simulator.rubric import level_text, rubric
from simulator.vocabulary import Dimension, Fault, Feeling, Intent, Tag, plain

LEVEL_COST = 0.7
"""Points of harm that each level below 4 counts, on top of what the caller's state shows."""
AFTER_ACCEPTING = 0.3
"""Share of a gain that counts once the caller has accepted: by then most of the work is done."""
SHOWN = 0.25
"""Smallest change of a feeling that is told, in points."""
_FAULT_OF: dict[Fault, Dimension] = {
    Fault.TELLS_TO_CALM_DOWN: Dimension.CALMNESS,
    Fault.BLAMES_CALLER: Dimension.CALMNESS,
    Fault.ARGUES: Dimension.CALMNESS,
    Fault.SARCASM: Dimension.CALMNESS,
    Fault.RUSHES: Dimension.CALMNESS,
    Fault.BREAKS_ROLE: Dimension.CALMNESS,
    Fault.DISMISSES: Dimension.EMPATHY,
    Fault.STOCK_EMPATHY: Dimension.EMPATHY,
    Fault.EMPATHY_UNDERCUT: Dimension.EMPATHY,
    Fault.REPEATS_STOCK_PHRASE: Dimension.EMPATHY,
    Fault.HIDES_BEHIND_POLICY: Dimension.SOLUTION,
    Fault.NEGATIVE_FRAMING: Dimension.SOLUTION,
    Fault.ASKS_AGAIN: Dimension.SOLUTION,
    Fault.FALSE_PROMISE: Dimension.SOLUTION,
    Fault.IGNORES_QUESTION: Dimension.SOLUTION,
    Fault.PREMATURE_CLOSE: Dimension.CLOSING,
}
_INSTEAD: dict[Fault, str] = {
    Fault.TELLS_TO_CALM_DOWN: "Leave their mood alone. Answer what it is about: name the problem, then your next step.",
    Fault.BLAMES_CALLER: "Drop whose fault it was, or say what your side did; then move on to what you do now.",
    Fault.ARGUES: "Let the point go. Say what you can see in the record, and ask where theirs differs.",
    Fault.SARCASM: "Say the plain thing, or pause for a breath. Irony always reaches an upset caller as contempt.",
    Fault.RUSHES: "Let them finish, say back the one thing that matters most, and only then go on.",
    Fault.BREAKS_ROLE: "Stay in the part: everything you say, the caller hears.",
    Fault.DISMISSES: "Let them say how big it is. Name what it has cost them, and play nothing down.",
    Fault.STOCK_EMPATHY: "Put one of their own facts into the sentence: what happened, when, what it did to their day.",
    Fault.EMPATHY_UNDERCUT: "Stop after the acknowledgement. Then start afresh with what you can do; drop the 'but'.",
    Fault.REPEATS_STOCK_PHRASE: "Say it once and in your own words; the second time, show it by doing something.",
    Fault.HIDES_BEHIND_POLICY: "Keep the rule to yourself and say what it leaves you free to do.",
    Fault.NEGATIVE_FRAMING: "Turn the sentence round: first what is possible, and by when.",
    Fault.ASKS_AGAIN: "Look in the record and in what they have said; then ask only for what is in neither.",
    Fault.FALSE_PROMISE: "Promise what you may grant, and say when you will know the rest. A promise must hold.",
    Fault.IGNORES_QUESTION: "Answer their question first, if only with when you will know.",
    Fault.PREMATURE_CLOSE: "Before goodbye, say what is settled and what is open, and ask whether that is enough.",
}
_INSTEAD_LEVEL: dict[Dimension, str] = {
    Dimension.CALMNESS: "Slow down, drop every word that defends, and let the first sentence be about them.",
    Dimension.EMPATHY: "Before the fix, one sentence for this caller alone: what happened, and what it cost.",
    Dimension.SOLUTION: "Name one thing that you do now, and by when; better still, two things to choose from.",
    Dimension.CLOSING: "Recap what happens and when, ask whether that settles it, and thank them for something real.",
}
_WHY_GOOD: dict[Dimension, str] = {
    Dimension.CALMNESS: "Staying steady left their anger nothing to push against.",
    Dimension.EMPATHY: "It could only have been said to this caller, so they could stop proving how bad it was.",
    Dimension.SOLUTION: "They knew what would happen, and did not have to take it on trust.",
    Dimension.CLOSING: "They left knowing what happens next, and that somebody had asked.",
}


def before(call: Call, turn: int) -> CallerState:
    """The caller's state when trainee turn `turn` began."""
    earlier = [t for t in call.moves if t < turn]
    return call.moves[max(earlier)].state if earlier else opening_state(call.start.persona, call.start.difficulty)


def gained(call: Call, turn: int) -> float:
    """How much better the turn left the caller, all four feelings together; negative: worse."""
    old, new = before(call, turn), call.moves[turn].state
    rise = {f: new.feeling(f) - old.feeling(f) for f in Feeling}
    return round(rise[Feeling.TRUST] + rise[Feeling.PATIENCE] + rise[Feeling.HEARD] - rise[Feeling.AGITATION], 3)


def weak_dimension(call: Call, turn: int) -> Dimension | None:
    """The dimension of a graded turn that did most harm; among equals the lowest level. None: not graded."""
    grades = call.grades.get(turn)
    if grades is None:
        return None
    applies = [d for d in Dimension if grades.level(d) is not None]
    return max(applies, key=lambda d: (_harm(call, turn, d), -(grades.level(d) or 0)), default=None)


def weakest(call: Call) -> tuple[int, Dimension] | None:
    """The turn that cost most and its weak dimension. None if nothing was graded."""
    ranked = []
    for turn in sorted(call.grades):
        dimension = weak_dimension(call, turn)
        if dimension is not None:
            loss = max(0.0, -gained(call, turn)) if turn in call.moves else 0.0
            levels = [level for level in call.grades[turn].levels.values() if level is not None]
            harm = sum(_harm(call, turn, d) for d in Dimension)
            ranked.append((loss + harm, -min(levels), -sum(levels) / len(levels), -turn, turn, dimension))
    if not ranked:
        return None
    *_, turn, dimension = max(ranked)
    return turn, dimension


def strength(call: Call) -> Advice | None:
    """The turn that did most for the caller, and why it worked. None if no turn has anything at level 3 or above."""
    best: tuple[float, int, Dimension] | None = None
    for turn in sorted(set(call.grades) & set(call.moves)):
        grades = call.grades[turn]
        good = [d for d in Dimension if (grades.level(d) or 0) >= 3]
        if not good or (len(call.grades) > 1 and grades.level(Dimension.SOLUTION) is None and not grades.techniques):
            continue
        top = max(good, key=lambda d: (_help(call, turn, d), grades.level(d) or 0))
        share = AFTER_ACCEPTING if before(call, turn).accepted else 1.0
        score = (
            share * gained(call, turn) + 0.5 * sum((grades.level(d) or 3) - 3 for d in Dimension) - len(grades.faults)
        )
        if best is None or score > best[0]:
            best = (score, turn, top)
    if best is None:
        return None
    _, turn, dimension = best
    level = call.grades[turn].level(dimension) or 0
    text = f"{_title(dimension)}, level {level}: {level_text(dimension, level)}"
    text += f"\n{_WHY_GOOD[dimension]}" if level >= 4 else "\nIt is the ground to build on."
    tags = call.grades[turn].techniques[:3]
    if tags:
        text += f" You also did this: {_listed([plain(t) for t in tags])}."
    text += _effect(call, turn, good=True)
    return Advice(turn, quote_for(call, turn, dimension), text, dimension, level)


def fix(call: Call) -> Advice | None:
    """The turn that cost most, what it cost, and what to do instead. None if nothing was graded."""
    found = weakest(call)
    if found is None:
        return None
    turn, dimension = found
    grades = call.grades[turn]
    level = grades.level(dimension) or 0
    if level == 5:
        text = f"No turn was weak. To sharpen what is there: {_INSTEAD_LEVEL[dimension]}"
        return Advice(turn, quote_for(call, turn, dimension), text, dimension, level)
    text = f"{_title(dimension)}, level {level}: {level_text(dimension, level)}"
    text += _effect(call, turn, good=False)
    own = [f for f in grades.faults if _FAULT_OF[f] is dimension]
    text += f"\nInstead: {_INSTEAD[own[0]] if own else _INSTEAD_LEVEL[dimension]}"
    aim = max(4, level + 1)
    text += f"\nLevel {aim} would be: {level_text(dimension, aim)}"
    return Advice(turn, quote_for(call, turn, dimension), text, dimension, level)


def instead(dimension: Dimension) -> str:
    """What to do to be better in that dimension, in one sentence."""
    return _INSTEAD_LEVEL[dimension]


def quote_for(call: Call, turn: int, dimension: Dimension) -> str:
    """The words that earned a turn its level: evidence for the dimension, or its tags; else the first sentence."""
    grades, text = call.grades[turn], call.transcript.turns[turn].text
    tags: set[Tag | Dimension] = {dimension, *(f for f in grades.faults if _FAULT_OF[f] is dimension)}
    quotes = [e.quote for e in grades.evidence if e.about in tags and e.quote in text]
    quotes = quotes or [e.quote for e in grades.evidence if e.quote and e.quote in text]
    if quotes:
        return quotes[0]
    first = re.split(r"(?<=[.!?…])\s", text.strip(), maxsplit=1)[0]
    return first if len(first) <= 200 else text.strip()[:200].rsplit(" ", 1)[0]


def _harm(call: Call, turn: int, dimension: Dimension) -> float:
    """Points of harm that a turn did through one dimension and the faults that belong to it."""
    grades = call.grades[turn]
    level = grades.level(dimension)
    harm = LEVEL_COST * max(0, 4 - level) if level is not None else 0.0
    return harm + max(0.0, -_moved(call, turn, dimension))


def _help(call: Call, turn: int, dimension: Dimension) -> float:
    """Points of good that a turn did through one dimension."""
    return max(0.0, _moved(call, turn, dimension)) + 0.3 * ((call.grades[turn].level(dimension) or 3) - 3)


def _moved(call: Call, turn: int, dimension: Dimension) -> float:
    """What the appraisal's reasons say about one dimension and its faults, in points (negative: harm)."""
    move = call.moves.get(turn)
    if move is None:
        return 0.0
    about: set[About] = {dimension, *(f for f, d in _FAULT_OF.items() if d is dimension)}
    if dimension is Dimension.SOLUTION:
        about.add(Weariness.NO_MOVEMENT)
    return sum(reason.points for reason in move.appraisal.reasons if reason.about in about)


def _effect(call: Call, turn: int, *, good: bool) -> str:
    """What the turn did to the caller (the two largest changes for better, or for worse), as sentences on a new line."""
    move = call.moves.get(turn)
    if move is None:
        return ""
    old = before(call, turn)
    changes: list[tuple[float, str]] = []
    for feeling in Feeling:
        change = move.state.feeling(feeling) - old.feeling(feeling)
        better = (change > 0) != (feeling is Feeling.AGITATION)
        if abs(change) >= SHOWN and better == good:
            word = "sense of being heard" if feeling is Feeling.HEARD else feeling.value
            changes.append((-abs(change), f"their {word} {'rose' if change > 0 else 'fell'} by {abs(change):.1f}"))
    told = _listed([text for _, text in sorted(changes)[:2]])
    parts = f"\nWith it, {told}." if told else ""
    did = {
        Intent.DISCLOSE: "Straight after it they told you something more.",
        Intent.SOFTEN: "Straight after it they softened.",
        Intent.ACCEPT: "Straight after it they accepted.",
        Intent.INSULT: "Their answer was an insult.",
        Intent.THREATEN: "Their answer was a threat.",
        Intent.ASK_SUPERVISOR: "Their answer was to ask for somebody else.",
        Intent.HANG_UP: "It was the last thing they listened to.",
    }.get(move.plan.intent, "")
    return parts + (f"{' ' if parts else chr(10)}{did}" if did else "")


def _title(dimension: Dimension) -> str:
    return rubric().dimensions[dimension].title


def _listed(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


__all__ = ["before", "fix", "gained", "instead", "quote_for", "strength", "weak_dimension", "weakest"]
