"""What a handler answers: new contents for some of the page's parts, by name. Nothing here knows Gradio."""

from __future__ import annotations

import itertools
import json
import logging
import secrets
from collections.abc import Iterator
from typing import Any

from simulator.app.markup import esc, icon
from simulator.errors import SimulatorError

View = dict[str, Any]
"""Part of the page → its new content; the parts are `PARTS`."""
PARTS = (
    "me", "bar", "signal", "banner", "resume", "setup", "preview", "stage", "desk", "mood", "notes", "say", "debrief",
    "history",
)  # fmt: skip
_log = logging.getLogger(__name__)
_number = itertools.count(1)
_run = secrets.token_hex(4)


def signal(**orders: Any) -> str:
    """An order to the page's script: `screen`, `focus`, `announce`, `download`. Each is carried out once."""
    return f'<i hidden data-n="{_run}-{next(_number)}" data-orders="{esc(json.dumps(orders))}"></i>'


def banner(message: str = "", *, waits: bool = False) -> str:
    """One sentence at the top of the page; '' takes it away. `waits`: the button that was pressed stays so meanwhile."""
    if not message:
        return ""
    said = message[:1].upper() + message[1:]
    said = said if said[-1:] in ".!?" else said + "."
    return (
        f'<div class="banner" id="banner-text" data-n="{next(_number)}"{" data-waits" if waits else ""}>{icon("alert")}<span>{esc(said)}</span>'
        '<button type="button" class="btn ghost small" data-dismiss aria-label="Close this message">Close</button>'
        "</div>"
    )


def getting_ready(what: str) -> str:
    """The banner of somebody who waits for the models: `what` happens once they are open."""
    return banner(f"The caller is getting ready: {what} by itself in a few seconds", waits=True)


def guarded(happening: Iterator[View]) -> Iterator[View]:
    """The same views; an error becomes a sentence in the banner, a bug one with an id that the log explains."""
    try:
        yield from happening
    except SimulatorError as error:
        _log.info("told the trainee: %s", error)
        yield {"banner": banner(str(error))}
    except Exception:
        yield {"banner": banner(puzzled())}


def puzzled() -> str:
    """What a trainee is told about the exception being handled: an id, under which the log has the whole trace."""
    number = secrets.token_hex(3)
    _log.exception("unexpected error %s", number)
    return f"Something went wrong on our side (error {number}); what you typed is still there. The log has the details"
