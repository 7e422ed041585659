"""Who is calling: a persona as data, read from one YAML file. What its numbers do is said in `caller/`."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, model_validator

from simulator.errors import UnknownNameError
from simulator.vocabulary import Difficulty, Ending, Intent, Occasion, Style, Tag
from simulator.yamlfile import FROM_FILE, Strict, read_folder, read_model

TOLD = ConfigDict(use_attribute_docstrings=True)
"""What is written under a field here is told where the field is shown."""
Score = Annotated[float, Field(ge=0, le=10)]
"""A trait or a feeling, 0-10."""
Gain = Annotated[float, Field(ge=0, le=4)]
"""How strongly a tag works on this persona; 1 = as on anyone, 0 = not at all."""
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,60}$")]
"""An id: lower case, digits and underscores."""

_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "sir", "dame", "rev", "father", "sister"}
)
"""Words before a name that are not one: who is introduced so is called so."""
WRITTEN = frozenset(Intent) - {Intent.OPEN}
"""Intents for which every persona has written lines; for `open` it has `opens`."""


class Voice(Strict):
    """How this person talks, precisely enough that an actor could do it."""

    manner: Text
    """Register, rhythm, dialect, what they do with their sentences."""
    cue: Annotated[str, StringConstraints(min_length=3, max_length=60)]
    """Two or three words that a script would put in brackets: 'furious, blunt'."""
    words: tuple[Annotated[int, Field(ge=2, le=80)], Annotated[int, Field(ge=4, le=90)]]
    """Shortest and longest usual reply, in words."""
    pet_phrases: tuple[Line, ...] = Field(min_length=2, max_length=10)
    never_says: tuple[Line, ...] = ()
    styles: tuple[Style, ...] = ()
    """In which of a scenario's ways this person tells what happened; none named: in all of them."""


class Traits(Strict):
    """Numbers 0-10 that the state rule and the choice of intent read (5 = an average caller)."""

    model_config = TOLD

    volatility: Score
    """How far a bad turn drives agitation up."""
    forgiveness: Score
    """How far a good turn brings agitation down and trust up."""
    stubbornness: Score
    """How long they refuse, correct and bargain before they accept."""
    suspicion: Score
    """How readily they doubt and test what they are told."""
    assertiveness: Score
    """How readily they demand, threaten and ask for a supervisor."""
    hostility: Score
    """How readily they insult."""
    talkativeness: Score
    """How readily they wander off topic."""
    indecision: Score
    """How often they waver before accepting."""


class Start(Strict):
    """The state in which they pick up the phone, before any trainee turn."""

    agitation: Score
    trust: Score
    patience: Score
    heard: Score = 0.0


class Level(Strict):
    """What one difficulty changes."""

    model_config = TOLD

    provoke: Gain
    """Multiplies everything that makes matters worse."""
    soothe: Gain
    """Multiplies everything that makes matters better."""
    patience: Annotated[float, Field(ge=-5, le=5)]
    """Added to the starting patience."""
    disclose_at: Score
    """Trust from which a hidden fact may come out."""
    accept_at: Score
    """Trust from which a good offer is accepted."""


class Persona(Strict):
    """One caller type. `lines[intent]` are what they say whatever the trainee just said, the written words of last resort,
    and examples of the voice; `answers[occasion][intent]` are what they say to just that."""

    id: Name
    label: Annotated[str, StringConstraints(min_length=3, max_length=60)]
    name: Annotated[str, StringConstraints(min_length=2, max_length=40)]
    pronoun: Annotated[str, StringConstraints(pattern=r"^(he|she|they)$")]
    summary: Annotated[str, StringConstraints(min_length=10, max_length=160)]
    who: Text
    voice: Voice
    traits: Traits
    start: Start
    triggers: dict[Tag, Gain] = Field(min_length=2)
    """Tags that make it worse: faults hit harder by this gain; a technique listed here is one that irritates them."""
    soothers: dict[Tag, Gain] = Field(min_length=2)
    """Techniques that work on this person by this gain."""
    needs: Text
    """What they really need, under what they ask for."""
    holds_back: Text
    unlocks: tuple[Tag, ...] = Field(min_length=1)
    """Techniques after which, trust allowing, they say what they held back."""
    opens: tuple[Line, ...] = Field(min_length=3)
    leaves: dict[Ending, tuple[Line, ...]]
    lines: dict[Intent, tuple[Line, ...]]
    answers: dict[Occasion, dict[Intent, tuple[Line, ...]]] = {}
    levels: dict[Difficulty, Level]
    principles: tuple[Line, ...] = ()
    """Plain statements of what this person does and never does."""
    content_note: str = ""
    """Shown before the call where the caller may insult or threaten."""

    @property
    def called(self) -> str:
        """What one calls them for short: "Nigel" of Nigel Treadwell, "Mrs Nwachukwu" of Mrs Ifeoma Nwachukwu."""
        first, *rest = self.name.split()
        if first.rstrip(".").lower() not in _TITLES:
            return first
        given = len(rest) > 1 and rest[0][0].isupper()  # "de Vries" has none
        return " ".join((first, *rest[given:]))

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> Self:
        if not (info.context or {}).get(FROM_FILE):
            return self
        lacking = sorted(WRITTEN - set(self.lines))
        if lacking:
            raise ValueError(f"lines lacks written lines for: {', '.join(lacking)}")
        thin = sorted(i for i, said in self.lines.items() if len(said) < 2)
        if thin:
            raise ValueError(f"lines needs at least two different lines for: {', '.join(thin)}")
        if any(Intent.OPEN in said for said in self.answers.values()):
            raise ValueError("answers: a call is not opened with an answer; put such lines under opens")
        needed = {Ending.RESOLVED, Ending.UNRESOLVED, Ending.HUNG_UP, Ending.SUPERVISOR}
        if needed - set(self.leaves):
            raise ValueError(f"leaves lacks: {', '.join(sorted(needed - set(self.leaves)))}")
        if set(Difficulty) - set(self.levels):
            raise ValueError(f"levels lacks: {', '.join(sorted(set(Difficulty) - set(self.levels)))}")
        if self.voice.words[0] >= self.voice.words[1]:
            raise ValueError("voice.words must be [shortest, longest]")
        return self

    @property
    def written(self) -> tuple[str, ...]:
        """Every line of `lines` and `answers`."""
        told = (self.lines, *self.answers.values())
        return tuple(line for by_intent in told for some in by_intent.values() for line in some)

    def answering(self, intent: Intent, occasions: Collection[Occasion]) -> tuple[str, ...]:
        """The lines for `intent` that answer one of those `occasions`."""
        return tuple(line for o, said in self.answers.items() if o in occasions for line in said.get(intent, ()))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Persona]:
    return read_folder(Persona, files("personas") / "callers")


def personas(own: Path | None = None) -> dict[str, Persona]:
    """The shipped personas by id, then those of the folder `own` if it exists (a same id replaces the shipped one)."""
    found = dict(_shipped())
    if own is not None and own.is_dir():
        found |= read_folder(Persona, own)
    return found


def find_persona(name: str, own: Path | None = None) -> Persona:
    """A persona by id, or by the path of a YAML file. Raises DataError."""
    if name.endswith((".yaml", ".yml")):
        return read_model(Persona, Path(name))
    known = personas(own)
    if name not in known:
        raise UnknownNameError("persona", name, known, next_command="simulator personas list")
    return known[name]
