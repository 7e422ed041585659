"""Other people's ratings of trainee turns, as the bench reads them: any CSV or JSONL file, and a map of its columns.

The map is a small YAML file:

    text: utterance            # the trainee's turn
    context: previous          # what was said before it (may be left out); lines that begin with `caller:` or `trainee:`
                               # are turns of these, any other text is one turn of the caller
    call: dialogue_id          # which rows belong to one call, and are resampled together (may be left out)
    business: company          # where the call goes, and what it is about (may be left out)
    issue: topic
    scale: [1, 7]              # lowest and highest rating of that file; 1-5 if left out
    not_applicable: [NA]       # what means the same as a blank cell: the dimension does not apply
    dimensions:
      empathy: warmth_rating
      calmness: {column: rudeness, scale: [4, 0]}   # a scale of its own, turned round: 0 is the best
      solution: [first_rater, second_rater]         # a column for each rater
    questions:                 # what people were asked, where it is near a dimension and not the same
      advice: {about: solution, column: [advice_1, advice_2], scale: [0, 2]}
    of: call                   # the ratings are of whole calls, the same in each of a call's rows; `turn` if left out

A rating r on a scale from a to b becomes the level 1 + 4 (r - a) / (b - a), rounded to a whole one (halves upwards); of
several raters, their mean does. A dimension that is not named is not measured. Answers to `questions` never become levels:
they are only compared as they were given (`eval/people.py`), as those of the dimensions are, too.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor, isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from eval.corpus import GradedTurn
from simulator.cli.rows import Said, lines, reading
from simulator.errors import FormatError, near, shorten
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Dimension, Register
from simulator.yamlfile import Strict

Scale = tuple[float, float]
Row = dict[str, Any]
_SPEAKER = re.compile(r"^\s*(caller|trainee)\s*:\s*", re.IGNORECASE)
_SAID: TypeAdapter[str] = TypeAdapter(Said)


class Column(Strict):
    """Where one dimension's ratings stand: one column, or one for each rater. `scale`: its own lowest and highest rating;
    highest first turns it round."""

    column: str | Annotated[tuple[str, ...], Field(min_length=1)]
    scale: Scale | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """One for each rater."""
        return (self.column,) if isinstance(self.column, str) else self.column


class Question(Column):
    """What people were asked. `about`: the dimension whose levels should rise and fall with their answers."""

    about: Dimension


def _columns(value: Any) -> Any:
    """`empathy: warmth` is `empathy: {column: warmth}`."""
    if not isinstance(value, dict):
        return value
    return {key: {"column": one} if isinstance(one, str | list) else one for key, one in value.items()}


class ColumnMap(Strict):
    """Which column of a file of ratings is what."""

    text: str
    context: str | None = None
    call: str | None = None
    business: str | None = None
    issue: str | None = None
    scale: Scale = (1.0, 5.0)
    not_applicable: tuple[str, ...] = ()
    dimensions: Annotated[
        dict[Dimension, Column],
        BeforeValidator(_columns, json_schema_input_type=dict[Dimension, str | list[str] | Column]),
    ] = {}
    questions: dict[str, Question] = {}
    of: Literal["turn", "call"] = "turn"

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if not self.asked:
            raise ValueError("names neither a dimension nor a question")
        if self.of == "call" and self.call is None:
            raise ValueError(
                "ratings of whole calls (`of: call`) need `call`, the column that says which call a turn is of"
            )
        for name in self.questions:
            if name in set(Dimension):
                raise ValueError(
                    f"a question cannot be called {name!r} as a dimension is; if it is one, it goes under `dimensions`"
                )
        for low, high in (self.scale, *(c.scale for _, c in self.asked.values() if c.scale)):
            if low == high:
                raise ValueError(f"a scale from {low:g} to {high:g} has no steps")
        return self

    @property
    def asked(self) -> dict[str, tuple[Dimension, Column]]:
        """Everything that was rated, the dimensions under their own names: the dimension it is about, and its columns."""
        named: dict[str, tuple[Dimension, Column]] = {d.value: (d, c) for d, c in self.dimensions.items()}
        return {**named, **{name: (q.about, q) for name, q in self.questions.items()}}

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that has to be there."""
        told = (self.text, self.context, self.call, self.business, self.issue)
        return (*(name for name in told if name is not None), *(n for _, c in self.asked.values() for n in c.names))


@dataclass(frozen=True, slots=True)
class Rated:
    """One rated turn. `given`: under the name of everything asked, each rater's answer on their own scale, turned so that
    more is better; None: no answer."""

    turn: GradedTurn
    given: Mapping[str, tuple[float | None, ...]]


def rated_turns(path: Path, columns: ColumnMap) -> list[Rated]:
    """The rated turns of a CSV (by its ending) or JSONL file. Raises FormatError naming line, row and column."""
    found = list(_csv(path) if path.suffix.lower() == ".csv" else _jsonl(path))
    if not found:
        raise FormatError("has no rows", file=path)
    known = {name for _, row in found for name in row}
    for name in columns.columns:
        if name not in known:
            hint = near(name, known)
            raise FormatError(
                f"has no column {shorten(name)!r}"
                + (f"; did you mean {hint!r}?" if hint else f"; it has {_listed(known)}"),
                file=path,
                key=name,
            )
    rated = [_Reader(path, number, line, row).rated(columns) for number, (line, row) in enumerate(found, 1)]
    if columns.of == "call":
        _same_in_each(rated, path)
    return rated


