"""The measures of a caller's words, and the blind test: faults are seen where they are, shares are counted right."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from builders import ScriptedGrader, drain, persona, started, ticking

from eval.blind_pairs import count
from eval.fidelity import Said, across_calls, distinct, heard, own_voice, shares, softened_early
from eval.listeners import listeners
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.errors import DataError
from simulator.persona import personas
from simulator.plan import Plan
from simulator.session import Session
from simulator.vocabulary import Intent


def said(call: int, text: str, *tags: str, written: bool = False, rounds: int = 1) -> Said:
    return Said(call, "abusive", Intent.VENT, text, written, False, False, rounds, frozenset(tags))


class Reciter:
    """Says given lines, one a turn. A `Speech` of the session."""

    name = "scripted"

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def say(self, situation: Situation) -> Iterator[Saying | Line]:
        text = next(self._lines)
        yield Saying(text)
        yield Line(text, written=False, attempts=1, seconds=0.1)


def test_shares_count_turns_and_resample_calls():
    lines = [said(n // 4, f"line {n}", *(["role_flip"] if n == 0 else [])) for n in range(40)]
    flips, none = shares(lines)["role_flip"], shares(lines)["invented"]
    assert (flips.value, flips.n) == (1 / 40, 40)
    assert flips.low is not None
    assert flips.high is not None
    assert 0 < flips.low < 1 / 40 < 0.1 < flips.high < 0.15
    assert none.value == none.low == 0
    assert none.high is not None
    assert none.high > 0.2, "ten calls without a fault do not show that there are none"


def test_written_lines_are_told_apart_by_how_they_came_about():
    lines = [said(n, "x", written=True, rounds=rounds) for n, rounds in enumerate((0, 0, 1, 3))] + [
        said(9, "y", rounds=2)
    ]
    found = {name: estimate.value for name, estimate in shares(lines).items()}
    assert found["written, model not asked"] == 0.4
    assert found["model recited a written line"] == found["written, as nothing passed"] == found["drawn again"] == 0.2


def test_softening_before_an_offer_is_early():
    session = Session([started()], Reciter(iter(["No."] * 9)), ScriptedGrader(), clock=ticking())
    drain(session.submit("I see."))
    assert not softened_early(session.call)
    move = session.call.moves[0]
    for offers, early in ((0, True), (1, False)):
        plan, state = Plan(intent=Intent.SOFTEN), move.state.model_copy(update={"offers": offers})
        session.call.moves[0] = move.model_copy(update={"plan": plan, "state": state})
        assert softened_early(session.call) is early


def test_a_line_said_word_for_word_in_two_calls_is_counted_in_both():
    same = "I have been waiting for three whole weeks."
    assert across_calls([said(0, same), said(1, same.upper()), said(1, "No."), said(2, "No.")]).value == 1.0
    assert across_calls([said(0, same), said(0, same), said(1, "Something else altogether, you see.")]).value == 0.0


def test_distinct_pairs_fall_with_repetition():
    assert distinct(["a b c", "d e f"]) == 1.0
    assert distinct(["a b", "a b", "a b", "a b"]) == 0.25


def test_a_persona_is_recognised_by_its_own_lines():
    written = {name: list(p.written) for name, p in personas().items()}
    spoken = [
        Said(n, name, Intent.VENT, line, False, False, False, 1)
        for n, (name, lines) in enumerate(written.items())
        for line in lines[::3]
    ]
    nearest, guessing = own_voice(spoken, written)
    assert nearest.value is not None
    assert nearest.value > 0.9
    assert guessing == 1 / len(written)
    assert own_voice([said(0, persona().opens[0], written=True)], written)[0].value is None


def test_faults_of_a_played_call_are_tagged():
    lines = iter(
        [
            "Nobody came, and I want my money back.",
            "You'll have an email from me by four today with the £25, and I'm sorry you had to wait in for nothing. Is there "
            "anything else I can do for you?",
            "Put me through to your manager.",
            "Put me through to your manager.",
        ]
    )
    session = Session([started()], Reciter(lines), ScriptedGrader(), clock=ticking())
    for _ in range(4):
        drain(session.submit("I see."))
    found = heard([session.call], listeners()[0])
    assert [s.tags & {"role_flip", "repeats"} for s in found] == [set(), {"role_flip"}, set(), {"repeats"}]
    assert "invented" in found[1].tags
    assert found[0].persona == persona().id


def test_a_filled_in_sheet_is_counted(tmp_path, capsys):
    key = [{"ours": "A", "lost": False, "won": False}] * 2 + [{"ours": "B", "lost": False, "won": False}]
    key += [{"ours": "A", "lost": True, "won": False}, {"ours": "A", "lost": False, "won": True}]
    (tmp_path / "key.json").write_text(json.dumps(key))
    sheet = tmp_path / "judged.txt"
    sheet.write_text("0 A\n1 B\n2 =\n")
    count(sheet, tmp_path)
    assert "5 pairs: ours preferred or tied 60%" in capsys.readouterr().out
    sheet.write_text("0 A\n1 B\n")
    with pytest.raises(DataError, match="nothing of pair 2"):
        count(sheet, tmp_path)
