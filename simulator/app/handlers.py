"""What every event of the page does. Each handler asks the gate who the browser is, and asks for calls as that owner: another
browser's call is as unknown as one that never was. A trainee in a workshop plays by its rules, checked at every event."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from simulator.app.after import After
from simulator.app.call_view import notes, stage
from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, Keys
from simulator.app.history_view import history
from simulator.app.identity import Browser, newcomer
from simulator.app.markup import esc, icon
from simulator.app.play import finishing, handover_draft, opened, playing, shown
from simulator.app.progress import alone
from simulator.app.setup_view import WAITS, form, preview
from simulator.app.topbar import TITLE, topbar
from simulator.app.views import View, banner, getting_ready, guarded, signal
from simulator.consent import ask_first
from simulator.errors import CallError, DataError, FormatError, SimulatorError, UnknownNameError
from simulator.gathering import gather_own
from simulator.measured import curve_of
from simulator.persona import Persona
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.scenario import Scenario
from simulator.session import clean
from simulator.vocabulary import Difficulty, Intensity, Register
from simulator.workshop.progress import steps
from simulator.workshop.rules import allowed
from simulator.workshop.rules import playing as playing_now

PAGE = 20
"""Calls on one page of the history."""
_NEED_A_CALLER = ("start", "same-again", "branch")
"""What waits for the models where they are still being opened."""
_FIRST = ("furious_repeated_failure", "telecom_double_billing")
"""What is chosen when the page opens, if it is there."""
Data = Mapping[str, Any]


class Handlers:
    """The page's events as generators of views. One for a process; keeps nothing between two events."""

    def __init__(self, rehearsals: Rehearsals, gate: Gate | None = None, known: Catalogue | None = None) -> None:
        """`gate`: who comes in; without one everybody does. `known`: whom and what there is to choose."""
        self.rehearsals = rehearsals
        self.gate = gate or Gate(rehearsals.store)
        known = known or Catalogue(rehearsals)
        self.personas, self.scenarios = known.personas, known.scenarios
        self.after = After(rehearsals)
        self._acts: dict[str, Callable[[Browser, Data], Iterator[View]]] = {
            "pick": self._pick, "start": self._start, "new": self._new, "history": self._history, "page": self._history,
            "open": self._open, "go-on": self._go_on, "delete": self._delete, "hold": self._hold, "unhold": self._hold,
            "transfer": self._transfer, "end": self._end, "debrief": self._debrief, "resume": self._resume,
            "branch": self._branch, "same-again": self._same_again, "note": self._note, "note-check": self._note_check,
            "download": self._download, "progress": self._progress,
        }  # fmt: skip

    def load(self, kept: Any, keys: Keys = Keys()) -> Iterator[View]:
        """The page was opened or reloaded: go on where this browser was."""
        yield from guarded(self._load(kept, keys))

    def send(self, kept: Any, text: Any, turns: Any = None, keys: Keys = Keys()) -> Iterator[View]:
        """The trainee says `text` in the call the browser is in, of which the page shows so many turns."""
        yield from guarded(self._send(kept, text, turns, keys))

    def act(self, kept: Any, data: Any, typed: Any = "", keys: Keys = Keys()) -> Iterator[View]:
        """A button or choice: `data["do"]` names it, the rest is what it is about. `typed`: the text box."""
        yield from guarded(self._act(kept, data, typed, keys))

    def _load(self, kept: Any, keys: Keys) -> Iterator[View]:
        browser = self.gate.known(kept, keys)
        fresh = browser is None
        browser = browser or newcomer()
        if browser.seat is not None:
            yield {"bar": topbar(TITLE, workshop=browser.seat.workshop.settings.title)}
        elif self.gate.may_tune(keys):
            yield {"bar": topbar(TITLE, lab=True)}
        yield {"me": browser.kept, "setup": self.form(browser), "preview": self._preview(browser, {})}
        deliberate = isinstance(kept, dict) and kept.get("call") == ""
        found = None if fresh else self._current(browser, deliberate=deliberate)
        if found is None:
            waits = not self.rehearsals.ready
            yield self._before(browser, waits=waits)
            if waits:
                self.rehearsals.until_ready()
                yield {"resume": self._to_resume(browser)}  # no more: whoever has begun a call meanwhile stays in it
        elif found.call.ended:
            yield from self.after.show(browser, found)
        else:
            yield opened(browser, found)
            yield from finishing(self.rehearsals, found)

    def _current(self, browser: Browser, *, deliberate: bool) -> Rehearsal | None:
        """The call the browser was in; else its newest unfinished one, unless it has left that one on purpose."""
        if browser.call_id:
            try:
                return self.rehearsals.take_up(browser.call_id, owner=browser.owner)
            except SimulatorError:
                pass
        open_call = None if deliberate else self._unfinished(browser)
        try:
            return self.rehearsals.take_up(open_call, owner=browser.owner) if open_call else None
        except SimulatorError:  # it cannot be read: "Go on" will say why; other calls can still be taken
            return None

    def _unfinished(self, browser: Browser) -> str | None:
        rows = self.rehearsals.store.calls(browser.owner, limit=PAGE)
        return next((r.id for r in rows if r.ending is None), None)

    def form(self, browser: Browser) -> str:
        """The form of the first screen."""
        callers, situations = self._offered(browser)
        return form(callers, situations, *_first(callers, situations), browser.ways)

    def _offered(self, browser: Browser) -> tuple[Mapping[str, Persona], Mapping[str, Scenario]]:
        """Whom and what this browser may choose. Raises DataError if there is nothing left of what a workshop chose."""
        if browser.seat is None:
            return self.personas, self.scenarios
        chosen = browser.seat.workshop.settings
        callers = {i: p for i, p in self.personas.items() if i in chosen.personas}
        situations = {i: s for i, s in self.scenarios.items() if i in chosen.scenarios}
        if not callers or not situations:
            raise DataError(
                "the callers or situations of this workshop are not on this server any more: tell your facilitator"
            )
        return callers, situations

    def _before(self, browser: Browser, *, waits: bool = False) -> View:
        """The first screen. `waits`: the models are still being opened."""
        resume = (WAITS if waits else "") + self._to_resume(browser)
        return {"me": browser.at("").kept, "resume": resume, "signal": signal(screen="before"), "banner": banner()}

    def _to_resume(self, browser: Browser) -> str:
        rows = self.rehearsals.store.calls(browser.owner, limit=PAGE)
        row = next((r for r in rows if r.ending is None), None)
        return (
            f'<div class="resume"><span>Your call with <b>{esc(row.caller_name)}</b> is not finished.</span>'
            f'<button type="button" class="btn small" data-act="go-on" data-call="{esc(row.id)}" id="resume-call">'
            f"{icon('play')} Go on</button></div>"
            if row is not None
            else ""
        )

    def _send(self, kept: Any, text: Any, turns: Any, keys: Keys) -> Iterator[View]:
        browser = self.gate.recognised(kept, keys)
        if not isinstance(text, str):
            raise FormatError("what you say has to be text")
        rehearsal = self._call(browser, {})
        if turns and str(turns) != str(len(rehearsal.call.transcript)):
            yield shown(rehearsal)
            raise CallError("this call has gone on in another window: look at it first")
        _now_is_the_time(browser)
        yield from playing(self.rehearsals, rehearsal, rehearsal.submit(text))

    def _act(self, kept: Any, data: Any, typed: Any, keys: Keys) -> Iterator[View]:
        browser = self.gate.recognised(kept, keys)
        if not isinstance(data, dict) or str(data.get("do")) not in self._acts:
            raise FormatError("the page asked for something unknown: reload it")
        if data["do"] in _NEED_A_CALLER and not self.rehearsals.ready:
            yield {"banner": getting_ready("your call begins")}
        yield from self._acts[str(data["do"])](browser, {**data, "typed": typed if isinstance(typed, str) else ""})

    def _call(self, browser: Browser, data: Data) -> Rehearsal:
        """The call that an event is about: named by the page, else the one the browser is in. Only ever the owner's."""
        call_id = str(data.get("call") or browser.call_id)
        if not call_id:
            raise CallError("there is no call going on: choose one first")
        return self.rehearsals.take_up(call_id, owner=browser.owner)

    def _choices(self, browser: Browser, data: Data) -> Choices:
        callers, situations = self._offered(browser)
        first, ways = _first(callers, situations), browser.ways
        persona = _named("persona", callers, data.get("persona") or first[0])
        scenario = _named("scenario", situations, data.get("scenario") or first[1])
        seed = str(data.get("seed") or "").strip()
        if seed and not (seed.isascii() and seed.isdigit() and len(seed) <= 9):
            raise FormatError("the seed must be a whole number of at most nine digits, or empty")
        try:
            difficulty = Difficulty(data.get("difficulty") or ways.difficulty)
            intensity = Intensity(data.get("intensity") or ways.intensity)
            medium = Register(data.get("register") or ways.register)
        except ValueError as error:
            raise FormatError("choose a difficulty, how harsh the caller may get, and phone or chat") from error
        return Choices(
            persona,
            scenario,
            difficulty,
            medium,
            hints=data.get("mode") != "exam" if ways.hints is None else ways.hints,
            seed=int(seed) if seed else None,
            intensity=intensity,
            consented=data.get("consented") is True,
        )

    def _preview(self, browser: Browser, data: Data) -> str:
        chosen = self._choices(browser, {**data, "seed": ""})
        return preview(
            chosen.persona,
            chosen.scenario,
            chosen.difficulty,
            exam=not chosen.hints,
            intensity=chosen.intensity,
            curve=curve_of(chosen.persona),
            marks=browser.ways.marks,
        )

    def _pick(self, browser: Browser, data: Data) -> Iterator[View]:
        yield {"preview": self._preview(browser, data)}

    def _start(self, browser: Browser, data: Data) -> Iterator[View]:
        chosen = self._choices(browser, data)
        if chosen.persona.content_note.strip() and data.get("accepted") is not True:
            raise CallError("read the content note and tick it before you take this call")
        ask_first(chosen.intensity, chosen.consented, "Tick the box below that note, or choose another setting")
        yield opened(browser, self._begun(browser, chosen))

    def _begun(self, browser: Browser, chosen: Choices) -> Rehearsal:
        """A new call; in a workshop, one that its rules allow and that counts as an attempt."""
        seat = browser.seat
        if seat is None:
            return self.rehearsals.start(chosen, owner=browser.owner)
        _now_is_the_time(browser)
        allowed(
            seat.workshop.settings,
            persona=chosen.persona.id,
            scenario=chosen.scenario.id,
            difficulty=chosen.difficulty,
            medium=chosen.medium,
            intensity=chosen.intensity,
            hints=chosen.hints,
        )
        kept, call_id = self.rehearsals.store.workshops, uuid.uuid4().hex
        kept.claim(seat.member.id, call_id, most=seat.workshop.settings.attempts, at=time.time())
        try:
            return self.rehearsals.start(chosen, owner=browser.owner, call_id=call_id)
        except BaseException:
            kept.unclaim(seat.member.id, call_id)
            raise

    def _same_again(self, browser: Browser, data: Data) -> Iterator[View]:
        start = self._call(browser, data).call.start
        chosen = Choices(
            start.persona,
            start.scenario,
            start.difficulty,
            start.medium,
            start.hints,
            intensity=start.intensity,
            consented=start.consented,
        )
        yield opened(browser, self._begun(browser, chosen))

    def _new(self, browser: Browser, _data: Data) -> Iterator[View]:
        yield self._before(browser)

    def _history(self, browser: Browser, data: Data) -> Iterator[View]:
        page = _number(data.get("page")) or 0
        yield {
            **self._past(browser, page),
            "signal": signal(screen="history", focus="history-title"),
            "banner": banner(),
        }

    def _past(self, browser: Browser, page: int) -> View:
        store = self.rehearsals.store
        rows = store.calls(browser.owner, limit=PAGE, offset=page * PAGE)
        return {"history": history(rows, store.count(browser.owner), page, PAGE)}

    def _progress(self, browser: Browser, _data: Data) -> Iterator[View]:
        done = steps(gather_own(self.rehearsals.store, browser.owner).played)
        callers, _ = self._offered(browser)
        told = alone(done, browser.ways.marks, browser.ways.difficulties, callers)
        yield {"history": told, "signal": signal(screen="history", focus="history-title"), "banner": banner()}

    def _delete(self, browser: Browser, data: Data) -> Iterator[View]:
        call_id = str(data.get("call") or "")
        self.rehearsals.store.delete(call_id, browser.owner)
        self.rehearsals.put_away(call_id)
        self.after.forget(call_id)
        view = self._past(browser, 0)
        if call_id == browser.call_id:
            view["me"] = browser.at("").kept
        yield {**view, "banner": banner(), "signal": signal(focus="history-title", announce="The call is deleted.")}

    def _go_on(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        if rehearsal.call.ended:
            yield from self.after.show(browser, rehearsal)
            return
        yield opened(browser, rehearsal)
        yield from finishing(self.rehearsals, rehearsal)

    def _resume(self, browser: Browser, data: Data) -> Iterator[View]:
        """The call that the page shows has stood still for long, or failed: go on, if nobody is playing it."""
        rehearsal = self._call(browser, data)
        if data.get("again") is not True:  # asked for by itself, while the machine is full: the page stays as it is
            yield {**shown(rehearsal), "banner": banner()}
        yield from finishing(self.rehearsals, rehearsal, patience=0)

    def _open(self, browser: Browser, data: Data) -> Iterator[View]:
        yield from self.after.show(browser, self._call(browser, data))

    def _debrief(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        _keep_note(rehearsal, data)
        yield from self.after.show(browser, rehearsal)

    def _hold(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        for _ in rehearsal.pause(data["do"] == "hold"):
            pass
        view: View = {"stage": stage(rehearsal.id, rehearsal.call), "banner": banner()}
        yield {**view, "signal": signal(focus="hold" if data["do"] == "hold" else "say")}

    def _transfer(self, browser: Browser, data: Data) -> Iterator[View]:
        scenario = self._call(browser, data).call.start.scenario
        yield {"say": handover_draft(scenario, data["typed"]), "signal": signal(focus="say")}

    def _end(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        _keep_note(rehearsal, data)
        for _ in rehearsal.end():
            pass
        yield shown(rehearsal)
        yield from self.after.show(browser, rehearsal)

    def _branch(self, browser: Browser, data: Data) -> Iterator[View]:
        turn = _number(data.get("turn"))
        if turn is None:
            raise FormatError("the page did not say which turn to try again: reload it")
        _now_is_the_time(browser)
        if browser.seat is not None and not browser.seat.workshop.settings.hints:
            raise CallError("in an exam no turn is tried again")
        old = self._call(browser, data)
        yield opened(browser, self.rehearsals.branch(old.id, turn, owner=browser.owner))

    def _note(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        _keep_note(rehearsal, data)
        yield {"notes": notes(rehearsal.id, rehearsal.call, "Saved")}

    def _note_check(self, browser: Browser, data: Data) -> Iterator[View]:
        rehearsal = self._call(browser, data)
        _keep_note(rehearsal, data)
        yield from self.after.show(browser, rehearsal, focus="check-note")

    def _download(self, browser: Browser, data: Data) -> Iterator[View]:
        yield self.after.download(self._call(browser, data), str(data.get("what")))


def _number(value: Any) -> int | None:
    """A whole number as a page sends it, in at most five digits."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _keep_note(rehearsal: Rehearsal, data: Data) -> None:
    """Store the note the page sent along, if it says something new."""
    text = data.get("text")
    if isinstance(text, str) and clean(text) != rehearsal.call.note:
        rehearsal.write_note(text)


def _now_is_the_time(browser: Browser) -> None:
    """Raises CallError while the browser's workshop, if it is in one, has not begun, is paused or is over."""
    if browser.seat is not None:
        playing_now(browser.seat.workshop)


def _first(callers: Mapping[str, Persona], situations: Mapping[str, Scenario]) -> tuple[str, str]:
    """What is chosen when the page opens."""
    return (
        _FIRST[0] if _FIRST[0] in callers else next(iter(callers)),
        _FIRST[1] if _FIRST[1] in situations else next(iter(situations)),
    )


T = TypeVar("T", Persona, Scenario)


def _named(kind: str, known_ones: Mapping[str, T], name: Any) -> T:
    found = known_ones.get(str(name))
    if found is None:
        raise UnknownNameError(kind, str(name), known_ones)
    return found
