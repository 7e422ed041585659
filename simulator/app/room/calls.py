"""The calls of a workshop that count, read and folded, with what people have said about their grades."""

from __future__ import annotations

import logging

from simulator.app.room.visit import Visit
from simulator.call import fold
from simulator.errors import SimulatorError
from simulator.workshop.group import Played

_log = logging.getLogger(__name__)


def played(visit: Visit, *, call: str | None = None, member: str | None = None) -> list[Played]:
    """Every call of the workshop that counts (`call`, `member`: that one, or that trainee's, if it is among them), with what
    people have said about its grades; one that cannot be read is left out, and logged."""
    counted = [
        (p.member, c)
        for p in visit.room.workshops.room(visit.shop.id)
        for c in p.calls
        if c.attempt is not None and call in (None, c.id) and member in (None, p.member.id)
    ]
    given = visit.room.workshops.regrades([c.id for _, c in counted])
    found: list[Played] = []
    for whose, seen in counted:
        assert seen.attempt is not None
        try:
            folded = fold(visit.room.rehearsals.store.events(seen.id, owner=whose.owner))
        except SimulatorError as error:
            _log.warning("call %s is not in the results: %s", seen.id, error)
            continue
        theirs = tuple(g for g in given if g.call_id == seen.id)
        found.append(Played(whose, seen.attempt, seen.id, folded, theirs))
    return sorted(found, key=lambda one: (one.member.joined_at, one.member.id, one.attempt))
