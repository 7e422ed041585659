"""Calls in a database: create, append, read back, list, delete. Nothing is ever changed but the listing row.

What `append` has returned for is on the disk. Whoever appends says which event of the call it is, so two windows that
play the same call cannot interleave: the slower one is refused and has to read the call again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from sqlalchemy import Connection, Engine, Row, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from simulator.errors import StoreError, UnknownNameError, shorten
from simulator.events import EVENT, FORMAT, CallEnded, CallStarted, StoredEvent, TraineeSpoke
from simulator.settings import settings
from simulator.store import engine as backend
from simulator.store.calibration import CalibrationStore
from simulator.store.ids import is_id
from simulator.store.logins import LoginStore
from simulator.store.migrate import bring_forward
from simulator.store.tables import calls, events
from simulator.store.workshops import WorkshopStore
from simulator.vocabulary import Difficulty, Ending, Register


@dataclass(frozen=True, slots=True)
class CallRow:
    """One call as a listing shows it. Times in seconds since 1970; `length` is the `seq` of the next event."""

    id: str
    owner: str
    created_at: float
    updated_at: float
    persona_id: str
    persona_label: str
    caller_name: str
    scenario_id: str
    scenario_title: str
    difficulty: Difficulty
    medium: Register
    ending: Ending | None
    trainee_turns: int
    length: int
    parent_id: str | None
    parent_turn: int | None


def open_store(url_or_path: str | Path | None = None) -> Store:
    """The store in that file, or at that `sqlite:///` or `postgresql://` URL, made if need be and brought forward to
    this program's version. Default: what the settings say. Raises StoreError.
    """
    return Store(open_engine(url_or_path or settings().database))


def open_engine(url_or_path: str | Path) -> Engine:
    """The database of a store, for what is done to it as a whole. Raises StoreError."""
    engine = backend.connect(url_or_path)
    try:
        with backend.told(engine):
            bring_forward(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


class Store:
    """Calls and their events; made by `open_store`. Safe to use from several threads and several processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes = backend.writing(engine)
        self._closed = False
        self.calibration = CalibrationStore(engine, self._told)
        self.logins = LoginStore(engine, self._told)
        self.workshops = WorkshopStore(engine, self._told)

    def create(self, stream: Iterable[StoredEvent], *, owner: str, call_id: str | None = None) -> CallRow:
        """Store a new call of `owner`: its `CallStarted` and whatever has followed (a branch, an import)."""
        happened = list(stream)
        call_id = uuid.uuid4().hex if call_id is None else call_id
        if not happened or not isinstance(happened[0], CallStarted):
            raise StoreError("a stored call must begin with call_started")
        if any(isinstance(e, CallStarted) for e in happened[1:]):
            raise StoreError("a stored call has one call_started, its first event")
        if not is_id(call_id):
            raise StoreError(f"{shorten(call_id)!r} cannot be the id of a call")
        if not owner:
            raise StoreError("a call needs an owner")
        row = _listing(call_id, owner, happened)
        rows = [_row(call_id, seq, event) for seq, event in enumerate(happened)]
        try:
            with self._told(), self._writes.begin() as connection:
                connection.execute(insert(calls), row)
                connection.execute(insert(events), rows)
        except IntegrityError as error:
            raise StoreError(f"there is already a call {call_id}") from error
        return CallRow(**row)

    def append(self, call_id: str, event: StoredEvent, *, seq: int, owner: str | None = None) -> None:
        """Store the event number `seq` (from 0) of a call; it is on the disk when this returns.

        With `owner`, only if the call is theirs. Raises StoreError, and UnknownNameError for an unknown call.
        """
        if isinstance(event, CallStarted):
            raise StoreError("call_started can only be the first event of a call")
        row = _row(call_id, seq, event)
        change: dict[str, Any] = {
            "length": seq + 1,
            "updated_at": case((calls.c.updated_at < event.at, event.at), else_=calls.c.updated_at),
        }
        if isinstance(event, TraineeSpoke):
            change["trainee_turns"] = calls.c.trainee_turns + 1
        if isinstance(event, CallEnded):
            change["ending"] = event.ending.value
        try:
            with self._told(), self._writes.begin() as connection:
                # The listing row is the lock: of two writers with the same `seq`, one finds `length` moved on.
                theirs = (calls.c.id == call_id,) if owner is None else (calls.c.id == call_id, calls.c.owner == owner)
                done = connection.execute(update(calls).where(*theirs, calls.c.length == seq).values(change))
                if done.rowcount != 1:
                    length = self._find(connection, call_id, owner).length
                    raise StoreError(_out_of_order(call_id, seq, length))
                connection.execute(insert(events), row)
        except IntegrityError as error:
            raise StoreError(_out_of_order(call_id, seq, seq + 1)) from error

    def events(self, call_id: str, *, owner: str | None = None) -> list[StoredEvent]:
        """The call's stream. With `owner`, someone else's call is as unknown as one that never was.

        Raises UnknownNameError, and StoreError for a row that cannot be read.
        """
        wanted = select(events.c.seq, events.c.payload).where(events.c.call_id == call_id).order_by(events.c.seq)
        with self._told(), self._engine.begin() as connection:
            length = self._find(connection, call_id, owner).length
            rows = connection.execute(wanted).all()
        stream = [_event(call_id, seq, payload) for seq, payload in rows]
        missing = set(range(length)) - {seq for seq, _ in rows}
        if missing:
            raise StoreError(f"call {call_id} lacks its event {min(missing)}: the database is damaged")
        return stream

    def call(self, call_id: str, *, owner: str | None = None) -> CallRow:
        """The listing row of one call. Raises UnknownNameError as `events` does."""
        with self._told(), self._engine.begin() as connection:
            return self._find(connection, call_id, owner)

    def calls(self, owner: str | None, *, limit: int = 50, offset: int = 0) -> list[CallRow]:
        """A page of the owner's calls, the one begun last first. Owner None: everybody's, for whoever owns the file."""
        wanted = (
            (select(calls) if owner is None else select(calls).where(calls.c.owner == owner))
            .order_by(calls.c.created_at.desc(), calls.c.id.desc())
            .limit(max(0, limit))
            .offset(max(0, offset))
        )
        with self._told(), self._engine.begin() as connection:
            return [_call_row(row) for row in connection.execute(wanted)]

    def count(self, owner: str) -> int:
        """How many calls the owner has."""
        wanted = select(func.count()).select_from(calls).where(calls.c.owner == owner)
        with self._told(), self._engine.begin() as connection:
            return connection.scalars(wanted).one()

    def delete(self, call_id: str, owner: str) -> None:
        """Remove a call and its events for good. Raises UnknownNameError as `events` does."""
        with self._told():
            with self._writes.begin() as connection:
                self._find(connection, call_id, owner)
                connection.execute(delete(calls).where(calls.c.id == call_id))
            backend.forget(self._engine)

    @property
    def place(self) -> str:
        """Which database it is, for a message."""
        return backend.of(self._engine).place(self._engine)

    def close(self) -> None:
        """Let go of the database. May be called twice."""
        self._closed = True
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _told(self) -> AbstractContextManager[None]:
        if self._closed:
            raise StoreError("the store has been closed")
        return backend.told(self._engine)

    def _find(self, connection: Connection, call_id: str, owner: str | None) -> CallRow:
        if not is_id(call_id):
            raise UnknownNameError("call", call_id, ())
        wanted = select(calls).where(calls.c.id == call_id)
        row = connection.execute(wanted if owner is None else wanted.where(calls.c.owner == owner)).first()
        if row is None:
            raise UnknownNameError("call", call_id, ())
        return _call_row(row)


