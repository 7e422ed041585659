"""The page /lab in a real browser: a researcher edits a caller, saves, talks and checks; on a narrow screen, too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched, served
from labkit import WHO
from playwright.sync_api import Browser, Page, expect
from test_calibrate_page import LEAVING, fits

from simulator.persona import personas
from simulator.rehearsal import Rehearsals

pytest_plugins = ["labkit"]
expect.set_options(timeout=30_000)
SHOTS = Path(__file__).parent.parent / "artifacts" / "screenshots"


@pytest.fixture
def address(home: Rehearsals, tmp_path: Path) -> Iterator[str]:
    with served(home, tmp_path / "key") as url:
        yield url


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=SHOTS / f"lab-{name}.png", full_page=whole)


@pytest.mark.browser
def test_a_researcher_edits_saves_talks_and_checks(harness: None, chromium: Browser, address: str, own: Path) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, complaints = context.new_page(), list[str]()
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.goto(address)
    page.locator("#nav-lab").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "lab")
    page.locator("#lab-who").select_option(WHO)
    page.locator("#lab-open").click()
    expect(page.locator("#lab-text")).to_have_value(re.compile("id: anxious"))
    shoot(page, "1-edit")
    page.locator("[id='box-traits.volatility']").fill("3")
    expect(page.locator("#lab-text")).to_have_value(re.compile("volatility: 3\n"))
    page.locator("[id='box-traits.volatility']").fill("30")
    expect(page.locator("#lab-state")).to_contain_text("less than or equal to 10")
    expect(page.locator("[id='box-traits.volatility']")).to_have_attribute("aria-invalid", "true")
    shoot(page, "2-wrong")
    text = page.locator("#lab-text").input_value()
    page.locator("#lab-text").fill(text.replace("volatility: 30", "volatility: 2"))
    expect(page.locator("[id='box-traits.volatility']")).to_have_value("2")
    expect(page.locator("#lab-state")).to_contain_text("not saved yet")
    page.reload()  # in the middle: what was typed is kept by the browser
    expect(page.locator("#lab-draft")).to_be_visible()
    expect(page.locator("#lab-text")).to_have_value(re.compile("volatility: 2\n"))
    page.locator("#lab-note").fill("calmer")
    page.locator("#lab-save").click()
    expect(page.locator("#lab-top")).to_contain_text("Version 1 of anxious is saved")
    assert personas(own)[WHO].traits.volatility == 2
    page.locator("#tab-versions").click()
    page.locator("#lab-before").select_option("shipped")
    page.locator("#lab-after").select_option("1")
    page.locator("#lab-compare").click()
    expect(page.locator(".diff")).to_contain_text("+  volatility: 2")
    shoot(page, "3-versions")
    page.locator("#tab-talk").click()
    page.locator("#talk-before").select_option("shipped")
    page.locator("#talk-begin").click()
    for words in ("Good morning, Sam speaking.", "Calm down, please.", "I will put it right today, by noon."):
        page.locator("#lab-say").fill(words)
        page.locator("#lab-say").press("Enter")
        expect(page.locator(".both-mine").last).to_contain_text(words)
        expect(page.locator("#lab-send")).to_be_enabled()
    expect(page.locator(".both-side")).to_have_count(6)
    shoot(page, "4-talk", whole=True)
    page.locator("#tab-check").click()
    page.locator("#check-before").select_option("shipped")
    page.locator("#check-calls").fill("200")
    page.locator("#check-begin").click()
    expect(page.locator("#check-progress")).to_contain_text("of 400 calls played")
    shoot(page, "5-checking")
    page.locator("#check-cancel").click()
    expect(page.locator("#lab-check")).to_contain_text("Cancelled after")
    page.locator("#check-calls").fill("6")
    page.locator("#check-begin").click()
    expect(page.locator("#check-found")).to_contain_text("6 calls with each", timeout=90_000)
    shoot(page, "6-checked", whole=True)
    assert [c for c in complaints if not LEAVING.search(c)] == []
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_has_room_for_the_lab(chromium: Browser, address: str, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": 380, "height": 760}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{address.rstrip('/')}/lab")
    expect(page.locator("#lab-text")).to_have_value(re.compile("id: "))
    for tab in ("edit", "talk", "check", "versions"):
        page.locator(f"#tab-{tab}").click()
        assert fits(page), tab
        shoot(page, f"narrow-{tab}-{scheme}", whole=True)
    context.close()
