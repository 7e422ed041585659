"""A voice whose model is on a server: where the server fails, the embedded model speaks for that turn, and the record says so.

So no turn is lost to a server, and nobody waits longer for it than a turn may take. Whether it is asked at all is for its
own breaker to say: it fails at once while the server is left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, Self

from simulator.caller.choice import Refused
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying, Voice
from simulator.errors import ModelNotFoundError, ServerError
from simulator.models.base import LanguageModel

_log = logging.getLogger(__name__)


class Bounded(LanguageModel, Protocol):
    """A model that can be given an end in time."""

    def within(self, seconds: float) -> Self:
        """The same model, for work that may take so long from now on."""


class ServerVoice:
    """Speaks with `server`, at most `seconds` a turn; after that, and where it fails, with `stand_in` (None: the error is
    raised). A `Speech` of the session."""

    def __init__(self, server: Bounded, seconds: float, stand_in: Voice | None = None) -> None:
        self._server, self._seconds, self._stand_in = server, seconds, stand_in
        self.name = Voice(server).name

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        """As `Voice.say`. Raises what the server raises only if nobody stands in."""
        try:
            yield from Voice(self._server.within(self._seconds)).say(situation)
        except (ServerError, ModelNotFoundError) as error:
            if self._stand_in is None:
                raise
            _log.warning("%s speaks in this turn: %s", self._stand_in.name, error)
        else:
            return
        for part in self._stand_in.say(situation):
            yield replace(part, model=self._stand_in.name, stood_in=True) if isinstance(part, Line) else part
