"""What needs no learning: words said over again count once, and a turn without any words has done nothing.

These hold whatever the heads say, so that no string of dots and no sentence said three times can win a level.
"""

from __future__ import annotations

import re

from simulator.assessment import Assessment, DimensionScore
from simulator.prompts import as_data
from simulator.rubric import level_text
from simulator.vocabulary import Dimension

WORDLESS = {Dimension.CALMNESS: 3, Dimension.EMPATHY: 2, Dimension.SOLUTION: 2, Dimension.CLOSING: 2}
"""Most that a turn without words can have: strained, no acknowledgement, no movement, abrupt."""
_SENTENCE = re.compile(r"[^.!?…\n]+[.!?…]*\s*")
_WORD = re.compile(r"[^\W\d_]{2,}|\d")
_LONG = 3
"""Words from which a sentence that comes again is left out: "no, no" may."""


def said_once(text: str) -> str:
    """`text` without sentences that it has said before, word for word up to case and marks; unchanged if there are none."""
    seen: set[str] = set()
    kept: list[str] = []
    parts = _SENTENCE.findall(text)
    for part in parts:
        words = re.findall(r"\w+", part.casefold())
        key = " ".join(words)
        if len(words) >= _LONG and key in seen:
            continue
        seen.add(key)
        kept.append(part)
    return text if len(kept) == len(parts) else "".join(kept).strip()


def wordless(text: str) -> bool:
    """Whether there is neither a word of two letters nor a figure in `text`: dots, a smiley, a single letter."""
    return _WORD.search(as_data(text)) is None


def capped(grades: Assessment) -> Assessment:
    """`grades` of a wordless turn, no higher than such a turn can be."""
    return grades.model_copy(update={"scores": {d: _at_most(d, s) for d, s in grades.scores.items()}})


def _at_most(dimension: Dimension, score: DimensionScore) -> DimensionScore:
    most = WORDLESS[dimension]
    if score.level is None or score.value is None or score.level <= most:
        return score
    reason = f"{level_text(dimension, most)} (Nothing was said in words.)"
    return score.model_copy(
        update={"level": most, "value": min(score.value, float(most)), "reason": reason, "probabilities": ()}
    )
