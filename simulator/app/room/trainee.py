"""A trainee's own page: what there is to practise, what is left of it, how it went."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from simulator.app.room.visit import HEADERS, SEAT, Visit, page, see, without_cookie
from simulator.workshop.codes import digest


def workshop_page(visit: Visit) -> Response:
    """The workshop as this trainee sees it."""
    settings, room = visit.shop.settings, visit.room
    return page(
        visit,
        "workshop.html",
        shop=visit.shop,
        left=max(0, settings.attempts - room.workshops.begun(visit.member.id)),
        callers=[room.personas[i] for i in settings.personas if i in room.personas],
        situations=[room.scenarios[i] for i in settings.scenarios if i in room.scenarios],
        rows=room.rehearsals.store.calls(visit.member.owner, limit=100),
    )


def now(visit: Visit) -> Response:
    """What the facilitator says now: for the pages that show it while a call goes on."""
    shop = visit.shop
    return JSONResponse({"status": shop.status.value, "message": shop.message}, headers=HEADERS)


def share(visit: Visit) -> Response:
    """Whether a moment of theirs may be shown to the group."""
    visit.room.workshops.share(visit.member.id, visit.text("yes") == "yes")
    return see("/workshop")


def leave(visit: Visit) -> Response:
    """This browser forgets who sits here; with the return code the trainee comes back."""
    visit.room.workshops.stand_up(digest(visit.key))
    return without_cookie(see("/join"), SEAT)
