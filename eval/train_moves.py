"""Learns what callers do after what: `python -m eval.train_moves` writes `simulator/caller/afterwards.csv`.

Every written call is walked with the simulator's own caller of that type: the reference grades move the feelings, and the
weights that the feelings give (`inclination.py`) are held against what the written caller did, by the writer and a second
reader (half each where they differ). What is learned is a factor for each move and each thing a turn is graded with, so
that the two together are likeliest (a multinomial logistic regression, held back by a square, on top of given weights).
Held-out calls are only measured. A minute.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from eval.corpus import GradedTurn, graded_turns, is_test
from simulator.assessment import Assessment, DimensionScore
from simulator.caller.afterwards import ALWAYS, QUALITIES, qualities
from simulator.caller.appraisal import after, appraise, opening_state
from simulator.caller.inclination import DRAWN, LEAST, Mind, inclinations
from simulator.caller.state import CallerState
from simulator.persona import Persona, Traits, personas
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty, Dimension, Fault, Intensity, Intent, Technique

Array = NDArray[np.float64]
HOME = Path(__file__).resolve().parent.parent / "simulator" / "caller" / "afterwards.csv"
STRENGTH = 3.0
"""Of what holds the table back; 1 and 10 are a little worse on writers or personas left out."""
_EVERY = np.ones(len(QUALITIES), dtype=bool)
_KNOWN = {
    "nothing but mood and traits": _EVERY & False,
    "how often each move is made": np.array([q == ALWAYS for q in QUALITIES]),
    "the grades of what was said": np.array([q not in Traits.model_fields for q in QUALITIES]),
    "traits, too": _EVERY,
}
"""What the table may know: the rows of the comparison that is printed."""
_NEVER = 1e-13
"""Stands for the weight 0 of a move that is closed to this person in this mood."""
FOLDS = 5
_HELD_BACK = np.array([0.1 if q == ALWAYS else 10.0 if q in Traits.model_fields else 1.0 for q in QUALITIES])
"""How many times as strongly each row is held back: how often a move is made at all is known well, what a trait does from
only sixteen personas (once: perplexity 6.21 on writers left out and 7.72 on personas left out; ten times: 6.36 and 7.22)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One caller turn of a written call: the simulator's `weights` [moves] there, what the turn before it was graded with
    and who hears it (`after` [qualities]), what was done of what was open (`done` [moves], a sum of 1; all 0: only what is
    closed to this caller there), the second reader's `read` of it, and whether it `tells` a fact (None: none was left)."""

    call: str
    author: str
    caller: str
    weights: Array
    after: Array
    done: Array
    read: Intent
    tells: bool | None


def answers(turns: Sequence[GradedTurn], rows: Sequence[dict[str, Any]]) -> Iterator[Answer]:
    """Every caller turn that a second reader has seen, that answers a trainee turn and whose move is one that is drawn."""
    callers = personas()
    graded = {call: list(group) for call, group in groupby(turns, key=lambda t: t.call)}
    for row in rows:
        yield from _of_call(row, {t.turn.index: t for t in graded[row["id"]]}, callers[row["persona"]["type"]])


def _of_call(row: dict[str, Any], graded: dict[int, GradedTurn], persona: Persona) -> Iterator[Answer]:
    state, left = opening_state(persona, Difficulty.MEDIUM), set(row["scenario"]["facts"])
    turn, mind = None, None
    for index, said in enumerate(row["turns"]):
        if said["speaker"] == Speaker.TRAINEE:
            turn = graded[index]
            grades = as_assessment(turn)
            appraisal = appraise(persona, Difficulty.MEDIUM, state, grades)
            state = after(state, appraisal, grades, index)
            mind = Mind(persona, Difficulty.MEDIUM, Intensity.REALISTIC, state, appraisal, grades, bool(left))
            continue
        if "second" not in said:
            return
        meant, read, told = Intent(said["intent"]), Intent(said["second"]["intent"]), set(said["second"]["uses"])
        if turn is not None and mind is not None and not {meant, read}.isdisjoint(DRAWN):
            inclined, found = inclinations(mind), qualities(mind.grades, persona.traits)
            weights = np.array([inclined[m] for m in DRAWN])
            done = np.array([(meant is m) + (read is m) for m in DRAWN]) * (weights > 0)
            yield Answer(
                row["id"],
                turn.author,
                persona.id,
                weights,
                np.array([found.get(q, 0.0) for q in QUALITIES]),
                done / max(1, done.sum()),
                read,
                bool(told & left) if left else None,
            )
        left -= told
        state = _having_done(state, meant)


