"""Workshops, their members and the members' calls; `Store.workshops` is the way in.

A facilitator's id goes with every question about a workshop: another's is as unknown as one that never was. What a member
deletes, and what has been kept long enough, is deleted from the file.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from simulator.errors import CallError, StoreError, UnknownNameError, shorten
from simulator.events import EVENT, TurnGraded
from simulator.store import engine as backend
from simulator.store.ids import is_id
from simulator.store.tables import attempts, calls, events, members, readings, regrades, seats, workshops
from simulator.workshop.codes import JOIN, new_code
from simulator.workshop.records import Member, Reading, Regrade, Seat, Workshop, WorkshopSettings, owner_of

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call as the room sees it: no words. `attempt` None: a second try from some turn, which does not count."""

    id: str
    attempt: int | None
    persona_label: str
    scenario_title: str
    ending: str | None
    trainee_turns: int
    updated_at: float


@dataclass(frozen=True, slots=True)
class Place:
    """A member in the room: how many attempts they have begun, and their calls, the one begun last first."""

    member: Member
    begun: int
    calls: tuple[CallSeen, ...]


class WorkshopStore:
    """Made by `Store`, on its engine. Safe to use from several threads and several processes."""

    def __init__(self, engine: Engine, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine, self._told = engine, told
        self._writes = backend.writing(engine)

    # ---- workshops ----

    def create(self, facilitator_id: str, settings: WorkshopSettings, *, at: float) -> Workshop:
        """A new workshop, with a join code of its own."""
        for _ in range(8):
            made = Workshop(
                id=uuid.uuid4().hex,
                facilitator_id=facilitator_id,
                join_code=new_code(JOIN),
                made_at=at,
                settings=settings,
            )
            row = made.model_dump(exclude={"settings"}) | {"payload": settings.model_dump_json()}
            try:
                with self._told(), self._writes.begin() as connection:
                    connection.execute(insert(workshops), row)
                return made
            except IntegrityError:  # the code is taken
                continue
        raise StoreError("no free join code was found: try again")

    def workshop(self, workshop_id: str, facilitator_id: str) -> Workshop:
        """One workshop of that facilitator. Raises UnknownNameError."""
        with self._told(), self._engine.begin() as connection:
            return _workshop(_find(connection, workshop_id, facilitator_id))

    def workshops(self, facilitator_id: str) -> list[tuple[Workshop, int]]:
        """The facilitator's workshops, the newest first, each with how many have joined."""
        return self._listed(select(workshops).where(workshops.c.facilitator_id == facilitator_id))

    def _listed(self, wanted: Select[Any]) -> list[tuple[Workshop, int]]:
        of = workshops.c
        joined = select(func.count()).where(members.c.workshop_id == of.id).scalar_subquery()
        listing = wanted.add_columns(joined.label("joined")).order_by(of.made_at.desc(), of.id.desc())
        with self._told(), self._engine.begin() as connection:
            return [(_workshop(row), row.joined) for row in connection.execute(listing)]

    def every(self) -> list[tuple[Workshop, int]]:
        """Everybody's workshops, the newest first, each with how many have joined: for whoever owns the machine."""
        return self._listed(select(workshops))

    def for_research(self) -> list[tuple[Workshop, int]]:
        """Those whose trainees were told, when they joined, that researchers get their calls without names."""
        return [(shop, joined) for shop, joined in self.every() if shop.settings.research]

    def by_code(self, join_code: str) -> Workshop | None:
        """The workshop with that join code."""
        with self._told(), self._engine.begin() as connection:
            row = connection.execute(select(workshops).where(workshops.c.join_code == join_code)).first()
        return _workshop(row) if row is not None else None

    def change(self, workshop_id: str, facilitator_id: str, how: Callable[[Workshop, int], Workshop]) -> None:
        """Keep a workshop as `how` makes it from what it is now and how many have joined: its settings, when it began,
        ended, was paused, and its message. Nobody joins or changes it meanwhile. Raises UnknownNameError, and what `how`
        raises: nothing is changed then."""
        with self._told(), self._writes.begin() as connection:
            changed = how(_workshop(_find(connection, workshop_id, facilitator_id)), _joined(connection, workshop_id))
            values = changed.model_dump(include={"opened_at", "ended_at", "paused_at", "message"})
            values["payload"] = changed.settings.model_dump_json()
            connection.execute(update(workshops).where(workshops.c.id == workshop_id).values(values))

    def delete(self, workshop_id: str, facilitator_id: str) -> None:
        """Remove a workshop with its members and all their calls for good. Raises UnknownNameError."""
        theirs = select(members.c.owner).where(members.c.workshop_id == workshop_id)
        with self._told():
            with self._writes.begin() as connection:
                _find(connection, workshop_id, facilitator_id)
                connection.execute(delete(calls).where(calls.c.owner.in_(theirs)))
                connection.execute(delete(workshops).where(workshops.c.id == workshop_id))
            backend.forget(self._engine)

    # ---- members ----

    def join(self, workshop_id: str, name: str, *, return_hash: str, at: float) -> Member:
        """A new member of that name; several may have the same. Raises UnknownNameError for a workshop that is gone."""
        member_id = uuid.uuid4().hex
        member = Member(
            id=member_id, workshop_id=workshop_id, owner=owner_of(member_id), name=name, joined_at=at, shares=False
        )
        with self._belonging("workshop", workshop_id), self._writes.begin() as connection:
            connection.execute(insert(members), member.model_dump() | {"return_hash": return_hash})
        return member

    def sit(self, member_id: str, key_hash: str, *, at: float, until: float) -> None:
        """That browser is the member's `until` then. Raises UnknownNameError for a member who is gone."""
        row = {"key_hash": key_hash, "member_id": member_id, "made_at": at, "expires_at": until}
        with self._belonging("trainee", member_id), self._writes.begin() as connection:
            connection.execute(insert(seats), row)

    def seat(self, key_hash: str, *, at: float) -> Seat | None:
        """Whose browser that is, and the workshop as it is now."""
        wanted = select(members).join(seats).where(seats.c.key_hash == key_hash, seats.c.expires_at > at)
        with self._told(), self._engine.begin() as connection:
            return _seat(connection, wanted)

    def returning(self, return_hash: str) -> Seat | None:
        """The member with that return code."""
        with self._told(), self._engine.begin() as connection:
            return _seat(connection, select(members).where(members.c.return_hash == return_hash))

    def stand_up(self, key_hash: str) -> None:
        """That browser is nobody's any more."""
        with self._told(), self._writes.begin() as connection:
            connection.execute(delete(seats).where(seats.c.key_hash == key_hash))

    def member(self, member_id: str, workshop_id: str) -> Member:
        """One member of that workshop. Raises UnknownNameError."""
        wanted = select(members).where(members.c.id == member_id, members.c.workshop_id == workshop_id)
        with self._told(), self._engine.begin() as connection:
            row = connection.execute(wanted).first() if is_id(member_id) else None
        if row is None:
            raise UnknownNameError("trainee", member_id, ())
        return _member(row)

    def name_of(self, owner: str) -> str:
        """The name of the trainee whose calls are kept under that owner; '' where it is nobody in a workshop."""
        with self._told(), self._engine.begin() as connection:
            return connection.scalar(select(members.c.name).where(members.c.owner == owner)) or ""

    def set_return(self, member_id: str, return_hash: str) -> None:
        """Another return code: the old one leads nowhere from now on."""
        with self._told(), self._writes.begin() as connection:
            connection.execute(update(members).where(members.c.id == member_id).values(return_hash=return_hash))

    def share(self, member_id: str, shares: bool) -> None:
        """Whether a moment of theirs may be shown to the group."""
        with self._told(), self._writes.begin() as connection:
            connection.execute(update(members).where(members.c.id == member_id).values(shares=shares))

    def forget_member(self, member: Member) -> None:
        """Remove a member, their calls and everything that was added to these, for good."""
        with self._told():
            with self._writes.begin() as connection:
                connection.execute(delete(calls).where(calls.c.owner == member.owner))
                connection.execute(delete(members).where(members.c.id == member.id))
            backend.forget(self._engine)

    # ---- attempts ----

    def claim(self, member_id: str, call_id: str, *, most: int, at: float) -> int:
        """The next attempt of that member, for that call; its number. Raises CallError when there is none left."""
        try:
            with self._told(), self._writes.begin() as connection:
                used = _begun(connection, member_id)
                if used >= most:
                    raise CallError(
                        f"you have used your {most} attempt{'' if most == 1 else 's'}: your debriefs are under Your calls"
                    )
                row = {"member_id": member_id, "number": used + 1, "call_id": call_id, "at": at}
                connection.execute(insert(attempts), row)
        except IntegrityError as error:  # they have deleted themself meanwhile
            raise CallError("that did not work: reload the page and try again") from error
        return used + 1

    def unclaim(self, member_id: str, call_id: str) -> None:
        """The call did not come about: the attempt is free again."""
        mine = (attempts.c.member_id == member_id, attempts.c.call_id == call_id)
        with self._told(), self._writes.begin() as connection:
            connection.execute(delete(attempts).where(*mine))

    def begun(self, member_id: str) -> int:
        """How many attempts the member has begun."""
        with self._told(), self._engine.begin() as connection:
            return _begun(connection, member_id)

    # ---- the room ----

    def room(self, workshop_id: str) -> list[Place]:
        """Everybody in the workshop, in the order they came."""
        of = calls.c
        theirs = (
            select(
                members.c.id.label("member_id"), of.id, of.persona_label, of.scenario_title, of.ending, of.trainee_turns,
                of.updated_at, attempts.c.number.label("attempt"),
            )
            .join(members, members.c.owner == of.owner)
            .outerjoin(attempts, (attempts.c.call_id == of.id) & (attempts.c.member_id == members.c.id))
            .where(members.c.workshop_id == workshop_id)
            .order_by(of.created_at.desc(), of.id.desc())
        )  # fmt: skip
        used = (
            select(attempts.c.member_id, func.count().label("number"))
            .join(members, members.c.id == attempts.c.member_id)
            .where(members.c.workshop_id == workshop_id)
            .group_by(attempts.c.member_id)
        )
        who = select(members).where(members.c.workshop_id == workshop_id)
        with self._told(), self._engine.begin() as connection:
            people = [_member(row) for row in connection.execute(who.order_by(members.c.joined_at, members.c.id))]
            begun: dict[str, int] = {row.member_id: row.number for row in connection.execute(used)}
            found: dict[str, list[CallSeen]] = {}
            for row in connection.execute(theirs):
                fields = dict(row._mapping)
                found.setdefault(fields.pop("member_id"), []).append(CallSeen(**fields))
        return [Place(m, begun.get(m.id, 0), tuple(found.get(m.id, ()))) for m in people]

    def last_grades(self, call_ids: Sequence[str]) -> dict[str, TurnGraded]:
        """The turn of each of these calls that was graded last, where there is one."""
        of = events.c
        last = (
            select(of.call_id, func.max(of.seq).label("seq"))
            .where(of.call_id.in_(call_ids), of.kind == "turn_graded")
            .group_by(of.call_id)
            .subquery()
        )
        wanted = select(of.call_id, of.payload).join(last, (last.c.call_id == of.call_id) & (last.c.seq == of.seq))
        with self._told(), self._engine.begin() as connection:
            rows = connection.execute(wanted).all() if call_ids else []
        found: dict[str, TurnGraded] = {}
        for call_id, payload in rows:
            event = EVENT.validate_json(payload)
            assert isinstance(event, TurnGraded)
            found[call_id] = event
        return found

    # ---- review and audit ----

    def regrade(self, given: Regrade) -> None:
        """Keep a person's grades of a turn beside the machine's. Raises StoreError if the call is gone."""
        row = {"call_id": given.call_id, "turn": given.turn, "at": given.at, "payload": given.model_dump_json()}
        try:
            with self._told(), self._writes.begin() as connection:
                connection.execute(insert(regrades), row)
        except IntegrityError as error:
            raise StoreError("this call has been deleted meanwhile") from error

    def regrades(self, call_ids: Sequence[str]) -> list[Regrade]:
        """Every re-grading of these calls, the oldest first."""
        wanted = select(regrades.c.payload).where(regrades.c.call_id.in_(call_ids)).order_by(regrades.c.id)
        with self._told(), self._engine.begin() as connection:
            return [Regrade.model_validate_json(text) for text in connection.scalars(wanted)] if call_ids else []

    def note_reading(self, workshop_id: str, reading: Reading) -> None:
        """Add a line to the audit log. Raises UnknownNameError for a workshop that is gone."""
        with self._belonging("workshop", workshop_id), self._writes.begin() as connection:
            connection.execute(insert(readings), reading.model_dump() | {"workshop_id": workshop_id})

    def note_export(self, owner: str, reading: Reading) -> None:
        """Add a line about the trainee whose calls are kept under that owner; none for whoever is not in a workshop."""
        wanted = select(members.c.id, members.c.workshop_id).where(members.c.owner == owner)
        with self._told(), self._writes.begin() as connection:
            row = connection.execute(wanted).first()
            if row is not None:
                line = reading.model_dump() | {"member_id": row.id, "workshop_id": row.workshop_id}
                connection.execute(insert(readings), line)

    def readings(self, workshop_id: str, *, member_id: str | None = None, limit: int = 500) -> list[Reading]:
        """The audit log, the newest first: of the workshop, or of what concerns that member."""
        of = readings.c
        wanted = select(of.at, of.who, of.what, of.member_id, of.call_id).where(of.workshop_id == workshop_id)
        if member_id is not None:
            wanted = wanted.where(or_(of.member_id == member_id, of.member_id == ""))
        with self._told(), self._engine.begin() as connection:
            rows = connection.execute(wanted.order_by(of.id.desc()).limit(limit)).all()
        return [Reading(**row._mapping) for row in rows]

    # ---- retention ----

    def expire(self, *, at: float) -> list[str]:
        """Delete what has been kept long enough: members' calls that were last used as many days ago as their workshop
        says, and members who have none left and joined as long ago; also calls that were begun at the moment in which
        their member was deleted. Ids of the calls that are gone."""
        gone: list[str] = []
        members_gone = 0
        with self._told():
            with self._engine.begin() as connection:
                every = [_workshop(row) for row in connection.execute(select(workshops))]
            for workshop in every:
                before = at - workshop.settings.retention_days * DAY
                theirs = select(members.c.owner).where(members.c.workshop_id == workshop.id)
                with self._writes.begin() as connection:
                    old = (calls.c.owner.in_(theirs), calls.c.updated_at < before)
                    found = list(connection.scalars(select(calls.c.id).where(*old)))
                    connection.execute(delete(calls).where(*old))
                    left = select(calls.c.id).where(calls.c.owner == members.c.owner).exists()
                    done = connection.execute(
                        delete(members).where(members.c.workshop_id == workshop.id, members.c.joined_at < before, ~left)
                    )
                gone += found
                members_gone += done.rowcount
            with self._writes.begin() as connection:
                belongs = select(members.c.id).where(members.c.owner == calls.c.owner).exists()
                lost = (calls.c.owner.startswith(owner_of(""), autoescape=True), ~belongs)
                gone += connection.scalars(select(calls.c.id).where(*lost))
                connection.execute(delete(calls).where(*lost))
                connection.execute(delete(seats).where(seats.c.expires_at <= at))
            if gone or members_gone:
                backend.forget(self._engine)
        return gone

    @contextmanager
    def _belonging(self, kind: str, name: str) -> Iterator[None]:
        """As `_told`, for a row that belongs to another one. Raises UnknownNameError if that has been deleted meanwhile."""
        try:
            with self._told():
                yield
        except IntegrityError as error:
            raise UnknownNameError(kind, name, ()) from error


def _joined(connection: Connection, workshop_id: str) -> int:
    wanted = select(func.count()).select_from(members).where(members.c.workshop_id == workshop_id)
    return connection.scalars(wanted).one()


def _begun(connection: Connection, member_id: str) -> int:
    wanted = select(func.coalesce(func.max(attempts.c.number), 0)).where(attempts.c.member_id == member_id)
    return int(connection.scalars(wanted).one())


def _seat(connection: Connection, wanted: Select[Any]) -> Seat | None:
    row = connection.execute(wanted).first()
    if row is None:
        return None
    its = connection.execute(select(workshops).where(workshops.c.id == row.workshop_id)).one()
    return Seat(member=_member(row), workshop=_workshop(its))


def _find(connection: Connection, workshop_id: str, facilitator_id: str) -> Row[Any]:
    of = workshops.c
    wanted = select(workshops).where(of.id == workshop_id, of.facilitator_id == facilitator_id)
    row = connection.execute(wanted).first() if is_id(workshop_id) else None
    if row is None:
        raise UnknownNameError("workshop", workshop_id, ())
    return row


def _member(row: Row[Any]) -> Member:
    return Member(**{name: row._mapping[name] for name in Member.model_fields})


def _workshop(row: Row[Any]) -> Workshop:
    fields = {name: row._mapping[name] for name in Workshop.model_fields if name != "settings"}
    try:
        return Workshop(**fields, settings=WorkshopSettings.model_validate_json(row.payload))
    except ValidationError as error:
        raise StoreError(
            f"the workshop {row.id} cannot be read ({shorten(str(error))}): the row is damaged, or was written by another "
            "version of this program"
        ) from error
