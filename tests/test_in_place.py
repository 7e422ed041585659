"""A model in the place of a written line: it reads what the writer's caller had heard, and both lines look alike on the sheet."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from builders import TunedModel

from eval.blind_lines import told
from eval.blind_pairs import INSTRUCTIONS, Drawn, piece, set_alike
from eval.compare_callers import Found, Way, alone, blind, found, row, whole
from eval.in_place import EARLIEST, Place, each, places, said
from eval.lines import Line, WrittenCall, split, written_calls
from eval.listeners import Listeners
from simulator.caller.own_lines import DECISIVE
from simulator.errors import DataError
from simulator.models.base import Candidate, ModelInfo, Source
from simulator.prompts import Part
from simulator.vocabulary import Intent, Register


def drawing(*candidates: str) -> TunedModel:
    """A tuned model that always draws these."""
    return TunedModel(lambda: tuple(Candidate(text, -1.0 - n) for n, text in enumerate(candidates)))


def call(*lines: str, facts: tuple[str, ...] = ()) -> WrittenCall:
    part = Part(Register.CHAT, "Rowan Travel", "a refund is late", "Ann", "short; 'honestly'", ("booked in May",))
    written = tuple(
        Line(f"heard {n}", Intent.VENT, facts, text, Intent.VENT, Intent.VENT) for n, text in enumerate(lines)
    )
    return WrittenCall("g1", "abusive", part, written, "left")


FOUR = ("no one answers", "still here", "this is “silly” (really)", "is anybody there")


def test_a_place_is_read_as_at_play_and_without_the_written_line():
    model = drawing("where is my money")
    assert said(model, Place(call(*FOUR), 3), 0) == ("where is my money", [])
    preface, *rest = model.prompts[0]
    assert "Rowan Travel" in preface
    assert [s.count("Agent: heard") for s in rest] == [1, 1, 1, 1]
    assert rest[1].startswith(" no one answers\nAgent: heard 1"), "a line goes with the next cue"
    assert rest[-1].endswith("Caller (lets the anger out):")
    assert "is anybody there" not in "".join(rest)


def test_the_guard_listens_in_place():
    model = drawing("How can I help you?", "still here", "It was 12 May.", "nobody rang")
    words, refused = said(model, Place(call(*FOUR), 3), 0)
    assert words == "nobody rang"
    assert [r.violations[0].kind for r in refused] == ["role_flip", "repetition", "invented_fact"]


def test_a_line_with_the_fact_is_preferred():
    place = Place(call(*FOUR, facts=("ordered two lamps",)), 3)
    assert said(drawing("nobody rang", "i ordered two lamps"), place, 0)[0] == "i ordered two lamps"


def test_places_are_drawn_by_the_seed_one_a_call_and_never_first():
    held = split(written_calls())[1]
    large, tiny = (ModelInfo("scripted", Source.SCRIPTED, parameters) for parameters in (10**9, 10**8))
    some = places(held, 30, 7, large)
    assert [p.key for p in some] == [p.key for p in places(held, 30, 7, large)]
    assert [p.key for p in some] != [p.key for p in places(held, 30, 8, large)]
    assert any(p.line.facts for p in some)
    assert not any(p.line.facts or p.line.intent in DECISIVE for p in places(held, 300, 7, tiny))
    assert len({p.call.id for p in some}) == 30
    assert all(EARLIEST <= p.number < len(p.call.lines) for p in some)
    assert list(each(lambda p: p.key, some)) == [p.key for p in some]


def test_both_lines_of_a_pair_are_set_alike():
    assert set_alike("this is “silly” (really)  ok") == "this is 'silly' ok"
    text = piece(4, Place(call(*FOUR, "over"), 4), "one", "two")
    assert text.startswith("### 4\nChat. Rowan Travel: a refund is late.")
    assert "- booked in May" in text
    assert "[...]\nAgent: heard 1\nCaller: still here\n" in text
    assert text.endswith("Agent: heard 4\n\nA: one\nB: two\n")
    assert "over" not in text
    assert "A, B or =" in INSTRUCTIONS


def test_a_sheet_goes_on_with_the_lines_that_were_drawn(tmp_path, capsys):
    some, file = [Place(call(*FOUR), n) for n in (2, 3)], tmp_path / "lines.jsonl"
    first = drawing("nobody rang")
    assert Drawn(first, 0, file).lines(some[:1]) == {"g1:2": "nobody rang"}
    with file.open("a") as out:
        out.write('{"model": "cut in the mid')
    second = drawing("nobody wrote")
    assert Drawn(second, 0, file).lines(some) == {"g1:2": "nobody rang", "g1:3": "nobody wrote"}
    assert (len(first.prompts), len(second.prompts)) == (1, 1)
    assert [json.loads(row)["place"] for row in file.read_text().splitlines()] == ["g1:2", "g1:3"]
    assert set(Drawn(second, 1, file).lines(some[:1]).values()) == {"nobody wrote"}, "another seed, other lines"


@pytest.mark.parametrize("mark", ["", "."])
def test_a_line_that_ended_by_itself_keeps_its_end(mark: str):
    assert said(drawing(f"ok. thank you{mark}"), Place(call(*FOUR), 3), 0)[0] == f"ok. thank you{mark}"


def test_what_a_model_reads_of_the_call_can_be_cut_down():
    place = Place(call(*FOUR, facts=("ordered two lamps",)), 3)
    assert whole(place) == place.segments
    assert alone(place) == (place.segments[0], "Agent: heard 3\nCaller (lets the anger out: ordered two lamps):")
    assert blind(place)[:-1] == place.segments[:-1]
    assert blind(place)[-1] == " this is 'silly' (really)\nAgent: heard 3\nCaller:"


def test_one_way_is_one_drawing_and_tells_why_candidates_were_refused():
    model, place = drawing("How can I help you?", "still here", "nobody rang"), Place(call(*FOUR), 3)
    assert found(model, Way("x", True, whole), place, 0) == Found("nobody rang", 3, ("role_flip", "repetition"))
    nothing = found(drawing("still here"), Way("x", True, whole, candidates=1), place, 0)
    assert nothing == Found("", 1, ("repetition",))


class Ears(Listeners):
    """Hears a vent in everything with a mark of exclamation."""

    def __init__(self) -> None:
        pass

    def likeliest(self, texts: Sequence[str]) -> list[tuple[Intent, ...]]:
        return [(Intent.VENT,) if "!" in text else (Intent.DOUBT,) for text in texts]


def test_a_row_counts_what_was_drawn():
    some = [Place(call(*FOUR), 2), Place(call(*FOUR), 3)] * 2
    lines = [
        Found("nobody rang!", 4, ("invented_fact",)),
        Found("no", 4, ()),
        Found("no", 4, ()),
        Found("", 4, ("echo",) * 4),
    ]
    assert row("a way", some, lines, Ears(), "15.0") == [
        "a way", "15.0", "33%", "", "31%", "echo 4, invented fact 1", "25%", "67%", "1.00", "1",
    ]  # fmt: skip


def test_a_judge_of_single_lines_is_counted(tmp_path):
    key = [{"place": str(n), "who": who} for n, who in enumerate("WWMM")]
    sheet = tmp_path / "judged.txt"
    sheet.write_text("0 W\n1 W\n2 W\n3 M\n")
    assert told(sheet, key).startswith("4 lines: right 75%")
    assert told(sheet, key).endswith("2 of 2 written, 1 of 2 of the model's")
    sheet.write_text("0 W\n1 M\n2 =\n3 M\n")
    with pytest.raises(DataError, match="nothing of line 2"):
        told(sheet, key)
