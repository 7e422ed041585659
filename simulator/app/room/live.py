"""The room of one workshop: who is there and how far they are, the code on the wall, and the facilitator's few levers."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import segno
from markupsafe import Markup
from starlette.responses import Response

from simulator.app.room.visit import Visit, page, see
from simulator.errors import CallError
from simulator.events import TurnGraded
from simulator.pdf import available
from simulator.store.workshops import CallSeen, Place
from simulator.workshop.codes import RETURN, digest, new_code
from simulator.workshop.records import Member, Reading, Regrade, Status, Workshop, one_line
from simulator.workshop.review import Levels, of_turn

LONGEST_MESSAGE = 300
"""Characters of a message to everybody."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trainee as the room sees them: `state` is waiting, calling or done (no attempt is left, or the workshop has ended
    after they had one); `call` the one they are in, or were last; `levels` of the turn that was graded last in it, a person's
    where there is one, `machine` the evaluator's alone; `quiet` the seconds since anything happened in it."""

    member: Member
    state: str
    begun: int
    call: CallSeen | None
    levels: Levels
    machine: Levels
    quiet: float


def rows(visit: Visit) -> list[Row]:
    """Everybody in the room, now. No words: numbers only."""
    places = visit.room.workshops.room(visit.shop.id)
    last = {p.member.id: _current(p) for p in places}
    calls = [c.id for c in last.values() if c is not None]
    grades, given = visit.room.workshops.last_grades(calls), visit.room.workshops.regrades(calls)
    return [_row(visit, p, last[p.member.id], grades, given) for p in places]


def _current(place: Place) -> CallSeen | None:
    """The call that the trainee is in: the one in which something happened last, of those that go on if there are any."""
    going_on = [c for c in place.calls if c.ending is None]
    return max(going_on or place.calls, key=lambda c: c.updated_at, default=None)


def _row(
    visit: Visit, place: Place, call: CallSeen | None, grades: Mapping[str, TurnGraded], given: Sequence[Regrade]
) -> Row:
    calling = call is not None and call.ending is None and visit.shop.status is not Status.ENDED
    most = visit.shop.settings.attempts if visit.shop.status is not Status.ENDED else 1
    state = "calling" if calling else "done" if place.begun >= most else "waiting"
    machine, levels = Levels(), Levels()
    if call is not None and call.id in grades:
        machine = dict(grades[call.id].assessment.levels)
        levels = of_turn(machine, grades[call.id].turn, [g for g in given if g.call_id == call.id])
    quiet = visit.now - call.updated_at if call is not None else 0.0
    return Row(place.member, state, place.begun, call, levels, machine, quiet)


def room_page(visit: Visit, back: str = "", whose: str = "") -> Response:
    """The room, whole. `back`: a new return code for `whose`, shown this once."""
    return page(
        visit,
        "room.html",
        shop=visit.shop,
        rows=rows(visit),
        address=join_address(visit),
        qr=qr(join_address(visit)),
        back=back,
        whose=whose,
        pdf=available(),
    )


def room_live(visit: Visit) -> Response:
    """The part of the room that changes by itself."""
    return page(visit, "room_live.html", shop=visit.shop, rows=rows(visit))


def wall_page(visit: Visit) -> Response:
    """For the wall: the code, how many are where, and nobody's name."""
    address = join_address(visit)
    return page(visit, "wall.html", shop=visit.shop, rows=rows(visit), address=address, qr=qr(address))


def wall_live(visit: Visit) -> Response:
    """The part of the wall that changes by itself."""
    return page(visit, "wall_live.html", shop=visit.shop, rows=rows(visit))


def pause(visit: Visit) -> Response:
    """Everybody stops, or goes on: turns that are being answered are finished, new ones are refused until then."""
    at = visit.now if visit.text("on") == "yes" else None

    def paused(shop: Workshop) -> Workshop:
        if shop.status not in (Status.OPEN, Status.PAUSED):
            raise CallError("only a workshop that is open can be paused")
        return shop.model_copy(update={"paused_at": at})

    return _changed(visit, paused)


def message(visit: Visit) -> Response:
    """What everybody sees at the top of their page; empty takes it away."""
    try:
        text = one_line(visit.text("message", most=LONGEST_MESSAGE))
    except ValueError:
        text = ""
    return _changed(visit, lambda shop: shop.model_copy(update={"message": text}))


def join_address(visit: Visit) -> str:
    """Where trainees join, as their browsers have to be sent there: whoever looks at this page on the server's own machine
    has it under a name by which no other machine finds it."""
    origin = visit.room.outside if visit.here and visit.room.outside else visit.origin
    return f"{origin}/join/{visit.shop.join_code}"


def qr(address: str) -> Markup:
    """The address as a QR code: SVG, drawn here."""
    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=True,
        omitsize=True,
        border=2,
        dark="#000",
        light="#fff",
        svgclass="qr",
        lineclass=None,
    )
    return Markup(drawn.getvalue().decode("ascii"))  # squares only: nothing of the address is in it as text


def start(visit: Visit) -> Response:
    """Calls may begin. Once it has ended, it goes on."""
    return _changed(
        visit, lambda shop: shop.model_copy(update={"opened_at": shop.opened_at or visit.now, "ended_at": None})
    )


def end(visit: Visit) -> Response:
    """Nobody joins and no call goes on any more; debriefs stay."""
    return _changed(visit, lambda shop: shop.model_copy(update={"ended_at": visit.now, "paused_at": None}))


def new_return_code(visit: Visit) -> Response:
    """For a trainee who has lost theirs. Whoever has seen it could come in as them, so they are told that somebody has."""
    member = visit.room.workshops.member(visit.text("member"), visit.shop.id)
    back = new_code(RETURN)
    seen = Reading(at=visit.now, who=visit.host.name, what="a new return code, to pass on", member_id=member.id)
    visit.room.workshops.note_reading(visit.shop.id, seen)
    visit.room.workshops.set_return(member.id, digest(back))
    return room_page(visit, back, member.name)


def _changed(visit: Visit, how: Callable[[Workshop], Workshop]) -> Response:
    visit.room.workshops.change(visit.shop.id, visit.host.id, lambda shop, _joined: how(shop))
    return see(f"/room/w/{visit.shop.id}")
