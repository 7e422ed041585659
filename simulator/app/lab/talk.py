"""Talk to two versions of a caller at once: same situation, same seed, same words; nothing of it is stored as a call.

A talk is its setup and the trainee's words: whoever has these can have it again, word for word with an embedded model. So
the page keeps them, and a talk that this process has forgotten (it was restarted) is played again from its first word.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.call import Due
from simulator.errors import BusyError, CallError, FormatError
from simulator.events import CallerSaying, CallStarted
from simulator.persona import Persona
from simulator.scenario import Scenario
from simulator.session import MAX_CHARACTERS, Grader, Session, Speech, audible, clean
from simulator.vocabulary import Difficulty, Register

KEPT = 16
"""Talks kept in memory, all browsers together; the longest unused are forgotten."""
MOST_TURNS = 60
"""Trainee turns of a talk that are played again."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What both versions are met with. `before` and `after`: what they are called."""

    opened: str
    before: str
    after: str
    scenario: Scenario
    difficulty: Difficulty
    seed: int


@dataclass(slots=True)
class Side:
    """One version's call, and what it is saying at this moment."""

    name: str
    session: Session
    saying: str = ""


@dataclass(slots=True)
class Talk:
    """Two calls in step. `said`: the trainee's words so far."""

    id: str
    owner: str
    setup: Setup
    sides: tuple[Side, Side]
    said: list[str] = field(default_factory=list)
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @property
    def over(self) -> bool:
        """Whether both calls have ended."""
        return all(side.session.call.ended for side in self.sides)

    def say(self, text: str) -> Iterator[None]:
        """Say it to both; yields whenever there is something new to see. A call that has ended hears nothing more. Raises
        CallError, ModelError."""
        words = clean(text)
        if not audible(words) or len(words) > MAX_CHARACTERS:
            raise CallError("say something first" if not audible(words) else f"at most {MAX_CHARACTERS:,} characters")
        if self.over:
            raise CallError("both calls have ended: begin again")
        if not self._busy.acquire(blocking=False):
            raise BusyError("the two are still answering: wait a moment")
        try:
            for side in self.sides:
                yield from _heard(side, words, len(self.said))
            self.said.append(words)
        finally:
            for side in self.sides:
                side.saying = ""
            self._busy.release()


def _heard(side: Side, words: str, turn: int) -> Iterator[None]:
    """One side takes the turn, or finishes it if it was cut off in it (a model failed, and the turn is sent again)."""
    session = side.session
    if session.call.ended:
        return
    cut_off = session.call.due not in (Due.TRAINEE, Due.NOTHING)
    had_it = len(session.call.moves) > turn and not cut_off
    if had_it:
        return
    for event in session.resume() if cut_off else session.submit(words):
        side.saying = event.text if isinstance(event, CallerSaying) else ""
        yield


def begun(
    talk_id: str, owner: str, setup: Setup, people: tuple[Persona, Persona], voice: Speech, evaluator: Grader
) -> Talk:
    """A talk in which nobody has spoken yet."""

    def side(name: str, who: Persona) -> Side:
        start = CallStarted(
            at=time.time(),
            persona=who,
            scenario=setup.scenario,
            difficulty=setup.difficulty,
            medium=Register.PHONE,
            seed=setup.seed,
            model=voice.name,
            grader=evaluator.name,
        )
        return Side(name, Session([start], voice, evaluator, key=f"lab {talk_id} {name}"))

    return Talk(talk_id, owner, setup, (side(setup.before, people[0]), side(setup.after, people[1])))


class Talks:
    """The talks that this process remembers."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Talk] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, talk: Talk) -> None:
        """Remember it."""
        with self._lock:
            self._known[talk.id] = talk
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def find(self, talk_id: str, owner: str) -> Talk | None:
        """That talk of this owner, if it is remembered."""
        with self._lock:
            talk = self._known.get(talk_id)
            if talk is None or talk.owner != owner:
                return None
            self._known.move_to_end(talk_id)
            return talk


def words_from(value: Any) -> list[str]:
    """The trainee's words that the page has kept (a JSON list). Raises FormatError."""
    try:
        found = json.loads(str(value or "[]"))
    except ValueError as error:
        raise FormatError("the words of this talk cannot be read: begin again") from error
    if not isinstance(found, list) or len(found) > MOST_TURNS or not all(isinstance(w, str) for w in found):
        raise FormatError("the words of this talk cannot be read: begin again")
    return found


def words_for(said: Sequence[str]) -> str:
    """As the page keeps them."""
    return json.dumps(list(said), ensure_ascii=False)
