"""Finds the caller's words for a plan: the model speaks, the guard listens, a written line stands by.

A model that was tuned for callers draws several candidates at once; of those that pass the guard the best is said
(`choice.py`), if asked to with an eye on the persona's principles (`principles.py`). Any other model is heard as it
speaks: words are released sentence by sentence, each only after the guard has heard everything up to its end, and a
refused candidate is drawn again. In both cases a reply whose later sentence fails simply ends before it, and what the
plan must get across (the complaint, a fact) and the model did not say is added in the scenario's own sentence
(`telling.py`). After the last refusal, and at once where a tiny model would garble what matters, a written line is used;
a tuned model is asked first which of them fits (`own_lines.py`). Each of these decisions is reported to the caller of `say`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Protocol, runtime_checkable

from simulator.caller.choice import (
    MARKS,
    ROUNDS,
    SENTENCE_END,
    SENTENCES,
    Listener,
    Refused,
    chosen,
    is_tiny,
    last_end,
    tidy,
    whole_end,
)
from simulator.caller.guard import Violation, alike, check
from simulator.caller.own_lines import left_to_file, only_written, own_line, written_line
from simulator.caller.principles import Keeper
from simulator.caller.situation import Situation
from simulator.caller.state import CallerState
from simulator.caller.telling import sentences, unsaid
from simulator.errors import ServerError
from simulator.models.base import ForeseeingModel, LanguageModel, ManyVoiced, Sampling, WeighingModel
from simulator.persona import Persona
from simulator.plan import Plan
from simulator.prompts import caller_segments, examples_for, tuned_segments
from simulator.scenario import Scenario, ways
from simulator.transcript import Speaker, Transcript

ATTEMPTS = 4
"""Candidates that a model which was not tuned draws before a written line is used."""


@dataclass(frozen=True, slots=True)
class Saying:
    """All words released so far."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """The finished turn. `written`: the words are the persona's written line, put in or recited by the model; `chosen`: the
    model chose it among several; `completed`: the scenario's own sentence was added to the model's words. `model`: who
    found them, if not the voice that was asked; `stood_in`: because that one failed."""

    text: str
    written: bool
    attempts: int
    seconds: float
    completed: bool = False
    chosen: bool = False
    model: str = ""
    stood_in: bool = False


@runtime_checkable
class Principled(Protocol):
    """A voice that can have somebody who says which candidates keep the persona's principles."""

    @property
    def keeper(self) -> Keeper | None: ...


class Voice:
    """Speaks for callers with one language model. Holds no call: all state comes with the situation."""

    def __init__(self, model: LanguageModel, keeper: Keeper | None = None) -> None:
        """`keeper`: says which candidates keep the persona's principles, if anybody does."""
        self._model, self.keeper = model, keeper
        self.name = f"{model.info.name}, tuned {model.info.tuned}" if model.info.tuned else model.info.name
        self._sentences = 1 if is_tiny(model.info) else SENTENCES

    def read_ahead(self, situation: Situation, pause: Callable[[], None] | None = None) -> None:
        """Let the model read what its next line will come after, as far as that is known: all but the trainee's next words.
        Changes no words. `pause` as in `ForeseeingModel.read_ahead`. Raises ModelError."""
        if isinstance(self._model, ForeseeingModel):
            self._model.read_ahead(self._segments(situation), cache_key=situation.key, pause=pause)

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        """Zero or more `Saying` and `Refused`, then one `Line`. Raises ModelError if the model fails."""
        began = time.perf_counter()
        turn = situation.transcript.turns[-1].index
        plan = situation.plans[turn]
        listen = _listener(situation, plan)
        if self._model.info.tuned and isinstance(self._model, ManyVoiced):
            yield from self._chosen(self._model, situation, plan, listen, began)
            return
        segments = self._segments(situation)
        longest = situation.persona.voice.words[1]
        attempts = 0 if left_to_file(self._model.info, plan.intent, plan.facts) else ATTEMPTS
        for attempt in range(attempts):
            sampling = Sampling(
                temperature=0.8 + 0.1 * attempt,
                top_p=0.9,
                repetition_penalty=1.1,
                max_tokens=int(1.5 * longest) + 12,
                seed=Random(f"{situation.seed}:{turn}:{attempt}").getrandbits(31),
                stop=("\n", '"'),
            )
            released = ""
            try:
                for part in self._candidate(segments, sampling, listen, situation.key, attempt, longest):
                    if isinstance(part, Saying):
                        released = part.text
                    yield part
            except ServerError:
                if not released:
                    raise
                # A server that breaks off: what has been said stands, and the turn ends there.
            if released:
                yield from _finished(situation, plan, released, attempt, began, shown=released)
                return
        yield from _written(situation, plan, attempts, began)

    def _segments(self, s: Situation) -> tuple[str, ...]:
        """The call in the form that this model knows."""
        form = tuned_segments if self._model.info.tuned else caller_segments
        return form(s.persona, s.scenario, s.medium, s.transcript, s.plans)

    def _chosen(
        self, model: ManyVoiced, situation: Situation, plan: Plan, listen: Listener, began: float
    ) -> Iterator[Saying | Refused | Line]:
        """A line of the persona's that fits, or the best of several candidates, or any written line."""
        segments = self._segments(situation)
        seed = f"{situation.seed}:{situation.transcript.turns[-1].index}"
        info = model.info
        if line := own_line(model, info, situation, plan, segments, listen) if isinstance(model, WeighingModel) else "":
            yield from _written(situation, plan, 0, began, chosen=line)
            return
        written = left_to_file(model.info, plan.intent, plan.facts) or only_written(situation, plan)
        rounds = 0 if written else ROUNDS
        for part in chosen(
            model,
            segments,
            listen,
            lambda words: bool(unsaid(situation.scenario, plan, words)),
            longest=situation.persona.voice.words[1],
            seed=seed,
            rounds=rounds,
            key=situation.key,
            keeps=self._keeps(situation.persona),
        ):
            if isinstance(part, Refused):
                yield part
            else:
                yield from _finished(situation, plan, part.text, part.attempt, began)
                return
        yield from _written(situation, plan, rounds, began)

    def _keeps(self, persona: Persona) -> Callable[[str], float]:
        """Which share of the persona's principles a text keeps to; 1 where nobody can say."""
        keeper = self.keeper
        if keeper is None or not persona.principles:
            return lambda _text: 1.0
        return lambda text: keeper.share(persona.principles, text)

    def _candidate(
        self, segments: tuple[str, ...], sampling: Sampling, listen: Listener, key: str, attempt: int, longest: int
    ) -> Iterator[Saying | Refused]:
        """One candidate, sentence by sentence; stops at the first sentence that is refused."""
        heard, released = "", ""
        with closing(self._model.stream(segments, sampling, cache_key=key or None)) as pieces:  # type: ignore[type-var]
            for piece in _and_the_end(pieces):
                heard += piece or ""
                end = last_end(heard) if piece is not None else whole_end(heard)
                if end <= len(released):
                    continue
                text = tidy(heard[:end])
                if violations := listen(text):
                    yield Refused(attempt, text, violations, trimmed=bool(released))
                    return
                if text:
                    released = heard[:end]
                    yield Saying(text)
                if len(SENTENCE_END.findall(released + " ")) >= self._sentences or len(text.split()) >= longest:
                    return
        if not released:
            yield Refused(attempt, tidy(heard), listen(tidy(heard)) or listen(""))


