"""`python -m eval.tour_room --out DIR`: a facilitator's first workshop by the README, in a real browser against a real server.

Adds a facilitator, starts `simulator serve --host 0.0.0.0`, logs in, makes a workshop and starts it; three trainees join (one at
a desk, two on telephones) and each take three turns of a call; then pause, hint, wall, debriefing, review, results. Each
screen is left in DIR twice, wide and narrow. Prints how many minutes it took to a room of three calls, and what was wrong.

Up to then it acts at a person's pace: so many seconds before each thing it does, and each person after the other, as if
nobody did anything while somebody else reads; so the minutes are more than a room with three trainees in it needs.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Annotated

import typer
from playwright.sync_api import Browser, Locator, Page, expect

from eval.chromium import find, opened
from eval.served import Served
from eval.trainees import Policy, scripts

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
TRAINEES = (("Bo", WIDE, Policy.EXCELLENT), ("Cy", NARROW, Policy.CLUMSY), ("Dee", NARROW, Policy.HOLLOW))
SCENARIO, TURNS = "airline_cancellation", 3
PATIENCE = 90_000
"""Milliseconds that anything may take on a weak machine."""
LEAVING = re.compile(r"AbortError|ERR_CONNECTION|ERR_INCOMPLETE|network error|Connection errored out", re.IGNORECASE)
"""What a browser complains of when a page is left in the middle of an answer."""


class Someone:
    """One person at one browser. `pace`: seconds that they take before each thing they do."""

    def __init__(self, browser: Browser, out: Path, size: dict[str, int], wrong: list[str], pace: float) -> None:
        self.out, self.size, self.wrong, self.pace = out, size, wrong, pace
        self.page: Page = browser.new_context(viewport=size, accept_downloads=True).new_page()  # type: ignore[arg-type]
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda said: self._complain(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._complain(str(error)))

    def click(self, what: str | Locator) -> None:
        """Press it."""
        self.page.wait_for_timeout(1000 * self.pace)
        (self.page.locator(what) if isinstance(what, str) else what).click()

    def fill(self, what: str, text: str) -> None:
        """Type it."""
        self.page.wait_for_timeout(1000 * self.pace)
        self.page.locator(what).fill(text)

    def shoot(self, name: str) -> None:
        """The screen, wide and narrow; something that sticks out at the side is wrong."""
        for word, size in (("wide", WIDE), ("narrow", NARROW)):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            self.page.wait_for_timeout(250)
            self.page.screenshot(path=self.out / f"{name}-{word}.png", full_page=True)
            over = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                self.wrong.append(f"{name}, {word}: {over} pixels stick out at the side")
        self.page.set_viewport_size(self.size)  # type: ignore[arg-type]

    def say(self, text: str) -> None:
        """One turn, until the caller has answered."""
        turns = self.page.locator("#conversation .turn:not(.saying):not(.pending)")
        before = turns.count()
        self.fill("#say textarea", text)
        self.page.locator("#say textarea").press("Enter")
        expect(turns).to_have_count(before + 2)
        expect(self.page.locator("body")).to_have_attribute("data-call", re.compile("idle|ended"))

    def _complain(self, text: str) -> None:
        if not LEAVING.search(text):
            self.wrong.append(f"a page complains: {text}")


@dataclass(frozen=True)
class Toured:
    """How long it took to a room of three calls, in seconds, how many of them were the server's start, and what was wrong."""

    seconds: float
    start: float
    wrong: tuple[str, ...]

    def told(self) -> list[str]:
        """In lines."""
        return [
            f"a room of three calls after {self.seconds / 60:.1f} minutes, {self.start:.0f} s of them the server's start",
            f"wrong: {len(self.wrong)}",
            *(f"  {line}" for line in self.wrong),
        ]


def main(
    out: Annotated[Path, typer.Option(help="folder for the screenshots")],
    model: Annotated[str, typer.Option(help="whose words: what `simulator serve --model` takes")] = "small",
    pace: Annotated[float, typer.Option(min=0, help="seconds that a person takes before each thing they do")] = 3.0,
) -> None:
    """Take a facilitator's first workshop by the README, and keep each screen."""
    path = find() or sys.exit("no Chromium is here: `python -m playwright install chromium` gets one")
    with opened(path) as browser:
        toured = tour(browser, [sys.executable, "-m", "simulator", "serve", "--model", model], out, pace)
    print(f"{len(list(out.glob('*.png')))} screenshots in {out}", *toured.told(), sep="\n")
    raise typer.Exit(1 if toured.wrong else 0)


def tour(browser: Browser, command: Sequence[str], out: Path, pace: float) -> Toured:
    """As `main`, with a server that this command starts (its address and the folder of its data added)."""
    out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="simulator-tour-") as folder:
        began, password = time.monotonic(), secrets.token_hex(8)
        _add_facilitator(Path(folder), password)
        server = Served([*command, "--host", "0.0.0.0"], Path(folder))
        try:
            server.start()
            host = Someone(browser, out, WIDE, wrong, pace)
            trainees = [Someone(browser, out, size, wrong, pace) for _, size, _ in TRAINEES]
            room = _open_room(host, server.address, password)
            _join(host, trainees, server.address)
            expect(host.page.locator("#live")).to_contain_text("In a call: 3")
            seconds = time.monotonic() - began
            for person in (host, *trainees):
                person.pace = 0.0
            _play(host, trainees)
            _debrief(host, trainees, room)
        finally:
            server.stop()
    return Toured(seconds, server.starts[0], tuple(wrong))


