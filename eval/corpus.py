"""Reads the graded calls and splits them by call, never by row: no sentence of a test call is ever trained on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zlib import crc32

from simulator.errors import DataError
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Register, Tag, Technique

Levels = dict[Dimension, int | None]
WRITER = "writer"
"""The rater who wrote the turn."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one rater gave one turn. `levels` None: not applicable."""

    rater: str
    levels: Levels
    tags: frozenset[Tag]


@dataclass(frozen=True, slots=True)
class GradedTurn:
    """One trainee turn with its reference labels. `levels` None: not applicable. `author`: whose hand wrote the call.

    `ratings`: everyone's, the writer's own first; empty where only the reference is known.
    """

    call: str
    author: str
    persona: str
    medium: Register
    brief: Brief
    before: Transcript
    turn: Turn
    levels: Levels
    tags: frozenset[Tag]
    ratings: tuple[Rating, ...] = ()
    home: str = ""
    """Where the call is set, and with it how people there talk; '' where that is not known."""

    @property
    def blind(self) -> tuple[Rating, ...]:
        """Ratings by others than the writer, who knew what they meant: the reference is made of these where there are any."""
        return tuple(r for r in self.ratings if r.rater != WRITER) or self.ratings

    def mean(self, dimension: Dimension) -> float | None:
        """Mean level over the blind raters who gave one, where the dimension applies: what training aims at."""
        if self.levels[dimension] is None:
            return None
        given = [level for r in self.blind if (level := r.levels[dimension]) is not None]
        return sum(given) / len(given) if given else self.levels[dimension]


def graded_turns(path: Path | None = None) -> list[GradedTurn]:
    """Every graded trainee turn of the corpus, call by call. Raises DataError naming the line."""
    return _read(path or files("eval") / "data" / "calls_graded.jsonl", _of_call)


def twin_turns() -> list[GradedTurn]:
    """Turns that could stand in the same place of a call and differ in one thing, each as the only one of a call of its own.
    Only ever learned from. Raises DataError naming the line."""
    return _read(files("eval") / "data" / "twins.jsonl", _of_twins)


def is_test(call: str) -> bool:
    """Whether this call belongs to the fifth that is held out."""
    return crc32(call.encode()) % 5 == 0


def _read(source: Traversable, rows: Callable[[dict[str, Any]], Iterator[GradedTurn]]) -> list[GradedTurn]:
    turns: list[GradedTurn] = []
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                turns.extend(rows(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"is not a graded call ({error!r})", file=str(source), line=number) from error
    return turns


def _of_call(row: dict[str, Any]) -> Iterator[GradedTurn]:
    transcript = Transcript()
    for said in row["turns"]:
        before = transcript
        transcript = transcript.plus(Speaker(said["speaker"]), said["text"])
        if said["speaker"] == Speaker.TRAINEE:
            yield _turn(row, str(row["id"]), before, said)


def _of_twins(row: dict[str, Any]) -> Iterator[GradedTurn]:
    before = Transcript()
    for said in row["before"]:
        before = before.plus(Speaker(said["speaker"]), said["text"])
    for number, said in enumerate(row["turns"], 1):
        yield _turn(row, f"{row['id']}/{number}", before, said)


def _turn(row: dict[str, Any], call: str, before: Transcript, said: dict[str, Any]) -> GradedTurn:
    scenario = row["scenario"]
    return GradedTurn(
        call=call,
        author=call.split("-")[0],
        persona=row["persona"]["type"],
        medium=Register(row.get("register", Register.PHONE)),
        brief=Brief(scenario["business"], scenario["issue"], tuple(scenario["facts"]), tuple(scenario["policy"])),
        before=before,
        turn=before.plus(Speaker.TRAINEE, said["text"]).turns[-1],
        levels=_levels(said["grade"]),
        tags=_tags(said["tags"]),
        ratings=tuple(Rating(r["rater"], _levels(r["grade"]), _tags(r["tags"])) for r in said.get("ratings", ())),
        home=row.get("home", ""),
    )


def _levels(grade: Mapping[str, int | None]) -> Levels:
    return {d: grade[d.value] for d in Dimension}


def _tags(names: list[str]) -> frozenset[Tag]:
    return frozenset(Technique(n) if n in set(Technique) else Fault(n) for n in names)
