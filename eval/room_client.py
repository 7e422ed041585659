"""A trainee's browser without a screen: joins a workshop by its code and takes calls through the page's own events.

Everything goes over HTTP as a browser sends it: the form at /join with its token and cookie, then Gradio's queue. Nothing of the
server is imported, so what this sees is what a trainee sees.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import httpx

from simulator.errors import ServerError

PATIENCE = 300.0
"""Seconds without a sign of life after which the server counts as gone; its queue sends one every 15."""
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')
_STAGE = re.compile(
    r'<section class="stage" data-call="([\w-]+)"(?: data-opening)? data-state="(\w+)" data-turns="(\d+)"( data-sent=)?'
)
_BANNER = re.compile(r'id="banner-text"[^>]*>.*?<span>(.*?)</span>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """The page after one message of the server: the call on it, its `state` (idle, busy, hold, failed, ended), how many turns
    it shows, whether it says that the words just sent are in the call (`taken`), and what the banner tells ('': nothing)."""

    call: str
    state: str
    turns: int
    taken: bool
    told: str
    text: str


class Gone(Exception):
    """The server went away in the middle of an answer."""


class Browser:
    """One trainee's browser at that address. One thread at a time."""

    def __init__(self, address: str) -> None:
        timeout = httpx.Timeout(30.0, read=PATIENCE)
        self.address = address.rstrip("/")
        # Nothing is kept open between two requests: a connection of the server before a restart would be of no use.
        self._http = httpx.Client(
            base_url=self.address, timeout=timeout, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._kept: Any = None
        self._turns = 0
        self._events: dict[str, int] = {}

    def close(self) -> None:
        """Close the browser."""
        self._http.close()

    def join(self, code: str, name: str) -> None:
        """Take a seat in the workshop, and open the call page. Raises ServerError if the door stays shut."""
        token = _TOKEN.search(self._http.get("/join").text)
        answer = self._http.post("/join", data={"code": code, "name": name, "token": token[1] if token else ""})
        if answer.status_code != 200 or "dcs_seat" not in self._http.cookies:
            raise ServerError(f"{name} could not join ({answer.status_code}): is the join code right?")
        self.open()

    def open(self) -> None:
        """Open the call page; returns once a call on it would not wait for the models any more."""
        for event in self._http.get("/config").json()["dependencies"]:
            for _, kind in event["targets"]:
                self._events.setdefault(kind, event["id"])  # the call page's come first
        self.load()

    def load(self) -> Seen:
        """Open the page, or reload it: a call that is going on is on it again, with what was still owed."""
        return self._last("load", [self._kept])

    def begin(self, persona: str, scenario: str, difficulty: str) -> Seen:
        """Take a new call."""
        chosen = {"do": "start", "persona": persona, "scenario": scenario, "difficulty": difficulty, "accepted": True}
        return self._last("act", [self._kept, ""], chosen)

    def say(self, text: str) -> Iterator[Seen]:
        """Send one turn: the page as it changes, up to the full reply. Raises Gone."""
        yield from self._event("submit", [self._kept, text, self._turns])

    def _last(self, kind: str, data: list[Any], event_data: Any = None) -> Seen:
        return list(self._event(kind, data, event_data))[-1]  # there is one: what ends without an answer is gone

    def _event(self, kind: str, data: list[Any], event_data: Any = None) -> Iterator[Seen]:
        session = secrets.token_hex(8)
        body = {"fn_index": self._events[kind], "data": data, "event_data": event_data, "session_hash": session}
        try:
            self._http.post("/gradio_api/queue/join", json=body).raise_for_status()
            with self._http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
                for line in lines.iter_lines():
                    message = json.loads(line[5:]) if line.startswith("data:") else {}
                    if message.get("msg") in ("process_generating", "process_completed"):
                        yield self._seen(message["output"].get("data", ()))
                    if message.get("msg") == "process_completed":
                        return
        except httpx.TransportError as error:
            raise Gone from error
        except httpx.HTTPStatusError as error:
            raise ServerError(
                f"the page refused an event ({error.response.status_code}): the seat is gone, or the queue full"
            ) from error
        raise Gone

    def _seen(self, output: Any) -> Seen:
        """What a message changes: whole parts of the page, or edits to them."""
        text = " ".join(_texts(output))
        for part in output:
            if isinstance(part, dict) and set(part) == {"owner", "call"}:
                self._kept = part
        stage, told = _STAGE.search(text), _BANNER.search(text)
        call, state, turns, taken = stage.groups() if stage else ("", "", "0", None)
        self._turns = int(turns) if stage else self._turns
        return Seen(call, state, int(turns), taken is not None, unescape(told[1]) if told else "", unescape(text))


def _texts(value: Any) -> Iterator[str]:
    """Every text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
