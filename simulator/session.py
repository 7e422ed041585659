"""One call, played: `submit(text)` takes a trainee turn and yields what happens. Every consumer reads this one stream.

The session keeps nothing but its events: what is due next is read off them, so a call that was cut off anywhere (a
killed process, a closed browser) goes on with `resume()` as if nothing had been. An event is part of the call before it
is yielded; whoever stores calls must store each event before asking for the next.
"""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Protocol

from simulator.assessment import Assessment
from simulator.call import Call, Due, fold
from simulator.caller.appraisal import after, appraise
from simulator.caller.choice import Refused
from simulator.caller.guard import alike
from simulator.caller.intent import MAX_TRAINEE_TURNS, Moment, applied, choose, opening_plan
from simulator.caller.occasions import occasions
from simulator.caller.questions import NOTHING, asked
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.errors import CallError
from simulator.evaluator.facts import check, with_checks
from simulator.evaluator.second_opinion import Failed
from simulator.events import (
    Branch,
    CallEnded,
    CallerMoved,
    CallerSaying,
    CallerSpoke,
    CallPaused,
    CandidateRefused,
    Event,
    NoteWritten,
    SecondOpinionGiven,
    StoredEvent,
    TraineeSpoke,
    TurnGraded,
)
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Ending

MAX_CHARACTERS = 8_000
"""Longest trainee turn that is taken (about ten minutes of talk)."""
REPEATABLE = 8
"""Words from which a turn that was said before counts as said before; "one moment, please" may come twice."""
_DROPPED = ("Cc", "Cf", "Cs", "Co")
"""Unicode categories that are not kept. Not assigned (Cn) is: emoji younger than this Python are."""
_BLANK = "\u2800\u3164\u115f\u1160\uffa0"
"""Letters and signs that look like nothing."""


class Grader(Protocol):
    """Anything that grades one trainee turn (the evaluator, or a scripted one in tests)."""

    @property
    def name(self) -> str:
        """Who grades, with version, and the scale it is on."""

    def grade(
        self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None
    ) -> Assessment: ...


class Speech(Protocol):
    """Anything that finds the caller's words (the voice, or a scripted one in tests)."""

    @property
    def name(self) -> str:
        """Who speaks."""

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]: ...


