"""What a small model's middle layers do not show well, counted in code: repetition within the call, this caller's own
facts in the turn, known and unknown figures, stock phrases, loudness, where in the call the turn stands.

Twenty-three plain numbers a turn. They are features beside the model's, never rules: what they are worth is learned.
"""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn

COUNT = 23
"""Signals of a turn: the length of what `signals` returns."""
_WORD = re.compile(r"[a-z']+|\d[\d.,:]*")
_COMMON = frozenset(
    _WORD.findall(
        "a an the and or but so if of to in on at for with from by as is are was were be been am i you he she it we they me "
        "him her us them my your his its our their this that these those there here not no do does did have has had will "
        "would can could should may might just very too then than what when where who which how why all any some one up out "
        "about into over now get got go going let's let im i'm you're it's that's don't i'll i've we'll we've"
    )
)
_STOCK = re.compile(
    r"(i|we) (completely |totally |fully |do |can |truly |really )*(understand|appreciate|hear) "
    r"(your|how you|that this|that you|you)|sorry (for|about) (any|the|your) (inconvenience|trouble|frustration|delay)"
    r"|apologi[sz]e for (any|the) (inconvenience|trouble)|your (frustration|patience|concern|business|feedback)"
    r"|valued customer|thank you for (your patience|calling|reaching|contacting)|sorry to hear|sorry you feel"
    r"|rest assured|at this time|important to us",
    re.I,
)
_TURNED = re.compile(r"\b(but|however|unfortunately|although|though)\b", re.I)
_GOODBYE = re.compile(r"\b(bye|goodbye|take care|have a (good|nice|lovely)|all the best|cheers)\b", re.I)
_LEAVING = re.compile(r"\b(bye|goodbye|that's all|that'll do|thanks|thank you|cheers)\b", re.I)
_WHEN = re.compile(
    r"\b(today|tomorrow|tonight|minutes?|hours?|by (mon|tue|wed|thu|fri|sat|sun|noon|\d)|within|now)\b", re.I
)


def signals(turn: Turn, before: Transcript, brief: Brief) -> NDArray[np.float32]:
    """[COUNT] numbers of the trainee turn `turn`, said after `before`. Shares are 0-1, counts are small."""
    words = _words(turn.text)
    own, length = _content(words), max(1, len(words))
    callers = [t.text for t in before.by(Speaker.CALLER)]
    earlier = [t.text for t in before.by(Speaker.TRAINEE)]
    last = callers[-1] if callers else ""
    heard, facts, policy = (_content(_words(" ".join(texts))) for texts in (callers, brief.facts, brief.policy))
    figures = {w for w in own if w[0].isdigit()}
    known = {w for w in heard | facts | policy | _content(_words(" ".join(earlier))) if w[0].isdigit()}
    letters = [c for c in turn.text if c.isalpha()]
    loud = sum(c.isupper() for c in letters) / max(1, len(letters))
    stock = len(_STOCK.findall(turn.text))
    first = _STOCK.search(turn.text)
    found = [
        math.log(length + 1),
        turn.text.count("?"),
        turn.text.count("!"),
        loud,
        loud > 0.5,
        len(figures),
        len(figures & known),
        len(figures - known),
        _share(own & _content(_words(last)), own),
        _share(own & (heard | facts), own),
        _share((own & policy) - facts - heard, own),
        _repeated(words, earlier),
        min(stock, 3),
        stock > 0 and any(_STOCK.search(text) for text in earlier),
        bool(first and _TURNED.search(turn.text[first.end() : first.end() + 80])),
        math.log(len(before) + 1),
        not callers,
        len(_words(last)),
        sum(w in {"i", "i'm", "i'll", "i've", "my"} for w in words) / length,
        sum(w in {"you", "your", "you're", "you've"} for w in words) / length,
        bool(_GOODBYE.search(turn.text)),
        bool(_LEAVING.search(last)),
        bool(_WHEN.search(turn.text)),
    ]
    return np.asarray(found, dtype=np.float32)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _content(words: list[str]) -> set[str]:
    """Words that carry something, and figures."""
    return {w.strip(".,:'") for w in words if (w not in _COMMON and len(w) > 2) or w[0].isdigit()} - {""}


def _share(part: set[str], whole: set[str]) -> float:
    return len(part) / max(1, len(whole))


def _repeated(words: list[str], earlier: list[str]) -> float:
    """Largest share of the turn's three-word runs that one earlier turn had, too."""
    runs = _runs(words)
    return max((len(runs & _runs(_words(text))) / max(1, len(runs)) for text in earlier), default=0.0)


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(words, words[1:], words[2:], strict=False))
