"""What a study finds in the callers' words: how far a persona sounds like itself, how varied, how near to written callers.

- **Consistency in words**: each call is cut into its caller turns with even and with odd numbers; two halves are compared
  by the cosine of their tf-idf vectors over letter runs of 2-5 (idf from all halves). *Within a call*: the probability that a
  call's own two halves are more alike than a half of it and a half of a call of another persona in another scenario.
  *Between calls*: the probability that halves of two calls of one persona, in different scenarios, are more alike than
  halves of two calls of two personas in different scenarios. Both are the common language effect size (McGraw & Wong, *Psychological Bulletin* 111, 1992), half
  for a tie: .5 says that personas cannot be told apart, 1 that they always can. Words of the scenario are in all of it,
  which is why calls of one scenario are never compared with each other.
- **Consistency in conduct**: ICC(1) of a figure of a call (`CONDUCT`) with the persona as the class: the share of its
  variance that the persona explains, from a one-way analysis of variance, (MSB - MSW) / (MSB + (k-1) MSW), k the mean
  class size corrected for uneven ones (Shrout & Fleiss, *Psychological Bulletin* 86, 1979; Donner 1986). Calls are
  compared within one difficulty and trainee (each call's figure minus the mean of these), and 0 stands for what is below.
- **Diversity**: distinct-n, different runs of n words over all runs (Li et al., NAACL 2016). It falls with the amount of
  text, so every condition is measured on the same number of caller turns, drawn with seed 0.
- **Distance to written callers**: Jensen-Shannon divergence in bits (0 alike, 1 nothing shared; Lin, *IEEE Transactions on
  Information Theory* 37, 1991) between the distributions of single words in the callers' turns and in the corpus.
  Beside it the floor: the same between two halves of the corpus with as many words. Its limits: it knows neither order
  nor sense; a scenario's own words count as distance; and a text of the right words in the wrong mouth is near.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.fidelity import distinct
from eval.intervals import Estimate, mean
from eval.study_measures import MEASURES
from eval.study_rows import CallRow

CONDUCT = (
    "mean agitation",
    "insults",
    "demands and threats",
    "doubts and tests",
    "wanders",
    "wavers",
    "refuses, corrects, bargains",
    "words a caller turn",
)
"""Measures in which personas should differ from each other."""
LEAST_TURNS = 4
"""Caller turns that a call must have for its words to be compared."""
MOST_CALLS = 240
"""Calls whose words are compared with each other; of more, so many are drawn with seed 0."""
_WORD = re.compile(r"[\w']+")


def sameness(calls: Sequence[CallRow]) -> dict[str, Estimate]:
    """`within` a call and `between` calls: how far a persona's words are known from another's (.5 not at all, 1 always).
    Empty where there are not two personas with calls that are long enough."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    long = [c for c in calls if len(c.turns) >= LEAST_TURNS]
    if len(long) > MOST_CALLS:
        long = Random(0).sample(long, MOST_CALLS)
    who = np.array([c.persona for c in long])
    where = np.array([c.scenario for c in long])
    if len(set(who)) < 2:
        return {}
    halves = [" ".join(t.caller for t in c.turns[start::2]) for start in (0, 1) for c in long]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True).fit_transform(halves)
    even, odd = vectors[: len(long)], vectors[len(long) :]
    alike = np.asarray((even @ odd.T).todense())
    other = (who[:, None] != who[None, :]) & (where[:, None] != where[None, :])
    same = (who[:, None] == who[None, :]) & (where[:, None] != where[None, :])

    rows = range(len(long))
    within = [(who[i], _above(alike[i, i], alike[i, other[i]])) for i in rows if other[i].any()]
    between = [(who[i], _above(one, alike[i, other[i]])) for i in rows if other[i].any() for one in alike[i, same[i]]]
    return {
        name: mean([value for _, value in found], [persona for persona, _ in found])
        for name, found in (("within", within), ("between", between))
        if found
    }


