"""Written words for a plan: the persona's lines and the scenario's ways of telling what happened; which of them answers
what was just said.

In its own words a model of this size answers beside the point or says next to nothing, while the writers of a persona left
twenty lines for just that ("You read that off something, didn't you?"). Where something has to be told, it garbles who did
what when, while a scenario's writers told it seven times, as seven people would. So some of those that do what the plan
wants, that make sense after what the trainee did (`occasions.py`), that were not said yet and that the guard lets pass are
laid before the model, and the one is said that these words make likelier, beside how likely it is after next to none. Where a
persona's or scenario's file has too few left, the model finds its own words.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random

from simulator.caller.choice import Listener, is_tiny
from simulator.caller.harshness import fitting
from simulator.caller.situation import Situation
from simulator.caller.telling import tellings
from simulator.models.base import ModelInfo, WeighingModel
from simulator.plan import Plan
from simulator.prompts import as_data, spoken
from simulator.scenario import ways
from simulator.vocabulary import Intent, Occasion

SHORTLIST = 4
"""Lines that the model is asked about at once."""
ANSWERS = 3
"""Of these, at most, lines that answer just what the trainee did, where there are any."""
WEIGHED = 8
"""Words of a line that the model weighs."""
ENOUGH = 4
"""Lines that must be left, at least, for the model to be asked: with fewer every call of that persona would sound the same."""
LEAST = -4.0
"""Mean log-probability a token from which a line is said; if all are below it the model finds its own words."""
NEXT_TO_NOTHING = "Hm."
"""What a line's likelihood is compared with, in the place of the trainee's words: what is likely after anything answers nothing."""
DECISIVE = frozenset({Intent.ACCEPT, Intent.THANK, Intent.HANG_UP, Intent.ASK_SUPERVISOR})
FAREWELLS = frozenset({Intent.THANK, Intent.HANG_UP})
"""What may also be a caller's last words: beside those that are written for the end."""


def left_to_file(info: ModelInfo, intent: Intent, facts: Sequence[str]) -> bool:
    """Whether a model like this is not asked for such a line: a tiny one neither decides a call nor states what happened.
    (Of 59 lines of the small one in calls, 30 garbled what they were to tell: who did it, to whom, how much, when.)"""
    return is_tiny(info) and (intent in DECISIVE or intent is Intent.OPEN or bool(facts))


def only_written(situation: Situation, plan: Plan) -> bool:
    """Whether nothing but written words will do: a tuned model of this size answers a question with what it makes up."""
    evasions = situation.persona.answering(plan.intent, {Occasion.ASKED})
    return situation.answers(plan) or (situation.evades(plan) and bool(_unused(evasions, situation.said)))


def own_line(
    model: WeighingModel, info: ModelInfo, situation: Situation, plan: Plan, segments: tuple[str, ...], listen: Listener
) -> str:
    """Of SHORTLIST written lines for this plan that pass, drawn by the call's seed, the one whose likelihood for `model` the
    trainee's last words raise most (`python -m eval.measure_choices`); '' if the model is not asked, they are too few, or all
    are unlikely. Raises ModelError."""
    rng = Random(f"{situation.seed}:{situation.transcript.turns[-1].index}:own")
    passed = [line for line in _offered(info, situation, plan, rng) if not listen(line)]
    if len(passed) < (1 if only_written(situation, plan) else ENOUGH):
        return ""
    some = _drawn(passed, situation.persona.answering(plan.intent, situation.occasions), rng)
    begun, key = tuple(map(_beginning, some)), situation.key or None
    usual = model.likely(_unheard(situation, segments), begun, cache_key=key)
    chances = model.likely(segments, begun, cache_key=key)
    likely = [n for n, chance in enumerate(chances) if chance >= LEAST]
    return some[max(likely, key=lambda n: chances[n] - usual[n])] if likely else ""


def _unheard(situation: Situation, segments: tuple[str, ...]) -> tuple[str, ...]:
    """The call up to now, had the trainee just said next to nothing."""
    heard = as_data(situation.transcript.turns[-1].text)
    return (*segments[:-1], segments[-1].replace(heard, NEXT_TO_NOTHING, 1))


