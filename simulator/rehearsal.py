"""Calls that are kept: a `Rehearsal` is a session whose every event is in the store before anyone sees it."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from simulator.call import Call
from simulator.debrief import Debrief, debrief
from simulator.errors import BusyError
from simulator.events import CallerSaying, CallStarted, Event, StoredEvent
from simulator.persona import Persona
from simulator.scenario import Scenario
from simulator.session import Grader, Session, Speech, branch
from simulator.store import Store
from simulator.vocabulary import Difficulty, Register

KEPT_OPEN = 256
"""Calls kept in memory; the longest unused are read from the store again."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a trainee chooses before a call. `seed` None: drawn."""

    persona: Persona
    scenario: Scenario
    difficulty: Difficulty = Difficulty.EASY
    medium: Register = Register.PHONE
    hints: bool = True
    seed: int | None = None


class Rehearsals:
    """Starts calls, finds them again, branches them. One for a process; safe to use from several threads."""

    def __init__(self, voice: Speech, evaluator: Grader, store: Store, *, own_data: Path | None = None) -> None:
        self.voice, self.evaluator, self.store = voice, evaluator, store
        self.own_data = own_data
        self._open: OrderedDict[str, Rehearsal] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, choices: Choices, *, owner: str) -> Rehearsal:
        """A new stored call, waiting for the trainee's greeting. Raises StoreError."""
        seed = secrets.randbelow(2**31) if choices.seed is None else choices.seed
        first = CallStarted(
            at=time.time(),
            persona=choices.persona,
            scenario=choices.scenario,
            difficulty=choices.difficulty,
            medium=choices.medium,
            seed=seed,
            model=self.voice.name,
            grader=self.evaluator.name,
            hints=choices.hints,
        )
        return self._create((first,), owner)

    def take_up(self, call_id: str, *, owner: str) -> Rehearsal:
        """A stored call of this owner, where it was. Raises StoreError if there is none."""
        with self._lock:
            known = self._open.get(call_id)
            if known is not None and known.owner == owner:
                self._open.move_to_end(call_id)
                return known
        events = self.store.events(call_id, owner=owner)
        return self._keep(Rehearsal(self, call_id, owner, events))

    def branch(self, call_id: str, turn: int, *, owner: str) -> Rehearsal:
        """A new call that is the old one up to trainee turn `turn`, with state and seed restored."""
        old = self.store.events(call_id, owner=owner)
        names = {"model": self.voice.name, "grader": self.evaluator.name}
        return self._create(branch(old, turn, call_id=call_id, at=time.time(), **names), owner)

    def put_away(self, call_id: str) -> None:
        """Forget the open session (the store keeps the call)."""
        with self._lock:
            self._open.pop(call_id, None)

    def _create(self, events: tuple[StoredEvent, ...], owner: str) -> Rehearsal:
        row = self.store.create(events, owner=owner)
        return self._keep(Rehearsal(self, row.id, owner, list(events)))

    def _keep(self, rehearsal: Rehearsal) -> Rehearsal:
        """That call, open: the one that another thread has opened meanwhile, if any."""
        with self._lock:
            found = self._open.setdefault(rehearsal.id, rehearsal)
            idle = [i for i, r in self._open.items() if r is not found and not r.busy]
            for call_id in idle[: max(0, len(self._open) - KEPT_OPEN)]:
                del self._open[call_id]
        return found


class Rehearsal:
    """One stored call being played. A second tab that plays on meanwhile is told so, never mixed in."""

    def __init__(self, home: Rehearsals, call_id: str, owner: str, events: list[StoredEvent]) -> None:
        self.id, self.owner = call_id, owner
        self._home = home
        self._session = Session(events, home.voice, home.evaluator, key=call_id)
        self._busy = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether somebody is playing it at this moment."""
        return self._busy.locked()

    @property
    def call(self) -> Call:
        """The call up to now."""
        return self._session.call

    @property
    def events(self) -> tuple[StoredEvent, ...]:
        """Its events up to now."""
        return tuple(self._session.events)

    def submit(self, text: str) -> Iterator[Event]:
        """One trainee turn and what follows, each event stored before it is yielded."""
        return self._stored(self._session.submit(text))

    def resume(self) -> Iterator[Event]:
        """What a cut-off turn still owes; nothing if nothing is due."""
        return self._stored(self._session.resume())

    def end(self) -> Iterator[Event]:
        """The trainee hangs up."""
        return self._stored(self._session.end())

    def pause(self, on: bool) -> Iterator[Event]:
        """Take a break, or come back."""
        return self._stored(self._session.pause(on))

    def write_note(self, text: str) -> None:
        """Keep the wrap-up note."""
        for _ in self._stored(self._session.write_note(text)):
            pass

    def debrief(self) -> Debrief:
        """What to tell the trainee about the call so far."""
        return debrief(self.call)

    def _stored(self, happening: Iterator[Event]) -> Iterator[Event]:
        if not self._busy.acquire(blocking=False):
            raise BusyError("the caller is still answering: wait a moment")
        try:
            with closing(happening):  # type: ignore[type-var]
                for event in happening:
                    if not isinstance(event, CallerSaying):
                        self._keep(event)
                    yield event
        finally:
            self._busy.release()

    def _keep(self, event: StoredEvent) -> None:
        try:
            self._home.store.append(self.id, event, seq=len(self._session.events) - 1)
        except BaseException:
            self._home.put_away(self.id)  # the session is one event ahead of the store: read the call anew next time
            raise
