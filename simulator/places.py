"""Who may be played now: so many turns at once, the others wait in line, and how many may wait has a bound.

More turns at once would not be answered sooner: each would take longer. Fair between trainees: whoever has several calls
open gets one turn of theirs played for one of everybody else's. Where the line is full a turn is turned away, but not
forgotten: it keeps its rank, and whoever comes back for it goes before those who come new.

It knows nothing of calls, models or screens: `who` and `what` are names.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from simulator.errors import FullError

AT_ONCE = 8
"""Turns played at the same time: their passes go together."""
WAITING = 100
"""Turns that may wait in line."""
KEPT = 75.0
"""Seconds that a turn which was turned away keeps its rank: a page in the background may ask only once a minute."""


class Places:
    """The line. Safe from many threads."""

    def __init__(
        self, at_once: int = AT_ONCE, waiting: int = WAITING, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`at_once` >= 1; `waiting` >= 0."""
        self.at_once, self.waiting = at_once, waiting
        self._clock = clock
        self._changed = threading.Condition()
        self._playing = 0
        self._line: OrderedDict[str, deque[Place]] = OrderedDict()
        """By trainee, in the order in which their next turn is played."""
        self._promised: OrderedDict[tuple[str, str], float] = OrderedDict()
        """Turns that were turned away, oldest first → when they were last asked for."""

    def take(self, who: str, what: str) -> Place:
        """A place for the turn of call `what` of trainee `who`: being played already, or in line. To be left. Raises FullError."""
        with self._changed:
            rank = self._rank(who, what)
            waiting = sum(map(len, self._line.values()))
            free = self.at_once - self._playing - waiting
            if rank >= free + self.waiting:
                self._promised[who, what] = self._clock()
                raise FullError(waiting + rank)
            self._promised.pop((who, what), None)
            place = Place(self, who)
            if free > 0:
                place.playing = True
                self._playing += 1
            else:
                self._line.setdefault(who, deque()).append(place)
            return place

    def _rank(self, who: str, what: str) -> int:
        """How many that were turned away, and are still asked for, go before this one."""
        late = self._clock() - KEPT
        for key in [key for key, asked in self._promised.items() if asked < late]:
            del self._promised[key]
        order = list(self._promised)
        return order.index((who, what)) if (who, what) in self._promised else len(order)

    def ahead(self, place: Place) -> int:
        """How many turns in line are played before that one. 0: it is next, or being played."""
        with self._changed:
            if place.playing or place not in self._line.get(place.who, ()):
                return 0
            before = self._line[place.who].index(place)
            count, passed = before, False
            for who, turns in self._line.items():
                passed = passed or who == place.who
                if who != place.who:
                    count += min(len(turns), before + (not passed))
            return count

    def wait(self, place: Place, seconds: float) -> bool:
        """Wait until that one may be played, at most so long. Whether it may."""
        with self._changed:
            return self._changed.wait_for(lambda: place.playing, seconds)

    def leave(self, place: Place) -> None:
        """That turn is over, or nobody waits for it any more. May be called twice."""
        with self._changed:
            if place.playing:
                place.playing = False
                self._playing -= 1
                self._next()
            elif place in (mine := self._line.get(place.who, deque())):
                mine.remove(place)
                if not mine:
                    del self._line[place.who]
            self._changed.notify_all()

    def _next(self) -> None:
        """Whoever is first goes; a trainee who has more turns waiting goes to the end with them."""
        if self._line:
            who, turns = self._line.popitem(last=False)
            turns.popleft().playing = True
            self._playing += 1
            if turns:
                self._line[who] = turns


class Place:
    """One turn's place. Only `Places` changes it."""

    def __init__(self, home: Places, who: str) -> None:
        self._home, self.who, self.playing = home, who, False

    @property
    def ahead(self) -> int:
        """How many turns in line are played before this one."""
        return self._home.ahead(self)

    def wait(self, seconds: float) -> bool:
        """Wait until it may be played, at most so long. Whether it may."""
        return self._home.wait(self, seconds)

    def leave(self) -> None:
        """The turn is over, or nobody waits for it any more. May be called twice."""
        self._home.leave(self)


__all__ = ["AT_ONCE", "Place", "Places"]
