"""What a study leaves behind: a row for each call, a manifest of what they were played with, and the folder of both.

Rows are only ever appended, each one flushed to the disk before the next call is waited for; a last line that was torn
by a crash is cut off before anything is added. One runner at a time writes into a folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock, Timeout
from pyarrow import parquet
from pydantic import BaseModel

from eval.playing import Setting
from eval.profiles import Profile
from eval.study import Job, shown
from eval.trainees import scripts
from simulator.assessment import Frozen
from simulator.call import Call
from simulator.caller.appraisal import opening_state
from simulator.caller.state import CallerState
from simulator.cli import rows as jsonl
from simulator.debrief.outcome import satisfaction
from simulator.errors import DataError, FormatError, shorten
from simulator.vocabulary import Dimension, Feeling

FORMAT = 1
"""Version of rows and manifest; raised when an old reader would read them wrongly."""
_BLOCK = 65_536
CALLS, MANIFEST, LOCK = "calls.jsonl", "manifest.json", "study.lock"


class StateRow(Frozen):
    """How the caller feels, each 0-10."""

    agitation: float
    trust: float
    patience: float
    heard: float


class LevelsRow(Frozen):
    """Grades of one trainee turn, 1-5; null: the dimension does not apply."""

    calmness: int | None
    empathy: int | None
    solution: int | None
    closing: int | None


class TurnRow(Frozen):
    """One trainee turn and what the caller made of it. `state`: after it; `written`: the caller's words are a line of the
    persona's file; `refused`: how many candidates the guard refused before them. Of a trainee whom a model plays: `asked`, the
    techniques and faults that its profile asked of the turn, and `stood_in`, whether the words after the greeting are the
    stand-in's."""

    trainee: str
    levels: LevelsRow
    tags: tuple[str, ...]
    state: StateRow
    mood: str
    intent: str
    caller: str
    written: bool
    refused: int
    asked: tuple[str, ...] = ()
    stood_in: bool = False


class CallRow(Frozen):
    """One call. `opening`: the state before anyone has spoken; `ending` null: the study's turns were over first; `seconds`:
    what grading and speaking took."""

    format: int = FORMAT
    id: str
    condition: str
    persona: str
    scenario: str
    difficulty: str
    trainee: str
    seed: int
    model: str
    evaluator: str
    ending: str | None
    why: str
    satisfaction: float
    opening: StateRow
    turns: tuple[TurnRow, ...]
    seconds: float

    @property
    def match(self) -> tuple[str, ...]:
        """What this call shares with the same one under another condition, or in another study."""
        return (self.persona, self.scenario, self.difficulty, self.trainee, str(self.seed))

    @property
    def group(self) -> tuple[str, str]:
        """The persona in its situation: calls of one group hang together, and are resampled together."""
        return (self.persona, self.scenario)

    @property
    def states(self) -> tuple[StateRow, ...]:
        """The trajectory: the opening state, then the state after each trainee turn."""
        return (self.opening, *(turn.state for turn in self.turns))


class VoiceRow(Frozen):
    """Whose words a call has: the model's name, the digest of its weights, the adapter it speaks with ('': none)."""

    name: str
    digest: str = ""
    adapter: str = ""


class Manifest(Frozen):
    """What a folder's calls were played with. `study`: the YAML as it was understood; `voices`, `graders` and `trainees` (the
    models of trainees who have a profile): by the words that the study has for them; `threads`: of each process, as sums over other numbers of them round otherwise; `begun`, `finished` (null: calls are left): UTC."""

    format: int = FORMAT
    study: dict[str, Any]
    program: str
    rubric: int
    voices: dict[str, VoiceRow] = {}
    graders: dict[str, str] = {}
    trainees: dict[str, VoiceRow] = {}
    seeds: tuple[int, ...]
    calls: int
    threads: int
    begun: str
    finished: str | None = None


