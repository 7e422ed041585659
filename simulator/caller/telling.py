"""What a plan has to get across (the complaint, a fact), in which words it may be said, and whether a text says it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from simulator.plan import Plan
from simulator.scenario import Scenario, ways
from simulator.vocabulary import Intent, Style

CARRIED = 0.4
"""Share of a fact's longer words that must be in a turn for the fact to count as said."""


def tellings(scenario: Scenario, plan: Plan, styles: Collection[Style]) -> tuple[tuple[str, ...], ...]:
    """For each thing that the plan tells, the ways in which the scenario's author says it, as far as they are in one of the
    `styles` of whoever tells it."""
    if plan.intent is Intent.OPEN:
        return ((scenario.opening, *ways(scenario.openings, styles)),)
    return tuple((fact.say, *ways(fact.also, styles)) for fact in map(scenario.fact, plan.facts))


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text."""
    return tuple(part.strip() for part in re.split(r"(?<=[.!?;])\s+", text) if part.strip())


def unsaid(scenario: Scenario, plan: Plan, text: str) -> str:
    """What the plan had to get across and `text` does not carry, in the scenario's own words; '' if all is there. Of several
    sentences, only those that were not said."""
    facts = [scenario.fact(f) for f in plan.facts]
    due = [(scenario.opening, scenario.issue)] if plan.intent is Intent.OPEN else [(f.say, f.text) for f in facts]
    left = [spoken for spoken, noted in due if not (carries(text, spoken) or carries(text, noted))]
    return " ".join(one for spoken in left for one in _not_carried(text, sentences(spoken)))


def _not_carried(text: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Those of `parts` that `text` does not carry; one that says nothing by itself ("It is not.") goes with the one before."""
    missing = True
    for part in parts:
        missing = not carries(text, part) if _long_words(part) else missing
        if missing:
            yield part


def carries(text: str, sentence: str) -> bool:
    """Whether `text` gets across what `sentence` says, as far as words can tell."""
    words = set(_long_words(sentence))
    return len(words & set(_long_words(text))) >= CARRIED * len(words)


def _long_words(text: str) -> list[str]:
    """Words of four letters and more, cut to five so that endings do not matter; figures whole."""
    return [w[:5] for w in re.findall(r"[a-z]{4,}|\d+", text.lower())]
