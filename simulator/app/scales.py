"""In front of everything: how much a request may bring. Gradio reads whatever it is sent, and takes files that no page of ours
sends; here both end before anything of them is kept."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

MOST = 2 * 1024 * 1024
"""Bytes of one request: more than any turn, note or form has."""
_UPLOADS = "/gradio_api/upload"


class Scales:
    """Refuses what is too large, what does not say how large it is, and files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = _refusal(scope) if scope["type"] == "http" else None
        await (refused or self._app)(scope, receive, send)


def _refusal(scope: Scope) -> Response | None:
    headers = dict(scope["headers"])
    if scope["path"].rstrip("/").startswith(_UPLOADS):
        return PlainTextResponse("no files are taken here\n", 403)
    if b"transfer-encoding" in headers:  # browsers say how much they send; the server holds them to it
        return PlainTextResponse("say how long the request is\n", 411)
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > MOST:
        return PlainTextResponse(f"a request has {MOST // 1024 // 1024} MiB at most\n", 413)
    return None
