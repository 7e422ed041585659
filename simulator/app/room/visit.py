"""One request to the room's pages, with who makes it; and what is answered. No rule about who may do what is here."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from simulator.app.gate import FORM, LOGIN, SEAT, Gate
from simulator.app.markup import DIMENSIONS, ENDED, ENDED_BY_YOU, when
from simulator.errors import FormatError
from simulator.pages import template
from simulator.persona import Persona
from simulator.rehearsal import Rehearsals
from simulator.scenario import Scenario
from simulator.settings import is_loopback
from simulator.store.logins import LoginStore
from simulator.store.workshops import WorkshopStore
from simulator.workshop.codes import form_token, shown
from simulator.workshop.records import Facilitator, Member, Seat, Workshop

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""What a page may load: its own style and script, and nothing from anywhere else."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # not no-referrer: browsers then hide the origin of our own forms, too
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGES = "app/room/pages"


@dataclass(frozen=True, slots=True)
class Room:
    """What the pages work with. `outside`: the address by which other machines most likely reach this server ('': they
    cannot); `clock`: seconds since 1970."""

    rehearsals: Rehearsals
    gate: Gate
    personas: Mapping[str, Persona]
    scenarios: Mapping[str, Scenario]
    outside: str = ""
    clock: Callable[[], float] = time.time

    @property
    def logins(self) -> LoginStore:
        """Facilitators and their browsers."""
        return self.rehearsals.store.logins

    @property
    def workshops(self) -> WorkshopStore:
        """Workshops and their members."""
        return self.rehearsals.store.workshops


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that was let in. `facilitator`, `researcher`, `seat` and `workshop` are there where the door asks for them (`doors.py`);
    `key` is the cookie that the forms of the page are bound to, `login` the facilitator's; `form` has what was sent, by name."""

    room: Room
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, list[str]]
    address: str
    origin: str
    secure: bool
    forwarded: bool
    key: str
    login: str
    facilitator: Facilitator | None = None
    researcher: Facilitator | None = None
    seat: Seat | None = None
    workshop: Workshop | None = None
    now: float = field(default_factory=time.time)

    @property
    def host(self) -> Facilitator:
        """The facilitator. Only behind doors that ask for one."""
        assert self.facilitator is not None
        return self.facilitator

    @property
    def scholar(self) -> Facilitator:
        """The researcher. Only behind doors that ask for one."""
        assert self.researcher is not None
        return self.researcher

    @property
    def member(self) -> Member:
        """The trainee. Only behind doors that ask for one."""
        assert self.seat is not None
        return self.seat.member

    @property
    def shop(self) -> Workshop:
        """The workshop that the page is about: the one in its address, or the one the trainee sits in."""
        found = self.workshop or (self.seat.workshop if self.seat is not None else None)
        assert found is not None
        return found

    def text(self, name: str, *, most: int = 200) -> str:
        """A field of the form, '' if it is not there. Raises FormatError if it is longer than that."""
        value = next(iter(self.form.get(name, ())), "")
        if len(value) > most:
            raise FormatError(f"that is too long: {most} characters at most")
        return value.strip()

    def several(self, name: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(self.form.get(name, ()))

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.form.get(name))

    @property
    def here(self) -> bool:
        """Whether the request comes from this very machine, and by a name of this machine (so that no page elsewhere can
        have sent the browser), and nothing says that it was passed on."""
        name = self.origin.partition("://")[2].rpartition(":")[0] or self.origin.partition("://")[2]
        return is_loopback(self.address) and is_loopback(name) and not self.forwarded

    @property
    def neighbourhood(self) -> str:
        """The address that guesses are counted for: an IPv6 address without the half that its owner chooses."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address[:60]
        return str(ipaddress.ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def page(visit: Visit, file: str, /, *, status: int = 200, **shows: Any) -> HTMLResponse:
    """The template in `file` with what it shows, and what every page has."""
    text = template(f"{PAGES}/{file}").render(
        visit=visit,
        token=form_token(visit.key),
        logout_token=form_token(visit.login),
        code=shown,
        when=when,
        dimensions=DIMENSIONS,
        endings=ENDED_BY_YOU if visit.workshop is None else ENDED,
        **shows,
    )
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def see(path: str) -> RedirectResponse:
    """Go and see that page: after a form, so that a reload does not send it twice."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def with_cookie(answer: Response, visit: Visit, name: str, value: str, *, seconds: float) -> Response:
    """The answer, which also leaves a key in the browser. No script can read it, and no other site can have it sent; a
    trainee's also goes along when they follow a link to their workshop (from a chat, say), but with no form of another site."""
    answer.set_cookie(
        name,
        value,
        max_age=int(seconds),
        httponly=True,
        secure=visit.secure,
        samesite="lax" if name == SEAT else "strict",
        path="/",
    )
    return answer


def without_cookie(answer: Response, name: str) -> Response:
    """The answer, which also takes a key away."""
    answer.delete_cookie(name, path="/")
    return answer


__all__ = [
    "FORM", "HEADERS", "LOGIN", "SEAT", "Room", "Visit", "page", "see", "with_cookie", "without_cookie",
]  # fmt: skip
