"""The calls of the workshop that a page is about."""

from __future__ import annotations

from simulator.app.room.visit import Visit
from simulator.gathering import gather
from simulator.workshop.group import Played


def played(visit: Visit, *, call: str | None = None, member: str | None = None) -> tuple[Played, ...]:
    """Those that count (`call`, `member`: that one, or that trainee's, if it is among them)."""
    return gather(visit.room.rehearsals.store, visit.shop.id, call=call, member=member).played
