"""Plays whole calls between scripted trainees and callers, for benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice

from eval.trainees import Policy, ScriptedTrainee, scripts
from simulator.call import Call
from simulator.events import CallStarted
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
    policy: Policy
    seed: int
    medium: Register = Register.PHONE
    condition: str = ""

    @property
    def key(self) -> str:
        """A name for caches and tables."""
        name = f"{self.persona.id}/{self.scenario.id}/{self.difficulty}/{self.policy}/{self.seed}"
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


def words(session: Session, setting: Setting) -> Iterator[str]:
    """What the scripted trainee says next, as long as the call goes on; whoever asks says it before asking again."""
    trainee = ScriptedTrainee(scripts()[setting.scenario.id].scripts[setting.policy])
    while session.call.ended is None:
        move = session.call.last_move
        yield trainee.say(move.plan.intent if move else None, settled=session.call.state.accepted)


def play(setting: Setting, voice: Speech, evaluator: Grader, *, turns: int = 30) -> Call:
    """The call, played to its end or for `turns` trainee turns."""
    session = started(setting, voice, evaluator)
    for said in islice(words(session, setting), turns):
        for _ in session.submit(said):
            pass
    return session.call


def play_many(
    settings: Sequence[Setting], voice: Speech, evaluator: Grader, *, turns: int = 30, at_once: int = AT_ONCE
) -> Iterator[tuple[int, Call]]:
    """Every call of `settings`, each as soon as it has ended, with its place in `settings`. The order is nobody's promise,
    what happens in each call is: it depends on its own setting only, whatever else is played beside it. `at_once` are played
    at the same time, so that a model reads its weights once for the next words of all of them."""
    with ThreadPoolExecutor(at_once) as pool:
        playing = {pool.submit(play, s, voice, evaluator, turns=turns): place for place, s in enumerate(settings)}
        try:
            for ended in as_completed(playing):
                yield playing[ended], ended.result()
        finally:
            for each in playing:
                each.cancel()
