"""Moments of calls to talk over in a group: the turns that moved a caller most, and the same moment as up to three people
handled it. Only of trainees who agreed that theirs are shown without their name; only attempts. Pure.

"The same moment" is of calls with the same caller about the same situation: the n-th answer to the caller, the first answer
to something that callers do (an insult, a doubt, …), or the first answer to a caller in such a mood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simulator.caller.state import Mood
from simulator.debrief import MoodPoint, debrief
from simulator.debrief.advice import before
from simulator.transcript import Speaker
from simulator.vocabulary import Intent
from simulator.workshop.group import Played
from simulator.workshop.records import Member
from simulator.workshop.review import Levels, levels

MOMENTS = 2
"""So many of the turns that moved a caller most are shown."""
SIDES = 3
"""So many people at most are shown side by side,"""
FEWEST = 2
"""and so many at least."""
_DID = {
    Intent.VENT: "let off steam",
    Intent.REPEAT: "said it once more",
    Intent.DEMAND: "made a demand",
    Intent.DOUBT: "did not believe it",
    Intent.TEST: "put them to the test",
    Intent.QUESTION: "asked a question",
    Intent.WANDER: "drifted off",
    Intent.WAVER: "could not decide",
    Intent.CORRECT: "corrected them",
    Intent.DISCLOSE: "told something new",
    Intent.BARGAIN: "bargained",
    Intent.ASK_SUPERVISOR: "asked for a supervisor",
    Intent.INSULT: "insulted them",
    Intent.THREATEN: "threatened",
    Intent.REFUSE: "refused",
}
"""What a caller does that a moment can be named by."""
_FELT = {Mood.TENSE: "was tense", Mood.HOT: "was angry", Mood.BOILING: "was boiling"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A turn of somebody: `before` and `after` are the caller's words, `thought` what the caller kept to themselves;
    `gained` how much better (worse: negative) it left them, all four feelings together; `agitation` (0-10) before and after
    it; `levels` with people's grades, `machine` the evaluator's alone."""

    member: Member
    call_id: str
    turn: int
    caller: str
    situation: str
    before: str
    said: str
    after: str
    thought: str
    gained: float
    agitation: tuple[float, float]
    levels: Levels
    machine: Levels


@dataclass(frozen=True, slots=True)
class Same:
    """The same moment as two or three people handled it, the one that did the caller most good first. `key` names it in an
    address, `when` in words; `pair` is whose call about what, `people` how many have had it."""

    key: str
    pair: str
    when: str
    people: int
    sides: tuple[Moment, ...]

    @property
    def spread(self) -> float:
        """How differently it went: points between the best and the worst."""
        return self.sides[0].gained - self.sides[-1].gained


def moments(played: Iterable[Played]) -> list[Moment]:
    """The turns with the largest swing of a caller's state, of different calls."""
    best: list[Moment] = []
    for one in played:
        points = [p for p in debrief(one.call).mood if p.turn > 0] if one.member.shares else []
        if points:
            best.append(_moment(one, max(points, key=lambda p: abs(p.gained))))
    return sorted(best, key=lambda m: -abs(m.gained))[:MOMENTS]


def side_by_side(played: Iterable[Played]) -> list[Same]:
    """Every moment that at least two people have had, by caller and situation; of each person the first of their attempts
    that has it. Of more than three people: the best, the worst, and the one in the middle."""
    found: dict[tuple[str, str], dict[tuple[str, str], dict[str, Moment]]] = {}
    for one in sorted(played, key=lambda p: p.attempt):
        if not one.member.shares:
            continue
        start = one.call.start
        pair = found.setdefault((start.persona.id, start.scenario.id), {})
        for name, point in _named(one):
            theirs = pair.setdefault(name, {})
            if one.member.id not in theirs:
                theirs[one.member.id] = _moment(one, point)
    every: list[Same] = []
    for (persona, scenario), names in found.items():
        for (key, when), by_member in names.items():
            ranked = sorted(by_member.values(), key=lambda m: -m.gained)
            if len(ranked) < FEWEST:
                continue
            sides = ranked if len(ranked) <= SIDES else [ranked[0], ranked[len(ranked) // 2], ranked[-1]]
            pair_title = f"{ranked[0].caller} · {ranked[0].situation}"
            every.append(Same(f"{persona}/{scenario}/{key}", pair_title, when, len(ranked), tuple(sides)))
    return sorted(every, key=lambda same: (same.pair, same.key.rpartition("/")[2].partition("-")[0]))


def chosen(every: Iterable[Same], key: str) -> Same | None:
    """The one of that key; else the one that most people have had and that went most differently. None: there is none."""
    ranked = sorted(every, key=lambda same: (-min(same.people, SIDES), -same.spread))
    return next((same for same in ranked if same.key == key), ranked[0] if ranked else None)


def one_of_each(every: Iterable[Same]) -> list[Same]:
    """For paper, where nobody can choose: of each caller and situation the one that `chosen` would show."""
    pairs: dict[str, list[Same]] = {}
    for same in every:
        pairs.setdefault(same.pair, []).append(same)
    return [best for theirs in pairs.values() if (best := chosen(theirs, "")) is not None]


def _named(one: Played) -> Iterator[tuple[tuple[str, str], MoodPoint]]:
    """Every answer to the caller under each name that it goes by, (for an address, in words), in the order of turns."""
    call, number = one.call, 0
    for point in debrief(call).mood:
        if point.turn == 0 or call.transcript.turns[point.turn - 1].speaker is not Speaker.CALLER:
            continue
        number += 1
        yield (f"answer-{number}", f"Answer no {number} to the caller"), point
        earlier = call.moves.get(point.turn - 2)
        if earlier is None:
            continue
        if (did := _DID.get(earlier.plan.intent)) is not None:
            yield (f"did-{earlier.plan.intent.value}", f"The first time the caller {did}"), point
        if (felt := _FELT.get(earlier.state.mood)) is not None:
            yield (f"felt-{earlier.state.mood.value}", f"The first time the caller {felt}"), point


def _moment(one: Played, point: MoodPoint) -> Moment:
    call, turns = one.call, one.call.transcript.turns
    earlier = turns[point.turn - 1]
    grades = call.grades.get(point.turn)
    return Moment(
        member=one.member,
        call_id=one.call_id,
        turn=point.turn,
        caller=call.start.persona.label,
        situation=call.start.scenario.title,
        before=earlier.text if earlier.speaker is Speaker.CALLER else "",
        said=turns[point.turn].text,
        after=turns[point.turn + 1].text if point.turn + 1 < len(turns) else "",
        thought=point.thought,
        gained=point.gained,
        agitation=(before(call, point.turn).agitation, point.agitation),
        levels=levels(call, one.regrades).get(point.turn, {}),
        machine=dict(grades.levels) if grades else {},
    )
