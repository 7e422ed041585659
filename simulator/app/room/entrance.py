"""The doors that anybody may knock at: log in, the first facilitator, join, come back; and what is stored where."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import TypeVar

from starlette.responses import Response

from simulator.app.room.visit import HEADERS, LOGIN, SEAT, Visit, page, see, with_cookie, without_cookie
from simulator.errors import BusyError, CallError, DataError, FormatError, UnknownNameError
from simulator.workshop.codes import JOIN, RETURN, digest, hash_password, new_code, new_key, right_password, tidy
from simulator.workshop.records import Facilitator, Role, Seat, a_name
from simulator.workshop.rules import JOIN_ADDRESS, LOGIN_ADDRESS, LOGIN_NAME, joining

LOGGED_IN = 12 * 3600.0
"""Seconds that a facilitator stays logged in: a day of training."""
SEATED = 60 * 86_400.0
"""Seconds that a browser remembers a trainee; with the return code they come back later, and from elsewhere."""
_KINDS = {"room.css": "text/css", "room.js": "text/javascript"}
T = TypeVar("T")


# ---- facilitators ----


def login_page(visit: Visit, error: str = "", name: str = "") -> Response:
    """The form; the first facilitator's one while there is none, on this machine."""
    if visit.facilitator is not None or visit.researcher is not None:
        return see("/room" if visit.facilitator is not None else "/research")
    if not visit.room.logins.everybody():
        return see("/room/first") if visit.here else page(visit, "nobody.html", status=403)
    return page(visit, "login.html", status=401 if error else 200, error=error, name=name)


def log_in(visit: Visit) -> Response:
    """Name and password. Both wrong names and wrong passwords are slowed, and look the same."""
    name, password = visit.text("name", most=120), next(iter(visit.form.get("password", ())), "")
    by_name, by_address = f"name:{name.casefold()}"[:120], f"login:{visit.neighbourhood}"
    try:
        visit.room.logins.knock({by_name: LOGIN_NAME, by_address: LOGIN_ADDRESS}, at=visit.now)
    except BusyError as error:
        return page(visit, "login.html", status=429, error=str(error), name=name)
    found = visit.room.logins.find(name)
    if not right_password(found[1] if found else None, password) or found is None:
        return login_page(visit, "that name and password do not belong together", name)
    visit.room.logins.answered(by_name, forget=True)
    visit.room.logins.answered(by_address)
    return _logged_in(visit, found[0], see("/room" if found[0].role is Role.FACILITATOR else "/research"))


def _logged_in(visit: Visit, facilitator: Facilitator, answer: Response) -> Response:
    key = new_key()
    visit.room.logins.log_in(facilitator.id, digest(key), at=visit.now, until=visit.now + LOGGED_IN)
    return with_cookie(answer, visit, LOGIN, key, seconds=LOGGED_IN)


def log_out(visit: Visit) -> Response:
    """Here only; other browsers stay logged in."""
    visit.room.logins.log_out(digest(visit.key))
    return without_cookie(see("/room/login"), LOGIN)


def first_page(visit: Visit, error: str = "", name: str = "") -> Response:
    """Set the first facilitator's password: on this machine, while there is none."""
    if visit.room.logins.facilitators():
        return see("/room/login")
    if not visit.here:
        return page(visit, "nobody.html", status=403)
    return page(visit, "first.html", status=400 if error else 200, error=error, name=name)


def first(visit: Visit) -> Response:
    """The first facilitator, logged in at once."""
    if not visit.here or visit.room.logins.facilitators():
        return first_page(visit)
    name, password = visit.text("name"), next(iter(visit.form.get("password", ())), "")
    try:
        if password != next(iter(visit.form.get("again", ())), ""):
            raise FormatError("the two passwords are not the same")
        made = visit.room.logins.add(a_name(name), hash_password(password), at=visit.now, first=True)
    except DataError as error:
        return first_page(visit, str(error), name)
    return _logged_in(visit, made, see("/room"))


# ---- trainees ----


def join_page(visit: Visit, error: str = "", status: int = 200, **typed: str) -> Response:
    """Join code and name; or the return code. With the code in the address it is filled in."""
    given = typed.get("code", visit.path.get("code", ""))[:40]
    shows = {"given": given, "name": typed.get("name", ""), "error": error, "back": typed.get("back", "")}
    return page(visit, "join.html", status=status, **shows)


def join(visit: Visit) -> Response:
    """A new member: the key to their seat stays in this browser, the return code is shown this once."""
    code, name = visit.text("code", most=100), visit.text("name", most=400)
    try:
        called = a_name(name)
        found = _guessed(visit, lambda: visit.room.workshops.by_code(tidy(code, JOIN)))
        if found is None:
            raise DataError("there is no workshop with that code: look at it again, it has eight letters")
        joining(found)
    except BusyError as error:
        return join_page(visit, str(error), 429, code=code, name=name)
    except (DataError, CallError) as error:
        return join_page(visit, str(error), 400, code=code, name=name)
    back = new_code(RETURN)
    member = visit.room.workshops.join(found.id, called, return_hash=digest(back), at=visit.now)
    return _seated(visit, Seat(member=member, workshop=found), page(visit, "joined.html", back=back, shop=found))


def come_back(visit: Visit) -> Response:
    """A member, in another browser, by their return code: to their progress, if there is any."""
    back = visit.text("back", most=100)
    try:
        code = tidy(back, RETURN)
        found = _guessed(visit, lambda: visit.room.workshops.returning(digest(code)) if code else None)
    except BusyError as error:
        return join_page(visit, str(error), 429, back=back)
    if found is None:
        return join_page(visit, "nobody has that return code: it has twelve letters", 400, back=back)
    calls = visit.room.rehearsals.store.calls(found.member.owner)
    ended = any(row.ending is not None and row.parent_id is None for row in calls)
    return _seated(visit, found, see("/workshop/progress" if ended else "/workshop"))


def _seated(visit: Visit, seat: Seat, answer: Response) -> Response:
    key = new_key()
    visit.room.workshops.sit(seat.member.id, digest(key), at=visit.now, until=visit.now + SEATED)
    return with_cookie(answer, visit, SEAT, key, seconds=SEATED)


def _guessed(visit: Visit, look: Callable[[], T | None]) -> T | None:
    """What `look` finds by a code, counting a guess that finds nothing. Raises BusyError where there were too many."""
    by_address = f"code:{visit.neighbourhood}"
    visit.room.logins.knock({by_address: JOIN_ADDRESS}, at=visit.now)
    found = look()
    if found is not None:
        visit.room.logins.answered(by_address)
    return found


# ---- for everybody ----


def stored_page(visit: Visit) -> Response:
    """What is kept, where, for how long, and who can read it."""
    kept = visit.seat.workshop.settings if visit.seat is not None else None
    place = visit.room.rehearsals.store.place if visit.facilitator is not None else ""
    return page(visit, "stored.html", place=place, kept=kept)


def static_file(visit: Visit) -> Response:
    """The style and the script, by name: there are no others."""
    name = visit.path["name"]
    if name not in _KINDS:
        raise UnknownNameError("file", name, _KINDS)
    text = (files("simulator.app.room") / "static" / name).read_text(encoding="utf-8")
    return Response(text, media_type=_KINDS[name], headers={**HEADERS, "Cache-Control": "no-cache"})
