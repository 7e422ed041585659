"""Graders to compare ours with: always the commonest level, words alone, and any model asked zero-shot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.progress import track

from eval.corpus import GradedTurn
from simulator.assessment import Assessment, DimensionScore
from simulator.evaluator.second_opinion import Failed, SecondOpinion
from simulator.models import open_model
from simulator.models.base import DecidingModel
from simulator.vocabulary import Dimension


def commonest(train: Sequence[GradedTurn], test: Sequence[GradedTurn]) -> list[Assessment]:
    """Every turn gets the commonest level of each dimension."""
    label = {d: Counter(t.levels[d] for t in train if t.levels[d]).most_common(1)[0][0] for d in Dimension}
    return [Assessment(scores={d: _score(label[d], 1.0) for d in Dimension}) for _ in test]


def words_alone(train: Sequence[GradedTurn], test: Sequence[GradedTurn]) -> list[Assessment]:
    """Ridge regression on tf-idf of the turn's one- and two-word runs, and of the caller's turn before it."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression, Ridge

    def texts(turns: Sequence[GradedTurn]) -> tuple[list[str], list[str]]:
        before = [t.before.turns[-1].text if t.before.turns else "" for t in turns]
        return [t.turn.text for t in turns], before

    seen = [TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True) for _ in range(2)]
    x = hstack([v.fit_transform(side) for v, side in zip(seen, texts(train), strict=True)]).tocsr()
    z = hstack([v.transform(side) for v, side in zip(seen, texts(test), strict=True)]).tocsr()
    scores: dict[Dimension, list[DimensionScore]] = {}
    for d in Dimension:
        known = [i for i, t in enumerate(train) if t.levels[d] is not None]
        value = Ridge(1.0).fit(x[known], [train[i].levels[d] for i in known]).predict(z)
        applies = np.ones(len(test))
        if len(known) < len(train):
            applies = LogisticRegression(C=10, max_iter=500).fit(x, [t.levels[d] is not None for t in train]).predict(z)
        scores[d] = [
            _score(int(np.clip(round(v), 1, 5)) if a else None, 1.0) for v, a in zip(value, applies, strict=True)
        ]
    return [Assessment(scores={d: scores[d][i] for d in Dimension}) for i in range(len(test))]


def asked(model: str, test: Sequence[GradedTurn]) -> list[Assessment | None]:
    """What `model` says when it is asked for each level in the rubric's words; None where it gave no answer."""
    opened = open_model(model)
    if not isinstance(opened, DecidingModel):
        raise TypeError(f"{model} cannot be asked for a decision")
    judge = SecondOpinion(opened)
    given = [judge.grade(t.turn, t.before, t.brief, cache_key=t.call) for t in track(test, description="asking")]
    return [None if isinstance(each, Failed) else each for each in given]


def _score(level: int | None, confidence: float) -> DimensionScore:
    return DimensionScore(level=level, value=None if level is None else float(level), confidence=confidence)
