"""Who may use the call page, and as whom: decided on the server, for every event, from the browser's cookies.

A trainee's cookie leads to their seat in a workshop: their calls are kept under it, and the workshop's rules hold. Without one,
a browser is whoever it says it is (`identity.py`), as long as the page is open; on a closed one it is turned away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulator.app.identity import Browser, call_of, known
from simulator.errors import CallError
from simulator.settings import is_loopback
from simulator.store import Store
from simulator.workshop.codes import digest
from simulator.workshop.records import Facilitator, Role, Seat

SEAT, LOGIN, FORM = "dcs_seat", "dcs_login", "dcs_form"
"""Cookies: a trainee's, a facilitator's, and that of somebody who is neither yet."""
PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-real-ip")
"""Headers by which a proxy says that a request came from elsewhere."""
_LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Keys:
    """What a browser's cookies say ('': nothing), and whether it runs on this very machine."""

    seat: str = ""
    login: str = ""
    here: bool = False


def keys_of(cookies: Mapping[str, str]) -> Keys:
    """The keys among those cookies."""
    return Keys(seat=cookies.get(SEAT, "")[:_LONGEST_KEY], login=cookies.get(LOGIN, "")[:_LONGEST_KEY])


def keys_from(request: Any) -> Keys:
    """The keys that came with a Gradio event (a `gr.Request`): those of the HTTP request behind it, or none."""
    asked = request.request
    return replace(keys_of(asked.cookies), here=_from_here(asked)) if asked is not None else Keys()


def _from_here(asked: Any) -> bool:
    """Whether that HTTP request comes from this machine, by a name of this machine (so that no page elsewhere can have sent
    the browser), and nothing says that it was passed on."""
    name = asked.url.hostname or ""
    address = asked.client.host if asked.client else ""
    return is_loopback(address) and is_loopback(name) and not any(header in asked.headers for header in PASSED_ON)


class Gate:
    """One for a process. `closed`: without a seat or a login nobody comes in."""

    def __init__(self, store: Store, *, closed: bool = False) -> None:
        self._store, self.closed = store, closed

    def seat(self, keys: Keys) -> Seat | None:
        """The trainee's seat, and their workshop as it is at this moment."""
        return self._store.workshops.seat(digest(keys.seat), at=time.time()) if keys.seat else None

    def facilitator(self, keys: Keys) -> Facilitator | None:
        """The facilitator who is logged in."""
        return self._account(keys, Role.FACILITATOR)

    def researcher(self, keys: Keys) -> Facilitator | None:
        """The researcher who is logged in."""
        return self._account(keys, Role.RESEARCHER)

    def _account(self, keys: Keys, role: Role) -> Facilitator | None:
        found = self._store.logins.logged_in(digest(keys.login), at=time.time()) if keys.login else None
        return found if found is not None and found.role is role else None

    def admits(self, keys: Keys) -> bool:
        """Whether that browser may use the call page at all."""
        return not self.closed or self.seat(keys) is not None or self.facilitator(keys) is not None

    def known(self, kept: Any, keys: Keys) -> Browser | None:
        """The browser, if it was here before. Raises CallError for one that is turned away."""
        seat = self.seat(keys)
        if seat is not None:
            return Browser(seat.member.owner, call_of(kept, seat.member.owner), seat)
        if self.closed and self.facilitator(keys) is None:
            raise CallError("this page is for a workshop: open /join on this server, and type your join code there")
        return known(kept)

    def recognised(self, kept: Any, keys: Keys) -> Browser:
        """The browser. Raises CallError if it is turned away, or says nothing usable."""
        browser = self.known(kept, keys)
        if browser is None:
            raise CallError("this browser has no identity yet: reload the page")
        return browser

    def machine_owner(self, kept: Any, keys: Keys) -> Browser | None:
        """The browser, or None for one that was never here, on a page that is not for trainees. Raises CallError."""
        if self.facilitator(keys) is None and self.seat(keys) is not None:
            raise CallError("this page is for whoever runs this server: your workshop is at /workshop")
        return self.known(kept, Keys(login=keys.login))

    def may_tune(self, keys: Keys) -> bool:
        """Whether that browser may change callers for everybody: a facilitator's, or one on this very machine that is
        nobody's seat."""
        return self.facilitator(keys) is not None or (keys.here and not self.closed and self.seat(keys) is None)
