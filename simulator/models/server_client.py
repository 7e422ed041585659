"""The client of a model server: one for a server and a process, with its pool of connections; and how often it is asked again.

It knows nothing of prompts. The official client's own retries know no end in time, so they are off, and `patiently` asks again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import uniform
from typing import TYPE_CHECKING, TypeVar

from simulator.models.base import still_wanted

if TYPE_CHECKING:
    from openai import OpenAI

T = TypeVar("T")
CONNECT = 5.0
"""Seconds that a server may take to accept a connection."""
FIRST_PAUSE, LONGEST_PAUSE = 0.4, 6.0
"""Seconds before the first retry, doubled from one to the next up to the longest, where the server names no time."""
_lock = threading.Lock()
_clients: dict[tuple[str, str], tuple[OpenAI, int]] = {}
"""(address, key) → the client, and how many models use it."""


def borrow(url: str, key: str) -> OpenAI:
    """The client for that server, shared by all who ask it with this key. To be given back."""
    from openai import OpenAI

    with _lock:
        client, users = _clients.get((url, key), (None, 0))
        if client is None:
            # The client refuses an empty key; servers that want none ignore it.
            client = OpenAI(base_url=url, api_key=key or "none", max_retries=0)
        _clients[url, key] = client, users + 1
        return client


def give_back(url: str, key: str) -> None:
    """The last one to do so closes the connections."""
    with _lock:
        client, users = _clients.pop((url, key))
        if users > 1:
            _clients[url, key] = client, users - 1
            return
    client.close()


def patiently(ask: Callable[[], T], *, until: float, retries: int) -> T:
    """What `ask` returns. It is asked again after a connection that failed or broke, 429 and 5xx: when the server's Retry-After
    says, else after a pause of a random length; but not past `until` (monotonic seconds), where its error is raised at
    once. A wait for an answer that grew too long is not repeated: the server may well be computing it. Raises what `ask`
    raises, and GivenUp."""
    import openai

    for tried in range(retries + 1):
        try:
            return ask()
        except openai.APITimeoutError:
            raise
        except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
            named = _named(error)
            pause = uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2**tried) if named is None else named
            if tried == retries or time.monotonic() + pause >= until:
                raise
            _sleep(pause)
    raise AssertionError("the last round returns or raises")


def _named(error: Exception) -> float | None:
    """Seconds after which the server wants to be asked again, if it says: more by a little, as all others heard the same."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[header]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds + uniform(0.0, 0.2 * seconds)
    return None


def _sleep(seconds: float) -> None:
    """That long, unless nobody waits for the answer any more."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        still_wanted()
        time.sleep(min(left, 0.25))
