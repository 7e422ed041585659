"""The room's benchmark: three browsers, a server killed in the middle, and whether the counting notices what it is there for."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from builders import HERE, play
from clikit import SERVED

from eval.bench_room import Count, Sent, Sitting, counted, name, run, workshop
from simulator.store import open_store


def test_three_trainees_lose_nothing_when_the_server_is_killed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    code = run([sys.executable, "-c", SERVED], trainees=3, turns=2, think=(0.05, 0.3), kill=1, seed=0)
    told = capsys.readouterr().out
    assert code == 0, told
    assert "submitted 6: lost 0, twice 0, crossed 0, unanswered 0" in told
    assert "errors 0" in told
    assert re.search(r"answered \d+, \d+ s after its start", told), "it was started twice"
    assert re.search(r"the full reply +│ +\d", told), told


SAID = ("Hello. That is seat 0 note 0.", "Well. That is seat 0 note 1.")
OTHERS = ("Hi. That is seat 1 note 0.",)


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        ((SAID, OTHERS), Count(3, 0, 0, 0, 0)),
        ((SAID[:1], OTHERS), Count(3, 1, 0, 0, 0)),
        ((SAID, ()), Count(3, 1, 0, 0, 1)),
        (((*SAID, SAID[1]), OTHERS), Count(3, 0, 1, 0, 0)),
        ((SAID[::-1], OTHERS), Count(3, 0, 0, 1, 0)),
        ((OTHERS, SAID), Count(3, 0, 0, 3, 0)),
        (((*SAID, "Nobody has said this."), OTHERS), Count(3, 0, 0, 1, 0)),
    ],
    ids=["as it should be", "lost", "a lost call", "twice", "in the wrong order", "crossed", "from nowhere"],
)
def test_the_count_notices(tmp_path: Path, kept: tuple[tuple[str, ...], ...], wanted: Count) -> None:
    with open_store(tmp_path / "calls.db") as store:
        shop = workshop(store)
        for seat, said in enumerate(kept):
            member = store.workshops.join(shop.id, name(seat), return_hash=str(seat), at=1.0)
            if said:
                store.create(play(*said), owner=member.owner, call_id=f"call-{seat}")
        sittings = [
            Sitting(0, [Sent("call-0", text) for text in SAID]),
            Sitting(1, [Sent("call-1", text) for text in OTHERS]),
        ]
        found = counted(store, shop.id, sittings)
    assert found == wanted
    assert found.right == (wanted == Count(3, 0, 0, 0, 0))


def test_a_turn_that_waits_for_its_reply_is_unanswered(tmp_path: Path) -> None:
    with open_store(tmp_path / "calls.db") as store:
        shop = workshop(store)
        member = store.workshops.join(shop.id, name(0), return_hash="x", at=1.0)
        cut_off = play(SAID[0])[:3]  # spoken and graded, no more
        store.create(cut_off, owner=member.owner, call_id="call-0")
        found = counted(store, shop.id, [Sitting(0, [Sent("call-0", SAID[0])])])
    assert found == Count(1, 0, 0, 0, 1) and not found.right