def _listing(call_id: str, owner: str, stream: Sequence[StoredEvent]) -> dict[str, Any]:
    """The listing row of a whole stream."""
    start = stream[0]
    assert isinstance(start, CallStarted)
    parent = start.branched_from
    ended = next((e for e in reversed(stream) if isinstance(e, CallEnded)), None)
    return {
        "id": call_id,
        "owner": owner,
        "created_at": start.at,
        "updated_at": max(e.at for e in stream),
        "persona_id": start.persona.id,
        "persona_label": start.persona.label,
        "caller_name": start.persona.name,
        "scenario_id": start.scenario.id,
        "scenario_title": start.scenario.title,
        "difficulty": start.difficulty,
        "medium": start.medium,
        "ending": ended.ending if ended else None,
        "trainee_turns": sum(isinstance(e, TraineeSpoke) for e in stream),
        "length": len(stream),
        "parent_id": parent.call_id if parent else None,
        "parent_turn": parent.turn if parent else None,
    }


def _row(call_id: str, seq: int, event: StoredEvent) -> dict[str, Any]:
    """An event as a row. It is read back before it is written: what JSON cannot carry never gets into the database."""
    try:
        payload = event.model_dump_json()
        same = EVENT.validate_json(payload) == event
    except (PydanticSerializationError, ValidationError, UnicodeEncodeError) as error:
        raise StoreError(f"event {seq} of call {call_id} ({event.kind}) cannot be written as JSON") from error
    if not same:
        raise StoreError(f"event {seq} of call {call_id} ({event.kind}) would not be read back as it is")
    return {"call_id": call_id, "seq": seq, "kind": event.kind, "at": event.at, "payload": payload}


def _event(call_id: str, seq: int, payload: str) -> StoredEvent:
    try:
        event = EVENT.validate_json(payload)
    except ValidationError as error:
        raise StoreError(
            f"event {seq} of call {call_id} cannot be read ({shorten(_first(error))}): the row is damaged, "
            "or was written by another version of this program"
        ) from error
    if isinstance(event, CallStarted) and event.format > FORMAT:
        raise StoreError(
            f"call {call_id} was recorded in format {event.format}; this program reads up to {FORMAT}: "
            "run `pip install --upgrade difficult-customer-simulator`"
        )
    return event


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]


def _call_row(row: Row[Any]) -> CallRow:
    fields = dict(row._mapping)
    try:
        fields["difficulty"] = Difficulty(fields["difficulty"])
        fields["medium"] = Register(fields["medium"])
        fields["ending"] = None if fields["ending"] is None else Ending(fields["ending"])
    except ValueError as error:
        raise StoreError(f"the listing row of call {fields['id']} is damaged: {shorten(str(error))}") from error
    return CallRow(**fields)


def _out_of_order(call_id: str, seq: int, length: int) -> str:
    if seq < length:
        return f"call {call_id} has gone on in another window: event {seq} is already there; open the call again"
    return f"event {seq} of call {call_id} cannot come now: its next event is number {length}"
