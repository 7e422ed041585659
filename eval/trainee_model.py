"""A trainee played by a language model, and the guard that keeps it in the trainee's part.

The model reads the call as a play, what the trainee would have on the screen before it, and a stage direction for the next
line: what the profile asks of this turn. The greeting is the stand-in's, as every desk has one; it also shows the
model how one talks here. A candidate is refused if it is the caller's part rather than the trainee's; after
the last refusal the profile's stand-in, a scripted trainee, says their line. All of it hangs on the call so far, the profile and the
seed alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from random import Random

from eval.listeners import who_speaks
from eval.profiles import DOES, Profile
from eval.trainees import ScriptedTrainee
from simulator.call import Call
from simulator.caller.choice import SENTENCE_END, tidy, whole_end
from simulator.caller.guard import alike
from simulator.models.base import LanguageModel, Sampling
from simulator.prompts import as_data, label_of
from simulator.scenario import Scenario
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Register

ATTEMPTS = 4
"""Candidates that are drawn before the stand-in speaks."""
SPEAKS = 0.5
"""Probability of being a service agent's (`eval.listeners`) from which a turn may pass as a trainee's: of held-out written
lines 90 % of the trainees' pass, and 8 % of the callers'."""
SENTENCES = 3
"""Sentences after which a turn is not listened to any further."""
GREETS, PARTS = "answers the phone and asks what is wrong", "says what was agreed, thanks the caller and says goodbye"
_NO_WORDS = re.compile(
    r"^\s*[\w ]{1,24}:\s|\b(agent|caller|customer)\s*[:(\[]|[\[\]{}*_#<>|]|\b(as an ai|language model)\b", re.I
)
_TRAINEE, _CALLER = label_of(Speaker.TRAINEE), label_of(Speaker.CALLER)


class ModelTrainee:
    """One trainee in one call. Deterministic; safe beside others on the same model."""

    def __init__(self, profile: Profile, scenario: Scenario, medium: Register, seed: int, model: LanguageModel) -> None:
        self._profile, self._scenario, self._medium, self._seed, self._model = profile, scenario, medium, seed, model
        self._stand_in = ScriptedTrainee(profile.stand_in, scenario)

    def say(self, call: Call, key: str = "") -> str:
        """The next trainee turn of `call`. `key` names the call for the model's cache. Raises ModelError."""
        own = call.transcript.by(Speaker.TRAINEE)
        number, settled = len(own), call.state.accepted
        if not own:
            return self._stand_in.say(None, settled=False)
        segments = trainee_segments(self._profile, self._scenario, self._medium, call.transcript, self._seed, settled)
        last = call.transcript.last(Speaker.CALLER)
        for attempt in range(ATTEMPTS):
            sampling = Sampling(
                temperature=0.7 + 0.1 * attempt,
                top_p=0.9,
                repetition_penalty=1.1,
                max_tokens=int(1.5 * self._profile.words) + 8,
                seed=Random(f"{self._profile.id}:{self._seed}:{number}:{attempt}").getrandbits(31),
                stop=("\n", '"'),
            )
            with closing(self._model.stream(segments, sampling, cache_key=key or None)) as pieces:  # type: ignore[type-var]
                heard = _listened(pieces)
            text = tidy(heard[: whole_end(heard)])
            if not slip(text, last.text if last else "", [turn.text for turn in own]):
                return text
        move = call.last_move
        return self._stand_in.say(move.plan if move else None, settled=settled)


def _listened(pieces: Iterator[str]) -> str:
    """What is said until `SENTENCES` sentences have ended."""
    heard = ""
    for piece in pieces:
        heard += piece
        if len(SENTENCE_END.findall(heard)) >= SENTENCES:
            break
    return heard


def slip(text: str, heard: str, own: list[str]) -> str:
    """Why `text` cannot be the trainee's next turn, in a word; '' if it can. `heard`: the caller's last words; `own`: what the
    trainee has said in this call."""
    if not re.search(r"\w", text):
        return "empty"
    if _NO_WORDS.search(text):
        return "no words"
    if heard and alike(text, heard):
        return "echo"
    if any(alike(text, before) for before in own):
        return "repetition"
    return "caller" if float(who_speaks().predict_proba([text])[0, 1]) < SPEAKS else ""


def trainee_segments(
    profile: Profile, scenario: Scenario, medium: Register, transcript: Transcript, seed: int, settled: bool
) -> tuple[str, ...]:
    """The call as a play with stage directions for the trainee, ending where their next line begins. `settled`: the caller has
    accepted. Segments only grow at the end from turn to turn."""
    segments, number, before = [_preface(profile, scenario, medium)], 0, ""
    for turn in transcript:
        if turn.speaker is Speaker.TRAINEE:
            segments.append(f"{before}{_cue(profile, seed, number, settled=False)}")
            before, number = f'{as_data(turn.text)}"\n', number + 1
        else:
            before += f'{_CALLER}: "{as_data(turn.text)}"\n'
    return (*segments, f"{before}{_cue(profile, seed, number, settled=settled)}")


def _cue(profile: Profile, seed: int, number: int, *, settled: bool) -> str:
    asked = "; ".join(DOES[tag] for tag in profile.asked(seed, number)) or "answers the caller"
    does = GREETS if number == 0 else PARTS if settled else asked
    return f'{_TRAINEE} ({does}): "'


def _preface(profile: Profile, scenario: Scenario, medium: Register) -> str:
    """Who takes the call, and what is on their screen."""
    talk = "phone call" if medium is Register.PHONE else "chat"
    screen = "".join(f"- {entry.label}: {entry.value}\n" for entry in scenario.record)
    rules = "".join(f"- {line}\n" for line in scenario.policy)
    may = "".join(f"- {line}\n" for line in scenario.may)
    return (
        f"A {talk} to {scenario.business}. {_TRAINEE} takes the call. {profile.about}\n"
        f"On the screen:\n{screen}The rules:\n{rules}What {_TRAINEE} may do:\n{may}\n"
        f"The {talk}, word for word:\n"
    )