class Session:
    """A call being played. Not thread-safe: one consumer at a time."""

    def __init__(
        self,
        events: Iterable[StoredEvent],
        voice: Speech,
        evaluator: Grader,
        *,
        key: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take up the call that `events` describe (at least its `CallStarted`). `key` names it for caches."""
        self.events: list[StoredEvent] = list(events)
        self.call: Call = fold(self.events)
        self._voice, self._evaluator = voice, evaluator
        self._key, self._clock = key, clock

    def submit(self, text: str) -> Iterator[Event]:
        """One trainee turn, and everything that follows from it. Raises CallError when no turn can be taken now."""
        said = clean(text)
        if self.call.due is not Due.TRAINEE:
            raise CallError(
                "this call has ended" if self.call.ended else "the caller has not answered your last turn yet"
            )
        if not audible(said):
            raise CallError("the turn is empty: say something first")
        if len(said) > MAX_CHARACTERS:
            raise CallError(f"the turn has {len(said):,} characters; at most {MAX_CHARACTERS:,} can be said at once")
        if self.call.paused_at is not None:
            yield self._happened(CallPaused(at=self._clock(), on=False))
        yield self._happened(TraineeSpoke(at=self._clock(), turn=len(self.call.transcript), text=said))
        yield from self.resume()

    def resume(self) -> Iterator[Event]:
        """Whatever is due without the trainee: nothing, or the rest of a turn that was cut off."""
        while self.call.due not in (Due.TRAINEE, Due.NOTHING):
            match self.call.due:
                case Due.GRADE:
                    yield self._happened(self._graded())
                case Due.MOVE:
                    yield self._happened(self._moved())
                case Due.WORDS:
                    yield from self._spoken()
                case Due.ENDING:
                    move = self.call.last_move
                    assert move is not None and move.plan.ending is not None
                    yield self._happened(CallEnded(at=self._clock(), ending=move.plan.ending, why=move.plan.why))

    def end(self, why: str = "the trainee ended the call") -> Iterator[Event]:
        """The trainee hangs up. Ending an accepted call is a resolution; else the problem stays open."""
        if self.call.ended:
            raise CallError("this call has ended")
        if self.call.due is Due.ENDING:  # the caller's last words were said: the call ends as they decided
            yield from self.resume()
            return
        ending = Ending.RESOLVED if self.call.state.accepted else Ending.TRAINEE_ENDED
        yield self._happened(CallEnded(at=self._clock(), ending=ending, why=why))

    def pause(self, on: bool) -> Iterator[Event]:
        """Take a break, or come back."""
        if (self.call.paused_at is None) == on and not self.call.ended:
            yield self._happened(CallPaused(at=self._clock(), on=on))

    def write_note(self, text: str) -> Iterator[Event]:
        """Keep the wrap-up note."""
        yield self._happened(NoteWritten(at=self._clock(), text=clean(text)[:MAX_CHARACTERS]))

    def second_opinion(self, turn: int, model: str, given: Assessment | Failed) -> Iterator[Event]:
        """Keep what `model` says about the graded trainee turn `turn`, or why it says nothing."""
        assessment, reason = (None, given.reason) if isinstance(given, Failed) else (given, "")
        yield self._happened(
            SecondOpinionGiven(at=self._clock(), turn=turn, model=model, assessment=assessment, reason=reason)
        )

    def _happened(self, event: StoredEvent) -> StoredEvent:
        self.call = self.call.after(event)
        self.events.append(event)
        return event

    def _graded(self) -> TurnGraded:
        call = self.call
        turn = call.transcript.turns[-1]
        before, about = call.transcript.before(turn.index), call.start.scenario
        grades = self._evaluator.grade(turn, before, about.brief, cache_key=self._key or None)
        grades = with_checks(grades, check(turn, before, about))
        return TurnGraded(at=self._clock(), turn=turn.index, assessment=grades)

    def _moved(self) -> CallerMoved:
        call, start = self.call, self.call.start
        turn = call.transcript.turns[-1]
        grades = call.grades[turn.index]
        earlier = call.transcript.before(turn.index).by(Speaker.TRAINEE)
        long_enough = len(turn.text.split()) >= REPEATABLE
        repeated = long_enough and any(alike(turn.text, said.text) for said in earlier)
        appraisal = appraise(start.persona, start.difficulty, call.state, grades, repeated=repeated)
        state = after(call.state, appraisal, grades, turn.index)
        if not call.moves:
            plan = opening_plan()
        else:
            now = Moment(
                persona=start.persona,
                scenario=start.scenario,
                difficulty=start.difficulty,
                intensity=start.intensity,
                state=state,
                appraisal=appraisal,
                grades=grades,
                said=turn.text,
            )
            plan = choose(now, Random(f"{start.seed}:{turn.index}:intent"))
        if plan.ending is None and len(call.transcript.by(Speaker.TRAINEE)) >= MAX_TRAINEE_TURNS:
            ending = Ending.RESOLVED if applied(state, plan).accepted else Ending.TURN_LIMIT
            plan = plan.model_copy(update={"ending": ending, "why": "turn limit"})
        return CallerMoved(
            at=self._clock(), turn=turn.index, appraisal=appraisal, state=applied(state, plan), plan=plan
        )

    def _spoken(self) -> Iterator[Event]:
        turn = len(self.call.transcript)
        for part in self._voice.say(situation(self.call, self._key)):
            match part:
                case Saying(text=text):
                    yield CallerSaying(turn=turn, text=text)
                case Refused():
                    yield self._happened(
                        CandidateRefused(
                            at=self._clock(),
                            turn=turn,
                            attempt=part.attempt,
                            text=part.text,
                            violations=part.violations,
                            trimmed=part.trimmed,
                        )
                    )
                case Line():
                    yield self._happened(
                        CallerSpoke(
                            at=self._clock(),
                            turn=turn,
                            text=part.text,
                            written=part.written,
                            completed=part.completed,
                            chosen=part.chosen,
                            attempts=part.attempts,
                            seconds=part.seconds,
                            model=part.model or self._voice.name,
                            stood_in=part.stood_in,
                        )
                    )


def situation(call: Call, key: str) -> Situation:
    """What the caller's next words may depend on. `key` names the call for caches."""
    heard = call.transcript.last(Speaker.TRAINEE)
    did = occasions(heard.text, call.grades.get(heard.index)) if heard else frozenset()
    return Situation(
        persona=call.start.persona,
        scenario=call.start.scenario,
        medium=call.start.medium,
        seed=call.start.seed,
        transcript=call.transcript,
        plans={t: m.plan for t, m in call.moves.items()},
        states={t: m.state for t, m in call.moves.items()},
        key=key,
        intensity=call.start.intensity,
        occasions=did,
        asked=asked(heard.text, call.start.persona, call.start.scenario, did) if heard else NOTHING,
    )


def branch(
    events: Iterable[StoredEvent], turn: int, *, call_id: str, at: float, model: str = "", grader: str = ""
) -> tuple[StoredEvent, ...]:
    """The stream of a new call that is the old one up to, and without, trainee turn `turn`: same state, same seed.

    Times are moved so that the last kept event happens `at`: the break in between is nobody's handle time. `model` and
    `grader`: who speaks and grades from here on, if no longer those of the old call.
    """
    stream = list(events)
    cut = next((i for i, e in enumerate(stream) if isinstance(e, TraineeSpoke) and e.turn == turn), None)
    if cut is None:
        raise CallError(f"turn {turn} is not one of the trainee's turns in this call")
    kept = [e for e in stream[:cut] if not isinstance(e, NoteWritten | SecondOpinionGiven)]
    # A break just before that turn belongs to the break in between, too.
    while isinstance(kept[-1], CallPaused) and (kept[-1].on or (isinstance(kept[-2], CallPaused) and kept[-2].on)):
        del kept[-1 if kept[-1].on else -2 :]
    later = at - kept[-1].at
    moved = [e.model_copy(update={"at": e.at + later}) for e in kept]
    fresh: dict[str, object] = {"branched_from": Branch(call_id=call_id, turn=turn)}
    fresh |= {name: value for name, value in (("model", model), ("grader", grader)) if value}
    moved[0] = moved[0].model_copy(update=fresh)
    # Second opinions come whenever they come: those on the kept turns stay, also what was given after the cut.
    seconds = (e for e in stream if isinstance(e, SecondOpinionGiven) and e.turn < turn)
    return (*moved, *(e.model_copy(update={"at": at}) for e in seconds))


def clean(text: str) -> str:
    """Text as it may be kept: no control, surrogate or direction-changing characters, line ends as `\\n`, trimmed."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "ignore").decode("utf-8")
    kept = "\n\t\u200c\u200d"  # the joiners hold emoji, and words of some scripts, together
    return "".join(c for c in unified if c in kept or unicodedata.category(c) not in _DROPPED).strip()


def audible(text: str) -> bool:
    """Whether there is anything in `text` that a reader would see: joiners, lone accents and blank fillers are not."""
    seen = ("L", "N", "P", "S", "Cn")
    return any(c not in _BLANK and unicodedata.category(c).startswith(seen) for c in text)
