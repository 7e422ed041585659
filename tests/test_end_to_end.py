"""The whole rehearsal as a new hire does it: a real browser, the real small model, a real database.

Screenshots are left in artifacts/screenshots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched, served
from playwright.sync_api import Browser, BrowserContext, Page, expect

from simulator.opening import ReadyRehearsals, open_rehearsals
from simulator.settings import Settings
from simulator.vocabulary import Ending

pytestmark = [pytest.mark.browser]

expect.set_options(timeout=60_000)
SHOTS = Path(__file__).parent.parent / "artifacts" / "screenshots"
SAID = (
    "Larkspur billing, this is Rowan. Tell me what's gone wrong and I'll start there.",
    "Three months of paying twice, and two calls that fixed nothing: that's our failure, and I'm sorry you had to ring "
    "a third time. Did the old router go back when you moved?",
    "I can see it. The depot scanned your router in on 27 March and nobody matched it. I'm matching it and closing the "
    "old account now, while we speak.",
    "All £103.50 comes back. Either it's in your bank by Monday, or it comes off your next three bills. Which suits you?",
    "I'll email you the closure and the amounts in ten minutes, and on 1 July I check myself that it went out once.",
)
LEAVING = re.compile(r"AbortError|Connection errored out|ERR_CONNECTION|ERR_INCOMPLETE|network error", re.IGNORECASE)
"""What the page's framework logs when a page is left in the middle of a stream."""


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadyRehearsals]:
    with open_rehearsals("small", "small", settings=Settings(data_dir=tmp_path_factory.mktemp("data"))) as opened:
        opened.warm_up()
        yield opened


