"""Two readers of single lines, learned from the corpus: who is speaking, and what a caller's line does.

They are independent of the caller's guard, so that what the guard lets pass can still be counted. Word and letter n-grams
and a logistic regression each: plain, quick, and honest about how little a line alone tells; `stated` says how often they
are right on held-out calls, where writer and second reader themselves name the same intent for about 63 % of the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.lines import WrittenCall, split, written_calls
from simulator.vocabulary import Intent

Array = NDArray[np.float64]
AGENT = 0.95
"""Probability of being a service agent's from which a caller's line counts as a role flip,"""
ASSISTANT = 0.8
"""and from which it counts as having an assistant's tone."""
GUESSES = 3
"""A line realises its intent if that is among so many of the reader's likeliest."""


@dataclass(frozen=True, slots=True)
class Stated:
    """How good the listeners are on held-out written lines (shares): callers' lines taken for an agent's and for an
    assistant's; trainees' turns recognised; the intent (`Line.intent`) named at once, and among the likeliest; and how often
    a line's writer and its second reader name the same."""

    flips: float
    assistant: float
    trainees: float
    intent: float
    intent_likeliest: float
    readers_agree: float


class Listeners:
    """Both readers. Deterministic."""

    def __init__(self, train: Sequence[WrittenCall]) -> None:
        lines = [line for call in train for line in call.lines]
        said = [line.text for line in lines]
        self._speaker = _speaker(train)
        self._intent = _reader(6.0, said, [line.intent.value for line in lines])
        self.intents: list[Intent] = [Intent(name) for name in self._intent.classes_]

    def agent(self, texts: Sequence[str]) -> Array:
        """[texts]: probability that each is a service agent's."""
        return np.asarray(self._speaker.predict_proba(list(texts))[:, 1])

    def likeliest(self, texts: Sequence[str]) -> list[tuple[Intent, ...]]:
        """For each text the `GUESSES` likeliest intents, likeliest first."""
        order = np.argsort(-self._intent.predict_proba(list(texts)), axis=1)[:, :GUESSES]
        return [tuple(self.intents[i] for i in row) for row in order]


@lru_cache(maxsize=1)
def listeners() -> tuple[Listeners, Stated]:
    """The readers learned from the calls that are not held out, and how they do on those that are."""
    train, test = split(written_calls())
    found = Listeners(train)
    lines = [line for call in test for line in call.lines]
    said, heard = found.agent([x.text for x in lines]), found.agent([x.heard for x in lines if x.heard])
    guesses = found.likeliest([x.text for x in lines])
    return found, Stated(
        flips=float((said >= AGENT).mean()),
        assistant=float((said >= ASSISTANT).mean()),
        trainees=float((heard >= 0.5).mean()),
        intent=float(np.mean([x.intent == g[0] for x, g in zip(lines, guesses, strict=True)])),
        intent_likeliest=float(np.mean([x.intent in g for x, g in zip(lines, guesses, strict=True)])),
        readers_agree=float(np.mean([x.read == x.meant for x in lines])),
    )


@lru_cache(maxsize=1)
def who_speaks() -> Any:
    """Only the reader of who is speaking, learned from the calls that are not held out: a fraction of the time."""
    return _speaker(split(written_calls())[0])


def _speaker(train: Sequence[WrittenCall]) -> Any:
    lines = [line for call in train for line in call.lines]
    said, heard = [line.text for line in lines], [line.heard for line in lines if line.heard]
    return _reader(4.0, [*said, *heard], [0] * len(said) + [1] * len(heard))


def _reader(strength: float, texts: list[str], labels: list[Any]) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True, max_features=60_000)
    return make_pipeline(make_union(words, letters), LogisticRegression(C=strength, max_iter=300)).fit(texts, labels)