def _add_facilitator(folder: Path, password: str) -> None:
    """As somebody types it. In a session of its own the command has no terminal to ask, and reads what is piped in."""
    command = [sys.executable, "-m", "simulator", "facilitator", "add", "Ann"]
    own = environ | {"SIMULATOR_DATA_DIR": str(folder), "DATABASE_URL": "", "SIMULATOR_DATABASE_URL": ""}
    typed = f"{password}\n{password}\n"
    subprocess.run(command, input=typed, text=True, env=own, check=True, start_new_session=True, capture_output=True)


def _open_room(host: Someone, address: str, password: str) -> str:
    """Log in, make a workshop, start it: its address."""
    host.page.goto(f"{address}/room")
    host.shoot("01-log-in")
    host.fill("input[name=name]", "Ann")
    host.fill("input[name=password]", password)
    host.click("#log-in")
    host.shoot("02-no-workshop-yet")
    host.click("#new")
    host.fill("input[name=title]", "Billing team")
    host.click(host.page.get_by_label("I may read what was said"))
    host.shoot("03-new-workshop")
    host.click("#save")
    host.shoot("04-room-empty")
    room = host.page.url
    for page in ("group", "review", "audit", "wall"):
        host.page.goto(f"{room}/{page}")
        host.shoot(f"05-{page}-empty")
    host.page.goto(room)
    host.click("#start")
    return room


def _join(host: Someone, trainees: list[Someone], address: str) -> None:
    """Everybody joins by the code on the wall, and takes a call."""
    code = host.page.locator(".joinbox .bigcode").inner_text()
    for number, (trainee, (name, _, _)) in enumerate(zip(trainees, TRAINEES, strict=True)):
        trainee.page.goto(f"{address}/join/{code.replace('-', '')}" if number else f"{address}/join")
        shoot = (lambda _: None) if number else trainee.shoot
        shoot("10-join")
        if not number:  # the others have scanned the code
            trainee.fill("#code", code.lower())
        trainee.fill("#name", name)
        trainee.click("#join")
        shoot("11-joined")
        trainee.click("#go-in")
        shoot("12-workshop-before")
        trainee.click("#to-call")
        expect(trainee.page.locator("body")).to_have_attribute("data-screen", "before")
        shoot("13-choose")
        trainee.click(trainee.page.locator(f"label:has(#scenario-{SCENARIO})").first)
        trainee.click("#start")
        expect(trainee.page.locator("body")).to_have_attribute("data-screen", "during")


def _play(host: Someone, trainees: list[Someone]) -> None:
    """Three turns of everybody, with a hint and a pause in between."""
    lines = [scripts()[SCENARIO].scripts[policy] for _, _, policy in TRAINEES]
    for turn in range(TURNS):
        for trainee, script in zip(trainees, lines, strict=True):
            if trainee.page.locator("body").get_attribute("data-call") != "ended":
                trainee.say(script.greeting if turn == 0 else script.steps[turn - 1])
        if turn == 0:
            host.fill("input[name=message]", "Ask one question before you offer anything.")
            host.click("#send")
            host.click("#pause")
            expect(trainees[0].page.locator("#room-strip")).to_contain_text("paused the room")
            trainees[0].shoot("20-paused")
            host.shoot("21-room-paused")
            host.click("#pause")
            for trainee in trainees:
                expect(trainee.page.locator("#room-strip")).not_to_contain_text("paused")
    trainees[0].shoot("22-call")
    expect(host.page.locator("#live .people")).to_contain_text("Empathy")
    host.shoot("23-room")
    host.click("#wall")
    host.shoot("24-wall")
    for trainee in trainees:
        if trainee.page.locator("body").get_attribute("data-call") == "ended":
            trainee.click("#to-debrief")
        else:
            trainee.click("#end")
            trainee.click("#confirm-yes")
        expect(trainee.page.locator("body")).to_have_attribute("data-screen", "after")
    trainees[0].shoot("25-debrief")


def _debrief(host: Someone, trainees: list[Someone], room: str) -> None:
    """The group's debrief, a turn graded again, what can be taken home; and what trainees see of it."""
    for trainee in trainees:
        trainee.click("#nav-workshop")
        trainee.click("#share")
    trainees[0].shoot("30-workshop-after")
    host.page.goto(f"{room}/group")
    host.shoot("31-group")
    host.click("#names")
    host.shoot("32-group-names")
    host.page.goto(f"{room}/review")
    host.shoot("33-review")
    row = host.page.locator("tr", has=host.page.get_by_role("rowheader", name="Bo", exact=True))
    host.click(row.get_by_role("link", name="Read", exact=True))
    turn = host.page.locator("#turn-2")
    turn.locator("details").evaluate("one => (one.open = true)")
    turn.get_by_label("Calm").select_option("5")
    turn.get_by_label("Comment").fill("Warmer than the machine thinks.")
    host.click(turn.get_by_role("button", name="Keep"))
    host.shoot("34-call-read")
    host.page.goto(room)
    host.page.locator("details").evaluate_all("all => all.forEach(one => (one.open = true))")
    host.shoot("35-room-done")
    for what in ("#csv", "#archive"):
        with host.page.expect_download() as file:
            host.click(what)
        file.value.save_as(host.out / file.value.suggested_filename)
    host.page.get_by_role("link", name="Bo", exact=True).click()
    host.shoot("36-progress-of-a-trainee")
    host.page.goto(f"{room}/audit")
    host.shoot("37-readings")
    host.page.goto(room)
    host.page.once("dialog", lambda asked: asked.accept())
    host.click("#end")
    host.shoot("38-room-ended")
    home = room.partition("/room")[0]
    host.page.goto(f"{home}/room")
    host.shoot("39-workshops")
    for name, path in (("40-progress", "workshop/progress"), ("41-stored", "stored")):
        trainees[0].page.goto(f"{home}/{path}")
        trainees[0].shoot(name)


if __name__ == "__main__":
    typer.run(main)