@pytest.fixture(scope="module")
def address(rehearsals: ReadyRehearsals, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(rehearsals, tmp_path_factory.mktemp("key")) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Seen:
    """One visitor, and everything their page complained of or asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on(
            "request",
            lambda r: (
                None if "//127.0.0.1" in r.url or r.url.startswith(("data:", "blob:")) else self.strangers.append(r.url)
            ),
        )

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    def say(self, text: str) -> None:
        """One turn, until the caller has answered."""
        turns = self.page.locator("#conversation .turn:not(.saying):not(.pending)")
        before = turns.count()
        self.page.locator("#say textarea").fill(text)
        self.page.locator("#say textarea").press("Enter")
        expect(turns).to_have_count(before + 2, timeout=90_000)
        self.idle()

    def idle(self) -> None:
        expect(self.page.locator("body")).to_have_attribute("data-call", re.compile("idle|ended"), timeout=90_000)


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Seen]:
    context = chromium.new_context(viewport={"width": 1600, "height": 1000}, accept_downloads=True)
    seen = Seen(context)
    yield seen
    context.close()
    assert seen.strangers == []
    assert [c for c in seen.complaints if not LEAVING.search(c)] == []


def begin(visitor: Seen, address: str, persona: str = "furious_repeated_failure") -> None:
    page = visitor.page
    page.goto(address)
    expect(page.locator("body")).to_have_attribute("data-screen", "before")
    page.locator(f"label:has(#persona-{persona})").first.click()
    page.locator("label:has(#scenario-telecom_double_billing)").first.click()
    visitor.shoot("1-before")
    page.locator("#start").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "during")


def test_a_whole_call_from_choosing_a_caller_to_trying_again(visitor: Seen, address: str) -> None:
    page = visitor.page
    begin(visitor, address)
    spoken = 0
    for text in SAID:
        if page.locator("body").get_attribute("data-call") == "ended":
            break
        visitor.say(text)
        spoken += 1
        expect(page.locator("#conversation .turn:not(.saying)")).to_have_count(2 * spoken, timeout=90_000)
    assert spoken >= 3
    visitor.shoot("2-during")
    assert "Calm" in page.locator("#turn-grade-0").inner_text()
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-screen", "during")
    expect(page.locator("#conversation .turn:not(.saying)")).to_have_count(2 * spoken)
    if page.locator("body").get_attribute("data-call") != "ended":
        page.locator("#end").click()
        page.locator("#confirm-yes").click()
    else:
        page.locator("#to-debrief").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "after")
    expect(page.locator("#strength")).to_be_visible()
    expect(page.locator("#fix")).to_be_visible()
    expect(page.locator("#screen-after svg").first).to_be_visible()
    visitor.shoot("3-after")
    with page.expect_download() as html:
        page.locator("#download-html").click()
    assert "<html" in Path(html.value.path()).read_text(encoding="utf-8")
    with page.expect_download() as rows:
        page.locator("#download-jsonl").click()
    assert Path(rows.value.path()).read_text(encoding="utf-8").count("\n") >= 2 * spoken
    page.locator("#branch-2").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "during")
    visitor.idle()
    expect(page.locator("#conversation .turn:not(.saying)")).to_have_count(2)
    visitor.say(
        "You've been let down three times now. I'm closing the second account as we speak, and here is my name: Rowan."
    )
    expect(page.locator("#conversation .turn:not(.saying)")).to_have_count(4)
    page.locator("#nav-history").click()
    expect(page.locator("#history .row")).to_have_count(2)
    visitor.shoot("4-history")


def test_a_harsh_caller_has_to_be_agreed_to_and_the_keyboard_is_enough(visitor: Seen, address: str) -> None:
    page = visitor.page
    page.goto(address)
    expect(page.locator("body")).to_have_attribute("data-screen", "before")
    page.locator("label:has(#persona-anxious)").first.click()
    page.locator("#intensity-realistic").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#accept-harsh")).to_be_visible()
    visitor.shoot("1-before-harsh")
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#preview .need")).to_be_visible()
    expect(page.locator("#announce")).to_contain_text("tick this box first")
    expect(page.locator("#accept-harsh")).to_be_focused()
    expect(page.locator("body")).to_have_attribute("data-screen", "before")
    page.keyboard.press("Space")
    expect(page.locator("#preview .need")).to_be_hidden()
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-screen", "during")
    expect(page.locator(".stage-head")).to_contain_text("harsh words")


def test_an_agreement_to_a_harsh_caller_is_not_kept(visitor: Seen, address: str) -> None:
    page = visitor.page
    page.goto(address)
    page.locator("label:has(#persona-anxious)").first.click()
    page.locator("label:has(#intensity-harsh)").first.click()
    page.locator("#accept-harsh").check()
    expect(page.locator("#start")).not_to_have_attribute("aria-disabled", "true")
    page.locator("label:has(#difficulty-hard)").first.click()
    expect(page.locator("#preview header")).to_contain_text("Hard")
    expect(page.locator("#accept-harsh")).to_be_checked()  # the same call, only harder
    page.locator("label:has(#intensity-mild)").first.click()
    expect(page.locator("#accept-harsh")).to_have_count(0)
    page.locator("label:has(#intensity-harsh)").first.click()
    expect(page.locator("#accept-harsh")).not_to_be_checked()
    expect(page.locator("#start")).to_have_attribute("aria-disabled", "true")


def test_two_browsers_never_see_each_others_call(visitor: Seen, chromium: Browser, address: str) -> None:
    begin(visitor, address, "anxious")
    visitor.say("Good morning, this is Rowan, and my secret word is marzipan.")
    other = chromium.new_context()
    stranger = Seen(other)
    stranger.page.goto(address)
    expect(stranger.page.locator("body")).to_have_attribute("data-screen", "before")
    stranger.page.locator("#nav-history").click()
    expect(stranger.page.locator("#history .row")).to_have_count(0)
    assert "marzipan" not in stranger.page.content()
    other.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_has_room_for_everything(chromium: Browser, address: str, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": 380, "height": 760}, color_scheme=scheme)  # type: ignore[arg-type]
    seen = Seen(context)
    begin(seen, address, "talkative")
    seen.say("Good afternoon, tell me what has happened.")
    seen.shoot(f"narrow-{scheme}")
    overflow = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    expect(seen.page.locator("#say textarea")).to_be_in_viewport()
    context.close()


def test_every_turn_that_was_sent_is_stored(rehearsals: ReadyRehearsals, visitor: Seen, address: str) -> None:
    begin(visitor, address, "impatient_urgent")
    visitor.say("Hello, I'm Rowan, what happened?")
    call_id = visitor.page.locator(".stage").first.get_attribute("data-call")
    assert call_id
    events = rehearsals.store.events(call_id)
    assert [e.text for e in events if e.kind == "trainee_spoke"] == ["Hello, I'm Rowan, what happened?"]
    assert events[-1].kind in ("caller_spoke", "call_ended")
    assert not any(e.kind == "call_ended" and e.ending is Ending.RESOLVED for e in events)
