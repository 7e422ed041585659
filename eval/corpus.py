"""Reads the graded calls and splits them by call, never by row: no sentence of a test call is ever trained on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from zlib import crc32

from simulator.errors import DataError
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Tag, Technique


@dataclass(frozen=True, slots=True)
class GradedTurn:
    """One trainee turn with its reference labels. `levels` None: not applicable. `author`: whose hand graded it."""

    call: str
    author: str
    persona: str
    brief: Brief
    before: Transcript
    turn: Turn
    levels: dict[Dimension, int | None]
    tags: frozenset[Tag]


def graded_turns(path: Path | None = None) -> list[GradedTurn]:
    """Every graded trainee turn of the corpus, call by call. Raises DataError naming the line."""
    source = path or files("eval") / "data" / "calls_graded.jsonl"
    turns: list[GradedTurn] = []
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                turns.extend(_of_call(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"is not a graded call ({error!r})", file=str(source), line=number) from error
    return turns


def is_test(call: str) -> bool:
    """Whether this call belongs to the fifth that is held out."""
    return crc32(call.encode()) % 5 == 0


def _of_call(row: dict[str, object]) -> Iterator[GradedTurn]:
    scenario, persona, said = row["scenario"], row["persona"], row["turns"]
    assert isinstance(scenario, dict) and isinstance(persona, dict) and isinstance(said, list)
    brief = Brief(scenario["business"], scenario["issue"], tuple(scenario["facts"]), tuple(scenario["policy"]))
    transcript = Transcript()
    for turn in said:
        before = transcript
        transcript = transcript.plus(Speaker(turn["speaker"]), turn["text"])
        if turn["speaker"] == Speaker.TRAINEE:
            yield GradedTurn(
                call=str(row["id"]),
                author=str(row["id"]).split("-")[0],
                persona=persona["type"],
                brief=brief,
                before=before,
                turn=transcript.turns[-1],
                levels={d: turn["grade"][d.value] for d in Dimension},
                tags=frozenset(_tag(t) for t in turn["tags"]),
            )


def _tag(name: str) -> Tag:
    return Technique(name) if name in set(Technique) else Fault(name)
