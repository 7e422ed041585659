"""A trainee's own page: what there is to practise, what is left of it, how it went."""

from __future__ import annotations

import json

from starlette.responses import JSONResponse, Response

from simulator.app.room.visit import HEADERS, SEAT, Visit, page, see, without_cookie
from simulator.errors import FormatError
from simulator.workshop.codes import digest
from simulator.workshop.records import Reading

MOST_CALLS = 10_000
"""More than anybody has: all of them."""


def workshop_page(visit: Visit) -> Response:
    """The workshop as this trainee sees it."""
    settings, room = visit.shop.settings, visit.room
    rows = room.rehearsals.store.calls(visit.member.owner, limit=100)
    return page(
        visit,
        "workshop.html",
        shop=visit.shop,
        left=max(0, settings.attempts - room.workshops.begun(visit.member.id)),
        callers=[room.personas[i] for i in settings.personas if i in room.personas],
        situations=[room.scenarios[i] for i in settings.scenarios if i in room.scenarios],
        rows=rows,
        given=room.workshops.regrades([row.id for row in rows]),
        lines=room.workshops.readings(visit.shop.id, member_id=visit.member.id, limit=20),
    )


def now(visit: Visit) -> Response:
    """What the facilitator says now: for the pages that show it while a call goes on."""
    shop = visit.shop
    return JSONResponse({"status": shop.status.value, "message": shop.message}, headers=HEADERS)


def share(visit: Visit) -> Response:
    """Whether a moment of theirs may be shown to the group."""
    visit.room.workshops.share(visit.member.id, visit.text("yes") == "yes")
    return see("/workshop")


def data(visit: Visit) -> Response:
    """Everything that is kept of this trainee, as one JSON file: their calls as the events they consist of."""
    room, member = visit.room, visit.member
    rows = room.rehearsals.store.calls(member.owner, limit=MOST_CALLS)
    kept = {
        "format": 1,
        "member": member.model_dump(),
        "workshop": {"title": visit.shop.settings.title, "settings": visit.shop.settings.model_dump(mode="json")},
        "attempts_begun": room.workshops.begun(member.id),
        "calls": [
            {
                "id": r.id,
                "events": [e.model_dump(mode="json") for e in room.rehearsals.store.events(r.id, owner=member.owner)],
            }
            for r in rows
        ],
        "grades_by_people": [g.model_dump(mode="json") for g in room.workshops.regrades([r.id for r in rows])],
        "read_by": [line.model_dump() for line in room.workshops.readings(visit.shop.id, member_id=member.id)],
    }
    # Whoever holds the return code can do this: the trainee sees that somebody has.
    line = Reading(at=visit.now, who=member.name, what="their own data, as a file", member_id=member.id)
    room.workshops.note_reading(visit.shop.id, line)
    text = json.dumps(kept, ensure_ascii=False, indent=1)
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="my-data.json"'}
    return Response(text, media_type="application/json", headers=headers)


def delete(visit: Visit) -> Response:
    """Away with them: name, calls, grades; for good."""
    if not visit.ticked("sure"):
        raise FormatError("tick the box to delete your data: nothing has been deleted")
    for row in visit.room.rehearsals.store.calls(visit.member.owner, limit=MOST_CALLS):
        visit.room.rehearsals.put_away(row.id)
    visit.room.workshops.forget_member(visit.member)
    return without_cookie(page(visit, "deleted.html", title=visit.shop.settings.title), SEAT)


def leave(visit: Visit) -> Response:
    """This browser forgets who sits here; with the return code the trainee comes back."""
    visit.room.workshops.stand_up(digest(visit.key))
    return without_cookie(see("/join"), SEAT)