def _drawn(lines: Sequence[str], answers: Collection[str], rng: Random) -> list[str]:
    """SHORTLIST of the lines; up to ANSWERS of them answer just what the trainee did, if so many do."""
    answering = [line for line in lines if line in answers]
    others = [line for line in lines if line not in answers]
    some = rng.sample(answering, min(ANSWERS, len(answering)))
    return some + rng.sample(others, min(SHORTLIST - len(some), len(others)))


def _beginning(line: str) -> str:
    """What the model weighs of a line: its first words, in which it answers or does not. The rest would take as long again."""
    words = line.split()
    return spoken(line) if len(words) <= WEIGHED else " " + as_data(" ".join(words[:WEIGHED]))


def _offered(info: ModelInfo, situation: Situation, plan: Plan, rng: Random) -> tuple[str, ...]:
    """All lines from which a few are laid before the model; none where its own words are better."""
    scenario, styles = situation.scenario, situation.persona.voice.styles
    lines = lines_for(situation, plan)
    if plan.ending is not None and plan.intent in FAREWELLS:
        lines = (*lines, *lines_for(situation, plan.model_copy(update={"ending": None})))
    lines = _unused(lines, situation.said)
    if plan.intent is Intent.OPEN or plan.facts:
        told = _left_to_tell(situation, plan)
        enough = min(map(len, told)) >= ENOUGH
        if not (enough or left_to_file(info, plan.intent, plan.facts) or only_written(situation, plan)):
            return ()
        # Told straight away every other time, else after a line of the persona's; their name or so is never left out.
        may_skip = not situation.asked.about if situation.answers(plan) else enough
        drawn = (_told(told, () if may_skip and odd % 2 else lines, rng) for odd in range(2 * SHORTLIST))
        return tuple(dict.fromkeys(drawn))
    if plan.intent is Intent.DEMAND and not only_written(situation, plan):
        lines = (*lines, *_unused((scenario.wants, *ways(scenario.demands, styles)), situation.said))
    return lines


def _left_to_tell(situation: Situation, plan: Plan) -> list[tuple[str, ...]]:
    """For each thing that the plan tells, the ways that were not said yet: such as this persona has, or all if they are too
    few."""
    scenario, said = situation.scenario, situation.said
    own = [_unused(some, said) for some in tellings(scenario, plan, situation.persona.voice.styles)]
    every = [_unused(some, said) for some in tellings(scenario, plan, ())]
    return [some if len(some) >= ENOUGH else more for some, more in zip(own, every, strict=True)]


def _told(things: Sequence[Sequence[str]], lines: Sequence[str], rng: Random) -> str:
    """One of the `lines`, if there are any, then one way of telling each thing."""
    return " ".join(rng.choice(some) for some in (lines, *things) if some)


def lines_for(situation: Situation, plan: Plan) -> tuple[str, ...]:
    """The persona's lines that do what is planned and make sense after the trainee's turn, none too harsh for the call (where
    all are, they vent)."""
    persona = situation.persona
    if plan.intent is Intent.OPEN:
        lines = persona.opens
    elif plan.ending is not None and plan.ending in persona.leaves:
        lines = persona.leaves[plan.ending]
    elif situation.answers(plan):
        lines = persona.answering(plan.intent, situation.asked.about or {Occasion.ASKED})
    elif situation.evades(plan) and only_written(situation, plan):
        lines = _unused(persona.answering(plan.intent, {Occasion.ASKED}), situation.said)
    else:
        lines = (*persona.answering(plan.intent, situation.occasions), *persona.lines[plan.intent])
    if situation.answers(plan) and not lines:
        return ()  # the answer alone
    return fitting(lines, persona.lines[Intent.VENT], situation.intensity)


def written_line(situation: Situation, plan: Plan, chosen: str = "") -> str:
    """What the model chose or else the persona's own words for this plan and the scenario's for what it tells: not yet used in
    this call as far as there are any left, and none too harsh for its setting (where all are, they vent)."""
    if chosen:
        return chosen
    said, rng = situation.said, Random(f"{situation.seed}:{len(situation.transcript)}:written")
    lines = lines_for(situation, plan)
    left, things = _unused(lines, said), _left_to_tell(situation, plan)
    return _told(things, left if any(things) else left or lines, rng)


def _unused(lines: tuple[str, ...], said: str) -> tuple[str, ...]:
    """Those of `lines` that are not in what was `said`."""
    return tuple(line for line in lines if line not in said)
