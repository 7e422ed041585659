"""Better words for a weak turn: lines a person wrote for this scenario, tried in place of it by the very same grader.

Nothing is suggested on faith. A line is offered only if the grader puts it at least one level higher where the turn was
weak, and no lower anywhere else; else there is no suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from simulator.assessment import Assessment
from simulator.call import Call
from simulator.caller.guard import alike
from simulator.debrief import weak_dimension
from simulator.errors import CallError
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Fault

MOST_TRIES = 8
"""Lines graded at most; each costs as much as grading a turn."""
SOURCE = "written for this scenario"
_SUPPORT: dict[Dimension, tuple[tuple[Dimension, ...], ...]] = {
    Dimension.CALMNESS: ((Dimension.CALMNESS,), (Dimension.CALMNESS, Dimension.SOLUTION)),
    Dimension.EMPATHY: ((Dimension.EMPATHY, Dimension.SOLUTION), (Dimension.EMPATHY,)),
    Dimension.SOLUTION: ((Dimension.EMPATHY, Dimension.SOLUTION), (Dimension.SOLUTION,)),
    Dimension.CLOSING: ((Dimension.CLOSING,), (Dimension.SOLUTION, Dimension.CLOSING)),
}
"""For a weak dimension: which lines, said one after the other, may make the turn better; the likeliest first."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Better words for trainee turn `turn`, weak in `dimension`: assessments of both, and who wrote them."""

    turn: int
    dimension: Dimension
    said: str
    better: str
    was: Assessment
    now: Assessment
    source: str = SOURCE


def suggest(call: Call, turn: int, grade: Callable[[str], Assessment]) -> Suggestion | None:
    """The best line that beats the turn, or None. `grade(text)` grades `text` in the place of that turn, as the
    call's own grader does. Raises CallError if `turn` is not a trainee turn of this call."""
    if not (0 <= turn < len(call.transcript)) or call.transcript.turns[turn].speaker is not Speaker.TRAINEE:
        raise CallError(f"turn {turn} is not one of the trainee's turns in this call")
    was, dimension = call.grades.get(turn), weak_dimension(call, turn)
    if was is None or dimension is None or (was.level(dimension) or 5) >= 5:
        return None
    said = call.transcript.turns[turn].text
    best: Suggestion | None = None
    for text in candidates(call, turn, dimension):
        now = grade(text)
        if not beats(was, now, dimension):
            continue
        if best is None or _rank(was, now, dimension, text) > _rank(was, best.now, dimension, best.better):
            best = Suggestion(turn, dimension, said, text, was, now)
        if _full_marks(was, now):
            break
    return best


def candidates(call: Call, turn: int, dimension: Dimension) -> tuple[str, ...]:
    """What to try in place of the turn, at most `MOST_TRIES`; nothing that the trainee has said anyway."""
    earlier = [t.text for t in call.transcript.by(Speaker.TRAINEE) if t.index <= turn]
    fresh = (text for text in _composed(call, dimension) if not any(alike(text, told) for told in earlier))
    return tuple(dict.fromkeys(fresh))[:MOST_TRIES]


def beats(was: Assessment, now: Assessment, dimension: Dimension) -> bool:
    """At least one level up where it was weak, and no lower where a dimension applied; no new fault that is a lie."""
    old, new = was.level(dimension), now.level(dimension)
    if old is None or new is None or new < old + 1:
        return False
    if Fault.FALSE_PROMISE in now.faults:
        return False
    for other in Dimension:
        before, after = was.level(other), now.level(other)
        if before is not None and after is not None and after < before:
            return False
        if before is None and after is not None and after < 3:
            return False
    return True


def _composed(call: Call, dimension: Dimension) -> Iterator[str]:
    """Lines and pairs of lines of the scenario. Pairs go line by line first, so that the first few tries differ."""
    better = call.start.scenario.better
    for kinds in _SUPPORT[dimension]:
        pools = [better.get(kind, ()) for kind in kinds]
        if len(pools) == 1:
            yield from pools[0]
        else:
            for shift in range(len(pools[1])):
                for number, first in enumerate(pools[0]):
                    yield f"{first} {pools[1][(number + shift) % len(pools[1])]}"


def _rank(was: Assessment, now: Assessment, dimension: Dimension, text: str) -> tuple[float, float, int]:
    """Higher where it was weak, then higher over all that applied, then shorter."""
    applied = [d for d in Dimension if was.level(d) is not None]
    return (now.value(dimension) or 0.0, sum(now.value(d) or 3.0 for d in applied), -len(text))


def _full_marks(was: Assessment, now: Assessment) -> bool:
    """Whether every dimension that applied to the turn is now at 5 (as far as it still applies)."""
    return all(now.level(d) in {None, 5} for d in Dimension if was.level(d) is not None)
