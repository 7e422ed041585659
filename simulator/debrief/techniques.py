"""Which techniques a trainee used, and which ones this call asked for and did not get.

A technique is missed where something in the call asked for it and neither the answer nor any later turn had it. The
rules are the ones of the training literature (`product.md` in the design notes), one line each in `_moments`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.call import Call
from simulator.debrief.data import TechniqueUse
from simulator.errors import shorten
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Ending, Intent, Technique

MOST = 5
"""So many missed techniques are told; more would not be read."""
_CALLED_FOR: tuple[tuple[frozenset[Intent], Technique, str], ...] = (
    (
        frozenset({Intent.INSULT}),
        Technique.SETS_BOUNDARY,
        "They insulted you ({said}), and nothing was said about it. One polite sentence that names it and keeps the "
        "help on offer makes the next insult less likely.",
    ),
    (
        frozenset({Intent.ASK_SUPERVISOR}),
        Technique.ESCALATES,
        "They asked for somebody above you ({said}). Offering the hand-over, with a name and what you would pass on, "
        "gives back control; often they then stay with you.",
    ),
    (
        frozenset({Intent.OPEN, Intent.VENT, Intent.THREATEN, Intent.DISCLOSE}),
        Technique.ACKNOWLEDGES_FEELING,
        "They told you how it was for them ({said}), and the answer did not take it up. Until somebody does, a fix "
        "counts only by half.",
    ),
    (
        frozenset({Intent.REPEAT}),
        Technique.RESTATES_CONCERN,
        "They said it once more ({said}): a sign that they did not think it had arrived. Saying it back in your own "
        "words ends the repeating.",
    ),
    (
        frozenset({Intent.WANDER}),
        Technique.REDIRECTS_TO_ISSUE,
        "They drifted off ({said}). One friendly word on it, then a question about the problem, brings them back.",
    ),
    (
        frozenset({Intent.WAVER}),
        Technique.REASSURES_CHOICE,
        "They could not decide ({said}). Say which you would choose in their place, why, and that it can be changed.",
    ),
    (
        frozenset({Intent.WAVER}),
        Technique.OFFERS_OPTIONS,
        "They could not decide ({said}). Two clear options, and what each means, are easier than an open question.",
    ),
    (
        frozenset({Intent.DOUBT, Intent.TEST}),
        Technique.NAMES_NEXT_STEP,
        "They did not believe it yet ({said}). What happens next, and who does it, is easier to believe than an "
        "assurance.",
    ),
    (
        frozenset({Intent.DEMAND}),
        Technique.TAKES_OWNERSHIP,
        "They wanted somebody to take charge ({said}). “I will see to it myself” answers that better than anything "
        "about the company.",
    ),
    (
        frozenset({Intent.BARGAIN, Intent.REFUSE}),
        Technique.POSITIVE_FRAMING,
        "They were not content with what was on offer ({said}). Begin with the part that you can do; a no is easier to "
        "hear after a yes.",
    ),
)
"""What the caller did → the technique that answers it, and why; the most pressing first."""
_ONLY_IF_COLD = frozenset({Technique.ACKNOWLEDGES_FEELING})
"""Called for only where empathy applied and stayed at 3 or below."""


@dataclass(frozen=True, slots=True)
class _Moment:
    """Trainee turn `turn` was the one to use `technique`, because of `why`."""

    technique: Technique
    turn: int
    why: str


def used(call: Call) -> tuple[TechniqueUse, ...]:
    """Techniques seen, in the order in which they first came."""
    seen: dict[Technique, list[int]] = {}
    for turn in sorted(call.grades):
        for technique in call.grades[turn].techniques:
            seen.setdefault(technique, []).append(turn)
    return tuple(TechniqueUse(technique, tuple(turns)) for technique, turns in seen.items())


def missed(call: Call) -> tuple[TechniqueUse, ...]:
    """Techniques this call asked for and did not get, most pressing first, `MOST` at most."""
    seen = {use.technique: use.turns for use in used(call)}
    found: dict[Technique, TechniqueUse] = {}
    for moment in _moments(call):
        turns = seen.get(moment.technique, ())
        if moment.technique not in found and not any(turn >= moment.turn for turn in turns):
            found[moment.technique] = TechniqueUse(moment.technique, turns, moment.why, moment.turn)
    return tuple(found.values())[:MOST]


def _moments(call: Call) -> Iterator[_Moment]:
    """Every moment that asked for something, most pressing kind first."""
    answers = list(_answers(call))
    for intents, technique, why in _CALLED_FOR:
        for turn, intent, said in answers:
            level = call.grades[turn].level(Dimension.EMPATHY)
            cold = level is not None and level <= 3
            if intent in intents and (cold or technique not in _ONLY_IF_COLD):
                yield _Moment(technique, turn, why.format(said=said.replace("{", "(").replace("}", ")")))
    if not answers or Intent.ACCEPT in call.state.intents[:2]:
        return
    first, last = answers[0][0], answers[-1][0]
    anywhere = {technique for grades in call.grades.values() for technique in grades.techniques}
    if Technique.GIVES_TIMEFRAME not in anywhere:
        yield _Moment(
            Technique.GIVES_TIMEFRAME,
            first,
            "They never heard by when. An hour or a day, even a cautious one, is what makes waiting bearable.",
        )
    if Technique.NAMES_NEXT_STEP not in anywhere:
        yield _Moment(
            Technique.NAMES_NEXT_STEP,
            first,
            "They never heard what happens next and who does it, so they had to take it on trust.",
        )
    if call.ended and call.ended.ending in {Ending.RESOLVED, Ending.TRAINEE_ENDED}:
        yield _Moment(
            Technique.CHECKS_SATISFACTION,
            last,
            "The call ended without your asking whether this settled it for them. That question finds what is left "
            "open while you can still do something about it.",
        )


def _answers(call: Call) -> Iterator[tuple[int, Intent, str]]:
    """For every graded trainee turn that answers the caller: its index, what the caller had done, and their words."""
    for turn in sorted(call.grades):
        move = call.moves.get(turn - 2)
        if move is not None and turn > 0 and call.transcript.turns[turn - 1].speaker is Speaker.CALLER:
            yield turn, move.plan.intent, f"“{shorten(call.transcript.turns[turn - 1].text, 90)}”"


__all__ = ["MOST", "missed", "used"]
