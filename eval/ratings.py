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

A rating r on a scale from a to b becomes the level 1 + 4 (r - a) / (b - a), rounded to a whole one (halves upwards). A
dimension that is not named is not measured.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from math import floor, isfinite
from pathlib import Path
from typing import Annotated, Any, Self

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
    """Where one dimension's ratings stand. `scale`: its own lowest and highest rating; highest first turns it round."""

    column: str
    scale: Scale | None = None


def _columns(value: Any) -> Any:
    """`empathy: warmth` is `empathy: {column: warmth}`."""
    if not isinstance(value, dict):
        return value
    return {key: {"column": one} if isinstance(one, str) else one for key, one in value.items()}


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
        dict[Dimension, Column], BeforeValidator(_columns, json_schema_input_type=dict[Dimension, str | Column])
    ] = Field(min_length=1)

    @model_validator(mode="after")
    def _scales(self) -> Self:
        for low, high in (self.scale, *(c.scale for c in self.dimensions.values() if c.scale)):
            if low == high:
                raise ValueError(f"a scale from {low:g} to {high:g} has no steps")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that has to be there."""
        told = (self.text, self.context, self.call, self.business, self.issue)
        return (*(name for name in told if name is not None), *(c.column for c in self.dimensions.values()))


def rated_turns(path: Path, columns: ColumnMap) -> list[GradedTurn]:
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
    return [_Reader(path, number, line, row).turn(columns) for number, (line, row) in enumerate(found, 1)]


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

    def turn(self, columns: ColumnMap) -> GradedTurn:
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
            levels={d: self._level(columns, columns.dimensions.get(d)) for d in Dimension},
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

    def _level(self, columns: ColumnMap, wanted: Column | None) -> int | None:
        if wanted is None:
            return None
        told = self._text(wanted.column)
        if not told or told in columns.not_applicable:
            return None
        try:
            value = float(told)
        except ValueError as error:
            raise self._wrong(wanted.column, f"{shorten(told)!r} is not a number, and not blank") from error
        start, end = wanted.scale or columns.scale
        if not isfinite(value) or not min(start, end) <= value <= max(start, end):
            raise self._wrong(wanted.column, f"{shorten(told)} is not on the scale from {start:g} to {end:g}")
        return floor(1.5 + 4 * (value - start) / (end - start))

    def _wrong(self, column: str, told: str) -> FormatError:
        return FormatError(
            f"row {self._number}, column {shorten(column)!r}: {told}", file=self._path, line=self._line, key=column
        )


def _listed(names: set[str]) -> str:
    return ", ".join(shorten(name, 30) for name in sorted(names)[:12])
