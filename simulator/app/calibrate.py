"""What every event of the calibration page does. A browser sees its own sets only; the scale in use is everybody's.

The machine grades a turn in the background once it has been rated. Nothing of its grades leaves before `finish`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from simulator.app.calibrate_view import NOT_APPLICABLE, all_rated, home, rating, scale_card, waiting
from simulator.app.gate import Gate, Keys
from simulator.app.identity import Browser, newcomer
from simulator.app.results_view import page as results_page
from simulator.app.views import View, banner, guarded, signal
from simulator.calibration.records import Levels, Rating, RatingSession, TurnToRate
from simulator.calibration.results import Results, results
from simulator.calibration.scaled import machine_of
from simulator.calibration.turns import ENOUGH, Candidate, draw, own
from simulator.call import fold
from simulator.errors import CallError, DataError, FormatError, SimulatorError
from simulator.rehearsal import Rehearsals
from simulator.session import Grader, clean
from simulator.vocabulary import Dimension, TurnsFrom

_log = logging.getLogger(__name__)
MOST_CALLS = 200
"""Stored calls that turns are drawn from, the newest."""
TITLE = "Compare your grading"
Data = Mapping[str, Any]


class Studio:
    """The page's events as generators of views. One for a process; keeps nothing between two events."""

    def __init__(self, rehearsals: Rehearsals, gate: Gate | None = None, *, shared: bool = False) -> None:
        """`gate`: who comes in; without one everybody does. `shared`: others than the owner of this machine can open the page, so that the scale is chosen at the terminal."""
        self._gate, self._shared = gate or Gate(rehearsals.store), shared
        self._rehearsals, self._store = rehearsals, rehearsals.store.calibration
        self._behind = ThreadPoolExecutor(max_workers=1, thread_name_prefix="calibration")
        self._acts: dict[str, Callable[[Browser, Data], Iterator[View]]] = {
            "home": self._home, "begin": self._begin, "go-on": self._go_on, "rate": self._rate, "back": self._back,
            "enough": self._enough, "again": self._again, "finish": self._finish, "results": self._results,
            "discard": self._discard, "adopt": self._adopt, "use": self._use,
        }  # fmt: skip

    def close(self) -> None:
        """Let the grading that is going on behind come to its end; what waits is left for the results screen."""
        self._behind.shutdown(wait=True, cancel_futures=True)

    def load(self, kept: Any, keys: Keys = Keys()) -> Iterator[View]:
        """The page was opened or reloaded."""
        yield from guarded(self._load(kept, keys))

    def act(self, kept: Any, data: Any, keys: Keys = Keys()) -> Iterator[View]:
        """A button: `data["do"]` names it, the rest is what it is about."""
        yield from guarded(self._act(kept, data, keys))

    def _load(self, kept: Any, keys: Keys) -> Iterator[View]:
        browser = self._gate.machine_owner(kept, keys) or newcomer()
        yield {"me": browser.kept}
        yield from self._home(browser, {})

    def _act(self, kept: Any, data: Any, keys: Keys) -> Iterator[View]:
        browser = self._gate.machine_owner(kept, keys)
        if browser is None:
            raise CallError("this browser has no identity yet: reload the page")
        if not isinstance(data, dict) or str(data.get("do")) not in self._acts:
            raise FormatError("the page asked for something unknown: reload it")
        yield from self._acts[str(data["do"])](browser, data)

    @property
    def _machine(self) -> Grader:
        return machine_of(self._rehearsals.evaluator)

    # ---- the first screen ----

    def _home(self, browser: Browser, _data: Data) -> Iterator[View]:
        rows = self._store.sessions(browser.owner)
        names = {"rater": rows[0].rater, "organisation": rows[0].organisation} if rows else {}
        markup = home(rows, len(self._own(browser)), self._scale(), **names)
        yield _shown(markup)

    def _scale(self) -> str:
        store = self._store
        return scale_card(store.active(), store.maps(), store.history(), self._machine.name)

    def _own(self, browser: Browser) -> list[Candidate]:
        """Graded turns of the calls that this browser has taken: another browser's calls are nobody else's business."""
        store, found = self._rehearsals.store, list[Candidate]()
        for row in store.calls(browser.owner, limit=MOST_CALLS):
            if row.ending is not None:
                try:
                    found += own([(row.id, fold(store.events(row.id)))])
                except SimulatorError as error:
                    _log.warning("call %s gives no turns to rate: %s", row.id, error)
        return found

    def _begin(self, browser: Browser, data: Data) -> Iterator[View]:
        seed, candidates = secrets.randbelow(2**31), None
        source = TurnsFrom.OWN if data.get("source") == TurnsFrom.OWN else TurnsFrom.SHIPPED
        if source is TurnsFrom.OWN:
            candidates = self._own(browser)
            if len(candidates) < ENOUGH:
                raise DataError(f"there are only {len(candidates)} graded turns of finished calls in this browser")
        try:
            session = RatingSession(
                id=secrets.token_hex(16),
                owner=browser.owner,
                rater=clean(str(data.get("rater") or "")).replace("\n", " "),
                organisation=clean(str(data.get("organisation") or "")).replace("\n", " "),
                source=source,
                seed=seed,
                made_at=time.time(),
                turns=draw(seed, candidates=candidates),
            )
        except ValidationError as error:
            raise FormatError("write your name and your organisation, at most 60 characters each") from error
        self._store.begin(session)
        yield self._at(session, 0)

    def _discard(self, browser: Browser, data: Data) -> Iterator[View]:
        self._store.delete(str(data.get("what")), browser.owner)
        yield from self._home(browser, data)

    # ---- rating ----

    def _session(self, browser: Browser, data: Data) -> RatingSession:
        return self._store.session(str(data.get("what") or data.get("session")), owner=browser.owner)

    def _at(self, session: RatingSession, position: int) -> View:
        given = self._store.ratings(session.id)
        if position >= len(session.turns):
            return _shown(all_rated(session, len(given)))
        levels = given[position].levels if position in given else None
        enough = len(given) >= ENOUGH and len(given) < len(session.turns)
        return _shown(rating(session, position, levels, len(given), may_finish=enough))

    def _go_on(self, browser: Browser, data: Data) -> Iterator[View]:
        session = self._session(browser, data)
        yield self._at(session, self._next(session, 0))

    def _next(self, session: RatingSession, start: int) -> int:
        """The first turn without a rating, from `start` on and then from the beginning; the number of turns if none."""
        given, total = self._store.ratings(session.id), len(session.turns)
        order = [*range(start, total), *range(start)]
        return next((p for p in order if p not in given), total)

    def _rate(self, browser: Browser, data: Data) -> Iterator[View]:
        session, position = self._session(browser, data), _number(data.get("position"))
        again = position in self._store.ratings(session.id)
        self._keep(browser, session, position, _levels(data))
        # On the way through turns that are looked at again, the next one; else the next that is still to be rated.
        yield self._at(session, position + 1 if again else self._next(session, position + 1))

    def _back(self, browser: Browser, data: Data) -> Iterator[View]:
        session, position = self._session(browser, data), _number(data.get("position"))
        with suppress(FormatError):  # not every question has its answer yet
            self._keep(browser, session, position, _levels(data))
        yield self._at(session, max(0, position - 1))

    def _keep(self, browser: Browser, session: RatingSession, position: int, levels: Levels) -> None:
        """Store the rating, unless it says what was stored before; and let the machine grade the turn meanwhile."""
        known_one = self._store.ratings(session.id).get(position)
        if known_one is None or known_one.levels != levels or session.finished_at is not None:
            one = Rating(position=position, at=time.time(), levels=levels)
            self._store.rate(session.id, one, owner=browser.owner)
        self._behind.submit(self._quietly_graded, session.id, session.turns[position])

    def _again(self, browser: Browser, data: Data) -> Iterator[View]:
        yield self._at(self._session(browser, data), 0)

    def _enough(self, browser: Browser, data: Data) -> Iterator[View]:
        session = self._session(browser, data)
        yield _shown(all_rated(session, len(self._store.ratings(session.id))))

    # ---- results ----

    def _finish(self, browser: Browser, data: Data) -> Iterator[View]:
        session = self._session(browser, data)
        given = len(self._store.ratings(session.id))
        if given < min(ENOUGH, len(session.turns)):
            raise DataError(f"only {given} turns are rated: the results come after {min(ENOUGH, len(session.turns))}")
        self._store.finish(session.id, owner=browser.owner)
        yield from self._results(browser, data)

    def _results(self, browser: Browser, data: Data, notice: str = "") -> Iterator[View]:
        session = self._finished(browser, data)
        yield from self._grading(session)
        markup = results_page(session, self._found(session), self._store.active(), self._scale(), notice)
        yield _shown(markup, announce=notice)

    def _finished(self, browser: Browser, data: Data) -> RatingSession:
        session = self._session(browser, data)
        if session.finished_at is None:
            raise DataError("this set is not finished: the machine's grades come after the last turn")
        return session

    def _found(self, session: RatingSession) -> Results:
        grader = self._machine.name
        ratings, grades = self._store.ratings(session.id), self._store.grades(session.id, grader)
        return results(session, ratings, grades, grader=grader, at=time.time())

    def _grading(self, session: RatingSession) -> Iterator[View]:
        """Have the machine grade what it has not graded yet, saying how far it is. A turn it cannot grade is left out."""
        given = self._store.ratings(session.id)
        turns = {session.turns[p].id: session.turns[p] for p in given}
        have = self._store.grades(session.id, self._machine.name)
        for done, turn in enumerate(turns.values()):
            if turn.id not in have:
                yield {"studio": waiting(done, len(turns)), "banner": banner()}
                self._behind.submit(self._quietly_graded, session.id, turn).result()  # in turn: none is graded twice

    def _quietly_graded(self, session_id: str, turn: TurnToRate) -> None:
        try:
            if turn.id not in self._store.grades(session_id, self._machine.name):
                grades = self._machine.grade(turn.spoken, turn.transcript, turn.brief)
                self._store.keep_grade(session_id, turn.id, grades)
        except SimulatorError as error:
            _log.warning("turn %s of a rating session was not graded: %s", turn.id, error)
        except Exception:
            _log.exception("turn %s of a rating session was not graded", turn.id)

    # ---- the scale ----

    def _adopt(self, browser: Browser, data: Data) -> Iterator[View]:
        self._only_here("adopt")
        session = self._finished(browser, data)
        offsets = self._found(session).offsets
        if not offsets.maps:
            raise DataError("there is nothing to move: no dimension would come nearer to your ratings")
        kept = self._store.adopt(offsets, by=session.rater)
        yield from self._results(
            browser, data, f"{kept.label} is in use: every grade from now on is on it and names it."
        )

    def _only_here(self, command: str) -> None:
        """A scale counts for everybody, so on a page that others can reach nobody may choose it."""
        if self._shared:
            raise DataError(
                f"this page is open to other machines, so the scale is chosen where it runs: simulator calibration {command}"
            )

    def _use(self, browser: Browser, data: Data) -> Iterator[View]:
        self._only_here("revert")
        mine = self._store.sessions(browser.owner)
        label = str(data.get("what") or "") or None
        self._store.use(label, by=mine[0].rater if mine else "somebody at this page")
        session = str(data.get("session") or "")
        notice = f"{label} is in use." if label else "Grades are on the machine's own scale again."
        if session:
            yield from self._results(browser, {"what": session}, notice)
            return
        for view in self._home(browser, data):
            yield {**view, "signal": signal(screen="calibrate", title=TITLE, focus="calibrate-title", announce=notice)}


def _shown(markup: str, announce: str = "") -> View:
    order = signal(
        screen="calibrate", title=TITLE, focus="calibrate-title", **({"announce": announce} if announce else {})
    )
    return {"studio": markup, "signal": order, "banner": banner()}


def _number(value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise FormatError("the page did not say which turn this is: reload it")
    return int(text)


def _levels(data: Data) -> Levels:
    """The form's answers. Raises FormatError naming the dimension that has none."""
    found = Levels()
    for dimension in Dimension:
        answer = str(data.get(dimension.value) or "")
        if answer == NOT_APPLICABLE and dimension is not Dimension.CALMNESS:
            found[dimension] = None
        elif answer in {"1", "2", "3", "4", "5"}:
            found[dimension] = int(answer)
        else:
            raise FormatError(f"choose a level for {dimension.value} too, then go on")
    return found
