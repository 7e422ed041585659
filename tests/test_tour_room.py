"""The tour of a facilitator's first workshop: whole, with scripted parts; and whether it tells what it is there to find."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched
from builders import HERE
from clikit import SERVED
from playwright.sync_api import Browser

from eval.tour_room import NARROW, WIDE, Someone, Toured, tour


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def wrong() -> list[str]:
    return []


@pytest.fixture
def somebody(chromium: Browser, tmp_path: Path, wrong: list[str]) -> Iterator[Someone]:
    one = Someone(chromium, tmp_path, NARROW, wrong, pace=0.0)
    yield one
    one.page.context.close()


def test_minutes_are_those_to_a_room_of_three_calls_and_all_that_was_wrong_is_told() -> None:
    assert Toured(150.0, 12.4, ()).told() == [
        "a room of three calls after 2.5 minutes, 12 s of them the server's start",
        "wrong: 0",
    ]
    assert Toured(59.0, 3.0, ("a", "b")).told()[1:] == ["wrong: 2", "  a", "  b"]


@pytest.mark.browser
def test_a_screen_is_kept_wide_and_narrow_and_what_sticks_out_is_wrong(
    somebody: Someone, wrong: list[str], tmp_path: Path
) -> None:
    somebody.page.set_content("<body style='margin: 0'><p style='width: 100%'>fits</p></body>")
    somebody.shoot("fits")
    assert wrong == []
    somebody.page.set_content("<body style='margin: 0'><p style='width: 500px'>does not</p></body>")
    somebody.shoot("wide")
    assert wrong == [f"wide, narrow: {500 - NARROW['width']} pixels stick out at the side"]
    assert {f.name for f in tmp_path.glob("*.png")} == {
        "fits-wide.png", "fits-narrow.png", "wide-wide.png", "wide-narrow.png",
    }  # fmt: skip
    assert somebody.page.viewport_size == NARROW != WIDE, "they go on at their own screen"


@pytest.mark.browser
def test_what_a_page_complains_of_is_wrong_unless_it_was_left(somebody: Someone, wrong: list[str]) -> None:
    somebody.page.set_content("<script>console.error('AbortError: left'); console.warn('no error')</script>")
    assert wrong == []
    somebody.page.set_content("<script>console.error('no such thing'); nowhere()</script>")
    somebody.page.wait_for_timeout(100)
    assert sorted(wrong) == ["a page complains: no such thing", "a page complains: nowhere is not defined"]


@pytest.mark.browser
def test_a_person_takes_their_time_before_each_thing_they_do(somebody: Someone) -> None:
    somebody.page.set_content(
        "<input><button onclick='this.textContent = document.querySelector(`input`).value'>go</button>"
    )
    somebody.pace, began = 0.3, time.monotonic()
    somebody.fill("input", "done")
    somebody.click("button")
    assert time.monotonic() - began >= 0.6
    assert somebody.page.locator("button").inner_text() == "done"


@pytest.mark.browser
def test_the_first_workshop_goes_by_the_readme_to_its_end(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent)]))
    toured = tour(chromium, [sys.executable, "-c", SERVED], tmp_path / "shots", pace=0.0)
    assert toured.wrong == ()
    assert 0 < toured.start < toured.seconds
    screens = {f.name.split("-")[0] for f in (tmp_path / "shots").glob("*-narrow.png")}
    assert {"01", "13", "25", "34", "41"} <= screens, "log in, choose, debrief, a turn graded again, what is stored"
    assert (tmp_path / "shots" / "40-progress-wide.png").stat().st_size > 10_000
    assert list((tmp_path / "shots").glob("*.zip")) and list((tmp_path / "shots").glob("*.csv"))