def _above(one: float, others: NDArray[np.float64]) -> float:
    """Probability that `one` is above one of `others`, half for a tie."""
    return float(((one > others) + 0.5 * (one == others)).mean())


def conduct(calls: Sequence[CallRow]) -> dict[str, float]:
    """Measure → the share of its variance between calls that the persona explains (0-1). Measures that never vary are
    left out; empty where no persona has two calls."""
    sets: dict[tuple[str, str], list[CallRow]] = {}
    for call in calls:
        sets.setdefault((call.difficulty, call.trainee), []).append(call)
    found = {}
    for name in CONDUCT:
        people: dict[str, list[float]] = {}
        for some in sets.values():
            centre = float(np.mean([MEASURES[name](c) for c in some]))
            for call in some:
                people.setdefault(call.persona, []).append(MEASURES[name](call) - centre)
        value = icc(list(people.values()))
        if value is not None:
            found[name] = value
    return found


def icc(classes: Sequence[Sequence[float]]) -> float | None:
    """ICC(1), at least 0; None where there are not two classes, no class with two values, or no variance."""
    kept = [np.array(c) for c in classes if len(c)]
    n, k = sum(map(len, kept)), len(kept)
    if k < 2 or n <= k:
        return None
    centre = np.concatenate(kept).mean()
    between = sum(len(c) * (c.mean() - centre) ** 2 for c in kept) / (k - 1)
    inside = sum(((c - c.mean()) ** 2).sum() for c in kept) / (n - k)
    size = (n - sum(len(c) ** 2 for c in kept) / n) / (k - 1)
    whole = between + (size - 1) * inside
    return None if whole <= 1e-12 else max(0.0, float((between - inside) / whole))


def diversity(by_condition: Mapping[str, Sequence[CallRow]]) -> dict[str, dict[str, Any]]:
    """Condition → `distinct_1`, `distinct_2`, and on how many caller turns (`turns`: the same for all of them)."""
    said = {name: [t.caller for c in calls for t in c.turns] for name, calls in by_condition.items()}
    few = min((len(lines) for lines in said.values()), default=0)
    found: dict[str, dict[str, Any]] = {}
    for name, lines in said.items():
        drawn = Random(0).sample(lines, few)
        found[name] = {f"distinct_{n}": distinct(drawn, n) for n in (1, 2)} | {"turns": few}
    return found


def words_of(texts: Iterable[str]) -> list[str]:
    """Lower-case words, apostrophes kept."""
    return [word for text in texts for word in _WORD.findall(text.lower().replace("’", "'"))]


def divergence(ours: Sequence[str], theirs: Sequence[str]) -> float:
    """Jensen-Shannon divergence (bits, 0-1) of two lists of words: H((p+q)/2) - (H(p) + H(q)) / 2. NaN where one is
    empty."""
    if not ours or not theirs:
        return float("nan")
    counted = [Counter(ours), Counter(theirs)]
    vocabulary = sorted(set(counted[0]) | set(counted[1]))
    p, q = (np.array([c[w] for w in vocabulary], dtype=float) / c.total() for c in counted)

    def entropy(r: NDArray[np.float64]) -> float:
        return float(-(r[r > 0] * np.log2(r[r > 0])).sum())

    return max(0.0, entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)


def written_distance(calls: Sequence[CallRow], corpus: Sequence[str]) -> dict[str, float]:
    """`distance` of the callers' words from the corpus' callers, and the `floor` that two halves of the corpus have, both on
    as many `words`: the smaller of ours and half of theirs."""
    lines = list(corpus)
    Random(0).shuffle(lines)
    first, second = words_of(lines[::2]), words_of(lines[1::2])
    ours = words_of(t.caller for c in calls for t in c.turns)
    Random(0).shuffle(ours)
    few = min(len(ours), len(first), len(second))
    return {
        "distance": divergence(ours[:few], first[:few]),
        "floor": divergence(first[:few], second[:few]),
        "words": few,
    }
