"""What a trainee turn just did that some written lines answer, and only those: a choice, a joke, a hand-over.

"The first one. I've chosen" is absurd where no choice was offered. Tags come from the grader, which sets them where
they are more likely right than wrong; a turn that it missed is answered by lines that fit after anything.
"""

from __future__ import annotations

import re

from simulator.assessment import Assessment
from simulator.caller.appraisal import OFFER
from simulator.vocabulary import Dimension, Fault, Occasion, Tag, Technique

_TAGS: dict[Occasion, frozenset[Tag]] = {
    Occasion.BELITTLED: frozenset({Fault.SARCASM, Fault.DISMISSES, Fault.BLAMES_CALLER, Fault.ARGUES}),
    Occasion.HUSHED: frozenset({Fault.TELLS_TO_CALM_DOWN}),
    Occasion.SCRIPTED: frozenset({Fault.STOCK_EMPATHY, Fault.REPEATS_STOCK_PHRASE}),
    Occasion.APOLOGISED: frozenset({Technique.APOLOGISES, Technique.TAKES_OWNERSHIP}),
    Occasion.COMFORTED: frozenset({Technique.ACKNOWLEDGES_FEELING}),
    Occasion.PROMISED: frozenset({Technique.GIVES_TIMEFRAME, Technique.NAMES_NEXT_STEP}),
    Occasion.REFUSED: frozenset({Fault.NEGATIVE_FRAMING, Fault.HIDES_BEHIND_POLICY}),
    Occasion.ASKED: frozenset({Technique.ASKS_CLARIFYING_QUESTION, Fault.ASKS_AGAIN}),
    Occasion.HANDED_OVER: frozenset({Technique.ESCALATES}),
    Occasion.CHOICE: frozenset({Technique.OFFERS_OPTIONS}),
    Occasion.THANKED: frozenset({Technique.THANKS_CALLER}),
    Occasion.ANYTHING_ELSE: frozenset({Technique.CHECKS_SATISFACTION, Fault.PREMATURE_CLOSE}),
}
RUDE = 2.0
"""Expected calmness up to which a turn belittles, whatever its tags; and above which alone it may comfort."""
WORDY = 60
"""Words from which a turn is a long one."""
CURT = 3
"""Words up to which a turn says next to nothing."""
_LOOKING = re.compile(
    r"\b(?:(?:one|just a|a) (?:moment|second|sec|minute|min)\b|bear with me|hold on|hang on|"
    r"(?:let me|i'?ll(?: just)?|i'?m(?: just)?|i am|i will) (?:have a |take a )?"
    r"(?:look|check|pull|open|see what|bring|search|find)(?:ing)?\b)",
    re.IGNORECASE,
)


def occasions(words: str, graded: Assessment | None) -> frozenset[Occasion]:
    """What a turn of these `words`, `graded` so (None: not graded), gave the caller to answer."""
    found, many = set[Occasion](), len(words.split())
    if graded is not None:
        found = {occasion for occasion, tags in _TAGS.items() if tags & graded.tags}
        calmness, solution = (graded.scores[d].value for d in (Dimension.CALMNESS, Dimension.SOLUTION))
        if solution is not None and solution >= OFFER:
            found.add(Occasion.PROMISED)
        if calmness is not None and calmness <= RUDE:
            found = (found | {Occasion.BELITTLED}) - {Occasion.COMFORTED}
    if words.rstrip().endswith("?"):
        found.add(Occasion.ASKED)
    if _LOOKING.search(words):
        found.add(Occasion.LOOKING)
    if many >= WORDY:
        found.add(Occasion.WORDY)
    if many <= CURT:
        found.add(Occasion.CURT)
    return frozenset(found)
