"""Calls that count, read from a store and folded, with what people have said about their grades: a workshop's, for its pages,
its reports and its archive alike; and one owner's. A call that cannot be read is left out, logged, and named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from simulator.call import fold
from simulator.errors import SimulatorError
from simulator.events import StoredEvent
from simulator.store import Store
from simulator.workshop.group import Played
from simulator.workshop.records import Member, Regrade

Stream: TypeAlias = Sequence[StoredEvent]
Given: TypeAlias = tuple[Regrade, ...]
First: TypeAlias = Callable[[Member, Stream, Given], tuple[Stream, Given]]
LATEST = 100
"""Calls of somebody's own that are looked at."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was `played`, by trainee in the order in which they joined, then by attempt; `left_out`: ids of calls that cannot
    be read."""

    played: tuple[Played, ...]
    left_out: tuple[str, ...]


def _as_it_is(_whose: Member, stream: Stream, given: Given) -> tuple[Stream, Given]:
    return stream, given


def gather(
    store: Store,
    workshop_id: str,
    *,
    call: str | None = None,
    member: str | None = None,
    first: First = _as_it_is,
) -> Gathered:
    """Every call of the workshop that counts (`call`, `member`: that one, or that trainee's, if it is among them). `first` is
    done to each before it is folded: its trainee, its events and the grades by people go in."""
    counted = [
        (place.member, seen.id, seen.attempt)
        for place in store.workshops.room(workshop_id)
        for seen in place.calls
        if seen.attempt is not None and call in (None, seen.id) and member in (None, place.member.id)
    ]
    return _read(store, counted, first)


def gather_own(store: Store, owner: str) -> Gathered:
    """The finished ones among the `LATEST` calls of that owner, in the order in which they were begun; a second try from
    some turn does not count. Their number is their place among these."""
    rows = [r for r in store.calls(owner, limit=LATEST) if r.parent_id is None and r.ending is not None]
    whose = Member(id=owner, workshop_id="", owner=owner, name="", joined_at=0.0)
    return _read(store, [(whose, row.id, place) for place, row in enumerate(reversed(rows), 1)], _as_it_is)


def _read(store: Store, counted: Sequence[tuple[Member, str, int]], first: First) -> Gathered:
    given = store.workshops.regrades([call_id for _, call_id, _ in counted])
    found, left_out = list[Played](), list[str]()
    for whose, call_id, attempt in counted:
        try:
            theirs = tuple(g for g in given if g.call_id == call_id)
            stream, theirs = first(whose, store.events(call_id, owner=whose.owner), theirs)
            found.append(Played(whose, attempt, call_id, fold(stream), theirs))
        except SimulatorError as error:
            _log.warning("call %s is left out: %s", call_id, error)
            left_out.append(call_id)
    found.sort(key=lambda one: (one.member.joined_at, one.member.id, one.attempt))
    return Gathered(tuple(found), tuple(left_out))


__all__ = ["Gathered", "gather", "gather_own"]
