"""What one graded trainee turn does to *this* caller: levels and tags, seen through the persona's gains.

Levels are read as the grader's expected value and interpolated between the rows below, so that a grader in doubt
between 3 and 4 moves the caller by something in between. The tables are ours: signs from the training literature
(`product.md` in the design notes: false empathy backfires, acknowledgement before the fix, options give back
control), sizes set so that a good trainee needs four to seven turns at medium difficulty (`simulator bench caller`).
"""

from __future__ import annotations

from simulator.assessment import Assessment, Frozen
from simulator.caller.reason import About, Reason, Weariness
from simulator.caller.state import CallerState, Change, Promise, mood_of, moved
from simulator.persona import Persona
from simulator.vocabulary import Difficulty, Dimension, Fault, Tag, Technique

# For levels 1..5: change of (agitation, trust, patience, heard).
_LEVELS: dict[Dimension, tuple[tuple[float, float, float, float], ...]] = {
    Dimension.CALMNESS: (
        (2.2, -1.6, -1.6, -0.8),
        (1.1, -0.8, -0.8, -0.3),
        (0.3, -0.2, -0.2, 0.0),
        (-0.2, 0.1, 0.0, 0.0),
        (-0.5, 0.3, 0.2, 0.2),
    ),
    Dimension.EMPATHY: (
        (1.5, -1.2, -0.7, -1.0),
        (0.4, -0.3, -0.2, -0.2),
        (0.2, -0.2, -0.2, 0.1),
        (-0.7, 0.6, 0.2, 1.5),
        (-1.3, 1.1, 0.4, 2.4),
    ),
    Dimension.SOLUTION: (
        (1.1, -1.2, -1.4, 0.0),
        (0.4, -0.4, -0.9, 0.0),
        (0.0, 0.2, -0.1, 0.2),
        (-0.5, 0.7, 0.5, 0.3),
        (-0.8, 1.1, 0.8, 0.5),
    ),
}
_FAULT = Change(agitation=0.45, trust=-0.35, patience=-0.35, heard=-0.1)
_TECHNIQUE = Change(agitation=-0.2, trust=0.2, patience=0.15, heard=0.15)
_TAGS: dict[Tag, Change] = {
    Technique.OFFERS_OPTIONS: Change(agitation=-0.4, trust=0.2, patience=0.2),
    Technique.SETS_BOUNDARY: Change(agitation=-0.3, trust=0.1),
    Technique.RESTATES_CONCERN: Change(agitation=-0.2, trust=0.2, heard=0.6),
    Technique.ASKS_CLARIFYING_QUESTION: Change(heard=0.3, trust=0.1),
    Technique.ADMITS_NOT_KNOWING: Change(trust=0.3),
    Fault.TELLS_TO_CALM_DOWN: Change(agitation=1.2, trust=-0.6, patience=-0.5, heard=-0.5),
    Fault.EMPATHY_UNDERCUT: Change(agitation=0.6, trust=-0.6, heard=-0.4),
    Fault.REPEATS_STOCK_PHRASE: Change(agitation=0.6, trust=-0.6, patience=-0.5, heard=-0.4),
    Fault.STOCK_EMPATHY: Change(agitation=0.3, trust=-0.3, patience=-0.2),
    Fault.FALSE_PROMISE: Change(trust=-1.0),
}
STALL = 0.35
"""Patience lost for each turn in a row without movement towards a fix, once the problem has been stated."""
SAID_BEFORE = Change(agitation=0.4, trust=-0.3, patience=-0.3)
"""What it does to a caller to hear the same words a second time."""
HARM = 0.65
"""Share of what makes matters worse that counts at once: a rude turn must hurt, and still leave room for a better one."""
FRESH = 6
"""Trainee turns after which the length of the call itself costs patience,"""
FATIGUE = 0.12
"""so many points more with each further turn."""
UNHEARD = 3.0
"""Below this being-heard, a fix counts only by half: nobody wants a refund from someone who was not listening."""
MOVEMENT = 2.6
"""Expected solution level from which a turn counts as movement, and"""
OFFER = 3.5
"""from which it counts as an offer."""


class Appraisal(Frozen):
    """What a turn did: the good part, the bad part, and the strongest reasons (largest first)."""

    better: Change
    worse: Change
    reasons: tuple[Reason, ...]
    offered: bool
    moving: bool
    """Whether the call moved towards a fix, or did not need to."""


def opening_state(persona: Persona, difficulty: Difficulty) -> CallerState:
    """The state before anyone has spoken."""
    start = persona.start
    patience = max(0.5, min(10.0, start.patience + persona.levels[difficulty].patience))
    return CallerState(
        agitation=start.agitation,
        trust=start.trust,
        patience=patience,
        heard=start.heard,
        mood=mood_of(start.agitation),
    )


