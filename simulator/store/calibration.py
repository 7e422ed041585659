"""Rating sessions, ratings and scales in the database beside the calls; `Store.calibration` is the way in.

Rows are added, never changed (but for `finished_at`): a rating is on the disk when `rate` returns, a scale that was once
in use stays readable, and going back to an earlier one is one more row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection, Engine, Row, delete, distinct, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from simulator.assessment import Assessment
from simulator.calibration.records import Choice, OffsetMap, Rating, RatingSession
from simulator.errors import DataError, StoreError, UnknownNameError, shorten
from simulator.store import engine as backend
from simulator.store.ids import is_id
from simulator.store.tables import offset_choices, offset_maps, rating_grades, rating_sessions, ratings


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A rating session as a listing shows it: `rated` of `turns` turns have a rating."""

    id: str
    owner: str
    rater: str
    organisation: str
    made_at: float
    finished_at: float | None
    turns: int
    rated: int


class CalibrationStore:
    """Made by `Store`, on its engine. Safe to use from several threads and several processes."""

    def __init__(self, engine: Engine, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine, self._told = engine, told
        self._writes = backend.writing(engine)

    # ---- rating sessions ----

    def begin(self, session: RatingSession) -> None:
        """Keep a new session. Raises StoreError."""
        row = session.model_dump(include={"id", "owner", "rater", "organisation", "made_at", "finished_at"})
        row |= {"turns": len(session.turns), "payload": _json(session)}
        try:
            with self._told(), self._writes.begin() as connection:
                connection.execute(insert(rating_sessions), row)
        except IntegrityError as error:
            raise StoreError(f"there is already a rating session {session.id}") from error

    def sessions(self, owner: str | None = None) -> list[SessionRow]:
        """The owner's sessions, or everybody's, the one begun last first."""
        done = (
            select(ratings.c.session_id, func.count(distinct(ratings.c.position)).label("rated"))
            .group_by(ratings.c.session_id)
            .subquery()
        )
        of = rating_sessions.c
        wanted = select(
            of.id, of.owner, of.rater, of.organisation, of.made_at, of.finished_at, of.turns,
            func.coalesce(done.c.rated, 0).label("rated"),
        ).outerjoin(done, done.c.session_id == of.id)  # fmt: skip
        if owner is not None:
            wanted = wanted.where(of.owner == owner)
        with self._told(), self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(of.made_at.desc(), of.id.desc())).all()
        return [SessionRow(**row._mapping) for row in rows]

    def session(self, session_id: str, *, owner: str | None = None) -> RatingSession:
        """One session. Raises UnknownNameError; with `owner`, also for someone else's."""
        with self._told(), self._engine.begin() as connection:
            return _session(self._find(connection, session_id, owner))

    def rate(self, session_id: str, rating: Rating, *, owner: str | None = None) -> None:
        """Keep one rating; it is on the disk when this returns. Raises DataError once the session is finished."""
        with self._told(), self._writes.begin() as connection:
            row = self._find(connection, session_id, owner)
            if row.finished_at is not None:
                raise DataError("this set is finished and its results have been shown: start a new one to rate again")
            if rating.position >= row.turns:
                raise DataError(f"there is no turn {rating.position + 1} in this set of {row.turns}")
            connection.execute(
                insert(ratings),
                {
                    "session_id": session_id,
                    "position": rating.position,
                    "at": rating.at,
                    "payload": _json(rating),
                },
            )

    def ratings(self, session_id: str) -> dict[int, Rating]:
        """The last rating of every position that has one."""
        wanted = select(ratings.c.payload).where(ratings.c.session_id == session_id).order_by(ratings.c.id)
        with self._told(), self._engine.begin() as connection:
            found = [_read(Rating, text, "a rating") for text in connection.scalars(wanted)]
        return {rating.position: rating for rating in found}

    def finish(self, session_id: str, *, owner: str | None = None) -> None:
        """The rater is done: from now on the session cannot be changed. Nothing happens the second time."""
        with self._told(), self._writes.begin() as connection:
            self._find(connection, session_id, owner)
            of = rating_sessions.c
            connection.execute(
                update(rating_sessions)
                .where(of.id == session_id, of.finished_at.is_(None))
                .values(finished_at=time.time())
            )

    def keep_grade(self, session_id: str, turn_id: str, grades: Assessment) -> None:
        """Keep the machine's grades of one turn; those that are there already stay. Raises UnknownNameError."""
        row: dict[str, Any] = {"session_id": session_id, "turn_id": turn_id, "grader": grades.grader}
        row |= {"at": time.time(), "payload": _json(grades)}
        with self._told(), self._writes.begin() as connection:
            self._find(connection, session_id, None)
            of = rating_grades.c
            known = select(of.turn_id).where(
                of.session_id == session_id, of.turn_id == turn_id, of.grader == grades.grader
            )
            if connection.execute(known).first() is None:
                connection.execute(insert(rating_grades), row)

    def grades(self, session_id: str, grader: str) -> dict[str, Assessment]:
        """That grader's grades of the session's turns, by turn id."""
        of = rating_grades.c
        wanted = select(of.turn_id, of.payload).where(of.session_id == session_id, of.grader == grader)
        with self._told(), self._engine.begin() as connection:
            return {turn: _read(Assessment, text, "a grade") for turn, text in connection.execute(wanted)}

    def graders(self, session_id: str) -> list[str]:
        """Names of the graders that have graded turns of the session, the latest last."""
        of = rating_grades.c
        wanted = select(of.grader).where(of.session_id == session_id).group_by(of.grader).order_by(func.max(of.at))
        with self._told(), self._engine.begin() as connection:
            return list(connection.scalars(wanted))

    def delete(self, session_id: str, owner: str) -> None:
        """Remove a session with its ratings for good; a scale made from it stays. Raises UnknownNameError."""
        with self._told():
            with self._writes.begin() as connection:
                self._find(connection, session_id, owner)
                connection.execute(delete(rating_sessions).where(rating_sessions.c.id == session_id))
            backend.forget(self._engine)

    # ---- scales ----

    def adopt(self, offsets: OffsetMap, *, by: str) -> OffsetMap:
        """Keep the map as the next version of its name, and use it from now on. Returns it with its version."""
        with self._told(), self._writes.begin() as connection:
            of = offset_maps.c
            last = connection.scalar(select(func.max(of.version)).where(of.name == offsets.name)) or 0
            kept = offsets.model_copy(update={"version": last + 1})
            connection.execute(
                insert(offset_maps),
                {"name": kept.name, "version": kept.version, "made_at": kept.made_at, "payload": _json(kept)},
            )
            _choose(connection, kept, by)
        return kept

    def use(self, label: str | None, *, by: str) -> OffsetMap | None:
        """Go (back) to the scale of that label, or with None to the machine's own; nothing happens if it is in use.

        Raises UnknownNameError for a scale that was never kept.
        """
        with self._told(), self._writes.begin() as connection:
            kept = {m.label: m for m in _maps(connection)}
            if label is not None and label not in kept:
                raise UnknownNameError("scale", label, kept, next_command="simulator calibration list")
            wanted = kept[label] if label is not None else None
            if _active(connection) != wanted:
                _choose(connection, wanted, by)
        return wanted

    def active(self) -> OffsetMap | None:
        """The scale in use; None: the machine's own."""
        with self._told(), self._engine.begin() as connection:
            return _active(connection)

    def maps(self) -> list[OffsetMap]:
        """Every scale that was ever adopted, the oldest first."""
        with self._told(), self._engine.begin() as connection:
            return _maps(connection)

    def history(self) -> list[Choice]:
        """Which scale was in use from when on, the oldest first."""
        of = offset_choices.c
        wanted = select(of.at, of.by, of.name, of.version).order_by(of.id)
        with self._told(), self._engine.begin() as connection:
            rows = connection.execute(wanted).all()
        return [
            Choice(at=at, by=by, label=None if name is None else f"{name} {number}") for at, by, name, number in rows
        ]

    def _find(self, connection: Connection, session_id: str, owner: str | None) -> Row[Any]:
        wanted = select(rating_sessions).where(rating_sessions.c.id == session_id)
        theirs = wanted if owner is None else wanted.where(rating_sessions.c.owner == owner)
        row = connection.execute(theirs).first() if is_id(session_id) else None
        if row is None:
            raise UnknownNameError("rating session", session_id, (), next_command="simulator calibration list")
        return row


