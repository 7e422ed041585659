"""A grader with a memory gives what it would give, asks once, and forgets failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from studykit import WordGrader

from eval import remembering
from eval.remembering import Remembering
from simulator.assessment import Assessment
from simulator.errors import ModelError
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn

SHOP, BANK = Brief("a shop", "a late parcel"), Brief("a bank", "a double booking")


class Counting(WordGrader):
    """Counts what it is asked; the first `broken` times it fails."""

    def __init__(self, pause: float = 0.0, broken: int = 0) -> None:
        super().__init__(pause)
        self.asked, self.broken = 0, broken

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        self.asked += 1
        if self.asked <= self.broken:
            raise ModelError("out of order")
        return super().grade(turn, transcript, scenario, cache_key=cache_key).model_copy(update={"seconds": 2.0})


def test_the_same_words_after_the_same_words_are_graded_once() -> None:
    inside = Counting()
    grader, turn, other = (
        Remembering(inside),
        Turn(0, Speaker.TRAINEE, "I'm sorry."),
        Turn(0, Speaker.TRAINEE, "Listen."),
    )
    first = grader.grade(turn, Transcript(), SHOP, cache_key="one")
    again = grader.grade(turn, Transcript(), SHOP, cache_key="two")
    assert (first.seconds, again.seconds, inside.asked) == (2.0, 0.0, 1)
    assert again.model_copy(update={"seconds": 2.0}) == first
    assert grader.name == inside.name
    said = Transcript().plus(Speaker.TRAINEE, "Hello.")
    for args in ((other, Transcript(), SHOP), (turn, Transcript(), BANK), (turn, said, SHOP)):
        grader.grade(*args)
    assert inside.asked == 4


def test_who_asks_while_it_is_graded_waits_and_a_failure_is_not_remembered() -> None:
    inside, turn = Counting(pause=0.05), Turn(0, Speaker.TRAINEE, "I'm sorry.")
    grader = Remembering(inside)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: grader.grade(turn, Transcript(), SHOP).tags, range(8)))
    assert (inside.asked, len(set(found))) == (1, 1)
    broken = Remembering(Counting(broken=1))
    with pytest.raises(ModelError):
        broken.grade(turn, Transcript(), SHOP)
    assert broken.grade(turn, Transcript(), SHOP).tags == found[0]


def test_it_forgets_what_was_not_asked_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST", 2)
    inside = Counting()
    grader = Remembering(inside)
    for word in ("a", "b", "a", "c", "a", "b"):
        grader.grade(Turn(0, Speaker.TRAINEE, word), Transcript(), SHOP)
    assert inside.asked == 4
