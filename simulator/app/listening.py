"""Notices that a page has gone in the middle of what it asked for, so that work which nobody will read stops at once.

A page hears of everything it asked for on one stream, `…/queue/data?session_hash=…`. When that breaks before it was over,
the browser has left or reloaded; the framework then asks for no further view, and this tells the step that is under way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.app.views import View
from simulator.models.base import unless


class Listeners:
    """What is being done for which page. Safe from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, set[threading.Event]] = {}

    def while_there(self, session: str | None, views: Iterator[View]) -> Iterator[View]:
        """The views, as long as the page of that session listens: after that a model gives up before its next piece of work."""
        gone = threading.Event()
        with self._lock:
            self._asked.setdefault(session or "", set()).add(gone)
        try:
            with closing(views):  # type: ignore[type-var]
                while True:
                    with unless(gone.is_set):
                        view = next(views, None)
                    if view is None:
                        return
                    yield view
        finally:
            with self._lock:
                mine = self._asked[session or ""]
                mine.discard(gone)
                if not mine:
                    del self._asked[session or ""]

    def left(self, session: str) -> None:
        """That page listens no more."""
        with self._lock:
            for gone in self._asked.get(session, ()):
                gone.set()


class Doorkeeper:
    """In front of the server: tells `listeners` whose stream breaks."""

    def __init__(self, app: ASGIApp, listeners: Listeners) -> None:
        self._app, self._listeners = app, listeners

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/queue/data"):
            await self._app(scope, receive, send)
            return
        [session] = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[:1]
        over = False

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and not over:
                self._listeners.left(session)
            return message

        async def told(message: Message) -> None:
            nonlocal over
            over = over or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        await self._app(scope, heard, told)


__all__ = ["Doorkeeper", "Listeners"]
