"""Calls that are kept: a `Rehearsal` is a session whose every event is in the store before anyone sees it.

What a trainee said is stored before the turn takes its place in line (`places.py`), so no turn is lost to a full machine.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from simulator.assessment import Assessment
from simulator.call import Call, Due
from simulator.consent import ask_first
from simulator.debrief import Debrief, debrief
from simulator.errors import BusyError, UnknownNameError
from simulator.evaluator.second_opinion import Failed, SecondOpinion
from simulator.events import FLEETING, CallerSpoke, CallStarted, Event, StoredEvent, TurnWaits
from simulator.models.base import still_wanted
from simulator.opinions import TOO_BUSY, Job, Opinions
from simulator.persona import Persona
from simulator.places import Place, Places
from simulator.scenario import Scenario
from simulator.session import Grader, Session, Speech, branch
from simulator.store import Store
from simulator.vocabulary import Difficulty, Intensity, Register

KEPT_OPEN = 256
"""Calls kept in memory; the longest unused are read from the store again."""
LOOK, TELL = 1.0, 8.0
"""Seconds after which a turn in line looks up; after which it says where it stands even if nothing has changed."""
_COMPUTED = frozenset({Due.GRADE, Due.MOVE, Due.WORDS})
"""What is due while the models work for a turn."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a trainee chooses before a call. `seed` None: drawn; `consented`: to a harsh caller (`consent.py`)."""

    persona: Persona
    scenario: Scenario
    difficulty: Difficulty = Difficulty.EASY
    medium: Register = Register.PHONE
    hints: bool = True
    seed: int | None = None
    intensity: Intensity = Intensity.REALISTIC
    consented: bool = False


