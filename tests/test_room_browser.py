"""A room of three as people do it: a facilitator's first start, trainees who join, a call, a pause, the debriefing; in headless
Chromium, wide and narrow. Screenshots are left in artifacts/screenshots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched
from builders import assessment
from playwright.sync_api import Browser, Page, expect
from roomkit import PASSWORD, Served, room

pytestmark = [pytest.mark.browser]
CALL = re.compile(r"data-call=\\?\"([0-9a-f]{32})")
SHOTS = Path(__file__).parent.parent / "artifacts" / "screenshots"
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with room(tmp_path) as app:
        yield app


class Someone:
    """One browser window, and what its pages complained of."""

    def __init__(self, chromium: Browser, size: str) -> None:
        self.complaints: list[str] = []
        self.size = size
        self.page: Page = chromium.new_context(viewport=SIZES[size], accept_downloads=True).new_page()  # type: ignore[arg-type]
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def shoot(self, name: str) -> None:
        """A screenshot; and nothing may stick out at the side."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"room-{name}-{self.size}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name


@pytest.mark.parametrize("size", ["narrow"])  # the tour (test_tour_room.py) goes the same way on a wide page
def test_a_room_of_three_from_the_first_start_to_the_debriefing(size: str, chromium: Browser, served: Served) -> None:
    host = Someone(chromium, size)
    page = host.page
    page.goto(f"{served.address}room")
    page.get_by_label("Name").fill("Ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    host.shoot("1-first")
    page.locator("#set-up").click()
    page.locator("#new").click()
    page.locator("input[name=title]").fill("Billing team")
    page.get_by_label("I may read what was said").check()
    host.shoot("2-new")
    page.locator("#save").click()
    code = page.locator(".joinbox .bigcode").inner_text()
    expect(page.locator("#live")).to_contain_text("Nobody has joined yet")

    trainees = [Someone(chromium, size) for _ in range(3)]
    for number, trainee in enumerate(trainees):
        trainee.page.goto(f"{served.address}join/{code.replace('-', '')}" if number else f"{served.address}join")
        if not number:
            trainee.page.locator("#code").fill(code.lower())
        trainee.page.locator("#name").fill(f"Trainee no {number}")
        trainee.page.locator("#name").press("Enter")
        expect(trainee.page.locator("#back")).to_have_text(re.compile(r"[A-Z]{4}-[A-Z]{4}-[A-Z]{4}"))
        trainee.page.locator("#go-in").click()
    expect(page.locator("#live")).to_contain_text("Waiting: 3", timeout=10_000)  # without reloading
    first = trainees[0].page
    expect(first.locator(".head .pill")).to_have_text("Not started")
    page.locator("#start").click()
    expect(first.locator(".head .pill")).to_have_text("Open", timeout=10_000)  # this page, too, finds out by itself
    trainees[0].shoot("3-workshop")

    first.locator("#to-call").click()
    expect(first.locator("body")).to_have_attribute("data-screen", "before")
    assert first.locator("#setup-form input[name=persona]").count() == 4
    first.locator("#start").click()
    expect(first.locator("body")).to_have_attribute("data-screen", "during")
    box = first.locator("#say textarea")
    box.fill("Good morning, this is trainee zero.")
    box.press("Enter")
    expect(first.locator("#conversation .turn.theirs:not(.saying)")).to_have_count(1)
    expect(page.locator("#live")).to_contain_text("In a call: 1", timeout=10_000)
    host.shoot("4-room")

    page.get_by_label("A hint or message to everybody").fill("Ask one question first.")
    page.locator("#send").click()
    page.locator("#pause").click()
    expect(first.locator("#room-strip")).to_contain_text("paused the room", timeout=10_000)
    expect(first.locator("#room-strip")).to_contain_text("Ask one question first.")
    box.fill("What has happened so far?")
    box.press("Enter")
    expect(first.locator("#banner-text")).to_contain_text("what you typed stays here")
    expect(box).to_have_value("What has happened so far?")
    trainees[0].shoot("5-paused")
    page.locator("#pause").click()
    expect(first.locator("#room-strip")).not_to_contain_text("paused", timeout=10_000)
    first.wait_for_timeout(3100)  # the page lets nothing be sent twice within three seconds
    box.press("Enter")
    expect(first.locator("#conversation .turn.theirs:not(.saying)")).to_have_count(2)
    expect(box).to_have_value("")

    first.locator("#nav-workshop").click()
    first.locator("#share").click()
    page.locator("#wall").click()
    expect(page.locator("#live .dots li")).to_have_count(3)
    host.shoot("6-wall")
    page.go_back()
    page.locator("#group").click()
    expect(page.locator(".heat tbody tr")).to_have_count(2)
    expect(page.locator(".moment")).to_have_count(1)
    host.shoot("7-group")
    page.go_back()
    page.locator("#review").click()
    page.get_by_role("link", name="Read", exact=True).click()
    turn = page.locator("#turn-0")
    turn.locator("summary").click()
    turn.get_by_label("Calm").select_option("5")
    turn.get_by_label("Comment").fill("Warmer than the machine thinks.")
    turn.get_by_role("button", name="Keep").click()
    expect(page.locator("#turn-0")).to_contain_text("Warmer than the machine thinks.")
    host.shoot("8-call")
    first.reload()
    expect(first.locator("main")).to_contain_text("Warmer than the machine thinks.")
    with first.expect_download() as saved:
        first.locator("#data").click()
    assert "trainee zero" in Path(saved.value.path()).read_text(encoding="utf-8")
    trainees[0].shoot("9-data")
    first.locator("summary", has_text="Delete my data").click()
    first.get_by_label("Yes, delete everything of mine").check()
    first.locator("#delete").click()
    expect(first.locator("h1")).to_have_text("Your data is deleted")
    assert host.complaints == []
    # The page in a paused room is refused nothing that the browser would complain of; only leaving a stream may be.
    quiet = re.compile(r"AbortError|ERR_CONNECTION|ERR_INCOMPLETE|network error|Connection errored out", re.IGNORECASE)
    assert [c for t in trainees for c in t.complaints if not quiet.search(c)] == []


def test_the_keyboard_is_enough_and_a_wrong_code_is_told(chromium: Browser, served: Served) -> None:
    someone = Someone(chromium, "narrow")
    page = someone.page
    page.goto(f"{served.address}join")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type("ktrw-mphx")
    page.keyboard.press("Tab")
    page.keyboard.type("Bo <b>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no workshop with that code")
    expect(page.locator("#name")).to_have_value("Bo <b>")
    someone.shoot("join-wrong")


@pytest.mark.parametrize("size", SIZES)
def test_progress_a_certificate_and_one_moment_side_by_side(size: str, chromium: Browser, tmp_path: Path) -> None:
    good = assessment(calmness=5, empathy=4, solution=4, closing=4)
    with room(tmp_path, grades=(good,)) as app:
        ann = app.facilitator("Ann")
        shop = ann.workshop()
        ann.post(f"/room/w/{shop}/start", on=f"/room/w/{shop}")
        for name in ("Bo", "Cy"):
            person = app.person()
            back = person.join(ann.join_code(shop), name)
            person.post("/workshop/share", on="/workshop", yes="yes")
            begun = person.act(do="start", persona="demanding", scenario="telecom_double_billing")
            here = {"owner": re.findall(r"member:[0-9a-f]{32}", person.load())[0], "call": CALL.findall(begun)[-1]}
            for text in ("Good morning.", f"I will see to it myself, {name} said."):
                person.say(text, here)
            person.act(here, do="end")
        trainee, host = Someone(chromium, size), Someone(chromium, size)
        page = trainee.page
        page.goto(f"{app.address}join")
        page.locator("summary", has_text="joined before").click()
        page.locator("input[name=back]").fill(back)
        page.locator("input[name=back]").press("Enter")
        expect(page.locator("#next")).to_contain_text("Take a call from")
        expect(page.locator(".curves svg")).to_have_count(4)
        trainee.shoot("10-progress")
        page.locator("#certificate").click()
        expect(page.locator(".certificate h1")).to_have_text("Cy")
        trainee.shoot("11-certificate")
        page.emulate_media(media="print")
        expect(page.get_by_role("button", name="Print")).to_be_hidden()
        expect(page.locator(".certificate")).to_be_visible()

        page = host.page
        page.goto(f"{app.address}room/login")
        page.locator("input[name=name]").fill("Ann")
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/room")
        page.goto(f"{app.address}room/w/{shop}/group")
        expect(page.locator(".sides .moment")).to_have_count(2)
        page.get_by_label("Which moment?").select_option("demanding/telecom_double_billing/answer-1")
        page.locator("#show-same").click()
        expect(page.locator(".sides")).to_contain_text("Bo said")
        expect(page.locator(".sides")).to_contain_text("Cy said")
        host.shoot("12-same")
        assert host.complaints == trainee.complaints == []
