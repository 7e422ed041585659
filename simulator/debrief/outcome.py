"""How a call ended, in words and in the five figures a contact centre shows. Every constant is ours and stated."""

from __future__ import annotations

from itertools import pairwise

from simulator.call import Call
from simulator.caller.state import CallerState
from simulator.debrief.data import Figure, Outcome
from simulator.vocabulary import Ending, Technique

TRUST_SHARE, HEARD_SHARE, CALM_SHARE = 0.45, 0.30, 0.25
"""What trust, being heard and calm (10 - agitation) weigh in satisfaction; they add up to 1."""
LIFT = {
    Ending.RESOLVED: 0.8,
    Ending.SUPERVISOR: 0.0,
    Ending.TURN_LIMIT: -0.4,
    Ending.TRAINEE_ENDED: -0.8,
    Ending.UNRESOLVED: -0.8,
    Ending.HUNG_UP: -0.8,
}
"""Points of satisfaction that an ending adds."""
CAP = {Ending.HUNG_UP: 1.9, Ending.UNRESOLVED: 3.0, Ending.TRAINEE_ENDED: 3.0}
"""Most satisfaction that is possible after an ending."""
PROMOTER_SATISFACTION, PROMOTER_TRUST = 0.6, 0.4
"""What satisfaction (as a share of its range) and trust weigh in the net promoter answer; they add up to 1."""
LONGEST_GAP = 600.0
"""Seconds between two turns from which the rest counts as a break, not as handling (a call left and taken up again)."""


def outcome(call: Call) -> Outcome:
    """The ending and the figures, as far as the call has got."""
    figures = []
    if call.moves:
        figures = [_resolution(call), _satisfaction(call), _handle_time(call), _promoter(call), _escalation(call)]
    ending = call.ended.ending if call.ended else Ending.TRAINEE_ENDED
    return Outcome(ending, _headline(call), tuple(figures), finished=call.ended is not None)


def satisfaction(state: CallerState, ending: Ending | None) -> float:
    """1-5, to a tenth: how satisfied this caller says they are."""
    share = (TRUST_SHARE * state.trust + HEARD_SHARE * state.heard + CALM_SHARE * (10 - state.agitation)) / 10
    points = 1 + 4 * share + (LIFT[ending] if ending else 0.0)
    return round(max(1.0, min(points, CAP.get(ending, 5.0) if ending else 5.0)), 1)


def promoter(state: CallerState, ending: Ending | None) -> int:
    """0-10: would they recommend the company after this call?"""
    happy = (satisfaction(state, ending) - 1) / 4
    return round(10 * (PROMOTER_SATISFACTION * happy + PROMOTER_TRUST * state.trust / 10))


def handle_time(call: Call) -> float:
    """Seconds from the start (or, in a branch, from the first turn) to the end, without pauses and long breaks."""
    stamps = [call.times[t] for t in sorted(call.times)]
    branched = call.start.branched_from
    gaps = [b - a for a, b in pairwise(stamps)]
    if branched is not None and 0 < branched.turn <= len(gaps):
        gaps[branched.turn - 1] = 0.0
    if stamps and branched is None:
        gaps.append(stamps[0] - call.start.at)
    paused = call.paused_seconds
    if call.ended and stamps:
        gaps.append(call.ended.at - stamps[-1])
        if call.paused_at is not None:
            paused += max(0.0, call.ended.at - call.paused_at)
    gaps = [max(0.0, gap) for gap in gaps]
    breaks = sum(max(0.0, gap - LONGEST_GAP) for gap in gaps)
    return max(0.0, sum(gaps) - max(paused, breaks))


def _headline(call: Call) -> str:
    """What happened, in one or two plain sentences."""
    name = call.start.persona.called
    if call.ended is None:
        if not call.moves:
            return "The call has not begun: there is nothing to talk over yet."
        return f"The call is not over: {name} is still on the line."
    if not call.moves:
        return "The call ended before a word was answered."
    match call.ended.ending:
        case Ending.RESOLVED:
            return f"You won {name} over: the problem is settled, and the call was closed on good terms."
        case Ending.SUPERVISOR:
            return f"You handed {name} over to somebody who can do more, as {name} had asked."
        case Ending.HUNG_UP:
            return f"{name} hung up on you. The problem is still open."
        case Ending.UNRESOLVED:
            return f"{name} gave up on the call. The problem is still open."
        case Ending.TRAINEE_ENDED:
            return f"You ended the call before {name} had accepted anything. The problem is still open."
        case Ending.TURN_LIMIT:
            return f"The call reached its limit of turns without an agreement. {name} will have to ring again."


def _resolution(call: Call) -> Figure:
    solved = call.ended is not None and call.ended.ending is Ending.RESOLVED
    how = "Yes if the caller accepted what you offered and the call was then closed; a hand-over counts as no."
    return Figure("First-call resolution", "yes" if solved else "no", float(solved), how)


def _satisfaction(call: Call) -> Figure:
    ending = call.ended.ending if call.ended else None
    value = satisfaction(call.state, ending)
    s = call.state
    how = (
        f"1 + 4 × ({TRUST_SHARE:g} × trust {s.trust:.1f} + {HEARD_SHARE:g} × being heard {s.heard:.1f} + "
        f"{CALM_SHARE:g} × calm {10 - s.agitation:.1f}) / 10"
    )
    if ending and LIFT[ending]:
        how += f", {'plus' if LIFT[ending] > 0 else 'minus'} {abs(LIFT[ending]):g} for how the call ended"
    if ending in CAP:
        how += f", and at most {CAP[ending]:g} after such an ending"
    return Figure("Satisfaction", f"{value:.1f} of 5", value, how + ".")


def _handle_time(call: Call) -> Figure:
    seconds = handle_time(call)
    minutes, rest = divmod(round(seconds), 60)
    how = "From picking up to the end, without pauses; of a silence longer than ten minutes, ten minutes count."
    if call.start.branched_from:
        how = "The turns kept from the first try and those played again, without the time between, and without pauses."
    return Figure("Handle time", f"{minutes} min {rest:02d} s", seconds, how)


def _promoter(call: Call) -> Figure:
    ending = call.ended.ending if call.ended else None
    value = promoter(call.state, ending)
    kind = "promoter" if value >= 9 else "passive" if value >= 7 else "detractor"
    how = (
        f"10 × ({PROMOTER_SATISFACTION:g} × satisfaction as a share of its range + {PROMOTER_TRUST:g} × trust / 10): "
        "9 and 10 are promoters, 0 to 6 detractors."
    )
    return Figure("Net promoter answer", f"{value} of 10, {kind}", float(value), how)


def _escalation(call: Call) -> Figure:
    asked = call.state.asked_supervisor > 0
    offered = any(Technique.ESCALATES in grades.techniques for grades in call.grades.values())
    handed = call.ended is not None and call.ended.ending is Ending.SUPERVISOR
    if handed or offered:
        shown = "yes, the caller asked for it" if asked else "yes, offered by you"
    else:
        shown = "asked for, not given" if asked else "no"
    how = "Yes if you passed the call on or offered to; asked for by the caller if they demanded a supervisor."
    return Figure("Escalation", shown, float(handed or offered), how)
