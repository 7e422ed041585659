"""Every page of the room, and who may open it: one table, which the tests walk. `_Door.enter` is the only way in.

It knows cookies, roles and forms; what a page does is in the modules that the table names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from simulator.app.gate import PASSED_ON, keys_of
from simulator.app.room import desk, entrance, group_page, live, progress_page, review, takeaway_page, trainee
from simulator.app.room.visit import FORM, HEADERS, Room, Visit, page, see, with_cookie
from simulator.app.views import puzzled
from simulator.errors import BusyError, SimulatorError, StoreError, UnknownNameError
from simulator.workshop.codes import form_token, new_key, same
from simulator.workshop.records import Role

LONGEST_FORM = 64 * 1024
"""Bytes that a form may have."""
MOST_FIELDS = 300
DAY = 86_400.0
Handler = Callable[[Visit], Response]


@dataclass(frozen=True, slots=True)
class Door:
    """One page: `role` is who may come in. {workshop} in the path is one of the facilitator's, for a researcher one that is
    open to research, or there is no such page."""

    method: str
    path: str
    role: Role
    handler: Handler


DOORS = (
    Door("GET", "/join", Role.NOBODY, entrance.join_page),
    Door("GET", "/join/{code}", Role.NOBODY, entrance.join_page),
    Door("POST", "/join", Role.NOBODY, entrance.join),
    Door("POST", "/return", Role.NOBODY, entrance.come_back),
    Door("GET", "/stored", Role.NOBODY, entrance.stored_page),
    Door("GET", "/room/login", Role.NOBODY, entrance.login_page),
    Door("POST", "/room/login", Role.NOBODY, entrance.log_in),
    Door("GET", "/room/first", Role.NOBODY, entrance.first_page),
    Door("POST", "/room/first", Role.NOBODY, entrance.first),
    Door("GET", "/room/static/{name}", Role.NOBODY, entrance.static_file),
    Door("GET", "/workshop", Role.TRAINEE, trainee.workshop_page),
    Door("GET", "/workshop/now", Role.TRAINEE, trainee.now),
    Door("GET", "/workshop/progress", Role.TRAINEE, progress_page.mine),
    Door("GET", "/workshop/certificate", Role.TRAINEE, progress_page.my_certificate),
    Door("POST", "/workshop/share", Role.TRAINEE, trainee.share),
    Door("GET", "/workshop/data.json", Role.TRAINEE, trainee.data),
    Door("POST", "/workshop/delete", Role.TRAINEE, trainee.delete),
    Door("POST", "/workshop/leave", Role.TRAINEE, trainee.leave),
    Door("GET", "/room", Role.FACILITATOR, desk.desk_page),
    Door("POST", "/room/logout", Role.FACILITATOR, entrance.log_out),
    Door("GET", "/room/new", Role.FACILITATOR, desk.new_page),
    Door("POST", "/room/new", Role.FACILITATOR, desk.create),
    Door("GET", "/room/w/{workshop}", Role.OWNER, live.room_page),
    Door("GET", "/room/w/{workshop}/edit", Role.OWNER, desk.edit_page),
    Door("POST", "/room/w/{workshop}/edit", Role.OWNER, desk.edit),
    Door("POST", "/room/w/{workshop}/duplicate", Role.OWNER, desk.duplicate),
    Door("POST", "/room/w/{workshop}/delete", Role.OWNER, desk.delete),
    Door("POST", "/room/w/{workshop}/start", Role.OWNER, live.start),
    Door("POST", "/room/w/{workshop}/end", Role.OWNER, live.end),
    Door("GET", "/room/w/{workshop}/live", Role.OWNER, live.room_live),
    Door("GET", "/room/w/{workshop}/wall", Role.OWNER, live.wall_page),
    Door("GET", "/room/w/{workshop}/wall/live", Role.OWNER, live.wall_live),
    Door("POST", "/room/w/{workshop}/pause", Role.OWNER, live.pause),
    Door("POST", "/room/w/{workshop}/message", Role.OWNER, live.message),
    Door("GET", "/room/w/{workshop}/group", Role.OWNER, group_page.group_page),
    Door("GET", "/room/w/{workshop}/results.csv", Role.OWNER, group_page.results),
    Door("GET", "/room/w/{workshop}/trainee/{member}", Role.OWNER, progress_page.theirs),
    Door("GET", "/room/w/{workshop}/trainee/{member}/certificate", Role.OWNER, progress_page.their_certificate),
    Door("GET", "/room/w/{workshop}/archive.zip", Role.OWNER, takeaway_page.archive),
    Door("GET", "/room/w/{workshop}/review", Role.OWNER, review.review_page),
    Door("GET", "/room/w/{workshop}/call/{call}", Role.OWNER, review.call_page),
    Door("POST", "/room/w/{workshop}/call/{call}/{turn}", Role.OWNER, review.regrade),
    Door("GET", "/room/w/{workshop}/audit", Role.OWNER, review.audit_page),
    Door("POST", "/room/w/{workshop}/code", Role.OWNER, live.new_return_code),
    Door("GET", "/research", Role.RESEARCHER, takeaway_page.research_page),
    Door("GET", "/research/w/{workshop}/archive.zip", Role.RESEARCHER, takeaway_page.research_archive),
    Door("POST", "/research/logout", Role.RESEARCHER, entrance.log_out),
)


def routes(room: Room) -> list[Route]:
    """The pages, for the server that shows the call page too."""
    return [
        Route(door.path, _Way(door, room).enter, methods=[door.method], name=f"{door.method} {door.path}")
        for door in DOORS
    ]


class _Refused(Exception):
    """A form that is not even looked at: the status, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Way:
    """The way through one door."""

    def __init__(self, door: Door, room: Room) -> None:
        self._door, self._room = door, room

    async def enter(self, request: Request) -> Response:
        """Read the request, see who it is, do what the page does, and answer; an error as a sentence."""
        try:
            if any("\0" in part for part in request.path_params.values()):
                raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page here")
            form = await _form(request) if self._door.method == "POST" else {}
        except _Refused as error:
            return PlainTextResponse(f"{error}\n", status_code=error.status, headers=HEADERS)
        return await run_in_threadpool(self._answer, request, form)

    def _answer(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        visit = _visit(request, form, self._room, self._door.role)
        newcomer = self._door.role is Role.NOBODY and not visit.key
        if newcomer:
            visit = replace(visit, key=new_key())
        try:
            answer = self._refusal(request, visit) or self._door.handler(self._inside(visit))
        except Exception as error:
            answer = _told(visit, error)
        if newcomer and answer.media_type == "text/html":
            answer = with_cookie(answer, visit, FORM, visit.key, seconds=DAY)
        return answer

    def _refusal(self, request: Request, visit: Visit) -> Response | None:
        """Why this visitor does not come in here, or None: by role, then by where the form was sent from."""
        role, plainly = self._door.role, self._door.path.endswith(("/now", "/live"))
        missing = (
            (role is Role.TRAINEE and visit.seat is None)
            or (role in (Role.FACILITATOR, Role.OWNER) and visit.facilitator is None)
            or (role is Role.RESEARCHER and visit.researcher is None)
        )
        if missing and self._door.method == "GET" and not plainly:
            return see("/join" if role is Role.TRAINEE else "/room/login")
        if missing:
            return _said(
                visit, HTTPStatus.FORBIDDEN, "you are not logged in here any more: log in or join again", plainly
            )
        if _foreign(request, self._door.method):
            return _said(
                visit, HTTPStatus.FORBIDDEN, "this was sent from another page: open this one yourself", plainly
            )
        if self._door.method == "POST" and not same(visit.text("token"), form_token(visit.key)):
            why = "this form is too old: go back, reload the page and send it again"
            return _said(visit, HTTPStatus.FORBIDDEN, why, plainly)
        return None

    def _inside(self, visit: Visit) -> Visit:
        """The visit, with the workshop that it is about. Raises UnknownNameError for one that is not for this visitor."""
        asked, workshops = visit.path.get("workshop", ""), self._room.workshops
        if not asked:
            return visit
        if self._door.role is Role.OWNER:
            return replace(visit, workshop=workshops.workshop(asked, visit.host.id))
        found = next((shop for shop, _ in workshops.for_research() if shop.id == asked), None)
        if self._door.role is not Role.RESEARCHER or found is None:
            raise UnknownNameError("workshop", asked, ())
        return replace(visit, workshop=found)


def _visit(request: Request, form: Mapping[str, list[str]], room: Room, role: Role) -> Visit:
    """Who makes this request, by its cookies; and the key that forms behind a door of that role are bound to."""
    keys = keys_of(request.cookies)
    bound = {Role.NOBODY: request.cookies.get(FORM, "")[:100], Role.TRAINEE: keys.seat}.get(role, keys.login)
    return Visit(
        room=room,
        path=request.path_params,
        query=request.query_params,
        form=form,
        address=request.client.host if request.client else "",
        origin=f"{request.url.scheme}://{request.headers.get('host', '')}",
        secure=request.url.scheme == "https",
        forwarded=any(name in request.headers for name in PASSED_ON),
        key=bound,
        login=keys.login,
        facilitator=room.gate.facilitator(keys),
        researcher=room.gate.researcher(keys),
        seat=room.gate.seat(keys),
        now=room.clock(),
    )


async def _form(request: Request) -> dict[str, list[str]]:
    """What a form has sent. Raises _Refused for anything that no form of ours sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "only forms are taken here")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_FORM:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a form has {LONGEST_FORM // 1024} KiB at most")
    try:
        sent = parse_qs(
            body.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, "this form cannot be read") from error
    if any("\0" in value for values in sent.values() for value in values):  # nobody types that; PostgreSQL refuses it
        raise _Refused(HTTPStatus.BAD_REQUEST, "this form cannot be read")
    return sent


def _foreign(request: Request, method: str) -> bool:
    """Whether a page of another origin has made the browser ask. A link from elsewhere is fine, a form or a script is not."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower():
        return True
    return method == "POST" and request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _told(visit: Visit, error: Exception) -> Response:
    """An error as a page: one sentence for the person, and for a bug a number that the log explains."""
    match error:
        case UnknownNameError():
            return _said(visit, HTTPStatus.NOT_FOUND, "there is no such page here, or it is not yours")
        case BusyError():
            return _said(visit, HTTPStatus.TOO_MANY_REQUESTS, str(error))
        case StoreError():
            return _said(visit, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        case SimulatorError():
            return _said(visit, HTTPStatus.BAD_REQUEST, str(error))
    return _said(visit, HTTPStatus.INTERNAL_SERVER_ERROR, puzzled())


def _said(visit: Visit, status: HTTPStatus, why: str, plainly: bool = False) -> Response:
    if plainly:
        return JSONResponse({"error": why}, status_code=status, headers=HEADERS)
    return page(visit, "said.html", status=status, title=status.phrase, why=f"{why[:1].upper()}{why[1:].rstrip('.')}.")


class Turnstile:
    """In front of a closed server: whoever has neither a seat nor a login gets to the room's doors, and no further. What the
    page consists of (scripts, styles) is nobody's secret; everything else of Gradio's is."""

    def __init__(self, app: ASGIApp, room: Room) -> None:
        self._app, self._room = app, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._room.gate.closed and not _public(scope["path"]):
            request = Request(scope)
            if not await run_in_threadpool(self._room.gate.admits, keys_of(request.cookies)):
                page_wanted = scope["method"] in ("GET", "HEAD") and scope["path"] in ("/", "/calibrate")
                answer: Response = see("/join") if page_wanted else PlainTextResponse("join first: /join\n", 403)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


_OURS = tuple({door.path.split("/")[1] for door in DOORS})
_OPEN = ("assets", "static", "svelte", "theme.css", "favicon.ico", "robots.txt")
_START = "/gradio_api/startup-events"
"""What Gradio asks of itself once it has started."""


def _public(path: str) -> bool:
    return path.split("/", 2)[1] in (*_OURS, *_OPEN) or path == _START
