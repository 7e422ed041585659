"""What a trainee's turn asks for: which of the things that the caller knows, and what about themselves.

A question is recognised by its words: a fact's `asked` in the scenario's file, each entry a few words that stand in one
question together ("how long wait"). So an author sees and decides what a caller answers to, whatever model speaks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from simulator.persona import Persona
from simulator.scenario import Fact, Scenario
from simulator.vocabulary import Intent, Occasion

MOST = 2
"""Things told in answer to one turn."""
APART, APART_ABOUT = 3, 1
"""Words that may stand between two of an entry, of a fact's and of ABOUT's."""
WHOLE = 4
"""Letters from which a word of an entry also stands for longer ones that begin with it (wait: waiting)."""
ABOUT: dict[Occasion, tuple[str, ...]] = {
    Occasion.ASKED_NAME: (
        "your name", "full name", "first name", "last name", "surname", "name please", "who speaking", "who am speaking", "who am talking",
        "speaking with", "speaking to", "account holder", "name on the account", "call you by", "what call you", "what should call you",
    ),
    Occasion.ASKED_CONTACT: (
        "phone number", "contact number", "best number", "number call you", "number reach you", "mobile number", "telephone number",
        "number for you", "number to call", "cut off", "email address", "your email", "an email", "how reach you", "reach you on",
    ),
    Occasion.ASKED_BIRTH: ("date of birth", "birthday", "when born", "your dob", "how old are you", "your age"),
    Occasion.ASKED_HOME: (
        "anybody with you", "anyone with you", "someone with you", "somebody with you", "live alone", "live on your own", "by yourself",
        "on your own", "alone right now", "family with you", "who with you", "who else at home", "who else is at home", "who else lives", "any pets", "have children", "got children", "have kids",
        "are you alone", "are you married", "partner", "husband", "wife",
    ),
    Occasion.ASKED_WORK: ("for a living", "your job", "what work", "your work", "where work", "what do you do", "occupation", "profession"),
    Occasion.ASKED_FEELING: (
        "how are you", "how you feeling", "how you doing", "are you ok", "are you okay", "you all right", "you alright", "how you holding up",
        "how you coping", "you feeling", "you coping",
    ),
    Occasion.ASKED_FREE: (
        "suit you", "what time suit", "when ring you", "when i ring", "when i call", "when call you", "when we call", "good time", "best time", "when you free", "when available", "you available", "when convenient",
        "what time work", "when home", "be home", "be at home", "which day suit", "what day suit", "day works for you", "time works for you",
    ),
}  # fmt: skip
"""What may be asked about the caller themselves, by the words that ask it."""
_BEGINS = r"(?:(?:and|so|but|now|ok|okay|right|well|thanks|thank you|please|sorry|sure|great|good|first|then|also|just|alright|all right)[ ,]+)*"
_ASKS = re.compile(
    rf"^{_BEGINS}(?:who|what|whats|what's|which|when|where|wheres|why|how|hows|is|are|was|were|do|does|did|have|has|"
    r"(?:can|could|would|will|may|might) (?:you|i|we) (?:just |please |kindly |also )*"
    r"(?:tell|give|spell|read|confirm|describe|explain|take|have|get|ask|say|share|walk|remind)|"
    r"tell me|give me|let me have|remind me|walk me|talk me|go on|i(?:'ll| will)?(?: just)? need (?:your|the|to know)|i'd like to know)\b",
    re.IGNORECASE,
)
"""How a sentence begins that asks, with a question mark or without."""
_NOT = re.compile(
    r"\b(?:shall (?:i|we)|should (?:i|we)|would you (?:like|rather|prefer)|would (?:it|that|this|an?|the|another|either|one)|"
    r"do you want (?:me|us)|want me to|(?:does|would|did) that (?:work|sound|help|suit|make|seem|answer)|"
    r"(?:is|was) that (?:ok|okay|all right|alright|fine|clear|good|right)|how (?:does that|(?:can|may) i help)|how's that|"
    r"what can i do|(?:any|some)thing else|(?:is|was) there (?:any|some)thing|anything i|have i|did i)\b"
    rf"|^{_BEGINS}(?:can|could|may|might) i (?:just |please )?(?:help|send|offer|put|book|arrange|ring|call|text|move|get (?:you|it|this)|do)\b",
    re.IGNORECASE,
)
"""What has a question mark and offers, or wraps up."""
_OPEN = re.compile(
    r"\b(?:what(?:'s| has| is)? (?:\w+ )?(?:happened|happening|going on|wrong|the (?:matter|problem|trouble))|tell me (?:\w+ )?(?:more|what|about|everything|"
    r"the (?:story|whole|rest))|(?:walk|talk|take) me through|go on|from the (?:beginning|start|top)|what else|anything else i should know|"
    r"(?:more|bit) about|explain|describe|what's this about|fill me in)\b",
    re.IGNORECASE,
)
"""What leaves it to the caller what to tell."""
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a turn asks for. `facts`: ids, at most MOST; `about`: occasions of ABOUT; `openly`: for whatever the caller wants to
    tell; `informed`: for any information at all, also what nobody wrote an answer to."""

    facts: tuple[str, ...] = ()
    about: frozenset[Occasion] = frozenset()
    openly: bool = False
    informed: bool = False


