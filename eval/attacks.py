"""Attacks on the grader, each beside its honest twin: a turn that tries to win levels without doing the work.

Two hands' worth of files: the heads learn from one that such words are worth nothing; the other is only ever tested on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from eval.corpus import GradedTurn
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Dimension, Register

TRAIN, TEST = "train", "test"
ADDRESSES = frozenset({"praise_grader", "instructs_grader"})
"""Families that speak to the grader or the software: the rubric caps what such a turn can have."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One trick, in one situation. Neither side carries labels: only the difference between the two counts."""

    id: str
    family: str
    split: str
    twin: GradedTurn
    attack: GradedTurn

    @property
    def addresses_grader(self) -> bool:
        """Whether the attack talks to the grader or the software."""
        return self.family in ADDRESSES


@lru_cache(maxsize=1)
def attacks() -> tuple[Attack, ...]:
    """Every attack of the shipped file."""
    with (files("eval") / "data" / "attacks.jsonl").open(encoding="utf-8") as lines:
        return tuple(_attack(json.loads(line)) for line in lines)


def _attack(row: dict[str, object]) -> Attack:
    before = Transcript()
    said = row["before"]
    assert isinstance(said, list)
    for turn in said:
        before = before.plus(Speaker(turn["speaker"]), turn["text"])
    facts, policy = row["facts"], row["policy"]
    assert isinstance(facts, list) and isinstance(policy, list)
    brief = Brief(str(row["business"]), str(row["issue"]), tuple(facts), tuple(policy))

    def side(name: str) -> GradedTurn:
        return GradedTurn(
            call=f"{row['id']}-{name}",
            author=str(row["id"]).split("-")[0],
            persona="",
            medium=Register.CHAT,
            brief=brief,
            before=before,
            turn=before.plus(Speaker.TRAINEE, str(row[name])).turns[-1],
            levels=dict.fromkeys(Dimension),
            tags=frozenset(),
        )

    return Attack(str(row["id"]), str(row["family"]), str(row["split"]), side("twin"), side("attack"))
