"""Progress of somebody who practises alone: only their own finished calls, and what to practise next."""

from __future__ import annotations

from typing import Any

from pagekit import SCRIPT, checked, played, together

from simulator.app.handlers import Handlers
from simulator.app.progress import alone
from simulator.app.ways import EVERYTHING
from simulator.gathering import gather_own
from simulator.persona import personas
from simulator.rehearsal import Rehearsals
from simulator.workshop.progress import steps

pytest_plugins = ["pagefixtures"]


def begun(handlers: Handlers, *said: str, persona: str = "demanding", me: Any = None) -> dict[str, str]:
    """A browser (`me`: that one) in which so much has been said to that caller; the call is over."""
    me = me or together(handlers.load(None))["me"]
    me = together(handlers.act(me, {"do": "start", "persona": persona, "seed": "7"}))["me"]
    for text in said:
        together(handlers.send(me, text))
    together(handlers.act(me, {"do": "end"}))
    return dict(me)


def progress(handlers: Handlers, me: Any) -> str:
    view = together(handlers.act(me, {"do": "progress"}))
    assert "&quot;screen&quot;: &quot;history&quot;" in view["signal"]
    checked(view["history"])
    return str(view["history"])


def test_before_the_first_finished_call_it_says_what_will_stand_here(handlers: Handlers) -> None:
    me = together(handlers.load(None))["me"]
    assert "No finished call yet" in progress(handlers, me)
    me = together(handlers.act(me, {"do": "start", "persona": "demanding", "seed": "7"}))["me"]
    together(handlers.send(me, "Good morning."))
    assert "No finished call yet" in progress(handlers, me)  # it goes on


def test_one_sees_how_ones_own_calls_went_and_what_comes_next(handlers: Handlers) -> None:
    me = begun(handlers, "Please calm down.", "Calm down, I said.")
    me = begun(handlers, "Good morning.", f"I will see to it. {SCRIPT}", persona="anxious", me=me)
    page = progress(handlers, me)
    assert "2 finished calls," in page
    assert page.count("<polyline") == 3  # closing never applied
    assert "still wins" in page and "What to practise next" in page
    assert page.index("1. ") < page.index("2. ")
    assert "<script>" not in page and "see to it" not in page  # numbers, no words of a call
    assert "ertificate" not in page and "Choose a call" in page


def test_no_other_browsers_calls_are_in_it_and_second_tries_do_not_count(handlers: Handlers) -> None:
    mine = begun(handlers, "Good morning.", "I will see to it.")
    begun(handlers, "Please calm down.", persona="furious_repeated_failure")
    again = together(handlers.act(mine, {"do": "branch", "turn": "2"}))["me"]
    together(handlers.send(again, "Calm down."))
    together(handlers.act(again, {"do": "end"}))
    page = progress(handlers, again)
    assert "1 finished call," in page
    assert personas()["furious_repeated_failure"].label not in page
    forged = {"owner": "f" * 32, "call": mine["call"]}
    assert "No finished call yet" in progress(handlers, forged)


def test_a_call_that_was_deleted_is_no_progress(handlers: Handlers) -> None:
    me = begun(handlers, "Good morning.", "I will see to it.")
    assert "1 finished call," in progress(handlers, me)
    together(handlers.act(me, {"do": "delete", "call": me["call"]}))
    assert "No finished call yet" in progress(handlers, me)


def test_what_is_missed_most_is_named(rehearsals: Rehearsals) -> None:
    call = played(rehearsals, "Please calm down.", "Calm down.")
    for _ in call.end():
        pass
    done = steps(gather_own(rehearsals.store, "o").played)
    assert [step.played.attempt for step in done] == [1]
    page = alone(done, EVERYTHING.marks, EVERYTHING.difficulties, personas())
    assert "asked for and not used" in page


def test_the_start_page_and_the_list_of_calls_lead_there(handlers: Handlers) -> None:
    view = together(handlers.load(None))
    assert 'data-act="progress"' in view["setup"]
    me = begun(handlers, "Good morning.")
    assert 'data-act="progress"' in together(handlers.act(me, {"do": "history"}))["history"]
