"""Plays whole calls between trainees and callers, for benchmarks and studies: scripted trainees, or model-played ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from eval.profiles import Profile
from eval.trainee_model import ModelTrainee
from eval.trainees import Policy, ScriptedTrainee
from simulator.call import Call
from simulator.errors import ModelError
from simulator.events import CallStarted
from simulator.models.base import LanguageModel
from simulator.persona import Persona
from simulator.scenario import Scenario, scenarios
from simulator.session import Grader, Session, Speech
from simulator.vocabulary import Difficulty, Ending, Register

AT_ONCE = 8
"""Calls played at the same time by `play_many`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One call to play. `condition`: what a study changed about it ('': nothing), so that its name is its own."""

    persona: Persona
    scenario: Scenario
    difficulty: Difficulty
    policy: Policy | Profile
    seed: int
    medium: Register = Register.PHONE
    condition: str = ""

    @property
    def trainee(self) -> str:
        """The trainee's name."""
        return self.policy.id if isinstance(self.policy, Profile) else self.policy.value

    @property
    def trainee_model(self) -> str:
        """Which model plays the trainee; '': none."""
        return self.policy.model if isinstance(self.policy, Profile) else ""

    @property
    def key(self) -> str:
        """A name for caches and tables."""
        name = f"{self.persona.id}/{self.scenario.id}/{self.difficulty}/{self.trainee}/{self.seed}"
        return f"{name}/{self.condition}" if self.condition else name


def grid(
    personas: Iterable[Persona], difficulties: Iterable[Difficulty], policies: Iterable[Policy], seeds: int
) -> list[Setting]:
    """Every persona with every difficulty, trainee and seed; scenarios as `met` says."""
    situations, levels, trainees = list(scenarios().values()), list(difficulties), list(policies)
    return [
        Setting(one, met(n, seed, situations), level, policy, seed)
        for n, one in enumerate(personas)
        for level in levels
        for policy in trainees
        for seed in range(seeds)
    ]


def met(number: int, seed: int, situations: Sequence[Scenario]) -> Scenario:
    """The scenario that persona `number` meets with this seed: another with each seed; persona n starts at scenario n, so
    that all pairs come up."""
    return situations[(number + seed) % len(situations)]


def is_won(call: Call) -> bool:
    """Whether the call ended resolved."""
    return call.ended is not None and call.ended.ending is Ending.RESOLVED


def started(setting: Setting, voice: Speech, evaluator: Grader) -> Session:
    """The call, waiting for the trainee's first words."""
    start = CallStarted(
        at=0.0,
        persona=setting.persona,
        scenario=setting.scenario,
        difficulty=setting.difficulty,
        medium=setting.medium,
        seed=setting.seed,
        model=voice.name,
        grader=evaluator.name,
    )
    return Session([start], voice, evaluator, key=setting.key)


def words(session: Session, setting: Setting, model: LanguageModel | None = None) -> Iterator[str]:
    """What the trainee says next, as long as the call goes on; whoever asks says it before asking again. `model`: who speaks
    for a trainee that has a profile. Raises ModelError."""
    if isinstance(setting.policy, Profile):
        if model is None:
            raise ModelError(f"the trainee {setting.trainee} is played by {setting.trainee_model}, which is not open")
        played = ModelTrainee(setting.policy, setting.scenario, setting.medium, setting.seed, model)
        while session.call.ended is None:
            yield played.say(session.call, f"trainee:{setting.key}")
        return
    trainee = ScriptedTrainee(setting.policy, setting.scenario)
    while session.call.ended is None:
        move = session.call.last_move
        yield trainee.say(move.plan if move else None, settled=session.call.state.accepted)


def play(
    setting: Setting,
    voice: Speech,
    evaluator: Grader,
    *,
    turns: int = 30,
    trainee: LanguageModel | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> Call:
    """The call, played to its end or for `turns` trainee turns; `trainee`: the model of a trainee that has a profile.
    `go_on` is called before every step of it: what it raises ends the call there, also in the middle of a line."""
    session = started(setting, voice, evaluator)
    for said in islice(words(session, setting, trainee), turns):
        with closing(session.submit(said)) as happening:  # type: ignore[type-var]
            for _ in happening:
                go_on()
    return session.call


def play_many(
    settings: Sequence[Setting],
    voice: Speech,
    evaluator: Grader,
    *,
    turns: int = 30,
    at_once: int = AT_ONCE,
    trainee: LanguageModel | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, Call]]:
    """Every call of `settings`, each as soon as it has ended, with its place in `settings`. The order is nobody's promise,
    what happens in each call is: it depends on its own setting only, whatever else is played beside it. `at_once` are played
    at the same time, so that a model reads its weights once for the next words of all of them. `go_on` as in `play`."""
    with ThreadPoolExecutor(at_once) as pool:
        playing = {
            pool.submit(play, s, voice, evaluator, turns=turns, trainee=trainee, go_on=go_on): place
            for place, s in enumerate(settings)
        }
        try:
            for ended in as_completed(playing):
                yield playing[ended], ended.result()
        finally:
            for each in playing:
                each.cancel()
