"""Builds what a language model reads, and nothing else: pure functions from data to prompt segments.

This is the one place where a speaker becomes a label in a text or a chat role. A trainee's words are data: they are
put on one line and lose whatever could pass for a control token or a new speaker (`as_data`).
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simulator.persona import Persona
from simulator.plan import Plan
from simulator.scenario import Brief, Scenario
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Intent, Register

LONGEST = 900
"""Characters of one turn that a model is shown (the whole turn is kept in the record)."""
RECALLED = 12
"""Whole exchanges of a call that a tuned model is shown at most, and the one that is going on. The calls it has learned from
are of five to ten, and at most 1,100 tokens."""
FORGOTTEN = 4
"""Exchanges that leave at once. What comes after them has then to be read again: once in so many turns, and while the
trainee thinks."""

_DOES: dict[Intent, str] = {
    Intent.OPEN: "says what is wrong",
    Intent.VENT: "lets the anger out",
    Intent.REPEAT: "says the complaint again",
    Intent.DEMAND: "demands something be done",
    Intent.DOUBT: "does not believe it",
    Intent.TEST: "tests whether the agent can be trusted",
    Intent.QUESTION: "asks about what was just said",
    Intent.WANDER: "wanders off to something personal",
    Intent.WAVER: "cannot decide",
    Intent.CORRECT: "corrects the agent",
    Intent.DISCLOSE: "tells the agent something",
    Intent.BARGAIN: "wants more than was offered",
    Intent.ASK_SUPERVISOR: "asks for the manager",
    Intent.INSULT: "insults the agent",
    Intent.THREATEN: "threatens to leave or complain",
    Intent.REFUSE: "turns the offer down",
    Intent.SOFTEN: "calms down a little",
    Intent.ACCEPT: "accepts the offer",
    Intent.THANK: "says thanks, a little gruffly",
    Intent.HANG_UP: "gives up and hangs up",
}
"""What each intent looks like from outside, as a stage direction."""

_TELLING = (Intent.VENT, Intent.DOUBT, Intent.DEMAND, Intent.QUESTION, Intent.CORRECT, Intent.SOFTEN)
"""Intents whose written lines show a voice best."""

_BRACKET = r"(?:\((?:[^()]|\([^()]{0,200}\)){0,200}\))"
"""A stage direction, also with brackets inside."""
AGENT = "Agent"
"""How the trainee is labelled in a transcript that a model reads."""
CALLER = "Caller"
ANSWER = f"{CALLER}:"
"""What follows a trainee's turn in a transcript: the caller is about to answer."""


