"""How the words of played calls measure up: what a listener would take amiss, what repeats, what keeps to its persona.

Every figure comes with a 95 % interval that takes whole calls together (`intervals.py`) and, where the corpus allows it, with the same figure for written
lines of held-out calls: no measure here is worth more than its distance from that. Role flips, tone and intent are heard
by readers that know nothing of the guard (`listeners.py`). Invented facts and repetition are counted by the guard's own
rules: a model's candidates have passed these, so what is counted is what was put in afterwards (written lines, completions); what
the rules do not see, only somebody who reads the transcripts finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from eval.intervals import Estimate, share
from eval.listeners import AGENT, ASSISTANT, Listeners
from simulator.call import Call
from simulator.caller.choice import ROUNDS
from simulator.caller.guard import Refusal, alike, check
from simulator.caller.voice import known_to
from simulator.transcript import Speaker
from simulator.vocabulary import Intent

_WORDS = re.compile(r"[\w']+")
_KIND = frozenset({Intent.SOFTEN, Intent.ACCEPT, Intent.THANK})


@dataclass(frozen=True, slots=True)
class Said:
    """One caller turn: its words, how they came about, and what is wrong with them (tags)."""

    call: int
    persona: str
    intent: Intent
    text: str
    written: bool
    completed: bool
    chosen: bool
    rounds: int
    tags: frozenset[str] = field(default_factory=frozenset)


def heard(calls: Sequence[Call], ears: Listeners) -> list[Said]:
    """Every caller turn of `calls`, tagged: role_flip, assistant_tone, invented, repeats (within the call), intent_missed.
    Written lines are measured like all others."""
    found: list[Said] = []
    for number, call in enumerate(calls):
        turns = call.transcript.by(Speaker.CALLER)
        if not turns:
            continue
        agent, guesses = ears.agent([t.text for t in turns]), ears.likeliest([t.text for t in turns])
        for index, turn in enumerate(turns):
            move, spoken = call.moves[turn.index - 1], call.spoken[turn.index]
            tags = set()
            if agent[index] >= AGENT:
                tags.add("role_flip")
            elif agent[index] >= ASSISTANT:
                tags.add("assistant_tone")
            known = known_to(call.start.persona, call.start.scenario, call.transcript.before(turn.index), move.state)
            kinds = {v.kind for v in check(turn.text, known=known, own_lines=(), heard="")}
            if Refusal.INVENTED_FACT in kinds:
                tags.add("invented")
            if any(alike(turn.text, before.text) for before in turns[:index]):
                tags.add("repeats")
            if move.plan.intent not in guesses[index]:
                tags.add("intent_missed")
            found.append(
                Said(
                    number,
                    call.start.persona.id,
                    move.plan.intent,
                    turn.text,
                    spoken.written,
                    spoken.completed,
                    spoken.chosen,
                    spoken.attempts,
                    frozenset(tags),
                )
            )
    return found


def shares(said: Sequence[Said]) -> dict[str, Estimate]:
    """Share of turns with each tag, and of those whose words are not, or not all, or not at once the model's."""
    names: dict[str, Callable[[Said], bool]] = {
        tag: (lambda s, tag=tag: tag in s.tags)  # type: ignore[misc]
        for tag in ("role_flip", "assistant_tone", "invented", "repeats", "intent_missed")
    }
    names |= {
        "written, as nothing passed": lambda s: s.written and s.rounds >= ROUNDS,
        "written, the model's choice": lambda s: s.chosen,
        "written, model not asked": lambda s: s.written and s.rounds == 0 and not s.chosen,
        "model recited a written line": lambda s: s.written and 0 < s.rounds < ROUNDS,
        "scenario's sentence added": lambda s: s.completed,
        "drawn again": lambda s: s.rounds > 1 and not s.written,
    }
    calls = [s.call for s in said]
    return {name: share([test(s) for s in said], calls) for name, test in names.items()}


def across_calls(said: Sequence[Said]) -> Estimate:
    """Share of turns of five words and more that are said word for word in another call as well."""
    lines = [(s.call, " ".join(_WORDS.findall(s.text.lower()))) for s in said]
    long = [(call, line) for call, line in lines if line.count(" ") >= 4]
    where: dict[str, set[int]] = {}
    for call, line in long:
        where.setdefault(line, set()).add(call)
    return share([len(where[line]) > 1 for _, line in long], [call for call, _ in long])


def distinct(texts: Iterable[str], n: int = 2) -> float:
    """Different runs of `n` words over all runs of `n` words (0-1; it falls with the amount of text)."""
    runs: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = _WORDS.findall(text.lower())
        runs.update(zip(*(words[i:] for i in range(n)), strict=False))
    return len(runs) / max(1, sum(runs.values()))


def own_voice(said: Sequence[Said], written: dict[str, Sequence[str]]) -> tuple[Estimate, float]:
    """Whether a persona's lines sound like those of its file (letter n-grams, cosine): share of calls whose words are
    nearest to their own persona's of all `written`, and what guessing would give."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    names = list(written)
    spoken: dict[int, list[str]] = {}
    who: dict[int, str] = {}
    for s in said:
        if not s.written:
            spoken.setdefault(s.call, []).append(s.text)
            who[s.call] = s.persona
    known = [call for call in spoken if who[call] in names]
    if not known:
        return Estimate(None, None, None, 0), 1 / max(1, len(names))
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    files = letters.fit_transform([" ".join(written[name]) for name in names])
    calls = letters.transform([" ".join(spoken[call]) for call in known])
    nearest = np.asarray((calls @ files.T).todense()).argmax(axis=1)
    right = [names[i] == who[c] for i, c in zip(nearest, known, strict=True)]
    return share(right, [who[c] for c in known]), 1 / len(names)


def softened(call: Call) -> bool:
    """Whether the caller ever softened, accepted or thanked."""
    return any(move.plan.intent in _KIND for move in call.moves.values())


def softened_early(call: Call) -> bool:
    """Whether they did so before anything had been offered to them."""
    return any(move.plan.intent in _KIND and not move.state.offers for move in call.moves.values())
