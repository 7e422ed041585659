"""How a trainee who is played by a language model handles calls: a profile, one YAML file, and what it asks of each turn.

Which techniques and faults a turn is to have is drawn from the profile's shares by the call's seed and the number of the
turn: the model is told, as a stage direction, and has no say in it. Whether the turn then has them is another matter, and the
grader's to say (`asked` beside `tags` in a study's rows).
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from eval.trainees import Policy
from simulator.errors import UnknownNameError
from simulator.persona import Name
from simulator.vocabulary import Fault, Tag, Technique
from simulator.yamlfile import Strict, read_folder, read_model

MOST = 3
"""Moves that are asked of one turn; a model that is told more does none of them."""
Share = Annotated[float, Field(ge=0, le=1)]
"""Share of the turns after the greeting that are to have it."""

DOES: dict[Tag, str] = {
    Technique.ACKNOWLEDGES_FEELING: "says what this must be like for the caller",
    Technique.RESTATES_CONCERN: "says the caller's problem back in own words",
    Technique.ASKS_CLARIFYING_QUESTION: "asks one question that is needed",
    Technique.APOLOGISES: "says sorry for what happened",
    Technique.TAKES_OWNERSHIP: "says 'that is our mistake, and I will put it right'",
    Technique.OFFERS_OPTIONS: "offers two ways to solve it and asks which",
    Technique.GIVES_TIMEFRAME: "says by what day or hour it will be done",
    Technique.NAMES_NEXT_STEP: "says what happens next and who does it",
    Technique.POSITIVE_FRAMING: "says what can be done",
    Technique.REDIRECTS_TO_ISSUE: "leads kindly back to the problem",
    Technique.REASSURES_CHOICE: "says why that is a good choice",
    Technique.SETS_BOUNDARY: "asks politely not to be spoken to like that, and goes on helping",
    Technique.ADMITS_NOT_KNOWING: "says openly what is not known yet, and how to find out",
    Technique.ESCALATES: "offers to bring in the person who can do more",
    Technique.CHECKS_SATISFACTION: "asks whether that settles it",
    Technique.THANKS_CALLER: "thanks the caller for something they did",
    Technique.OFFERS_FOLLOW_UP: "offers to call back personally",
    Technique.SUMMARISES: "sums up what has been agreed",
    Fault.TELLS_TO_CALM_DOWN: "tells the caller to calm down",
    Fault.BLAMES_CALLER: "says it is the caller's own fault",
    Fault.ARGUES: "contradicts the caller",
    Fault.DISMISSES: "says it is not such a big problem",
    Fault.SARCASM: "is sarcastic",
    Fault.STOCK_EMPATHY: "says 'I understand your frustration'",
    Fault.EMPATHY_UNDERCUT: "says 'I'm sorry, but' and takes it back",
    Fault.REPEATS_STOCK_PHRASE: "says 'I do understand your frustration' once more",
    Fault.HIDES_BEHIND_POLICY: "says it is against the rules, and leaves it at that",
    Fault.NEGATIVE_FRAMING: "says only what cannot be done",
    Fault.ASKS_AGAIN: "asks for something the caller has already said",
    Fault.FALSE_PROMISE: "promises more than the rules allow",
    Fault.RUSHES: "is in a hurry and cuts the caller short",
    Fault.PREMATURE_CLOSE: "tries to end the call",
    Fault.IGNORES_QUESTION: "does not answer the question",
}
"""What each move looks like from outside. (Dropping out of the part is no skill: the words would be refused.)"""


class Profile(Strict):
    """One model-played trainee. A share that is left out is 0."""

    id: Name
    about: Annotated[str, StringConstraints(min_length=10, max_length=300)]
    """Who they are, in a sentence or two; the model reads it."""
    model: Annotated[str, StringConstraints(min_length=1, max_length=300)] = "small"
    """Whose words: whatever `simulator play --model` takes; an embedded one speaks without the caller's adapter."""
    techniques: dict[Technique, Share] = {}
    faults: dict[Fault, Share] = {}
    words: Annotated[int, Field(ge=8, le=120)] = 45
    """Longest turn, in words."""
    stand_in: Policy = Policy.CLUMSY
    """Whose scripted line is said where the model finds no words that may pass as a trainee's; it is counted."""

    @model_validator(mode="after")
    def _playable(self) -> Self:
        if self.id in set(Policy):
            raise ValueError(f"id: {self.id!r} is the name of a scripted trainee")
        if Fault.BREAKS_ROLE in self.faults:
            raise ValueError("faults: breaks_role cannot be asked for; the scripted trainee 'steering' does it")
        if not any((*self.techniques.values(), *self.faults.values())):
            raise ValueError("techniques and faults are empty: say what this trainee does, and how often")
        return self

    def asked(self, seed: int, number: int) -> tuple[Tag, ...]:
        """What turn `number` (0: the greeting, of which nothing is asked) is to have, in a call of that seed; at most
        `MOST`, drawn again from those that came up."""
        if number == 0:
            return ()
        rng = Random(f"{self.id}:{seed}:{number}")
        shares: dict[Tag, float] = {**self.techniques, **self.faults}
        drawn = [tag for tag in sorted(shares) if rng.random() < shares[tag]]
        return tuple(drawn if len(drawn) <= MOST else sorted(rng.sample(drawn, MOST)))


@lru_cache(maxsize=1)
def profiles() -> dict[str, Profile]:
    """The shipped profiles by id. Raises DataError."""
    return read_folder(Profile, files("eval") / "profiles_data")


def find_trainee(name: str, folder: Path = Path()) -> Policy | Profile:
    """The scripted trainee or profile that `name` means: a policy, a shipped profile's id, or a YAML file's path from
    `folder`. Raises DataError naming the nearest."""
    if name.endswith((".yaml", ".yml")):
        return read_model(Profile, folder / name)
    if name in set(Policy):
        return Policy(name)
    if name in profiles():
        return profiles()[name]
    raise UnknownNameError("trainee", name, (*(p.value for p in Policy), *profiles()))
