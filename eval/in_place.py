"""What a tuned model says in the place of a written line: the call so far and the cue are the corpus', the words are its own.

Drawn, guarded and chosen as at play. What is measured here is the words alone: what the caller does and which facts they
tell is the writer's choice, so that the written line stands beside the model's as an answer to the very same question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from eval.lines import Line, WrittenCall
from simulator.caller.choice import Chosen, Refused, chosen
from simulator.caller.guard import Violation, check
from simulator.caller.own_lines import left_to_file
from simulator.caller.telling import carries
from simulator.models.base import ManyVoiced, ModelInfo

EARLIEST = 2
"""Caller lines that come before a place: whoever reads it, and a model without adapter, has heard the voice."""
LONGEST = 40
"""Words of a reply at most."""
AT_ONCE = 8
"""Places that are played at the same time, so that they share passes; their words do not depend on it."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """The `number`th line of a call."""

    call: WrittenCall
    number: int

    @property
    def line(self) -> Line:
        """What was written there."""
        return self.call.lines[self.number]

    @property
    def key(self) -> str:
        """Its name."""
        return f"{self.call.id}:{self.number}"

    @property
    def segments(self) -> tuple[str, ...]:
        """What the model reads: cut as at play, where each line goes with the cue of the next."""
        preface, *rest = self.call.segments[: 2 + 2 * self.number]
        return (preface, rest[0], *(f"{rest[n]}{rest[n + 1]}" for n in range(1, len(rest) - 1, 2)))

    def listen(self, text: str) -> tuple[Violation, ...]:
        """The guard, knowing what this caller may know here."""
        facts = (fact for line in self.call.lines[: self.number + 1] for fact in line.facts)
        known = [*self.call.segments[: 2 + 2 * self.number], *facts]
        own = [line.text for line in self.call.lines[: self.number]]
        return check(text, known=known, own_lines=own, heard=self.line.heard)

    def incomplete(self, text: str) -> bool:
        """Whether `text` leaves out a fact that the written line states."""
        return not all(carries(text, fact) for fact in self.line.facts)


def places(calls: Sequence[WrittenCall], count: int, seed: int, info: ModelInfo) -> list[Place]:
    """One place in each of `count` of the calls (all of them, if they are fewer), drawn by `seed` from those that would be
    left to a model like `info` at play."""
    rng = Random(seed)
    found = [
        [
            Place(call, n)
            for n, x in enumerate(call.lines)
            if n >= EARLIEST and not left_to_file(info, x.intent, x.facts)
        ]
        for call in calls
    ]
    some = [of for of in found if of]
    return [rng.choice(of) for of in rng.sample(some, min(count, len(some)))]


def said(model: ManyVoiced, place: Place, seed: int) -> tuple[str, list[Refused]]:
    """What `model` says there ('': nothing passed), and what the guard refused."""
    words, refused = "", list[Refused]()
    for part in chosen(
        model, place.segments, place.listen, place.incomplete, longest=LONGEST, seed=f"{seed}:{place.key}"
    ):
        if isinstance(part, Chosen):
            words = part.text
        else:
            refused.append(part)
    return words, refused


def each(what: Callable[[Place], T], some: Sequence[Place]) -> Iterator[T]:
    """`what` of each place, in their order, several at the same time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(what, some)
