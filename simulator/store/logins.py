"""Facilitators, the browsers they are logged in with, and wrong guesses; `Store.logins` is the way in.

Who may try a password or a code is decided here, in one transaction, before it is looked at: guesses made at once, or after
a restart, count like any others.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from simulator.errors import BusyError, DataError, UnknownNameError
from simulator.store import engine as backend
from simulator.store.tables import facilitators, guesses, logins
from simulator.workshop.records import Account, Facilitator, Role
from simulator.workshop.rules import FORGOTTEN_AFTER, Limit

_FIRST = "first"
"""Id of the first facilitator: of two that are made at once, as the first one, one is refused by the database."""


class LoginStore:
    """Made by `Store`, on its engine. Safe to use from several threads and several processes."""

    def __init__(self, engine: Engine, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine, self._told = engine, told
        self._writes = backend.writing(engine)

    # ---- facilitators ----

    def add(
        self, name: str, password: str, *, at: float, first: bool = False, role: Account = Role.FACILITATOR
    ) -> Facilitator:
        """Keep a facilitator, or a researcher; `password` is a hash. Raises DataError for a name that is taken and, with
        `first`, if there is a facilitator already."""
        row = {
            "id": _FIRST if first else uuid.uuid4().hex,
            "name": name,
            "name_key": name.casefold(),
            "role": role.value,
        }
        of = facilitators.c
        try:
            with self._told(), self._writes.begin() as connection:
                if first and connection.execute(select(of.id).where(of.role == Role.FACILITATOR)).first() is not None:
                    raise DataError("there is a facilitator already: log in, or ask them to add you")
                connection.execute(insert(facilitators), row | {"password": password, "made_at": at})
        except IntegrityError as error:
            raise DataError(f"there is already somebody called {name}") from error
        return Facilitator(id=row["id"], name=name, made_at=at, role=role)

    def everybody(self) -> list[Facilitator]:
        """Whoever can log in, the first one first."""
        of = facilitators.c
        with self._told(), self._engine.begin() as connection:
            return [_facilitator(row) for row in connection.execute(select(facilitators).order_by(of.made_at, of.id))]

    def facilitators(self) -> list[Facilitator]:
        """Those who run workshops."""
        return [one for one in self.everybody() if one.role is Role.FACILITATOR]

    def find(self, name: str) -> tuple[Facilitator, str] | None:
        """Who has that name, in upper or lower case, and the hash of their password."""
        wanted = select(facilitators).where(facilitators.c.name_key == name.casefold())
        with self._told(), self._engine.begin() as connection:
            row = connection.execute(wanted).first()
        return (_facilitator(row), str(row.password)) if row is not None else None

    def set_password(self, name: str, password: str) -> None:
        """Another password (a hash): every browser they are logged in with is logged out. Raises UnknownNameError."""
        with self._told(), self._writes.begin() as connection:
            row = _named(connection, name)
            connection.execute(update(facilitators).where(facilitators.c.id == row.id).values(password=password))
            connection.execute(delete(logins).where(logins.c.facilitator_id == row.id))

    # ---- browsers ----

    def log_in(self, facilitator_id: str, key_hash: str, *, at: float, until: float) -> None:
        """That browser is theirs `until` then."""
        row = {"key_hash": key_hash, "facilitator_id": facilitator_id, "made_at": at, "expires_at": until}
        with self._told(), self._writes.begin() as connection:
            connection.execute(delete(logins).where(logins.c.expires_at <= at))
            connection.execute(insert(logins), row)

    def logged_in(self, key_hash: str, *, at: float) -> Facilitator | None:
        """Whose browser that is."""
        wanted = (
            select(facilitators)
            .join(logins, logins.c.facilitator_id == facilitators.c.id)
            .where(logins.c.key_hash == key_hash, logins.c.expires_at > at)
        )
        with self._told(), self._engine.begin() as connection:
            row = connection.execute(wanted).first()
        return _facilitator(row) if row is not None else None

    def log_out(self, key_hash: str) -> None:
        """That browser is nobody's any more."""
        with self._told(), self._writes.begin() as connection:
            connection.execute(delete(logins).where(logins.c.key_hash == key_hash))

    # ---- guesses ----

    def knock(self, limits: Mapping[str, Limit], *, at: float) -> None:
        """Count a guess for each of these names or addresses, as if it were wrong. Raises BusyError, counting nothing,
        where one of them has to wait. `answered` takes it back once the guess was right."""
        with (
            self._told(),
            self._writes.begin() as connection,
        ):  # writers take turns: none reads what another is changing
            for what, limit in limits.items():
                _count(connection, what, limit, at)

    def answered(self, *what: str, forget: bool = False) -> None:
        """The last guess was right, so it does not count; with `forget`, the wrong ones before it neither."""
        change = {"wrong": 0 if forget else guesses.c.wrong - 1, "next_at": 0.0}
        with self._told(), self._writes.begin() as connection:
            connection.execute(update(guesses).where(guesses.c.what.in_(what), guesses.c.wrong > 0).values(change))

    def forget_guesses(self, *, before: float) -> None:
        """Drop what was guessed before then."""
        with self._told():
            with self._writes.begin() as connection:
                done = connection.execute(delete(guesses).where(guesses.c.at < before))
            if done.rowcount:  # they name network addresses
                backend.forget(self._engine)


def _count(connection: Connection, what: str, limit: Limit, at: float) -> None:
    of = guesses.c
    seen = connection.execute(select(guesses).where(of.what == what)).first()
    if seen is None:
        connection.execute(insert(guesses), {"what": what, "wrong": 1, "at": at, "next_at": at + limit.wait(1)})
        return
    if seen.next_at > at:
        raise BusyError(f"too many wrong guesses: try again in {_seconds(seen.next_at - at)}")
    wrong = 1 if at - seen.at > FORGOTTEN_AFTER else seen.wrong + 1
    change = {"wrong": wrong, "at": at, "next_at": at + limit.wait(wrong)}
    connection.execute(update(guesses).where(of.what == what).values(change))


def _seconds(wait: float) -> str:
    return f"{wait:.0f} seconds" if wait < 90 else f"{wait / 60:.0f} minutes"


def _named(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(select(facilitators).where(facilitators.c.name_key == name.casefold())).first()
    if row is None:
        known = connection.scalars(select(facilitators.c.name))
        raise UnknownNameError("facilitator", name, known, next_command="simulator facilitator list")
    return row


def _facilitator(row: Row[Any]) -> Facilitator:
    role: Account = Role.RESEARCHER if row.role == Role.RESEARCHER else Role.FACILITATOR
    return Facilitator(id=row.id, name=row.name, made_at=row.made_at, role=role)