def call_row(job: Job, call: Call) -> CallRow:
    """The row of a played call."""
    refused = [event.turn for event in call.refused]
    turns, accepted = [], False
    for number, at in enumerate(sorted(call.moves)):
        move, spoken, grades = call.moves[at], call.spoken.get(at + 1), call.grades[at]
        turns.append(
            TurnRow(
                trainee=call.transcript.turns[at].text,
                levels=LevelsRow(**{d.value: grades.level(d) for d in Dimension}),
                tags=tuple(sorted(t.value for t in grades.tags)),
                state=_state(move.state),
                mood=move.state.mood.value,
                intent=move.plan.intent.value,
                caller=spoken.text if spoken else "",
                written=spoken.written if spoken else False,
                refused=refused.count(at + 1),
                asked=_asked(job.setting, number, settled=accepted),
                stood_in=number > 0 and _stood_in(job.setting, call.transcript.turns[at].text),
            )
        )
        accepted = move.state.accepted
    start, ended = call.start, call.ended
    took = sum(g.seconds for g in call.grades.values()) + sum(s.seconds for s in call.spoken.values())
    return CallRow(
        id=job.id,
        condition=job.setting.condition,
        persona=start.persona.id,
        scenario=start.scenario.id,
        difficulty=start.difficulty.value,
        trainee=job.setting.trainee,
        seed=start.seed,
        model=shown(job.model),
        evaluator=job.evaluator,
        ending=ended.ending.value if ended else None,
        why=ended.why if ended else "",
        satisfaction=satisfaction(call.state, ended.ending if ended else None),
        opening=_state(opening_state(start.persona, start.difficulty)),
        turns=tuple(turns),
        seconds=round(took, 3),
    )


def _asked(setting: Setting, number: int, *, settled: bool) -> tuple[str, ...]:
    """What the profile asked of that turn; nothing of one who only says goodbye."""
    if not isinstance(setting.policy, Profile) or settled:
        return ()
    return tuple(tag.value for tag in setting.policy.asked(setting.seed, number))


def _stood_in(setting: Setting, text: str) -> bool:
    if not isinstance(setting.policy, Profile):
        return False
    return text in scripts()[setting.scenario.id].scripts[setting.policy.stand_in].lines


def _state(state: CallerState) -> StateRow:
    return StateRow(**{f.value: state.feeling(f) for f in Feeling})


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Write into `folder` as the only one; it is made if it is not there. Raises DataError if somebody else does."""
    jsonl.folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataError(
            "another run is writing into this folder; wait for it, or choose another --out", file=folder
        ) from error
    try:
        yield
    finally:
        lock.release()


def mend(folder: Path) -> int:
    """Cut off a last line that was never finished; how many bytes of it there were."""
    path = folder / CALLS
    if not path.is_file():
        return 0
    with path.open("r+b") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)
            os.fsync(file.fileno())
    return size - end


def read_calls(folder: Path) -> list[CallRow]:
    """Every call of a folder, in the order in which they ended; none if there is none yet. Raises FormatError."""
    path, found = folder / CALLS, dict[str, CallRow]()
    if not path.is_file():
        return []
    with jsonl.reading(str(path)) as file:
        for number, line in jsonl.lines(file):
            row = jsonl.parsed(CallRow, line, number, str(path))
            if row.format != FORMAT:
                raise FormatError(f"is of format {row.format}; this program reads {FORMAT}", file=path, line=number)
            if row.id in found:
                raise FormatError(f"call {shorten(row.id)} is there twice", file=path, line=number)
            found[row.id] = row
    return list(found.values())


@contextmanager
def appending(folder: Path) -> Iterator[Any]:
    """A function that adds a row to the folder's calls; when it returns, the row is on the disk."""
    with (folder / CALLS).open("a", encoding="utf-8", newline="\n") as file:

        def add(row: CallRow) -> None:
            file.write(row.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

        yield add


def read_manifest(folder: Path) -> Manifest | None:
    """What the folder's calls were played with; None where nothing has been played. Raises FormatError."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    with jsonl.reading(str(path)) as file:
        return jsonl.parsed(Manifest, file.read(), 1, str(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Keep it, whole or not at all."""
    with jsonl.writing(str(folder / MANIFEST)) as file:
        file.write(json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")


def write_parquet(folder: Path, calls: list[CallRow]) -> None:
    """The calls as one Parquet file, with the same columns whatever is in them."""
    table = pa.Table.from_pylist([row.model_dump(mode="json") for row in calls], schema=_schema(CallRow))
    part = folder / "calls.parquet.part"
    parquet.write_table(table, part)
    os.replace(part, folder / "calls.parquet")


_PLAIN = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _schema(model: type[BaseModel]) -> pa.Schema:
    return pa.schema([pa.field(name, _arrow(f.annotation)) for name, f in model.model_fields.items()])


def _arrow(kind: Any) -> pa.DataType:
    """The column type for one of the types that rows are made of: plain ones, optional ones, tuples and rows."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return pa.struct(list(_schema(kind)))
    inner = next(a for a in kind.__args__ if a not in (type(None), ...))
    return pa.list_(_arrow(inner)) if getattr(kind, "__origin__", None) is tuple else _arrow(inner)
