"""The JSON lines that commands read and write: what a row must be, said by models; described in `formats.md`.

A row that cannot be read is a FormatError with its line number. Files are written beside their name and renamed when
they are whole.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, TextIO, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from simulator.errors import DataError, FormatError, shorten
from simulator.scenario import Brief
from simulator.session import MAX_CHARACTERS, audible, clean
from simulator.transcript import Speaker, Transcript

FORMAT = 1
"""Version of these rows; raised when an old reader would read them wrongly."""
MAX_LINE = 4_000_000
"""Longest line that is read, in characters."""


def _cleaned(text: str) -> str:
    return clean(text)


def _spoken(text: str) -> str:
    said = clean(text)
    if not audible(said):
        raise ValueError("is empty: somebody has to say something")
    if len(said) > MAX_CHARACTERS:
        raise ValueError(f"has {len(said):,} characters; at most {MAX_CHARACTERS:,} can be said at once")
    return said


Said = Annotated[str, AfterValidator(_spoken)]
Text = Annotated[str, AfterValidator(_cleaned), Field(max_length=2_000)]


class Row(BaseModel):
    """A strict row: unknown keys and values of another kind are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ScriptRow(Row):
    """One line of a play script. A bare JSON string is the same as `{"text": …}`."""

    text: Said


class EarlierTurn(Row):
    """One earlier turn of the call."""

    role: Literal["caller", "trainee"]
    text: Said


class Situation(Row):
    """What the call is about, as much as a grader reads."""

    business: Text
    issue: Text
    facts: Annotated[list[Text], Field(max_length=100)] = []
    policy: Annotated[list[Text], Field(max_length=100)] = []


class GradeRequest(Row):
    """One turn to grade."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    persona: str | None = None
    scenario: Situation
    history: Annotated[list[EarlierTurn], Field(max_length=400)] = []
    turn: Said

    @property
    def brief(self) -> Brief:
        """The situation as the evaluator takes it."""
        about = self.scenario
        return Brief(about.business, about.issue, tuple(about.facts), tuple(about.policy))

    @property
    def before(self) -> Transcript:
        """The turns before the one to grade."""
        transcript = Transcript()
        for said in self.history:
            transcript = transcript.plus(Speaker(said.role), said.text)
        return transcript


class SecondRow(BaseModel):
    """Another model's view of one turn: everything null and a `reason` where there is none."""

    model: str
    levels: dict[str, int | None] | None
    confidence: dict[str, float] | None
    seconds: float | None
    reason: str


class GradeRow(BaseModel):
    """The grades of one turn. A level is 1-5, or null where the dimension does not apply."""

    id: str
    calmness: int | None
    empathy: int | None
    solution: int | None
    closing: int | None
    techniques: list[str]
    faults: list[str]
    evidence: list[dict[str, str]]
    """Each with `quote` and either `dimension` or `tag`."""
    confidence: dict[str, float]
    checks: list[dict[str, str | int | None]] = []
    """What the facts and the policy have against the turn: `fault`, `quote`, `start`, `source`, `title`, `says`."""
    grader: str = ""
    """Who graded, with version and, where it applies, the organisation's scale."""
    seconds: float
    second_opinion: SecondRow | None = None
    """Only in the row if one was asked for."""


R = TypeVar("R", bound=BaseModel)


def parsed(model: type[R], line: str, number: int, name: str) -> R:
    """One line as one row. Raises FormatError naming file, line and key."""
    if len(line) > MAX_LINE:
        raise FormatError(
            f"the line has {len(line):,} characters; at most {MAX_LINE:,} are read", file=name, line=number
        )
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except RecursionError as error:
        raise FormatError("is nested too deeply", file=name, line=number) from error
    except ValueError as error:
        raise FormatError(f"is not JSON: {shorten(str(error))}", file=name, line=number) from error
    if model is ScriptRow and isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        raise FormatError(f"must be a JSON object, not {_kind(value)}", file=name, line=number)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _explained(error, number, name) from error


def lines(source: TextIO) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of every line that is not blank. A file that is not UTF-8 shows U+FFFD where it is not."""
    for number, line in enumerate(source, 1):
        text = line.removeprefix("\ufeff") if number == 1 else line
        if text.strip():
            yield number, text.rstrip("\r\n")


@contextmanager
def reading(name: str) -> Iterator[TextIO]:
    """The file `name` as text, or stdin for '-'. Raises FormatError if it cannot be opened."""
    if name == "-":
        yield sys.stdin
        return
    try:
        file = open(name, encoding="utf-8", errors="replace", newline="\n")  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"cannot be read ({shorten(reason)})", file=shorten(name, 200)) from error
    with file:
        yield file


@contextmanager
def writing(name: str) -> Iterator[TextIO]:
    """A file that takes the name `name` once it is whole, or stdout for '-'. Broken off, it stays as `name`.part."""
    if name == "-":
        yield sys.stdout
        return
    with writing_bytes(name) as packed:
        file = TextIOWrapper(packed, encoding="utf-8", newline="\n")
        try:
            yield file
        finally:
            file.detach()  # all is handed on; closing is for `writing_bytes`


@contextmanager
def writing_bytes(name: str) -> Iterator[BinaryIO]:
    """As `writing`, for what is no text; there is no stdout."""
    target = Path(name)
    part = target.with_name(target.name + ".part")
    try:
        if target.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        file = part.open("wb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FormatError(f"cannot be written ({shorten(reason)})", file=shorten(name, 200)) from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FormatError(f"cannot be written ({error.strerror or error})", file=shorten(name, 200)) from error


def folder(path: Path) -> Path:
    """`path`, made a folder if it is not there yet. Raises DataError if it cannot be one."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot be made a folder ({error.strerror or error})", file=path) from error
    return path


def put(target: TextIO, line: str) -> None:
    """Write one line, and have it out of our hands."""
    target.write(line + "\n")
    target.flush()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        double = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise ValueError(f"key {shorten(double)!r} is there twice")
    return found


def _explained(error: ValidationError, number: int, name: str) -> FormatError:
    problems = error.errors(include_url=False)
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        message = f"unknown key {shorten(key)!r}"
    elif first["type"] == "missing":
        message = f"key {shorten(key)!r} is missing"
    else:
        said = str(first["msg"]).removeprefix("Value error, ")
        message = f"{shorten(key)!r} {said}" if said.startswith(("has ", "is ")) else f"{shorten(key)!r}: {said}"
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return FormatError(shorten(message, 300), file=name, line=number, key=key)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "a truth value", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "that")


__all__ = [
    "FORMAT",
    "GradeRequest",
    "GradeRow",
    "ScriptRow",
    "SecondRow",
    "folder",
    "lines",
    "parsed",
    "put",
    "reading",
    "writing",
    "writing_bytes",
]
