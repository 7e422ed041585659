"""The call screen in motion: a turn as a sequence of views, each drawn from the call as it then is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from simulator.app.call_view import mood, notes, stage
from simulator.app.identity import Browser
from simulator.app.record_view import desk
from simulator.app.views import View, banner, getting_ready, puzzled, signal
from simulator.call import Due
from simulator.errors import BusyError, FullError, SimulatorError
from simulator.events import CallerSaying, CallerSpoke, CandidateRefused, Event, TraineeSpoke, TurnWaits
from simulator.models.base import GivenUp
from simulator.rehearsal import Rehearsal, Rehearsals
from simulator.scenario import Scenario

BUSY_SECONDS = 60.0
"""How long a reloaded page waits for the turn that its former self is still playing."""

WAIT = 0.5
"""Seconds between two attempts."""


def opened(browser: Browser, rehearsal: Rehearsal) -> View:
    """The call screen, whole."""
    call = rehearsal.call
    return {
        "me": browser.at(rehearsal.id).kept,
        "banner": banner(),
        "stage": stage(rehearsal.id, call, opening=True),
        "desk": desk(call.start.scenario),
        "mood": mood(rehearsal.id, call, opening=True),
        "notes": notes(rehearsal.id, call, opening=True),
        "say": "",
        "signal": signal(screen="during", focus="say", title=call.start.persona.name),
    }


def playing(
    rehearsals: Rehearsals, rehearsal: Rehearsal, happening: Iterator[Event], *, began: bool = False
) -> Iterator[View]:
    """One turn, or (`began`) the rest of one. The text box is emptied only once its words are in the call."""
    sent: int | None = None
    waits = not rehearsals.ready
    try:
        with closing(happening):  # type: ignore[type-var]
            for event in happening:
                began = True
                sent = event.turn if isinstance(event, TraineeSpoke) else sent
                view = _after(rehearsal, event, sent)
                if waits and isinstance(event, TraineeSpoke):
                    view = {**view, "banner": getting_ready("you are answered")}
                elif waits and rehearsals.ready:
                    view, waits = {**view, "banner": banner()}, False
                if view:
                    yield view
    except GivenUp:  # the page has gone; whoever comes back goes on with it
        return
    except FullError as error:
        yield _full(rehearsals, rehearsal, error, sent)
        return
    except SimulatorError as error:
        yield _stopped(rehearsals, rehearsal, str(error), began, sent)
        return
    except Exception:
        yield _stopped(rehearsals, rehearsal, puzzled(), began, sent)
        return
    call = rehearsal.call
    yield {
        **shown(rehearsal, sent),
        "banner": banner(),
        "signal": signal(call=rehearsal.id, focus="to-debrief" if call.ended else "say"),
    }


def shown(rehearsal: Rehearsal, sent: int | None = None) -> View:
    """The call as it now is."""
    return {"stage": stage(rehearsal.id, rehearsal.call, sent=sent), "mood": mood(rehearsal.id, rehearsal.call)}


def _after(rehearsal: Rehearsal, event: Event, sent: int | None) -> View:
    """The screen after one event. Every stage says what was `sent`: the page may skip some of them."""
    call = rehearsal.call
    if isinstance(event, CandidateRefused):
        return {}
    saying = event.text if isinstance(event, CallerSaying) else ""
    ahead = event.ahead if isinstance(event, TurnWaits) else None
    view: View = {"stage": stage(rehearsal.id, call, playing=True, saying=saying, sent=sent, ahead=ahead)}
    match event:
        case CallerSaying() | TurnWaits():
            return view
        case CallerSpoke():
            said = f"{call.start.persona.name} said: {event.text}"
            return {**view, "signal": signal(call=rehearsal.id, announce=said)}
        case TraineeSpoke():
            return {**view, "banner": banner()}
    return {**view, "mood": mood(rehearsal.id, call)}


def _stopped(rehearsals: Rehearsals, rehearsal: Rehearsal, why: str, began: bool, sent: int | None = None) -> View:
    """The screen after an error: as the store has the call, with a way to try again if a turn is left unfinished."""
    try:
        rehearsal = rehearsals.take_up(rehearsal.id, owner=rehearsal.owner)
    except SimulatorError:
        return {"banner": banner(why)}
    if not began and rehearsal.call.due not in (Due.TRAINEE, Due.NOTHING):
        return {"banner": banner(why)}
    call = rehearsal.call
    unfinished = call.due not in (Due.TRAINEE, Due.NOTHING)
    failed = f"Your words are kept. {why[:1].upper()}{why[1:].rstrip('.')}." if unfinished else ""
    view = {"stage": stage(rehearsal.id, call, failed=failed, sent=sent), "mood": mood(rehearsal.id, call)}
    return {**view, "banner": banner(why)}


def _full(rehearsals: Rehearsals, rehearsal: Rehearsal, error: FullError, sent: int | None = None) -> View:
    """The screen of a turn that is kept and cannot even wait in line: the page asks for it again by itself."""
    call = rehearsals.take_up(rehearsal.id, owner=rehearsal.owner).call
    return {"stage": stage(rehearsal.id, call, sent=sent, full=error.ahead), "banner": banner()}


def finishing(rehearsals: Rehearsals, rehearsal: Rehearsal, *, patience: float = BUSY_SECONDS) -> Iterator[View]:
    """What a cut-off turn still owes. Waits while the page's former self (a reload) is still letting go of it, but no
    longer than `patience` seconds: the page asks again."""
    until = time.monotonic() + patience
    waits = rehearsal.call.due not in (Due.TRAINEE, Due.NOTHING) and not rehearsals.ready
    if waits:
        yield {"banner": getting_ready("you are answered")}
    while rehearsal.call.due not in (Due.TRAINEE, Due.NOTHING):
        happening = rehearsal.resume()
        try:
            first = next(happening, None)
        except BusyError:
            if time.monotonic() >= until:
                if waits and rehearsals.ready:
                    yield {"banner": banner()}
                return
            time.sleep(WAIT)
            rehearsal = rehearsals.take_up(rehearsal.id, owner=rehearsal.owner)
            yield {"stage": stage(rehearsal.id, rehearsal.call)}
            continue
        except GivenUp:
            return
        except FullError as error:
            yield _full(rehearsals, rehearsal, error)
            return
        except SimulatorError as error:
            yield _stopped(rehearsals, rehearsal, str(error), True)
            return
        except Exception:
            yield _stopped(rehearsals, rehearsal, puzzled(), True)
            return
        if first is not None:
            view = _after(rehearsal, first, None)
            if view:
                yield {**view, "banner": banner()}
        yield from playing(rehearsals, rehearsal, happening, began=True)
        return
    yield {**shown(rehearsal), "banner": banner()}


def handover_draft(scenario: Scenario, typed: str) -> str:
    """A hand-over sentence for the text box, after whatever is typed there."""
    draft = (
        f"I would like to put you through to {_desk_name(scenario.handover)}, because they can decide this. I will "
        "tell them "
        "everything you have told me, so that you do not have to repeat it. Is that all right with you?"
    )
    return f"{typed.rstrip()} {draft}" if typed.strip() else draft


def _desk_name(handover: str) -> str:
    """Whom a hand-over goes to: `Farida Lowe, Major Claims Desk`, or `our Payments Care (team lead Imran Holt)`."""
    parts, depth = [""], 0
    for sign in handover:
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and sign in ":.;":
            break
        if depth == 0 and sign == ",":
            parts.append("")
        else:
            parts[-1] += sign
    bracketed = "(" in parts[0]
    name = parts[0].strip() if bracketed else ",".join(parts[:2]).strip()
    if not name or len(name) > 90:
        return "my supervisor"
    return f"our {name}" if bracketed else name