NOTHING = Asked()


def asked(said: str, persona: Persona, scenario: Scenario, did: Collection[Occasion]) -> Asked:
    """What a trainee's turn of these words, which `did` that, asks this caller for. After an offer, and after rude words, only what
    is asked for in particular counts; the rest is about the offer, or no question."""
    facts, about, openly, informed = list[str](), set[Occasion](), False, False
    for sentence in _questions(said):
        informed = True
        found = _matches(_words(sentence), scenario)
        facts += [what.id for what in found if isinstance(what, Fact)]
        about |= {o for o in found if isinstance(o, Occasion) and persona.answering(Intent.DISCLOSE, {o})}
        openly = openly or (not found and bool(_OPEN.search(sentence)))
    told = tuple(dict.fromkeys(facts))[:MOST]
    if {Occasion.PROMISED, Occasion.CHOICE, Occasion.BELITTLED}.isdisjoint(did):
        untold = not any(fact.asked for fact in scenario.known)  # a file that does not say what asks for what
        return Asked(told, frozenset(about), openly or (informed and untold), informed)
    return Asked(told, frozenset(about))


def _questions(said: str) -> Iterator[str]:
    """The sentences of a turn that ask for information."""
    for sentence in re.split(r"(?<=[.?!])\s+|\n", said.replace("’", "'")):
        if (sentence.endswith("?") or _ASKS.search(sentence)) and not _NOT.search(sentence):
            yield sentence


def _matches(words: list[str], scenario: Scenario) -> list[Fact | Occasion]:
    """What a sentence of these words asks for: entries of most words first, then of the closest, each word serving one entry only; of several the
    fact that comes first, unless the sentence has an "and"."""
    entries: list[tuple[Fact | Occasion, list[int]]] = []
    entries += ((f, _places(_words(entry), words, APART)) for f in scenario.known for entry in f.asked)
    entries += ((o, _places(_words(entry), words, APART_ABOUT)) for o, some in ABOUT.items() for entry in some)
    used, found = set[int](), list[tuple[bool, int, Fact | Occasion]]()
    said = [(what, places) for what, places in entries if places]
    for what, places in sorted(said, key=lambda entry: (-len(entry[1]), entry[1][-1] - entry[1][0])):
        if used.isdisjoint(places):
            used.update(places)
            found.append((isinstance(what, Occasion), places[0], what))
    found.sort(key=lambda at: at[:2])
    several = [what for _, _, what in found]
    return several if "and" in words[1:] else several[:1]


def _places(entry: list[str], words: list[str], apart: int) -> list[int]:
    """Where in `words` those of an entry stand, in its order and not further `apart`; empty if not all do."""
    for start in range(len(words)):
        found = [start] if entry and _stands(entry[0], words[start]) else []
        for wanted in entry[1:] if found else ():
            near = range(found[-1] + 1, min(found[-1] + 2 + apart, len(words)))
            found += [next((i for i in near if _stands(wanted, words[i])), -1)]
            if found[-1] < 0:
                found = []
                break
        if found:
            return found
    return []


def _stands(wanted: str, word: str) -> bool:
    """Whether a word of an entry is meant: the same, more than one of it, or, of WHOLE letters, longer."""
    return word in (wanted, f"{wanted}s") or (len(wanted) >= WHOLE and word.startswith(wanted))


def _words(text: str) -> list[str]:
    """Lower-case words."""
    return _WORD.findall(text.lower().replace("’", "'"))
