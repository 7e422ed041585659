"""The turns a facilitator rates: read from the package or taken from stored calls, and drawn so that all levels occur.

The shipped turns are from calls that no grader was trained on (`eval/draw_calibration.py` draws them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from random import Random

from pydantic import ValidationError

from simulator.calibration.records import Levels, Said, TurnToRate
from simulator.call import Call
from simulator.errors import DataError, shorten
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension

TURNS, REPEATS = 24, 4
"""Different turns in a session, and how many of them are shown a second time."""
APART = 8
"""A repeated turn comes at least this many turns after its first showing, when its levels are no longer in mind."""
ENOUGH = 20
"""Graded turns of their own calls from which an organisation can rate those instead."""
Candidate = tuple[TurnToRate, Mapping[Dimension, int | None]]
"""A turn, and the levels (reference labels, or the machine's) by which a varied set is drawn; nobody sees these."""


@lru_cache(maxsize=1)
def shipped() -> tuple[TurnToRate, ...]:
    """The turns that come with the program. Raises DataError naming the line."""
    source = files("simulator.calibration") / "turns.jsonl"
    found: list[TurnToRate] = []
    with source.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                found.append(TurnToRate.model_validate_json(line))
            except ValidationError as error:
                raise DataError(
                    f"is not a turn to rate ({shorten(str(error))})", file=str(source), line=number
                ) from error
    return tuple(found)


def own(calls: Iterable[tuple[str, Call]]) -> list[Candidate]:
    """Every graded trainee turn of these (id, call) pairs that have ended. Calls still going on are left alone."""
    found: list[Candidate] = []
    for call_id, call in calls:
        if call.ended is None:
            continue
        start, brief = call.start, call.start.scenario.brief
        for turn in call.transcript.by(Speaker.TRAINEE):
            if turn.index not in call.grades:
                continue
            before = tuple(Said(speaker=t.speaker, text=t.text) for t in call.transcript.before(turn.index))
            record = TurnToRate(
                id=f"{call_id}-{turn.index}",
                call=call_id,
                medium=start.medium,
                caller=start.persona.name,
                business=brief.business,
                issue=brief.issue,
                facts=brief.facts,
                policy=brief.policy,
                before=before,
                turn=turn.text,
            )
            found.append((record, call.grades[turn.index].levels))
    return found


def draw(
    seed: int, n: int = TURNS, repeats: int = REPEATS, candidates: Sequence[Candidate] | None = None
) -> tuple[TurnToRate, ...]:
    """`n` different turns (fewer if there are no more) in random order, `repeats` of them a second time, `APART` or more
    later; no repeats in a set of fewer than 15. The same seed and candidates (default: the shipped turns) give the same
    set. Raises DataError if there is none.
    """
    rng = Random(f"calibration:{seed}")
    pool = [(turn, turn.reference or Levels()) for turn in shipped()] if candidates is None else list(candidates)
    if not pool:
        raise DataError("there are no turns to rate")
    chosen = [turn for turn, _ in spread(pool, n, rng)]
    rng.shuffle(chosen)
    repeats = min(repeats, APART) if len(chosen) >= 2 * APART - 1 else 0  # else there is no room between the two
    early = len(chosen) + repeats - 2 * APART + 1  # of these the repeats are taken; they go among the last `APART`
    if not repeats:
        return tuple(chosen)
    again = sorted(rng.sample(range(early), repeats))
    places = sorted(rng.sample(range(len(chosen) + repeats - APART, len(chosen) + repeats), repeats))
    shown, rest = [], iter(chosen)
    due = dict(zip(places, again, strict=True))
    for position in range(len(chosen) + repeats):
        shown.append(chosen[due[position]] if position in due else next(rest))
    return tuple(shown)


def spread(pool: Sequence[Candidate], n: int, rng: Random) -> list[Candidate]:
    """`n` of the pool, picked one by one so that rare levels of every dimension occur as often as common ones, and few
    turns come from one call. Not-applicable counts as a level of its own, of less weight."""
    left, chosen = list(pool), list[Candidate]()
    rng.shuffle(left)
    seen: Counter[tuple[Dimension, int | None]] = Counter()
    calls: Counter[str] = Counter()

    def worth(candidate: Candidate) -> float:
        turn, levels = candidate
        new = sum((0.3 if level is None else 1.0) / (1 + seen[d, level]) for d, level in levels.items())
        return new - 0.25 * calls[turn.call]

    while left and len(chosen) < n:
        best = max(left, key=worth)
        left.remove(best)
        chosen.append(best)
        calls[best[0].call] += 1
        seen.update(best[1].items())
    return chosen
