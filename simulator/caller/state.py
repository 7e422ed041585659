"""What the caller feels, and how one appraised turn changes it: plain arithmetic, the same for every caller.

The rule. A turn's appraisal gives four changes (agitation, trust, patience, heard). What makes matters worse counts in
full at once; what makes them better counts more the longer it lasts (`EASE`), so two kind sentences do not turn a
furious caller. One turn changes nothing by more than `MAX_STEP`, and everything stays within 0-10. The mood has
hysteresis: it is entered at one agitation and left only at a lower one. Units: points on a 0-10 scale.
"""

from __future__ import annotations

from enum import StrEnum

from simulator.assessment import Frozen
from simulator.vocabulary import Feeling, Intent

MAX_STEP = 3.0
"""Largest change of one feeling in one turn."""
EASE = (0.3, 0.4, 0.5, 0.6)
"""Share of a good turn that counts: on the first good turn in a row, the second, ..."""


class Mood(StrEnum):
    """Agitation as a person would name it."""

    CALM = "calm"
    TENSE = "tense"
    HOT = "hot"
    BOILING = "boiling"


_ENTER = {Mood.TENSE: 3.5, Mood.HOT: 6.0, Mood.BOILING: 8.5}
_LEAVE_BELOW = {Mood.TENSE: 2.5, Mood.HOT: 5.0, Mood.BOILING: 7.5}
_ORDER = tuple(Mood)


class Promise(Frozen):
    """Something the trainee said they would do: the words, and the turn in which they said them."""

    turn: int
    quote: str


class CallerState(Frozen):
    """Everything about the caller that changes during a call. Feelings are 0-10."""

    agitation: float
    trust: float
    patience: float
    heard: float
    mood: Mood
    streak: int = 0
    """Good turns in a row (positive) or bad ones (negative)."""
    stalled: int = 0
    """Turns in a row without movement towards a fix."""
    offers: int = 0
    """Turns so far with a concrete, permitted step."""
    disclosed: tuple[str, ...] = ()
    """Ids of the facts the caller has said."""
    ledger: tuple[Promise, ...] = ()
    wavers: int = 0
    boundaries: int = 0
    """How often the trainee has set a boundary."""
    asked_supervisor: int = 0
    goodbyes: int = 0
    """How often the trainee tried to end the call before the caller had accepted anything."""
    accepted: bool = False
    intents: tuple[Intent, ...] = ()

    def feeling(self, which: Feeling) -> float:
        """One of the four quantities, 0-10."""
        return float(getattr(self, which.value))


class Change(Frozen):
    """Points by which one turn moves each feeling, before bounds."""

    agitation: float = 0.0
    trust: float = 0.0
    patience: float = 0.0
    heard: float = 0.0

    def __add__(self, other: Change) -> Change:
        return Change(**{f.value: getattr(self, f.value) + getattr(other, f.value) for f in Feeling})

    def scaled(self, factor: float) -> Change:
        """Every part times `factor`."""
        return Change(**{f.value: factor * getattr(self, f.value) for f in Feeling})

    @property
    def goodness(self) -> float:
        """Points of improvement, all feelings together; negative when matters got worse."""
        return self.trust + self.patience + self.heard - self.agitation


def mood_of(agitation: float, before: Mood | None = None) -> Mood:
    """The mood at this agitation; with `before`, a mood is left only below its lower threshold."""
    entered = Mood.CALM
    for mood in _ORDER[1:]:
        if agitation >= _ENTER[mood]:
            entered = mood
    if before is None or _ORDER.index(entered) >= _ORDER.index(before):
        return entered
    mood = before
    while mood is not entered and agitation < _LEAVE_BELOW[mood]:
        mood = _ORDER[_ORDER.index(mood) - 1]
    return mood


def moved(state: CallerState, better: Change, worse: Change) -> CallerState:
    """The state after one turn: `better` holds what helps, `worse` what harms, already seen through the persona."""
    good = better.goodness + worse.goodness > 0
    streak = (max(state.streak, 0) + 1) if good else (min(state.streak, 0) - 1)
    ease = EASE[min(max(streak, 1), len(EASE)) - 1]
    total = better.scaled(ease) + worse
    feelings = {
        f.value: _bounded(state.feeling(f) + max(-MAX_STEP, min(MAX_STEP, getattr(total, f.value)))) for f in Feeling
    }
    return state.model_copy(update={**feelings, "mood": mood_of(feelings["agitation"], state.mood), "streak": streak})


def _bounded(value: float) -> float:
    """0-10, rounded to a thousandth so that a stored state is read back as the very same number."""
    return round(max(0.0, min(10.0, value)), 3)
