"""Why a turn got its level, in one sentence of the rubric's language, and what the level above would have needed here.

A rationale claims a technique or fault only if the grader gave that tag, and, where a claim leaves a mark in the words
(a question, an apology, a time, thanks), only if that mark is there. What is needed is what the next level asks for
less what the turn already has; it quotes the caller where the rubric asks for this caller's own situation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from simulator.assessment import DimensionScore, Evidence
from simulator.vocabulary import Dimension, Fault, Tag, Technique

LONGEST_QUOTE = 110
"""Characters of the caller's or the trainee's words that are quoted."""

_CLAIMS: dict[Dimension, dict[Tag, str]] = {
    Dimension.CALMNESS: {
        Fault.SARCASM: "it mocks",
        Fault.TELLS_TO_CALM_DOWN: "it tells the caller how to feel",
        Fault.BLAMES_CALLER: "it blames the caller",
        Fault.ARGUES: "it argues",
        Fault.BREAKS_ROLE: "it speaks to somebody who is not on the line",
        Fault.RUSHES: "it hurries the caller",
        Technique.SETS_BOUNDARY: "it sets a boundary",
        Technique.REDIRECTS_TO_ISSUE: "it leads back to the problem",
    },
    Dimension.EMPATHY: {
        Fault.DISMISSES: "it makes the problem smaller than it is for the caller",
        Fault.EMPATHY_UNDERCUT: "it takes the acknowledgement back in the next breath",
        Fault.REPEATS_STOCK_PHRASE: "it uses the same stock phrase again",
        Fault.STOCK_EMPATHY: "it uses a stock phrase",
        Technique.ACKNOWLEDGES_FEELING: "it puts into words what the caller is going through",
        Technique.RESTATES_CONCERN: "it says the problem back",
        Technique.TAKES_OWNERSHIP: "it takes ownership",
        Technique.APOLOGISES: "it apologises",
    },
    Dimension.SOLUTION: {
        Fault.FALSE_PROMISE: "it promises what cannot be kept",
        Fault.HIDES_BEHIND_POLICY: "it gives the rule as the end of the matter",
        Fault.NEGATIVE_FRAMING: "it says only what cannot be done",
        Fault.ASKS_AGAIN: "it asks for what was already given",
        Fault.IGNORES_QUESTION: "it leaves the caller's question open",
        Technique.OFFERS_OPTIONS: "it gives a choice",
        Technique.GIVES_TIMEFRAME: "it gives a time",
        Technique.NAMES_NEXT_STEP: "it names the next step",
        Technique.ESCALATES: "it hands over",
        Technique.ADMITS_NOT_KNOWING: "it says openly what is not known",
        Technique.ASKS_CLARIFYING_QUESTION: "it asks a relevant question",
    },
    Dimension.CLOSING: {
        Fault.PREMATURE_CLOSE: "it ends with the issue open",
        Fault.RUSHES: "it hurries the caller off",
        Technique.SUMMARISES: "it recaps",
        Technique.CHECKS_SATISFACTION: "it checks that the caller is satisfied",
        Technique.THANKS_CALLER: "it thanks the caller for something particular",
        Technique.OFFERS_FOLLOW_UP: "it offers follow-up",
    },
}
"""What each tag lets a rationale claim, by the dimension that it bears on; the telling ones first."""
MARKS: dict[Tag, re.Pattern[str]] = {
    Technique.APOLOGISES: re.compile(
        r"sorry|apolog|regret|forgive|pardon|my bad|our fault|my fault|shouldn.t have", re.I
    ),
    Technique.ASKS_CLARIFYING_QUESTION: re.compile(
        r"\?|\b(wh(at|ich|en|ere|o)|how|tell me|could you|can you|do you|did you|is it|are you|was it)\b", re.I
    ),
    Technique.GIVES_TIMEFRAME: re.compile(
        r"\d|\b(now|today|tonight|tomorrow|this (morning|afternoon|evening|week)|minutes?|hours?|days?|weeks?|mon|tues|"
        r"wednes|thurs|fri|satur|sun|noon|midnight|soon as|moment|second|while you|before|by (the )?(end|close|time)|after|"
        r"one|two|three|four|five|six|seven|eight|nine|ten|half)",
        re.I,
    ),
    Technique.THANKS_CALLER: re.compile(r"thank|cheers|grateful|appreciat|\bta\b|kind of you|good of you|glad", re.I),
    Technique.CHECKS_SATISFACTION: re.compile(r"\?|\b(if|anything|let me know|tell me|all right|okay|ok)\b", re.I),
    Technique.OFFERS_OPTIONS: re.compile(r"\bor\b|\beither\b|\bchoose|\bchoice|option|prefer|whichever|\?|,", re.I),
}
"""Words of which at least one must stand in a turn before a rationale may claim the tag."""
_PLAIN: dict[Dimension, tuple[str, str, str, str, str]] = {
    Dimension.CALMNESS: (
        "the tone is hostile",
        "the tone turns against the caller",
        "the tone is strained",
        "the tone is composed, though flat or scripted",
        "the tone is steady and respectful",
    ),
    Dimension.EMPATHY: (
        "what the caller feels is brushed aside",
        "no acknowledgement holds where one is due",
        "what is said of the caller's trouble would fit any call",
        "it is about this caller's issue, though partly formulaic or without what it cost them",
        "it speaks to this caller's own situation",
    ),
    Dimension.SOLUTION: (
        "it shuts the way to a fix, or opens one that is not there",
        "nothing moves towards a fix",
        "it moves towards a fix without one yet",
        "there is one concrete, relevant action",
        "there is a concrete way forward",
    ),
    Dimension.CLOSING: (
        "the ending is rude or dismissive",
        "the ending is abrupt",
        "it is polite, with too little of a recap, a check, particular thanks or follow-up",
        "the ending is nearly whole",
        "the ending is whole",
    ),
}
"""What a level says of a turn, as little as the rubric's row bears: 1 to 5."""
_GOOD = 4
"""From this level techniques speak for the level; below 3 faults do; at 3 both may."""

