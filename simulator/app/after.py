"""The debrief screen in motion: shown at once, better words when they are found, and what can be downloaded."""

from __future__ import annotations

import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator

from simulator.app.debrief_view import debrief_page, side_by_side
from simulator.app.identity import Browser
from simulator.app.views import View, banner, puzzled, signal
from simulator.assessment import Assessment
from simulator.call import Call, fold
from simulator.coaching import Suggestion, suggest
from simulator.debrief import debrief
from simulator.errors import CallError, FormatError, SimulatorError
from simulator.rehearsal import Rehearsal, Rehearsals
from simulator.report import mood_svg, render, transcript_jsonl
from simulator.transcript import Speaker, Turn
from simulator.workshop.records import Regrade

_log = logging.getLogger(__name__)
KEPT = 512
"""Suggestions kept in memory: looking for one costs several gradings."""


class After:
    """Draws debriefs. Safe to use from several threads."""

    def __init__(self, rehearsals: Rehearsals) -> None:
        self._rehearsals = rehearsals
        self._found: OrderedDict[tuple[str, int], Suggestion | None] = OrderedDict()
        self._lock = threading.Lock()

    def show(self, browser: Browser, rehearsal: Rehearsal, *, focus: str = "") -> Iterator[View]:
        """The debrief screen; then, if there is a weak turn, once more with better words for it."""
        call, told = _over(rehearsal), rehearsal.debrief()
        turn = told.weakest_turn
        looking = turn is not None and (rehearsal.id, turn) not in self._found
        yield {
            "me": browser.at(rehearsal.id).kept,
            "debrief": self._page(browser, rehearsal, looking=looking, opening=True),
            "signal": signal(focus=focus) if focus else signal(screen="after", title="Debrief"),
            "banner": banner(),
        }
        if looking and turn is not None:
            looked = self._look(rehearsal.id, call, turn)
            yield {"debrief": self._page(browser, rehearsal, failed=not looked)}

    def forget(self, call_id: str) -> None:
        """Drop what was found for a call."""
        with self._lock:
            for key in [k for k in self._found if k[0] == call_id]:
                del self._found[key]

    def _known(self, rehearsal: Rehearsal, turn: int | None) -> Suggestion | None:
        with self._lock:
            return None if turn is None else self._found.get((rehearsal.id, turn))

    def _page(
        self,
        browser: Browser,
        rehearsal: Rehearsal,
        *,
        looking: bool = False,
        failed: bool = False,
        opening: bool = False,
    ) -> str:
        call, told = rehearsal.call, rehearsal.debrief()
        found = self._known(rehearsal, told.weakest_turn)
        return debrief_page(
            rehearsal.id,
            call,
            told,
            chart=mood_svg(told.mood),
            better=found.better if found is not None else "",
            looking=looking,
            failed=failed,
            opening=opening,
            beside=self._beside(rehearsal, call),
            marks=browser.ways.marks,
            regrades=self._by_people(rehearsal),
        )

    def _by_people(self, rehearsal: Rehearsal) -> list[Regrade]:
        """What facilitators have said about the grades of that call."""
        return self._rehearsals.store.workshops.regrades([rehearsal.id])

    def _beside(self, rehearsal: Rehearsal, call: Call) -> str:
        """Both endings, once a branched call is over. Nothing if the old call has been deleted."""
        origin = call.start.branched_from
        if origin is None or call.ended is None:
            return ""
        try:
            old = fold(self._rehearsals.store.events(origin.call_id, owner=rehearsal.owner))
        except SimulatorError:
            return ""
        return side_by_side(old, debrief(old), call, rehearsal.debrief(), origin.turn)

    def _look(self, call_id: str, call: Call, turn: int) -> bool:
        """Look for better words for the turn, graded as the turn was, and keep what comes of it. False if the grader
        could not be asked: then nothing is kept, and the next debrief looks again."""
        before, brief = call.transcript.before(turn), call.start.scenario.brief

        def grade(text: str) -> Assessment:
            return self._rehearsals.evaluator.grade(
                Turn(turn, Speaker.TRAINEE, text), before, brief, cache_key=f"{call_id}:better"
            )

        try:
            found = suggest(call, turn, grade)
        except SimulatorError as error:
            _log.warning("no better words looked for: %s", error)
            return False
        except Exception:
            puzzled()
            return False
        with self._lock:
            self._found[call_id, turn] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return True

    def download(self, rehearsal: Rehearsal, what: str) -> View:
        """An order to the page to save a file. It goes straight to the browser: nothing stays on the server's disk."""
        call, told = _over(rehearsal), rehearsal.debrief()
        name = re.sub(r"[^a-z0-9]+", "-", f"{call.start.persona.id}-{call.start.scenario.id}".lower())
        if what == "html":
            text = render(call, told, self._known(rehearsal, told.weakest_turn), self._by_people(rehearsal))
            file, kind = f"debrief-{name}.html", "text/html"
        elif what == "jsonl":
            text = transcript_jsonl(call, self._by_people(rehearsal))
            file, kind = f"transcript-{name}.jsonl", "application/x-ndjson"
        else:
            raise FormatError("there is the debrief (html) and the transcript (jsonl) to download")
        return {"signal": signal(download={"name": file, "type": kind, "text": text}), "banner": banner()}


def _over(rehearsal: Rehearsal) -> Call:
    """The call, once it is over: a debrief tells what the caller holds back, and in an exam the grades."""
    if rehearsal.call.ended is None:
        raise CallError("this call is not over: its debrief comes when it has ended")
    return rehearsal.call