def appraise(
    persona: Persona, difficulty: Difficulty, state: CallerState, grades: Assessment, *, repeated: bool = False
) -> Appraisal:
    """What `grades` mean to this persona in this state. `repeated`: the trainee has said this before in this call; then
    nothing good comes of it, however well it is graded."""
    level = persona.levels[difficulty]
    parts: list[tuple[About, float | None, Change]] = []

    def add(about: About, change: Change, level: float | None = None) -> None:
        parts.append((about, level, change))

    solution = grades.value(Dimension.SOLUTION)
    for dimension, rows in _LEVELS.items():
        value = grades.value(dimension)
        if value is None:
            continue
        change = _between(rows, value)
        if dimension is Dimension.SOLUTION and change.goodness > 0 and state.heard < UNHEARD:
            change = change.scaled(0.5)
        add(dimension, change, value)
    for tag in sorted(grades.tags, key=lambda t: t.value):
        add(tag, _tag_change(persona, tag))
    moving = not repeated and (solution is None or solution >= MOVEMENT)
    if repeated:
        parts = [(about, level, _split(change)[1]) for about, level, change in parts]
        add(Weariness.SAID_BEFORE, SAID_BEFORE)
    if not moving:
        add(Weariness.NO_MOVEMENT, Change(patience=-STALL * (state.stalled + 1)))
    overdue = len(state.intents) - FRESH
    if overdue > 0 and not state.accepted:
        add(Weariness.DRAGS_ON, Change(patience=-FATIGUE * overdue))
    better, worse = Change(), Change()
    up = level.soothe * (0.6 + 0.08 * persona.traits.forgiveness)
    down = HARM * level.provoke * (0.6 + 0.08 * persona.traits.volatility)
    for _, _, change in parts:
        good, bad = _split(change)
        better, worse = better + good.scaled(up), worse + bad.scaled(down)
    ranked = sorted(parts, key=lambda part: (-abs(part[2].goodness), part[0].value))
    return Appraisal(
        better=better,
        worse=worse,
        reasons=tuple(Reason.of(about, level, change.goodness) for about, level, change in ranked[:4]),
        offered=not repeated
        and solution is not None
        and solution >= OFFER
        and Fault.FALSE_PROMISE not in grades.faults,
        moving=moving,
    )


def after(state: CallerState, appraisal: Appraisal, grades: Assessment, turn: int) -> CallerState:
    """The state once the caller has taken the turn in; what was offered goes into the ledger, in the trainee's words."""
    new = moved(state, appraisal.better, appraisal.worse)
    ledger = state.ledger
    if appraisal.offered:
        quote = next((e.quote for e in grades.evidence if e.about is Dimension.SOLUTION), "")
        ledger = (*ledger, Promise(turn=turn, quote=quote))
    closing = grades.value(Dimension.CLOSING)
    return new.model_copy(
        update={
            "stalled": 0 if appraisal.moving else state.stalled + 1,
            "offers": state.offers + appraisal.offered,
            "ledger": ledger,
            "boundaries": state.boundaries + (Technique.SETS_BOUNDARY in grades.techniques),
            "goodbyes": state.goodbyes + (closing is not None and not state.accepted),
        }
    )


def _tag_change(persona: Persona, tag: Tag) -> Change:
    """A tag's effect times the persona's gain. A technique among the triggers irritates instead of soothing."""
    if tag in persona.triggers:
        base = _TAGS.get(tag, _FAULT) if isinstance(tag, Fault) else _FAULT
        return base.scaled(persona.triggers[tag])
    base = _TAGS.get(tag, _FAULT if isinstance(tag, Fault) else _TECHNIQUE)
    return base.scaled(persona.soothers.get(tag, 1.0))


def _between(rows: tuple[tuple[float, float, float, float], ...], value: float) -> Change:
    """The row for an expected level 1-5, interpolated."""
    low = min(int(value), 4)
    share = value - low
    a, b = rows[low - 1], rows[low]
    mixed = [x + share * (y - x) for x, y in zip(a, b, strict=True)]
    return Change(agitation=mixed[0], trust=mixed[1], patience=mixed[2], heard=mixed[3])


def _split(change: Change) -> tuple[Change, Change]:
    """The parts of a change that help and that harm."""
    return (
        Change(
            agitation=min(change.agitation, 0),
            trust=max(change.trust, 0),
            patience=max(change.patience, 0),
            heard=max(change.heard, 0),
        ),
        Change(
            agitation=max(change.agitation, 0),
            trust=min(change.trust, 0),
            patience=min(change.patience, 0),
            heard=min(change.heard, 0),
        ),
    )