_ASKS: dict[Dimension, dict[int, str]] = {
    Dimension.CALMNESS: {
        2: "leave out what insults or mocks: even exasperation would be less",
        3: "drop the blame and the argument, and stay with the matter",
        4: "whole, unhurried sentences without an edge",
        5: "warmth that answers the caller's heat: a tone that is not only correct but lowers the temperature",
    },
    Dimension.EMPATHY: {
        2: "take nothing away from what they feel",
        3: "an acknowledgement that is not taken back: no “but”, no refusal in the next breath",
        4: "something about this issue instead of a phrase that fits any call",
        5: "what it cost this caller or felt like to them, in words for them alone, and no “but”",
    },
    Dimension.SOLUTION: {
        2: "refuse nothing flatly, and promise and claim only what the file bears out",
        3: "a first move towards the fix: a relevant question, or something you look into",
        4: "one concrete action with an owner or a time",
    },
    Dimension.CLOSING: {
        2: "end without blame",
        3: "settle or name what is open before a polite goodbye",
    },
}
"""What the level asked for (key) needs, where that is one thing."""
_FIVE: dict[Dimension, tuple[tuple[Technique, str], ...]] = {
    Dimension.SOLUTION: (
        (Technique.OFFERS_OPTIONS, "a real choice"),
        (Technique.GIVES_TIMEFRAME, "a time"),
        (Technique.NAMES_NEXT_STEP, "a named next step with its owner"),
    ),
    Dimension.CLOSING: (
        (Technique.SUMMARISES, "a recap of what happens next and when"),
        (Technique.CHECKS_SATISFACTION, "a check that the caller is satisfied"),
        (Technique.THANKS_CALLER, "thanks for something particular"),
        (Technique.OFFERS_FOLLOW_UP, "an offer of follow-up or further help"),
    ),
}
"""Parts of which level 5 wants two (solution) or all (closing)."""


def explained(
    scores: Mapping[Dimension, DimensionScore],
    told: Collection[Tag],
    evidence: Collection[Evidence],
    text: str,
    caller: str,
) -> dict[Dimension, DimensionScore]:
    """`scores` with rationale and need. `told`: tags given; `text`: the turn; `caller`: the turn it answers, or ''."""
    return {
        d: s
        if s.level is None
        else s.model_copy(
            update={
                "rationale": rationale(d, s.level, told, evidence, text),
                "needed": needed(d, s.level, told, text, caller),
            }
        )
        for d, s in scores.items()
    }


def rationale(
    dimension: Dimension, level: int, told: Collection[Tag], evidence: Collection[Evidence], text: str
) -> str:
    """One sentence on why the turn is at `level` (1-5)."""
    claims = [
        words
        for tag, words in _CLAIMS[dimension].items()
        if claimable(tag, told, text)
        and (isinstance(tag, Technique) if level >= _GOOD else level == 3 or isinstance(tag, Fault))
    ][:2]
    sentence = _PLAIN[dimension][level - 1]
    if claims:
        sentence += ": " + " and ".join(claims)
    quote = next((e.quote for e in evidence if e.about is dimension), "")
    if quote and quote in text:
        sentence += f" (“{shortened(quote)}”)"
    return f"{sentence[0].upper()}{sentence[1:]}."


def needed(dimension: Dimension, level: int, told: Collection[Tag], text: str, caller: str) -> str:
    """What the level above would have needed; '' at 5."""
    if level >= 5:
        return ""
    aim = level + 1
    parts = _FIVE.get(dimension, ())
    missing = [words for tag, words in parts if not claimable(tag, told, text)]
    if dimension in _FIVE and aim >= _GOOD and (aim == 5 or dimension is Dimension.CLOSING):
        if not missing:  # the tags say it is all there, and the level says that it does not yet hold
            return f"Level {aim} needs the same said more fully, so that it holds."
        few = missing[: 2 if dimension is Dimension.SOLUTION else aim - 2]
        joined = (" or " if dimension is Dimension.SOLUTION else " and ").join(few)
        return f"Level {aim} needs {joined}."
    words = f"Level {aim} needs this: {_ASKS[dimension][aim]}."
    said = shortened(_weightiest(caller))
    if dimension is Dimension.EMPATHY and said:
        words += f" They had just said: “{said}”"
    return words


def claimable(tag: Tag, told: Collection[Tag], text: str) -> bool:
    """Whether a rationale may say that the turn does this."""
    return tag in told and (tag not in MARKS or MARKS[tag].search(text) is not None)


def shortened(words: str) -> str:
    """At most LONGEST_QUOTE characters from the start of `words`, whole words."""
    line = " ".join(words.split())
    return line if len(line) <= LONGEST_QUOTE else line[:LONGEST_QUOTE].rsplit(" ", 1)[0] + " …"


def _weightiest(caller: str) -> str:
    """The sentence of the caller's turn that says most about their trouble: the longest of the last three."""
    sentences = [s.strip() for s in re.split(r"(?<=[.!?…])\s+", caller) if s.strip()]
    return max(sentences[-3:], key=len, default="")