class Rehearsals:
    """Starts calls, finds them again, branches them. One for a process; safe to use from several threads."""

    def __init__(
        self,
        voice: Speech,
        evaluator: Grader,
        store: Store,
        *,
        own_data: Path | None = None,
        second: SecondOpinion | None = None,
        places: Places | None = None,
    ) -> None:
        """`second`: who gives second opinions, in the background; `close` then, before the store is closed. `places`: how many
        turns are played at once, and may wait."""
        self.voice, self.evaluator = voice, evaluator
        self.store, self.own_data, self.places = store, own_data, places or Places()
        self.opinions: Opinions | None = None
        self.ask_for_opinions(second)
        self._open: OrderedDict[str, Rehearsal] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether voice and evaluator are there: what they are asked before is answered then."""
        return True

    def until_ready(self) -> None:
        """Wait for both. Raises why they never will be there."""

    def ask_for_opinions(self, second: SecondOpinion | None) -> None:
        """Who gives second opinions from now on, if anybody."""
        self.opinions = Opinions(second) if second is not None else None

    def start(self, choices: Choices, *, owner: str, call_id: str | None = None) -> Rehearsal:
        """A new stored call, waiting for the trainee's greeting; `call_id`: under that id. Raises StoreError, and CallError
        without a consent that it needs."""
        ask_first(choices.intensity, choices.consented, "Agree to it, or choose another setting")
        seed = secrets.randbelow(2**31) if choices.seed is None else choices.seed
        first = CallStarted(
            at=time.time(),
            persona=choices.persona,
            scenario=choices.scenario,
            difficulty=choices.difficulty,
            intensity=choices.intensity,
            consented=choices.consented and choices.intensity is Intensity.HARSH,
            medium=choices.medium,
            seed=seed,
            model=self.voice.name,
            grader=self.evaluator.name,
            hints=choices.hints,
        )
        return self._create((first,), owner, call_id)

    def take_up(self, call_id: str, *, owner: str) -> Rehearsal:
        """A stored call of this owner, where it was, also if another process has played on with it. Raises StoreError,
        and UnknownNameError if there is none (any more)."""
        with self._lock:
            known = self._open.get(call_id)
        if known is not None and known.owner == owner and self._is_current(known):
            with self._lock:
                if call_id in self._open:
                    self._open.move_to_end(call_id)
            return known
        events = self.store.events(call_id, owner=owner)
        return self._keep(Rehearsal(self, call_id, owner, events))

    def _is_current(self, known: Rehearsal) -> bool:
        """Whether that open session has all that the store has. One that has not is put away."""
        if known.busy:
            return True  # if another process plays, too, one of the two is refused when it stores its next event
        try:
            length = self.store.call(known.id, owner=known.owner).length
        except UnknownNameError:
            self.put_away(known.id)
            raise
        if length <= len(known.events):
            return True
        with self._lock:
            if self._open.get(known.id) is known:
                del self._open[known.id]
        return False

    def branch(self, call_id: str, turn: int, *, owner: str) -> Rehearsal:
        """A new call that is the old one up to trainee turn `turn`, with state and seed restored."""
        old = self.store.events(call_id, owner=owner)
        names = {"model": self.voice.name, "grader": self.evaluator.name}
        return self._create(branch(old, turn, call_id=call_id, at=time.time(), **names), owner)

    def put_away(self, call_id: str) -> None:
        """Forget the open session (the store keeps the call)."""
        with self._lock:
            self._open.pop(call_id, None)

    def playing(self, rehearsal: Rehearsal) -> AbstractContextManager[None]:
        """While a turn of that call is played, what is done in the background waits: second opinions."""
        return self.opinions.playing() if self.opinions is not None else nullcontext()

    def close(self) -> None:
        """Stop asking for second opinions. Models and store stay open: they belong to whoever opened them."""
        if self.opinions is not None:
            self.opinions.close()

    def _create(self, events: tuple[StoredEvent, ...], owner: str, call_id: str | None = None) -> Rehearsal:
        row = self.store.create(events, owner=owner, call_id=call_id)
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
    """One stored call being played. A second tab or another process that plays on meanwhile is told so, never mixed in."""

    def __init__(self, home: Rehearsals, call_id: str, owner: str, events: list[StoredEvent]) -> None:
        self.id, self.owner = call_id, owner
        self._home = home
        self._session = Session(events, home.voice, home.evaluator, key=call_id)
        self._busy = threading.Lock()
        self._opinions: deque[tuple[int, Assessment | Failed]] = deque()
        """Second opinions that wait to be stored."""
        self._storing = threading.RLock()
        """Held as long as storing one keeps the call busy: a turn that comes then waits, and is not refused. Of the kind
        that one thread may take twice, because a turn that nobody follows any more ends wherever it is collected."""

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
        """One trainee turn and what follows, each event stored before it is yielded. Raises FullError where the turn is kept
        but cannot be answered now: `resume` does so later."""
        return self._stored(self._in_line(self._session.submit(text)))

    def resume(self) -> Iterator[Event]:
        """What a cut-off turn still owes; nothing if nothing is due. Raises FullError as `submit`."""
        return self._stored(self._in_line(self._session.resume()))

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

    def take_opinion(self, turn: int, given: Assessment | Failed) -> None:
        """Store a second opinion on trainee turn `turn`: at once, or when the turn being played is over."""
        self._opinions.append((turn, given))
        self._store_opinions()

    def _in_line(self, happening: Iterator[Event]) -> Iterator[Event]:
        """The same, with a place among the turns being played for as long as the models work for it."""
        place: Place | None = None
        try:
            with closing(happening):  # type: ignore[type-var]
                while True:
                    if place is None and self.call.due in _COMPUTED:
                        self._home.until_ready()  # without a place: nobody is ahead of those who wait for the models
                        place = self._home.places.take(self.owner, self.id)
                        yield from self._waiting(place)
                    still_wanted()
                    event = next(happening, None)
                    if place is not None and self.call.due not in _COMPUTED:
                        place.leave()
                    if event is None:
                        return
                    yield event
        finally:
            if place is not None:
                place.leave()

    def _waiting(self, place: Place) -> Iterator[TurnWaits]:
        """Where that turn stands in line, until it may be played."""
        told, at = -1, 0.0
        while not place.wait(LOOK if told >= 0 else 0.0):
            still_wanted()
            ahead = place.ahead
            if ahead != told or time.monotonic() - at >= TELL:
                told, at = ahead, time.monotonic()
                yield TurnWaits(turn=len(self.call.transcript) - 1, ahead=ahead)

    def _stored(self, happening: Iterator[Event]) -> Iterator[Event]:
        with self._storing:
            free = self._busy.acquire(blocking=False)
        if not free:
            raise BusyError("the caller is still answering: wait a moment")
        try:
            with self._home.playing(self), closing(happening):  # type: ignore[type-var]
                for event in happening:
                    if not isinstance(event, FLEETING):
                        self._keep(event)
                    if isinstance(event, CallerSpoke):
                        self._ask_for_opinion(event.turn - 1)
                    yield event
        finally:
            self._busy.release()
            self._store_opinions()

    def _ask_for_opinion(self, turn: int) -> None:
        """The caller has answered that trainee turn: now another model may look at it, if there is one."""
        home, call = self._home, self.call
        if home.opinions is None or turn not in call.grades:
            return

        def tell(given: Assessment | Failed) -> None:
            # The call may have been put away and opened anew meanwhile: only the one that is open may go on.
            home.take_up(self.id, owner=self.owner).take_opinion(turn, given)

        before, brief = call.transcript.before(turn), call.start.scenario.brief
        if not home.opinions.ask(Job(call.transcript.turns[turn], before, brief, tell)):
            self._opinions.append((turn, TOO_BUSY))

    def _store_opinions(self) -> None:
        """Store what waits, unless a turn is being played: then that turn does, when it is over. Never raises: the call
        does not hang on it."""
        while self._opinions:
            with self._storing:
                if not self._busy.acquire(blocking=False):
                    return
                try:
                    while self._opinions:
                        self._store_opinion(*self._opinions.popleft())
                finally:
                    self._busy.release()

    def _store_opinion(self, turn: int, given: Assessment | Failed) -> None:
        assert self._home.opinions is not None
        session, before, length = self._session, self._session.call, len(self._session.events)
        try:
            for event in session.second_opinion(turn, self._home.opinions.second.model_name, given):
                assert not isinstance(event, FLEETING)
                self._home.store.append(self.id, event, seq=length)
        except Exception as error:
            del session.events[length:]  # as if it had not been given: the call goes on where it was
            session.call = before
            _log.warning("a second opinion could not be kept: %s", error)

    def _keep(self, event: StoredEvent) -> None:
        try:
            self._home.store.append(self.id, event, seq=len(self._session.events) - 1)
        except BaseException:
            self._home.put_away(self.id)  # the session is one event ahead of the store: read the call anew next time
            raise