M = TypeVar("M", bound=BaseModel)


def _choose(connection: Connection, offsets: OffsetMap | None, by: str) -> None:
    name, version = (offsets.name, offsets.version) if offsets is not None else (None, None)
    row = {"at": time.time(), "by": shorten(by, 60), "name": name, "version": version}
    connection.execute(insert(offset_choices), row)


def _active(connection: Connection) -> OffsetMap | None:
    of, its = offset_choices.c, offset_maps.c
    last = connection.execute(select(of.name, of.version).order_by(of.id.desc()).limit(1)).first()
    if last is None or last.name is None:
        return None
    text = connection.scalar(select(its.payload).where(its.name == last.name, its.version == last.version))
    if text is None:
        raise StoreError(f"the scale {last.name} {last.version} is in use but not there: the database is damaged")
    return _read(OffsetMap, text, "a scale")


def _maps(connection: Connection) -> list[OffsetMap]:
    of = offset_maps.c
    wanted = select(of.payload).order_by(of.made_at, of.name, of.version)
    return [_read(OffsetMap, text, "a scale") for text in connection.scalars(wanted)]


def _session(row: Row[Any]) -> RatingSession:
    kept = _read(RatingSession, row.payload, "a rating session")
    return kept.model_copy(update={"finished_at": row.finished_at})


def _json(record: BaseModel) -> str:
    try:
        return record.model_dump_json()
    except (ValueError, UnicodeEncodeError) as error:
        raise StoreError(f"that cannot be written as JSON ({shorten(str(error))})") from error


def _read(model: type[M], text: str, what: str) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(
            f"{what} in the database cannot be read ({shorten(str(error))}): the row is damaged, or was written by "
            "another version of this program"
        ) from error
