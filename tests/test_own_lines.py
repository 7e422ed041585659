"""Which of the persona's own lines is said where a caller only reacts: the one that the model finds likeliest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import TunedModel, persona, scenario
from test_voice import situation

from simulator.caller.own_lines import ENOUGH, LEAST, NEXT_TO_NOTHING, SHORTLIST, WEIGHED, written_line
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Voice
from simulator.models.base import Candidate, WeighingModel
from simulator.persona import Persona, personas
from simulator.plan import Plan
from simulator.scenario import Scenario, scenarios
from simulator.scenario import ways as ways_of
from simulator.transcript import Speaker
from simulator.vocabulary import Intent, Style

LINES = tuple(
    f"{word} is what I say to that." for word in ("Rubbish", "Nonsense", "Never", "Right", "Hm", "Well", "So")
)
OWN_WORDS = "I am tired of this."


class Weighing(TunedModel):
    """Finds a line as likely as `likes` says, and as `usual` where nothing was heard before it; `asked`: the lines that it was
    asked about."""

    def __init__(
        self, likes: Callable[[str], float], parameters: int = 0, usual: Callable[[str], float] = lambda _: -1.5
    ) -> None:
        super().__init__(lambda: (Candidate(OWN_WORDS, -1.0),), parameters)
        self._likes, self._usual, self.asked = likes, usual, list[tuple[str, ...]]()

    def likely(
        self, segments: tuple[str, ...], texts: tuple[str, ...], *, cache_key: str | None = None
    ) -> tuple[float, ...]:
        if f"Agent: {NEXT_TO_NOTHING}" in segments[-1]:
            return tuple(map(self._usual, texts))
        self.asked.append(texts)
        return tuple(map(self._likes, texts))


def many_words(lines: tuple[str, ...] = LINES) -> Persona:
    return persona().model_copy(update={"lines": {**persona().lines, Intent.VENT: lines, Intent.ACCEPT: lines}})


def answer(model: TunedModel, plan: Plan, who: Persona | None = None, where: Situation | None = None) -> Line:
    where = replace(where or situation(plan), persona=who or many_words())
    line = list(Voice(model).say(where))[-1]
    assert isinstance(line, Line)
    return line


def test_the_likeliest_of_a_few_is_said_and_told():
    model = Weighing(lambda line: -1.0 if "Never" in line or "Hm" in line else -2.0)
    assert isinstance(model, WeighingModel)
    line = answer(model, Plan(intent=Intent.VENT), many_words(LINES[: SHORTLIST + 1]))
    assert line.text in (LINES[2], LINES[4])
    assert (line.written, line.chosen, line.attempts) == (True, True, 0)
    assert len(model.asked[0]) == SHORTLIST
    assert model.asked[0][0].strip() in LINES


def test_what_is_likely_after_anything_answers_nothing():
    pat, apt = LINES[2], LINES[3]
    model = Weighing(
        lambda line: -1.0 if pat in line else -2.0 if apt in line else -3.0,
        usual=lambda line: -1.0 if pat in line else -3.5 if apt in line else -3.0,
    )
    assert answer(model, Plan(intent=Intent.VENT), many_words(LINES[:SHORTLIST])).text == apt


def test_where_none_is_likely_the_model_finds_its_own_words():
    line = answer(Weighing(lambda _: LEAST - 0.1), Plan(intent=Intent.VENT))
    assert (line.text, line.written, line.chosen) == (OWN_WORDS, False, False)


def test_what_was_said_or_does_not_pass_is_not_offered_and_too_few_are_no_choice():
    said = situation(Plan(intent=Intent.VENT))
    transcript = said.transcript.plus(Speaker.CALLER, " ".join(LINES[: -ENOUGH + 1])).plus(Speaker.TRAINEE, "Go on.")
    plans = {**said.plans, 2: Plan(intent=Intent.VENT)}
    later = replace(said, transcript=transcript, plans=plans, states={**said.states, 2: said.states[0]})
    model = Weighing(lambda _: -1.0)
    assert not answer(model, Plan(intent=Intent.VENT), where=later).chosen
    helpful = ("How can I help you today?", *LINES[: ENOUGH - 1])
    assert not answer(model, Plan(intent=Intent.VENT), many_words(helpful)).chosen
    assert model.asked == []


def plain() -> Scenario:
    """A scenario whose author told everything in one way."""
    bare: dict[str, object] = {"openings": {}, "demands": {}}
    return scenario().model_copy(
        update={
            **bare,
            "facts": tuple(f.model_copy(update={"also": {}}) for f in scenario().facts),
            "hidden": tuple(f.model_copy(update={"also": {}}) for f in scenario().hidden),
        }
    )


def test_what_was_written_in_one_way_only_is_left_to_the_model():
    model = Weighing(lambda _: -1.0)
    fact = scenario().facts[0].id
    for plan in (Plan(intent=Intent.DEMAND), Plan(intent=Intent.VENT, facts=(fact,)), Plan(intent=Intent.OPEN)):
        assert not answer(model, plan, where=replace(situation(plan), scenario=plain())).chosen
    assert not answer(model, Plan(intent=Intent.QUESTION)).chosen
    assert model.asked == []


WAYS = tuple(f"{way} the parcel left on 3 May." for way in ("Look,", "So,", "Again,", "Listen,", "Well,"))


def told_in_many_ways() -> Scenario:
    first, *others = plain().facts
    ways = {"text": "The parcel left on 3 May.", "say": "It left on 3 May.", "also": {Style.ANY: WAYS}}
    return plain().model_copy(
        update={
            "facts": (first.model_copy(update=ways), *others),
            "openings": {
                Style.ANY: tuple(f"{way} it never came." for way in ("Hello,", "Right,", "So,", "Hi,", "Well,"))
            },
            "demands": {Style.ANY: tuple(f"{way} send it again." for way in ("Just", "Then", "Please", "Now", "So"))},
        }
    )


def test_what_has_to_be_told_is_told_in_a_way_that_its_author_wrote():
    where = told_in_many_ways()
    fact = where.facts[0]
    for plan, ways in (
        (Plan(intent=Intent.VENT, facts=(fact.id,)), (fact.say, *ways_of(fact.also))),
        (Plan(intent=Intent.OPEN), (where.opening, *ways_of(where.openings))),
        (Plan(intent=Intent.DEMAND), (where.wants, *ways_of(where.demands))),
    ):
        model = Weighing(lambda line, ways=ways: -1.0 if line.strip() in ways else -2.0)
        line = answer(model, plan, where=replace(situation(plan), scenario=where))
        assert line.chosen
        assert line.text in ways
        behind = Weighing(lambda line, ways=ways: -2.0 if line.strip() in ways else -1.0)
        line = answer(behind, plan, where=replace(situation(plan), scenario=where))
        assert plan.intent is Intent.DEMAND or line.text.endswith(ways)
        assert line.text not in ways


def who_tells(*styles: Style) -> Persona:
    return persona().model_copy(update={"voice": persona().voice.model_copy(update={"styles": styles})})


@pytest.mark.parametrize("style", [Style.CHATTY, Style.DRY])
def test_people_tell_what_happened_in_a_style_of_their_own(style: Style):
    where, told = told_in_many_ways(), Plan(intent=Intent.OPEN)
    by_style = {
        Style.CHATTY: ("So, well, it never came.", "And it never, so it never came.", "Oh, it never came, you know."),
        Style.DRY: ("A parcel would be nice.", "It never came, remarkably.", "The parcel has stayed away."),
    }
    where = where.model_copy(update={"opening": "It never came.", "openings": by_style})
    heard = set[str]()
    for seed in range(20):
        model = Weighing(lambda _: -1.0)
        answer(model, told, who=who_tells(style), where=replace(situation(told), scenario=where, seed=seed))
        heard |= {line.strip() for asked in model.asked for line in asked}
    assert {way for way in ways_of(by_style) if any(line.endswith(way) for line in heard)} == set(by_style[style])


def test_who_has_too_few_ways_of_their_own_takes_anybodys():
    where, told = told_in_many_ways(), Plan(intent=Intent.OPEN)
    ways = {Style.CHATTY: ("So, it never came.",), Style.DRY: ("No parcel.", "It stayed away.", "None came.")}
    where = where.model_copy(update={"openings": ways})
    model = Weighing(lambda line: -1.0 if line.strip() in ways[Style.DRY] else -2.0)
    line = answer(model, told, who=who_tells(Style.CHATTY), where=replace(situation(told), scenario=where))
    assert line.text in ways[Style.DRY]


def test_every_caller_finds_enough_of_their_ways_in_every_scenario():
    for who in personas().values():
        assert who.voice.styles
        for where in scenarios().values():
            for told in (where.openings, *(fact.also for fact in (*where.facts, *where.hidden))):
                assert 1 + len(ways_of(told, who.voice.styles)) >= ENOUGH, (who.id, where.id)


def test_of_a_long_line_only_the_beginning_is_weighed_and_all_is_said():
    long = tuple(
        f"{word} is what I say to that, and I have said it all day long." for word in ("No", "Hm", "So", "Yes")
    )
    model = Weighing(lambda line: -1.0 if "Hm" in line else -2.0)
    assert answer(model, Plan(intent=Intent.VENT), many_words(long)).text == long[1]
    assert {len(asked.split()) for asked in model.asked[0]} == {WEIGHED}
    assert not any(asked.endswith("\n") for asked in model.asked[0])  # more follows


def test_nothing_is_told_twice_in_the_same_way():
    where = told_in_many_ways()
    fact = where.facts[0]
    plan = Plan(intent=Intent.REPEAT, facts=(fact.id,))
    said = replace(situation(plan), scenario=where)
    transcript = said.transcript.plus(Speaker.CALLER, " ".join(WAYS[1:])).plus(Speaker.TRAINEE, "When did it leave?")
    again = replace(
        said, transcript=transcript, plans={**said.plans, 2: plan}, states={**said.states, 2: said.states[0]}
    )
    for seed in range(12):
        line = written_line(replace(again, seed=seed, persona=many_words()), plan)
        assert line.endswith((fact.say, WAYS[0]))
    assert not answer(Weighing(lambda _: -1.0), plan, where=again).chosen  # two ways are no choice


def test_a_tiny_model_chooses_among_the_lines_that_are_not_left_to_it_too():
    fact = scenario().facts[0]
    model = Weighing(lambda line: -1.0 if "Hm" in line else -2.0, parameters=100_000_000)
    line = answer(model, Plan(intent=Intent.VENT, facts=(fact.id,)))
    assert line.chosen
    assert line.text.endswith(fact.say)
