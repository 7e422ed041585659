"""What plays the calls of this process, and rehearsals with it: they may be there before their models are open, and read
ahead while the trainee thinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Self

from simulator.ahead import Ahead, Pause
from simulator.assessment import Assessment
from simulator.calibration.scaled import Scaled
from simulator.call import Call, Due
from simulator.caller.choice import Refused
from simulator.caller.principles import Keeper
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Principled, Saying, Voice
from simulator.evaluator.grader import Evaluator
from simulator.evaluator.second_opinion import SecondOpinion
from simulator.models.base import LanguageModel, Sampling, Source
from simulator.places import Places
from simulator.rehearsal import Rehearsal, Rehearsals
from simulator.scenario import Brief
from simulator.session import Grader, Speech, situation
from simulator.settings import Settings
from simulator.store import Store
from simulator.transcript import Speaker, Transcript, Turn

_GREETING = Turn(0, Speaker.TRAINEE, "Good morning, how can I help you?")


@dataclass(slots=True)
class Parts:
    """What plays a call: a voice and a grader; the models behind them (None: none); why these (`told`: sentences);
    `second`: who gives second opinions, if anybody, and `second_model`, if it is none of the other two; `stand_in`: the
    model, one of those, that speaks where the caller's fails."""

    voice: Speech
    evaluator: Grader
    told: str = ""
    model: LanguageModel | None = None
    grading_model: LanguageModel | None = None
    second: SecondOpinion | None = None
    second_model: LanguageModel | None = None
    stand_in: LanguageModel | None = None

    def warm_up(self) -> None:
        """Use every part once, so that the first turn does not pay for what only happens once. Raises ModelError."""
        for model in (self.model, self.stand_in):
            if model is not None and model.info.source is not Source.SERVER:
                _read(model, ("Caller:",), key=None)
        self.evaluator.grade(_GREETING, Transcript(), Brief("a shop", "Something is wrong"))

    def read_ahead(self, call: Call, key: str, pause: Pause | None = None) -> None:
        """Let the local models read what is known of a call before its next turn, under the cache keys that its session
        uses: that is then not waited for. Changes no words and no grades. Raises ModelError, and what `pause` raises."""
        if isinstance(self.evaluator, Evaluator):  # first, as it is needed first
            self.evaluator.read_ahead(call.transcript, call.start.scenario.brief, cache_key=key, pause=pause)
        if isinstance(self.voice, Voice):
            self.voice.read_ahead(situation(call, key), pause)

    def close(self) -> None:
        """Let go of the models."""
        for model in (self.model, self.grading_model, self.second_model):
            if model is not None:
                model.close()


class _VoiceLater:
    """The voice of parts that may not be open yet: whoever wants its name or its words waits for them."""

    def __init__(self, parts: Future[Parts]) -> None:
        self._parts = parts

    @property
    def name(self) -> str:
        return self._parts.result().voice.name

    @property
    def keeper(self) -> Keeper | None:
        voice = self._parts.result().voice
        return voice.keeper if isinstance(voice, Principled) else None

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        return self._parts.result().voice.say(situation)


class _EvaluatorLater:
    """The same for the evaluator."""

    def __init__(self, parts: Future[Parts]) -> None:
        self._parts = parts

    @property
    def name(self) -> str:
        return self._parts.result().evaluator.name

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        return self._parts.result().evaluator.grade(turn, transcript, scenario, cache_key=cache_key)


class ReadyRehearsals(Rehearsals):
    """Rehearsals whose models read ahead in the background, while the trainee reads, thinks and types: a new call's preface,
    a call that is taken up again, what the caller has just said.

    The models need not be open when it is made: stored calls can be read at once, and whoever wants something said or graded
    before `open` is through waits.
    """

    def __init__(self, opened: Callable[[], Parts], store: Store, settings: Settings) -> None:
        """`opened`: opens the parts; called by `open`."""
        places = Places(settings.turns_at_once, settings.turns_waiting)
        self._opened, self._parts = opened, Future[Parts]()
        evaluator = Scaled(_EvaluatorLater(self._parts), store.calibration.active)
        super().__init__(_VoiceLater(self._parts), evaluator, store, own_data=settings.data_dir, places=places)
        self.ahead = Ahead()

    def open(self) -> None:
        """Open the parts, once; not at all if this has been closed. Raises what that raises, as does then whoever waits."""
        if not self._parts.set_running_or_notify_cancel():
            return
        parts: Parts | None = None
        try:
            parts = self._opened()
            self.ask_for_opinions(parts.second)
        except BaseException as error:
            if parts is not None:
                parts.close()
            self._parts.set_exception(error)
            raise
        self._parts.set_result(parts)
        with self._lock:
            taken_up = list(self._open.values())
        for rehearsal in taken_up:
            self._read_ahead(rehearsal)

    @property
    def ready(self) -> bool:
        """Whether the parts are open."""
        return self._parts.done() and not (self._parts.cancelled() or self._parts.exception())

    def until_ready(self) -> None:
        """Wait for the parts. Raises what opening them has raised."""
        self._parts.result()

    @property
    def parts(self) -> Parts:
        """The parts, once they are open. Raises what opening them has raised."""
        return self._parts.result()

    @property
    def told(self) -> str:
        """Why these models; once they are open."""
        return self.parts.told

    def warm_up(self) -> None:
        """Use the models once, in the background. A failure is logged: the first turn will tell it."""
        self.ahead.ask("warm up", lambda _: self.parts.warm_up())

    @contextmanager
    def playing(self, rehearsal: Rehearsal) -> Iterator[None]:
        """What is done in the background waits; when the turn is over, the call is read ahead to its end."""
        with super().playing(rehearsal), self.ahead.playing(rehearsal.id):
            yield
        self._read_ahead(rehearsal)

    def put_away(self, call_id: str) -> None:
        """Forget the open session, and read no further for it."""
        self.ahead.forget(call_id)
        super().put_away(call_id)

    def close(self) -> None:
        """Let go of models and store, if need be once they are open. No call may be in the middle of a turn."""
        parts: Parts | None = None
        try:
            if not self._parts.cancel() and self._parts.exception() is None:
                parts = self._parts.result()
        finally:  # also where somebody does not wait for the models
            super().close()
            self.ahead.close()
            if parts is not None:
                parts.close()
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, rehearsal: Rehearsal) -> Rehearsal:
        found = super()._keep(rehearsal)
        self._read_ahead(found)
        return found

    def _read_ahead(self, rehearsal: Rehearsal) -> None:
        """What is known of that call now, if the trainee is about to speak in it. Not before the models are open: a job that
        waits for them would hold up every turn (`Ahead.playing`); `open` asks for those that were taken up before."""
        call = rehearsal.call
        if self.ready and call.due is Due.TRAINEE:
            self.ahead.ask(rehearsal.id, lambda pause: self.parts.read_ahead(call, rehearsal.id, pause))


def _read(model: LanguageModel, segments: tuple[str, ...], *, key: str | None) -> None:
    with closing(model.stream(segments, Sampling(max_tokens=1), cache_key=key)) as pieces:  # type: ignore[type-var]
        next(pieces, None)
