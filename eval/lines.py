"""The caller's side of the corpus: whole calls as a tuned model reads them, line by line with their cues.

Split like the graded turns (`eval.corpus.is_test`): by call, so that no scenario of a held-out call is trained on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from eval.corpus import is_test
from simulator.errors import DataError
from simulator.prompts import Part, cued, part_segment, spoken
from simulator.transcript import Speaker
from simulator.vocabulary import Intent, Register

IGNORED = -100
"""Label of a token that is read and not learned."""


@dataclass(frozen=True, slots=True)
class Line:
    """One caller line: what was heard before it ('': nothing yet), what it does, the facts it states as a second reader saw
    them, its words (the plainer ones, where that reader found the writer's literary). `meant` and `read`: what the line
    does according to its writer and its reader; `intent` is the more particular of the two, the one seen less often."""

    heard: str
    intent: Intent
    facts: tuple[str, ...]
    text: str
    meant: Intent
    read: Intent


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """One call of the corpus from the caller's side. `after`: the trainee's last words if the caller did not answer."""

    id: str
    persona: str
    part: Part
    lines: tuple[Line, ...]
    ending: str
    after: str = ""

    @property
    def segments(self) -> tuple[str, ...]:
        """Preface, then cue and line in turn: 1 + 2 * lines."""
        texts = [part_segment(self.part)]
        for line in self.lines:
            texts += [cued(line.heard, line.intent, line.facts), spoken(line.text)]
        return tuple(texts)


def written_calls(path: Path | None = None) -> list[WrittenCall]:
    """Every call of the corpus whose caller lines a second reader has seen. Raises DataError naming the line."""
    source = path or files("eval") / "data" / "calls_graded.jsonl"
    calls = []
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                if all("second" in said for said in row["turns"] if said["speaker"] == Speaker.CALLER):
                    calls.append(_of_row(row))
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"is not a written call ({error!r})", file=str(source), line=number) from error
    often = Counter(intent for call in calls for line in call.lines for intent in (line.meant, line.read))
    return [
        replace(call, lines=tuple(replace(x, intent=min(x.meant, x.read, key=often.__getitem__)) for x in call.lines))
        for call in calls
    ]


def split(calls: Iterable[WrittenCall]) -> tuple[list[WrittenCall], list[WrittenCall]]:
    """Those to learn from, and those held out."""
    every = list(calls)
    return [c for c in every if not is_test(c.id)], [c for c in every if is_test(c.id)]


def tokenised(call: WrittenCall, encode: Callable[[str], list[int]], longest: int) -> tuple[list[int], list[int]]:
    """Ids of the call, segment by segment as at play, and labels: the ids of the lines, IGNORED elsewhere. Cut at `longest` tokens."""
    ids: list[int] = []
    labels: list[int] = []
    for index, text in enumerate(call.segments):
        new = encode(text)
        ids += new
        labels += new if index and index % 2 == 0 else [IGNORED] * len(new)
    return ids[:longest], labels[:longest]


def _of_row(row: dict[str, Any]) -> WrittenCall:
    scenario, persona = row["scenario"], row["persona"]
    heard, found = "", list[Line]()
    for said in row["turns"]:
        if said["speaker"] == Speaker.TRAINEE:
            heard = said["text"]
        else:
            read, meant = said["second"], Intent(said["intent"])
            words = said.get("plain", said["text"])
            found.append(Line(heard, meant, tuple(read["uses"]), words, meant, Intent(read["intent"])))
            heard = ""
    part = Part(
        Register(row["register"]),
        scenario["business"],
        scenario["issue"],
        persona["name"],
        persona["voice"],
        tuple(scenario["facts"]),
    )
    return WrittenCall(str(row["id"]), persona["type"], part, tuple(found), row["ending"], heard)