def _finished(
    situation: Situation, plan: Plan, text: str, attempt: int, began: float, *, shown: str = ""
) -> Iterator[Saying | Line]:
    """The turn, from the words that the model found (`shown`: said already); what they leave out is added."""
    missing = unsaid(situation.scenario, plan, text)
    ends = "" if not missing or text[-1:] in MARKS else "."  # people who type leave it out, but here more follows
    whole = f"{text}{ends} {missing}".strip()
    if whole != shown:
        yield Saying(whole)
    recited = any(alike(text, line) for line in examples_for(situation.persona))
    yield Line(whole, recited, attempt + 1, time.perf_counter() - began, completed=bool(missing))


def _written(
    situation: Situation, plan: Plan, attempts: int, began: float, *, chosen: str = ""
) -> Iterator[Saying | Line]:
    """The turn in the persona's words: those that the model chose, or any, when it found none that may be said."""
    text = written_line(situation, plan, chosen)
    yield Saying(text)
    yield Line(text, written=True, attempts=attempts, seconds=time.perf_counter() - began, chosen=bool(chosen))


def _and_the_end(pieces: Iterator[str]) -> Iterator[str | None]:
    """The pieces, then None."""
    yield from pieces
    yield None


def known_to(
    persona: Persona,
    scenario: Scenario,
    transcript: Transcript,
    state: CallerState,
    about_to_tell: tuple[str, ...] = (),
) -> list[str]:
    """All texts whose figures, dates and names the caller may use: what they know and have told, and what was said."""
    told = {*state.disclosed, *about_to_tell}
    return [
        scenario.business,
        scenario.opening,
        scenario.wants,
        scenario.issue,
        *ways(scenario.openings),
        *ways(scenario.demands),
        *(" ".join((f.text, f.say, *ways(f.also))) for f in (*scenario.facts, *scenario.particulars)),
        *(" ".join((f.text, f.say, *ways(f.also))) for f in scenario.hidden if f.id in told),
        *(t.text for t in transcript),
        *(p.quote for p in state.ledger),
        persona.name,
        persona.who,
        persona.voice.manner,
        *persona.voice.pet_phrases,
        *persona.opens,
        *persona.written,
    ]


def _listener(situation: Situation, plan: Plan) -> Listener:
    """The guard, knowing what this caller may know now."""
    persona = situation.persona
    state = situation.states[max(situation.states)]
    known = known_to(persona, situation.scenario, situation.transcript, state, plan.facts)
    own = [t.text for t in situation.transcript.by(Speaker.CALLER)]
    heard = situation.transcript.turns[-1].text
    secrets = sentences(f"{persona.summary} {persona.voice.manner}")
    most = max(30, 2 * persona.voice.words[1])

    def listen(text: str) -> tuple[Violation, ...]:
        return check(
            text,
            known=known,
            own_lines=own,
            heard=heard,
            secrets=secrets,
            never=persona.voice.never_says,
            max_words=most,
            intensity=situation.intensity,
        )

    return listen
