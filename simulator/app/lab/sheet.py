"""A persona's form: which values of its file it shows, and how a change is written into the YAML text.

The text is the one truth. A box of the form is found by its name, the dotted place of its value in the file; writing one
changes that value only: comments, quotes and line breaks of everything else stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from simulator.errors import FormatError, shorten
from simulator.persona import WRITTEN, Level, Start, Traits
from simulator.vocabulary import Difficulty, Ending, Fault, Intent, Style, Technique
from simulator.yamlfile import dump_yaml, load_yaml

LEFT = (Ending.RESOLVED, Ending.UNRESOLVED, Ending.HUNG_UP, Ending.SUPERVISOR)
"""Endings for which every persona has last words."""


class Kind(StrEnum):
    """What a box holds, as text: one line; several; a number; a number or nothing; one item on each line; yes or no."""

    TEXT = "text"
    LONG = "long"
    NUMBER = "number"
    GAIN = "gain"
    LINES = "lines"
    TICK = "tick"


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the form. `name`: the dotted place; of a tick its last part is an item of the list before it."""

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 10.0

    @property
    def path(self) -> tuple[str, ...]:
        """The place, part by part."""
        return tuple(self.name.split("."))


def _boxes() -> Iterator[Box]:
    for name in ("id", "label", "name", "pronoun", "summary", "voice.cue"):
        yield Box(name, Kind.TEXT)
    for name in ("who", "voice.manner", "needs", "holds_back", "content_note"):
        yield Box(name, Kind.LONG)
    yield Box("voice.words.0", Kind.NUMBER, 2, 80)
    yield Box("voice.words.1", Kind.NUMBER, 4, 90)
    for part, model in (("traits", Traits), ("start", Start)):
        yield from (Box(f"{part}.{field}", Kind.NUMBER) for field in model.model_fields)
    for difficulty in Difficulty:
        for field in Level.model_fields:
            low, high = {"patience": (-5, 5), "provoke": (0, 4), "soothe": (0, 4)}.get(field, (0, 10))
            yield Box(f"levels.{difficulty.value}.{field}", Kind.NUMBER, low, high)
    for tag in (*Fault, *Technique):
        yield Box(f"triggers.{tag.value}", Kind.GAIN, 0, 4)
    for technique in Technique:
        yield Box(f"soothers.{technique.value}", Kind.GAIN, 0, 4)
        yield Box(f"unlocks.{technique.value}", Kind.TICK)
    yield from (Box(f"voice.styles.{style.value}", Kind.TICK) for style in Style if style is not Style.ANY)
    for name in ("voice.pet_phrases", "voice.never_says", "principles", "opens"):
        yield Box(name, Kind.LINES)
    yield from (Box(f"leaves.{ending.value}", Kind.LINES) for ending in LEFT)
    yield from (Box(f"lines.{intent.value}", Kind.LINES) for intent in Intent if intent in WRITTEN)


@lru_cache(maxsize=1)
def boxes() -> dict[str, Box]:
    """Every box of the form, by name."""
    return {box.name: box for box in _boxes()}


def held(data: Any, box: Box) -> str:
    """What the box shows of that file ('' where the file says nothing; of a tick: 'on' or '')."""
    if box.kind is Kind.TICK:
        *above, item = box.path
        return "on" if item in _list(_at(data, tuple(above))) else ""
    value = _at(data, box.path)
    if box.kind is Kind.LINES:
        return "\n".join(str(item) for item in _list(value))
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return ""
    return f"{value:g}" if isinstance(value, int | float) else str(value).strip()


def written(text: str, changes: Mapping[str, str]) -> str:
    """The YAML text with those boxes changed. Raises DataError if it cannot be read, FormatError for an unknown box."""
    data, _ = load_yaml(text, "the persona")
    for name, value in changes.items():
        box = boxes().get(name)
        if box is None:
            raise FormatError(f"the form has no box {shorten(name)!r}: reload the page")
        now = value.replace("\r\n", "\n").strip()
        if held(data, box) != now:
            _put(data, box, now)
    return dump_yaml(data)


def _put(data: Any, box: Box, value: str) -> None:
    *above, last = box.path
    here = data
    for part in above[:-1] if box.kind is Kind.TICK else above:
        here = _inside(here, part)
    if box.kind is Kind.TICK:
        if not isinstance(here.get(above[-1]), list):
            here[above[-1]] = []
        items = here[above[-1]]
        if value:
            items.append(last)
        else:
            items.remove(last)
    elif box.kind is Kind.GAIN and not value:
        here.pop(last, None)
    elif isinstance(here, list):
        here[int(last)] = _number(value)
    elif box.kind is Kind.LINES:
        here[last] = [Quoted(line.strip()) for line in value.split("\n") if line.strip()]
    else:
        here[last] = _number(value) if box.kind in (Kind.NUMBER, Kind.GAIN) else " ".join(value.split())


def _inside(here: Any, part: str) -> Any:
    """The mapping or list under `part`; made where there is none yet, or something else."""
    found = here.get(part)
    if part == "words":
        if not (isinstance(found, list) and len(found) == 2):
            here[part] = [0, 0]
    elif not isinstance(found, dict):
        here[part] = {}
    return here[part]


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _number(value: str) -> int | float | str:
    """The number; what is none stays as it is, so that the check of the file says so."""
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() and abs(number) < 1e6 else number


__all__ = ["LEFT", "Box", "Kind", "boxes", "held", "written"]