def _having_done(state: CallerState, move: Intent) -> CallerState:
    asked = state.asked_supervisor + (move is Intent.ASK_SUPERVISOR)
    return state.model_copy(update={"intents": (*state.intents, move), "asked_supervisor": asked})


def as_assessment(turn: GradedTurn) -> Assessment:
    """The reference labels of a turn as if a grader had been sure of them."""
    scores = {}
    for d in Dimension:
        mean = turn.mean(d)
        scores[d] = DimensionScore(level=turn.levels[d], value=mean, confidence=1.0)
    return Assessment(
        scores=scores,
        techniques=tuple(t for t in Technique if t in turn.tags),
        faults=tuple(t for t in Fault if t in turn.tags),
    )


def fitted(some: Sequence[Answer], known: NDArray[np.bool_] = _EVERY, strength: float = STRENGTH) -> Array:
    """[qualities, moves]: logarithms of factors, of those qualities that are `known`."""
    base, x, y = _arrays(some)
    x = x * known

    def loss(flat: Array) -> tuple[float, Array]:
        table = flat.reshape(len(QUALITIES), len(DRAWN))
        z = base + x @ table
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        p /= p.sum(axis=1, keepdims=True)
        held = table * _HELD_BACK[:, None]
        missed = -(y * np.log(np.clip(p, 1e-12, 1))).sum()
        return float(missed + strength / 2 * (held * table).sum()), (x.T @ (p - y) + strength * held).ravel()

    start = np.zeros(len(QUALITIES) * len(DRAWN))
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x).reshape(
        len(QUALITIES), len(DRAWN)
    )


def surprise(some: Sequence[Answer], table: Array) -> float:
    """Perplexity of what the written callers did: among how many equally likely moves it would be as hard to guess."""
    base, x, y = _arrays(some)
    z = base + x @ table
    z -= z.max(axis=1, keepdims=True)
    logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return float(np.exp(-(y * logs).sum(axis=1).mean()))


def _left_out(some: Sequence[Answer], known: NDArray[np.bool_], folds: Sequence[Callable[[Answer], bool]]) -> float:
    """`surprise` over all, each fold by a table that was not learned from it."""
    logs, counts = [], []
    for within in folds:
        table = fitted([a for a in some if not within(a)], known)
        left = [a for a in some if within(a)]
        logs.append(np.log(surprise(left, table)))
        counts.append(len(left))
    return float(np.exp(np.average(logs, weights=counts)))


def _arrays(some: Sequence[Answer]) -> tuple[Array, Array, Array]:
    weights = np.array([m.weights for m in some])
    base = np.log(np.where(weights > 0, np.maximum(weights, LEAST), _NEVER))
    return base, np.array([m.after for m in some]), np.array([m.done for m in some])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HOME)
    args = parser.parse_args()
    with (files("eval") / "data" / "calls_graded.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    every = list(answers(graded_turns(), rows))
    found = [a for a in every if a.done.any()]
    train, test = [a for a in found if not is_test(a.call)], [a for a in found if is_test(a.call)]
    print(
        f"{len(train)} moves to learn from, {len(test)} in held-out calls; {1 - len(found) / len(every):.0%} of all are left "
        f"out: closed to such a caller there. How hard to guess (perplexity, of {len(DRAWN)} moves), knowing ..."
    )
    authors = sorted({a.author for a in train})
    for name, known in _KNOWN.items():
        held_out = surprise(test, fitted(train, known))
        writers = _left_out(train, known, [lambda a, f=f: a.author in authors[f::FOLDS] for f in range(FOLDS)])
        callers = _left_out(train, known, [lambda a, c=c: a.caller == c for c in sorted({a.caller for a in train})])
        print(
            f"{name}: {held_out:.2f} on held-out calls, {writers:.2f} on writers left out, {callers:.2f} on personas left out"
        )
    for move in DRAWN:
        told = [a.tells for a in every if a.read is move and a.tells is not None and not is_test(a.call)]
        print(f"{move.value}: tells a fact in {np.mean(told):.0%} of {len(told)}")
    table = fitted(train)
    with args.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["after", *(m.value for m in DRAWN)])
        for name, row in zip(QUALITIES, table, strict=True):
            writer.writerow([name, *(f"{much:.2f}" if abs(much) >= 0.05 else "" for much in row)])
    print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
