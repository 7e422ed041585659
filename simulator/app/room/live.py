"""The room of one workshop: who is there and how far they are, the code on the wall, and the facilitator's few levers."""

from __future__ import annotations

import io

import segno
from markupsafe import Markup
from starlette.responses import Response

from simulator.app.room.visit import Visit, page, see
from simulator.workshop.codes import RETURN, digest, new_code
from simulator.workshop.records import Workshop


def room_page(visit: Visit, back: str = "", whose: str = "") -> Response:
    """The room, whole. `back`: a new return code for `whose`, shown this once."""
    return page(
        visit,
        "room.html",
        shop=visit.shop,
        places=visit.room.workshops.room(visit.shop.id),
        address=join_address(visit),
        qr=qr(join_address(visit)),
        back=back,
        whose=whose,
    )


def join_address(visit: Visit) -> str:
    """Where trainees join, as their browsers have to be sent there."""
    return f"{visit.origin}/join/{visit.shop.join_code}"


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
        visit, visit.shop.model_copy(update={"opened_at": visit.shop.opened_at or visit.now, "ended_at": None})
    )


def end(visit: Visit) -> Response:
    """Nobody joins and no call goes on any more; debriefs stay."""
    return _changed(visit, visit.shop.model_copy(update={"ended_at": visit.now, "paused_at": None}))


def new_return_code(visit: Visit) -> Response:
    """For a trainee who has lost theirs."""
    member = visit.room.workshops.member(visit.text("member"), visit.shop.id)
    back = new_code(RETURN)
    visit.room.workshops.set_return(member.id, digest(back))
    return room_page(visit, back, member.name)


def _changed(visit: Visit, shop: Workshop) -> Response:
    visit.room.workshops.change(shop)
    return see(f"/room/w/{shop.id}")