def as_data(text: str, limit: int = LONGEST) -> str:
    """`text` as one harmless line: folded, no invisible characters, no control tokens, no speaker labels, cut at `limit`."""
    folded = unicodedata.normalize("NFKC", text)
    visible = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in folded)
    quiet = re.sub(r"<\s*\||\|\s*>|</?s>|\[/?INST\]|```|^#+", " ", visible)
    quiet = re.sub(r"[\"“”„«»]", "'", quiet)
    quiet = re.sub(
        rf"(?<![^\W\d_])({AGENT}|{CALLER}|system|user|assistant)\s*{_BRACKET}?\s*:", r"\1,", quiet, flags=re.I
    )
    line = " ".join(quiet.split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " …"


def caller_segments(
    persona: Persona,
    scenario: Scenario,
    register: Register,
    transcript: Transcript,
    plans: Mapping[int, Plan],
) -> tuple[str, ...]:
    """The call as a play with stage directions. After a trainee's turn it ends where the caller's next line begins; after
    a caller's turn it is what will come before that, whatever the trainee says.

    `plans` maps the index of a trainee turn to the caller's plan for answering it. Facts that are hidden reach the text
    only through a plan that discloses them. Segments only grow at the end, one a turn.
    """
    segments = [_preface(persona, scenario, register)]
    for turn in transcript:
        if turn.speaker is Speaker.TRAINEE:
            direction = _direction(persona, scenario, plans[turn.index])
            segments.append(f'{AGENT}: "{as_data(turn.text)}"\n{CALLER} ({direction}): "')
        else:
            segments.append(f'{as_data(turn.text)}"\n')
    return tuple(segments)


@dataclass(frozen=True, slots=True)
class Part:
    """Whom a model that was tuned for callers plays: a shipped persona in a scenario, or a caller of the corpus it learns
    from. `voice` in a few words with pet phrases; `facts` short notes of what the caller would tell."""

    medium: Register
    business: str
    issue: str
    name: str
    voice: str
    facts: tuple[str, ...]


PET_PHRASES = 3
"""So many of a persona's pet phrases are shown to a tuned model: those of the corpus have two or three."""


def part_of(persona: Persona, scenario: Scenario, register: Register) -> Part:
    """The part of this persona in this scenario."""
    phrases = ", ".join(f"'{p}'" for p in persona.voice.pet_phrases[:PET_PHRASES])
    return Part(
        register,
        scenario.business,
        scenario.issue,
        persona.name,
        "; ".join(filter(None, (persona.voice.cue, phrases))),
        tuple(fact.text for fact in scenario.facts),
    )


def part_segment(part: Part) -> str:
    """What a tuned model reads before the call begins."""
    talk = "phone call" if part.medium is Register.PHONE else "chat"
    facts = "".join(f"- {fact.rstrip('.')}\n" for fact in part.facts)
    return f"A {talk} to {part.business}. {part.issue.rstrip('.')}.\n{part.name} is the caller: {part.voice}\n{facts}\n"


def cued(heard: str, intent: Intent, facts: Sequence[str]) -> str:
    """The trainee's words ('': nobody has spoken yet) and the cue for the line that answers them: the line follows after
    a blank and ends with the text line."""
    told = "; ".join(fact.rstrip(".") for fact in facts)
    cue = f"{_DOES[intent]}: {told}" if told else _DOES[intent]
    said = f"{AGENT}: {as_data(heard)}\n" if heard else ""
    return f"{said}{CALLER} ({cue}):"


def spoken(line: str) -> str:
    """A caller's line as it stands after its cue."""
    return f" {as_data(line)}\n"


def tuned_segments(
    persona: Persona,
    scenario: Scenario,
    register: Register,
    transcript: Transcript,
    plans: Mapping[int, Plan],
) -> tuple[str, ...]:
    """As `caller_segments`, for a model that was tuned on calls in this form (`python -m eval.train_caller`), but of a long
    call only the latest exchanges. Hidden facts that were told in the others are among what the caller knows from then on;
    the rest of their words is lost to the model, though not to the caller's state nor to the guard. Segments grow at the
    end, and begin anew whenever exchanges leave."""
    kept = 2 * _forgotten(len(transcript) // 2)
    told = {fact for turn, plan in plans.items() if turn < kept for fact in plan.facts}
    part = part_of(persona, scenario, register)
    part = replace(
        part, facts=(*part.facts, *(fact.text for fact in (*scenario.hidden, *scenario.particulars) if fact.id in told))
    )
    segments = [part_segment(part)]
    for turn in transcript.turns[kept:]:
        if turn.speaker is Speaker.TRAINEE:
            plan = plans[turn.index]
            facts = [scenario.fact(f).text for f in plan.facts]
            if plan.intent is Intent.OPEN:
                facts.insert(0, scenario.opening)
            segments.append(cued(turn.text, plan.intent, facts))
        else:
            segments.append(spoken(turn.text))
    return tuple(segments)


def _forgotten(exchanges: int) -> int:
    """How many of so many whole exchanges are no longer shown."""
    return FORGOTTEN * max(0, math.ceil((exchanges - RECALLED) / FORGOTTEN))


def examples_for(persona: Persona) -> tuple[str, ...]:
    """The written lines shown to a model as samples of the voice: one for each of the most telling intents."""
    return tuple(persona.lines[intent][-1] for intent in _TELLING)


def evaluator_segments(turn: Turn, transcript: Transcript, brief: Brief) -> tuple[str, ...]:
    """Scenario, the call so far turn by turn, and last the graded trainee turn alone."""
    return (*context_segments(transcript, brief), _plain(turn))


def context_segments(transcript: Transcript, brief: Brief) -> tuple[str, ...]:
    """What comes before a graded turn: the scenario, and the call so far turn by turn."""
    facts = "; ".join(f.rstrip(".") for f in brief.facts)
    policy = "; ".join(p.rstrip(".") for p in brief.policy)
    head = f"Call to {brief.business}. {brief.issue.rstrip('.')}.\nFacts: {facts}.\nPolicy: {policy}.\n\n"
    return (head, *(_plain(t) for t in transcript))


class Described(Protocol):
    """A dimension in the rubric's words. (The rubric itself is not for this module: the caller's prompts are here.)"""

    @property
    def title(self) -> str: ...
    @property
    def applies(self) -> str: ...
    @property
    def not_applicable(self) -> str: ...
    @property
    def levels(self) -> Mapping[int, str]: ...


def rubric_segment(unit: str, dimensions: Iterable[Described], rules: Iterable[str]) -> str:
    """The rubric as a model reads it before any call: the same text for every turn, so that it is read only once."""
    parts = [f"An expert grades how a service agent handles a difficult caller. {unit}"]
    for told in dimensions:
        never = f" n/a: {told.not_applicable}" if told.not_applicable else ""
        levels = "\n".join(f"{level}: {told.levels[level]}" for level in sorted(told.levels, reverse=True))
        parts.append(f"{told.title} ({told.applies}).{never}\n{levels}")
    parts.append("Rules:\n" + "\n".join(f"- {rule}" for rule in rules))
    return "\n\n".join(parts) + "\n\nA call:\n"


def decision_segments(
    rubric_words: str, turn: Turn, transcript: Transcript, brief: Brief, title: str, options: Sequence[str]
) -> tuple[str, ...]:
    """The rubric, the call up to and with the graded turn, and last the question for the level of one dimension: one of
    `options` is to follow. All but the question is the same for every dimension."""
    question = f'\nThe grades of the last {AGENT} turn.\n{title}, one of {", ".join(options)}: "'
    return (rubric_words, *evaluator_segments(turn, transcript, brief), question)


def principle_segments(principle: str, line: str) -> tuple[str, ...]:
    """The question whether a caller's line keeps to a principle of its persona: yes or no is to follow. Lines that are asked
    about the same principle share all but the end."""
    return (
        f"A rule for a character: {as_data(principle, 300).rstrip('.')}.\n",
        f'The character says: "{as_data(line)}"\nDoes the line keep to the rule? Answer yes or no: "',
    )


def label_of(speaker: Speaker) -> str:
    """The name of a speaker in a transcript that a model reads."""
    return AGENT if speaker is Speaker.TRAINEE else CALLER


def _plain(turn: Turn) -> str:
    return f"{label_of(turn.speaker)}: {as_data(turn.text)}\n"


def _preface(persona: Persona, scenario: Scenario, register: Register) -> str:
    """Who is on the line, what happened, and how they talk: by example."""
    talk = "phone call" if register is Register.PHONE else "chat"
    facts = "\n".join(f"- {fact.say}" for fact in scenario.facts)
    samples = "\n".join(f'- "{line}"' for line in examples_for(persona))
    return (
        f"A {talk} to {scenario.business}. {persona.name} is a customer with a complaint. {persona.summary}\n"
        f"What happened, in {persona.name}'s words:\n- {scenario.opening}\n{facts}\n- {scenario.wants}\n\n"
        f"How {persona.name} talks:\n{samples}\n\n"
        f"The {talk}:\n"
    )


def _direction(persona: Persona, scenario: Scenario, plan: Plan) -> str:
    facts = " ".join(scenario.fact(f).say for f in plan.facts)
    what = f"{persona.voice.cue}; {_DOES[plan.intent]}"
    if plan.intent is Intent.OPEN:
        return f"{what}: {scenario.opening}"
    return f"{what}: {facts}" if facts else what


def as_messages(segments: Sequence[str]) -> list[dict[str, str]]:
    """The same play for a chat server: preface as system message, the rest with the request for one line."""
    ask = f"Write {CALLER}'s next line of this transcript, only the spoken words, then stop."
    return [
        {"role": "system", "content": segments[0].strip()},
        {"role": "user", "content": f"{ask}\n\n{''.join(segments[1:]).strip()}"},
    ]
