"""A real browser that leaves in the middle of a turn: its work stops, the turn is kept, and answered when it comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import launched, served
from builders import ScriptedGrader
from playwright.sync_api import Page, expect
from test_places import Held

from simulator.call import Due
from simulator.places import Places
from simulator.rehearsal import Rehearsals
from simulator.store import open_store

pytestmark = [pytest.mark.browser]

expect.set_options(timeout=60_000)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def say(page: Page, text: str) -> None:
    page.locator("#say textarea").fill(text)
    page.locator("#say textarea").press("Enter")


def test_a_page_that_leaves_stops_its_work_and_a_full_machine_answers_later(tmp_path: Path) -> None:
    voice = Held(pieces=6000, seconds=0.01)  # a minute for one turn
    with open_store(tmp_path / "calls.db") as store, launched() as browser:
        home = Rehearsals(voice, ScriptedGrader(), store, places=Places(1, waiting=0))
        with served(home, tmp_path) as address:
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            page.locator("#start").click()
            expect(page.locator("body")).to_have_attribute("data-screen", "during")
            say(page, "Good morning, this is Rowan.")
            assert voice.began.acquire(timeout=60)
            [call] = home._open.values()
            assert call.busy

            other = browser.new_context().new_page()  # another trainee meets a full machine meanwhile
            other.goto(address)
            other.locator("#start").click()
            expect(other.locator("body")).to_have_attribute("data-screen", "during")
            say(other, "Good morning, this is Ines.")
            expect(other.locator("body")).to_have_attribute("data-call", "full")
            expect(other.locator("#conversation")).to_contain_text("Your words are saved")

            page.close()
            until(lambda: not call.busy)
            done = voice.done
            assert done < 5500, "the turn was played to its end, though nobody was there"
            assert call.call.due is Due.WORDS and len(store.events(call.id, owner=call.owner)) == len(call.events)

            voice.pieces = 1
            expect(other.locator("#conversation")).to_contain_text(
                "This is turn 1."
            )  # by itself, now that there is room
            expect(other.locator("body")).to_have_attribute("data-call", "idle")

            back = context.new_page()
            back.goto(address)
            expect(back.locator("#conversation")).to_contain_text("This is turn 1.")
            expect(back.locator("body")).to_have_attribute("data-call", re.compile("idle"))
