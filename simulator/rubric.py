"""What a trainee turn is graded against, as data read from `personas/rubric.yaml`: words for people and for graders.

Nothing here grades. The version is part of a grader's name, because grades of two versions cannot be compared.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from simulator.assessment import Level
from simulator.vocabulary import Dimension, Fault, Tag, Technique
from simulator.yamlfile import Strict, read_model

Words = Annotated[str, StringConstraints(min_length=3, max_length=700)]
LEVELS = (1, 2, 3, 4, 5)


class DimensionRubric(Strict):
    """One dimension: when it applies, when it does not, and what a turn shows at each level (1-5)."""

    title: Words
    applies: Words
    not_applicable: str = ""
    """When it is n/a; empty for a dimension that always applies."""
    levels: dict[Level, Words]

    @model_validator(mode="after")
    def _five(self) -> Self:
        lacking = [str(n) for n in LEVELS if n not in self.levels]
        if lacking:
            raise ValueError(f"levels lacks: {', '.join(lacking)}")
        return self


class SettledCase(Strict):
    """A question that raters disagreed on, and the answer that now holds."""

    case: Words
    text: Words


class Rubric(Strict):
    """The whole rubric. `techniques` and `faults` describe each tag in one line."""

    version: Annotated[int, Field(ge=1)]
    unit: Words
    dimensions: dict[Dimension, DimensionRubric]
    rules: tuple[Words, ...] = Field(min_length=1)
    settled: tuple[SettledCase, ...] = ()
    techniques: dict[Technique, Words]
    faults: dict[Fault, Words]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for key, have, all_of in (
            ("dimensions", set(self.dimensions), set(Dimension)),
            ("techniques", set(self.techniques), set(Technique)),
            ("faults", set(self.faults), set(Fault)),
        ):
            lacking = sorted(member.value for member in all_of - have)
            if lacking:
                raise ValueError(f"{key} lacks: {', '.join(lacking)}")
        return self

    def describe(self, tag: Tag) -> str:
        """The one-line description of a technique or fault."""
        return self.techniques[tag] if isinstance(tag, Technique) else self.faults[tag]


@lru_cache(maxsize=1)
def rubric() -> Rubric:
    """The shipped rubric. Raises DataError if the file is not complete."""
    return read_model(Rubric, files("personas") / "rubric.yaml")


def level_text(dimension: Dimension, level: int) -> str:
    """What a turn at `level` (1-5) shows. KeyError outside 1-5."""
    return rubric().dimensions[dimension].levels[level]


def next_level_text(dimension: Dimension, level: int) -> str:
    """What a turn one level higher shows; at 5 there is none higher, so 5 itself."""
    return level_text(dimension, min(level + 1, LEVELS[-1]))