def _same_in_each(rated: list[Rated], path: Path) -> None:
    first: dict[str, tuple[int, Rated]] = {}
    for number, one in enumerate(rated, 1):
        at, other = first.setdefault(one.turn.call, (number, one))
        if one.given != other.given:
            raise FormatError(
                f"rows {at} and {number} are of one call, {shorten(one.turn.call)!r}, and have other ratings; ratings of "
                "whole calls (`of: call`) are the same in each row, ratings of turns have no such line in the map",
                file=path,
            )


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    with reading(str(path)) as file:
        source = csv.reader((line for line in file), strict=True)
        try:
            header = [name.strip().removeprefix("\ufeff") for name in next(source, [])]
            doubled = next((name for i, name in enumerate(header) if name in header[:i]), None)
            if doubled is not None:
                raise FormatError(f"has two columns called {shorten(doubled)!r}", file=path, line=1)
            for number, cells in enumerate(source, 1):
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise FormatError(
                        f"row {number} has {len(cells)} cells, the header {len(header)}",
                        file=path,
                        line=source.line_num,
                    )
                yield source.line_num, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise FormatError(f"is not CSV: {shorten(str(error))}", file=path, line=source.line_num) from error


def _jsonl(path: Path) -> Iterator[tuple[int, Row]]:
    with reading(str(path)) as file:
        for number, line in lines(file):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise FormatError(f"is not JSON: {shorten(str(error))}", file=path, line=number) from error
            if not isinstance(row, dict):
                raise FormatError("must be a JSON object", file=path, line=number)
            yield number, row


class _Reader:
    """One row, read cell by cell."""

    def __init__(self, path: Path, number: int, line: int, row: Row) -> None:
        self._path, self._number, self._line, self._row = path, number, line, row

    def rated(self, columns: ColumnMap) -> Rated:
        """The turn and what its raters gave."""
        given = {name: self._answers(columns, column) for name, (_, column) in columns.asked.items()}
        return Rated(self._turn(columns, given), given)

    def _turn(self, columns: ColumnMap, given: Mapping[str, tuple[float | None, ...]]) -> GradedTurn:
        before = self._before(columns.context)
        after = before.plus(Speaker.TRAINEE, self._said(columns.text, self._row.get(columns.text)))
        call = self._text(columns.call)
        return GradedTurn(
            call=call or f"row {self._number}",
            author="",
            persona="",
            medium=Register.PHONE,
            brief=Brief(self._text(columns.business) or "a company", self._text(columns.issue) or "not known"),
            before=before,
            turn=after.turns[-1],
            levels={d: _level(columns, columns.dimensions.get(d), given.get(d.value, ())) for d in Dimension},
            tags=frozenset(),
        )

    def _before(self, column: str | None) -> Transcript:
        transcript = Transcript()
        told = self._text(column)
        turns: list[tuple[Speaker, str]] = []
        for line in told.splitlines():
            if (who := _SPEAKER.match(line)) is not None:
                turns.append((Speaker(who[1].lower()), line[who.end() :]))
            elif turns:
                turns[-1] = (turns[-1][0], f"{turns[-1][1]}\n{line}")
            elif line.strip():
                turns.append((Speaker.CALLER, line))
        for speaker, text in turns:
            transcript = transcript.plus(speaker, self._said(column or "", text))
        return transcript

    def _text(self, column: str | None) -> str:
        value = self._row.get(column) if column else None
        return "" if value is None else str(value).strip()

    def _said(self, column: str, text: Any) -> str:
        try:
            return _SAID.validate_python("" if text is None else text)
        except ValidationError as error:
            raise self._wrong(
                column, error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            ) from error

    def _answers(self, columns: ColumnMap, wanted: Column) -> tuple[float | None, ...]:
        start, end = wanted.scale or columns.scale
        found = tuple(self._answer(name, start, end, columns.not_applicable) for name in wanted.names)
        return found if start < end else tuple(None if v is None else start + end - v for v in found)

    def _answer(self, column: str, start: float, end: float, none: tuple[str, ...]) -> float | None:
        told = self._text(column)
        if not told or told in none:
            return None
        try:
            value = float(told)
        except ValueError as error:
            raise self._wrong(column, f"{shorten(told)!r} is not a number, and not blank") from error
        if not isfinite(value) or not min(start, end) <= value <= max(start, end):
            raise self._wrong(column, f"{shorten(told)} is not on the scale from {start:g} to {end:g}")
        return value

    def _wrong(self, column: str, told: str) -> FormatError:
        return FormatError(
            f"row {self._number}, column {shorten(column)!r}: {told}", file=self._path, line=self._line, key=column
        )


def _level(columns: ColumnMap, wanted: Column | None, answers: tuple[float | None, ...]) -> int | None:
    given = [a for a in answers if a is not None]
    if wanted is None or not given:
        return None
    low, high = sorted(wanted.scale or columns.scale)
    return floor(1.5 + 4 * (sum(given) / len(given) - low) / (high - low))


def _listed(names: set[str]) -> str:
    return ", ".join(shorten(name, 30) for name in sorted(names)[:12])
