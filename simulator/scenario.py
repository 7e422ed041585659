"""What the call is about: a scenario as data, read from one YAML file. Any persona can meet any scenario."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from simulator.errors import UnknownNameError
from simulator.persona import Line, Name, Text
from simulator.vocabulary import Dimension, RootCause, Style
from simulator.yamlfile import Strict, read_folder, read_model

Reply = Annotated[str, StringConstraints(min_length=20, max_length=500)]
"""A model turn of a trainee, as it would be said."""


def _listed(value: object) -> object:
    """A single line, told without a list around it."""
    return (value,) if isinstance(value, str) else value


def _styled(value: object) -> object:
    """Lines of which no style is told are fit for everybody."""
    return {Style.ANY: value} if isinstance(value, list | tuple) else value


Ways = Annotated[dict[Style, Annotated[tuple[Line, ...], BeforeValidator(_listed)]], BeforeValidator(_styled)]
"""The same thing as different people would put it, by style: a line or several each. A plain list is for everybody."""


def ways(told: Mapping[Style, Sequence[str]], styles: Collection[Style] = ()) -> tuple[str, ...]:
    """Those of the lines that are in one of the `styles` or in none; with no styles all of them."""
    return tuple(line for style, lines in told.items() if not styles or style in (*styles, Style.ANY) for line in lines)


class Fact(Strict):
    """One thing the caller knows. `text` for a file (third person, no name, no he or she), `say` as they say it, `also` as
    other people would: the same facts in other words. `asked`: what asks for it, each entry a few words that stand in one
    question in this order ("how long wait"); from four letters a word also stands for longer ones (wait: waiting)."""

    id: Name
    asked: tuple[Annotated[str, StringConstraints(min_length=2, max_length=40)], ...] = ()
    text: Line
    say: Line
    also: Ways = {}


class Entry(Strict):
    """One line of the customer record that the trainee sees."""

    label: Line
    value: Line


class Article(Strict):
    """One article of the knowledge base that the trainee may search."""

    id: Name
    title: Line
    body: Text


class WrongPromise(Strict):
    """Something a trainee may be tempted to promise, and why it is wrong."""

    promise: Line
    why: Line
    sounds_like: tuple[Line, ...] = Field(default=(), max_length=12)
    """Ways a trainee would really say it, in varied words: what their turns are compared with. Whole sentences that
    claim it; a file without them is compared with `promise` alone."""


@dataclass(frozen=True, slots=True)
class Brief:
    """As much of a situation as a grader reads: also what a transcript from elsewhere can bring along."""

    business: str
    issue: str
    facts: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()


class Scenario(Strict):
    """One situation. `facts` are open from the start; `hidden` come out only when state unlocks them; `particulars` (an order
    number, the colour) only when somebody asks."""

    id: Name
    title: Annotated[str, StringConstraints(min_length=5, max_length=70)]
    industry: Annotated[str, StringConstraints(min_length=3, max_length=40)]
    business: Line
    root_cause: RootCause
    issue: Line
    """The problem in one sentence, third person."""
    opening: Line
    """The problem as the caller puts it first: one or two plain sentences, fit for any persona."""
    openings: Ways = {}
    """The same as `opening`, as other people would put it."""
    wants: Line
    """What the caller asks for, as they would say it."""
    demands: Ways = {}
    """The same as `wants`, as other people would ask for it."""
    facts: tuple[Fact, ...] = Field(min_length=4, max_length=10)
    hidden: tuple[Fact, ...] = Field(min_length=1, max_length=3)
    particulars: tuple[Fact, ...] = Field(default=(), max_length=20)
    goal: Text
    """What the trainee should achieve."""
    record: tuple[Entry, ...] = Field(min_length=4)
    articles: tuple[Article, ...] = Field(min_length=2)
    policy: tuple[Line, ...] = Field(min_length=2)
    may: tuple[Line, ...] = Field(min_length=2)
    """What the trainee may grant alone."""
    resolutions: tuple[Line, ...] = Field(min_length=1)
    wrong_promises: tuple[WrongPromise, ...] = Field(min_length=2)
    handover: Line
    """To whom, when and how a call may be passed on."""
    people: tuple[Annotated[str, StringConstraints(min_length=2, max_length=60)], ...] = ()
    """Names of people in this file, the caller apart: what `redaction.py` takes out."""
    discussion: tuple[Line, ...] = Field(min_length=2)
    """Questions for talking the call over in a group."""
    better: dict[Dimension, Annotated[tuple[Reply, ...], Field(min_length=1, max_length=3)]] = {}
    """Model turns per dimension, from which coaching takes a better version of a weak turn. All four dimensions, or
    none: without them (a user's own file) coaching has nothing to suggest."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [f.id for f in self.known]
        doubled = sorted({i for i in ids if ids.count(i) > 1})
        if doubled:
            raise ValueError(f"fact ids used twice: {', '.join(doubled)}")
        lacking = sorted(set(Dimension) - set(self.better)) if self.better else []
        if lacking:
            raise ValueError(f"better lacks: {', '.join(lacking)}")
        return self

    @property
    def brief(self) -> Brief:
        """What the grader sees of it: open facts and policy. Hidden facts are none of its business."""
        return Brief(self.business, self.issue, tuple(f.text for f in self.facts), (*self.policy, *self.may))

    @property
    def known(self) -> tuple[Fact, ...]:
        """All that the caller knows."""
        return (*self.facts, *self.hidden, *self.particulars)

    def fact(self, fact_id: str) -> Fact:
        """The fact of that id, whether open, hidden or a particular. KeyError if there is none."""
        return {f.id: f for f in self.known}[fact_id]


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Scenario]:
    return read_folder(Scenario, files("personas") / "scenarios")


def scenarios(own: Path | None = None) -> dict[str, Scenario]:
    """The shipped scenarios by id, then those of the folder `own` if it exists (a same id replaces the shipped one)."""
    found = dict(_shipped())
    if own is not None and own.is_dir():
        found |= read_folder(Scenario, own)
    return found


def find_scenario(name: str, own: Path | None = None) -> Scenario:
    """A scenario by id, or by the path of a YAML file. Raises DataError."""
    if name.endswith((".yaml", ".yml")):
        return read_model(Scenario, Path(name))
    known = scenarios(own)
    if name not in known:
        raise UnknownNameError("scenario", name, known, next_command="simulator scenarios list")
    return known[name]
