"""The page /calibrate: its HTML and handlers with a scripted grader over a real store, and a real browser that rates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import launched, served
from builders import ScriptedVoice, assessment, play
from pagekit import SCRIPT, checked, together
from playwright.sync_api import Browser, Page, expect

from simulator.app.calibrate import Studio
from simulator.assessment import Assessment, Evidence
from simulator.calibration.scaled import Scaled
from simulator.calibration.turns import APART, ENOUGH, REPEATS, TURNS, shipped
from simulator.errors import ModelError
from simulator.rehearsal import Rehearsals
from simulator.scenario import Brief
from simulator.store import open_store
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Dimension

expect.set_options(timeout=30_000)
SHOTS = Path(__file__).parent.parent / "artifacts" / "screenshots"
LEAVING = re.compile(r"AbortError|Connection errored out|ERR_|network error", re.IGNORECASE)
"""What the page's framework logs when a page is left while it still listens."""
ALL = TURNS + REPEATS


class ReferenceGrader:
    """Gives every shipped turn its reference labels, and any other turn 3."""

    name = "scripted"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken = False

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        if self.broken:
            raise ModelError("the grader is away")
        self.asked.append(turn.text)
        labels = next((t.reference for t in shipped() if t.turn == turn.text), None) or {}
        quote = Evidence(about=Dimension.EMPATHY, quote=turn.text[:12], start=0)
        return assessment(evidence=[quote], **{d.value: level for d, level in labels.items()})


@pytest.fixture
def grader() -> ReferenceGrader:
    return ReferenceGrader()


@pytest.fixture
def rehearsals(tmp_path: Path, grader: ReferenceGrader) -> Iterator[Rehearsals]:
    with open_store(tmp_path / "calls.db") as store:
        yield Rehearsals(ScriptedVoice(), Scaled(grader, store.calibration.active), store)


@pytest.fixture
def studio(rehearsals: Rehearsals) -> Iterator[Studio]:
    made = Studio(rehearsals)
    yield made
    made.close()


def fields(markup: str) -> dict[str, str]:
    """The hidden fields of the form that is shown."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', markup))


def answers(markup: str, *, empathy: int = 0) -> dict[str, str]:
    """The reference labels of the turn that is shown, empathy moved by so many levels."""
    text = re.search(r'<div class="to-rate">.*?<blockquote dir="auto">(.*?)</blockquote>', markup, re.DOTALL)
    assert text
    from html import unescape

    labels = next(t.reference for t in shipped() if t.turn == unescape(text[1]))
    assert labels is not None
    told = {d.value: "na" if level is None else str(level) for d, level in labels.items()}
    if labels[Dimension.EMPATHY] is not None:
        told["empathy"] = str(min(5, max(1, labels[Dimension.EMPATHY] + empathy)))
    return told


def begun(studio: Studio, **more: str) -> tuple[dict[str, str], str]:
    """What a new browser keeps, and its first turn."""
    me = together(studio.load(None))["me"]
    view = together(studio.act(me, {"do": "begin", "rater": "Rowan", "organisation": "Acme", **more}))
    return me, view["studio"]


def rated(studio: Studio, me: dict[str, str], shown: str, turns: int = ALL, *, empathy: int = -1) -> str:
    for _ in range(turns):
        shown = together(studio.act(me, {"do": "rate", **fields(shown), **answers(shown, empathy=empathy)}))["studio"]
    return shown


def finished(studio: Studio, me: dict[str, str], shown: str) -> tuple[str, str]:
    """(session, the results)."""
    session = fields(shown)["session"]
    rated(studio, me, shown)
    return session, together(studio.act(me, {"do": "finish", "what": session}))["studio"]


def test_a_whole_set_is_rated_blind_and_then_compared(studio: Studio, grader: ReferenceGrader) -> None:
    me, shown = begun(studio)
    session, seen = fields(shown)["session"], []
    for _ in range(ALL):
        checked(shown)
        assert " checked>" not in shown
        assert "Reference label" not in shown
        seen.append(fields(shown)["position"])
        shown = rated(studio, me, shown, 1)
    assert seen == [str(n) for n in range(ALL)]
    assert f"{ALL} turns rated" in shown
    view = together(studio.act(me, {"do": "finish", "what": session}))
    page = view["studio"]
    assert {"adopt", "furthest", "preview-scale"} <= set(checked(page).ids)
    assert "stricter than the machine" in page
    assert "Reference label" in page
    assert 'class="ev' in page
    assert page.count('class="apart"') == 5
    assert sorted(set(grader.asked)) == sorted(grader.asked)  # a turn that came twice is graded once
    assert len(grader.asked) == TURNS


def test_leaving_and_coming_back_keeps_every_rating(studio: Studio, rehearsals: Rehearsals) -> None:
    me, shown = begun(studio)
    rated(studio, me, shown, 7)
    home = together(studio.load(me))["studio"]
    assert f"7 of {ALL} rated" in home
    session = re.search(r'data-act="go-on" data-what="(\w+)"', home)
    assert session
    anew = Studio(rehearsals)  # the server was restarted
    shown = together(anew.act(me, {"do": "go-on", "what": session[1]}))["studio"]
    assert fields(shown)["position"] == "7"
    back = together(anew.act(me, {"do": "back", **fields(shown)}))["studio"]
    assert back.count(" checked>") == len(Dimension)
    assert fields(rated(anew, me, back, 1))["position"] == "7"
    anew.close()


def test_an_answer_is_never_made_up(studio: Studio) -> None:
    me, shown = begun(studio)
    told = answers(shown)
    for lacking in ({**told, "solution": ""}, {**told, "calmness": "na"}, {**told, "closing": "9"}):
        assert (
            "choose a level for"
            in together(studio.act(me, {"do": "rate", **fields(shown), **lacking}))["banner"].lower()
        )
    assert "0 of" in together(studio.load(me))["studio"]


def test_ratings_are_fixed_once_the_grades_were_seen(studio: Studio) -> None:
    me, shown = begun(studio)
    session, _ = finished(studio, me, shown)
    late = {"do": "rate", "session": session, "position": "0", **answers(shown, empathy=1)}
    assert "finished" in together(studio.act(me, late))["banner"]


def test_no_grade_before_the_end(studio: Studio) -> None:
    me, shown = begun(studio)
    session = fields(shown)["session"]
    rated(studio, me, shown, 3)
    for do in ("results", "finish", "adopt"):
        view = together(studio.act(me, {"do": do, "what": session}))
        assert set(view) == {"banner"}


def test_another_browsers_set_is_as_unknown_as_one_that_never_was(studio: Studio) -> None:
    _, shown = begun(studio)
    stranger, _ = begun(studio)
    session = fields(shown)["session"]
    for do in ("go-on", "results", "discard", "adopt", "finish"):
        assert "no rating session" in together(studio.act(stranger, {"do": do, "what": session}))["banner"]
    assert session not in together(studio.load(stranger))["studio"]


def test_a_scale_is_adopted_named_and_left_again(studio: Studio, rehearsals: Rehearsals) -> None:
    me, shown = begun(studio)
    session, _ = finished(studio, me, shown)
    turn = next(t for t in shipped() if t.reference and t.reference[Dimension.EMPATHY] == 4)
    before = rehearsals.evaluator.grade(turn.spoken, turn.transcript, turn.brief)
    page = together(studio.act(me, {"do": "adopt", "what": session}))["studio"]
    assert "Acme 1 is in use" in page
    grades = rehearsals.evaluator.grade(turn.spoken, turn.transcript, turn.brief)
    assert rehearsals.evaluator.name == grades.grader == "scripted, offsets Acme 1"
    assert grades.level(Dimension.EMPATHY) == 3
    assert "moved from 4 by Acme 1" in grades.scores[Dimension.EMPATHY].reason
    assert grades.level(Dimension.CALMNESS) == before.level(Dimension.CALMNESS)
    again = together(studio.act(me, {"do": "use", "what": "", "session": session}))["studio"]
    assert "machine&#x27;s own scale again" in again
    assert rehearsals.evaluator.grade(turn.spoken, turn.transcript, turn.brief) == before
    home = together(studio.act(me, {"do": "use", "what": "Acme 1"}))["studio"]
    assert "on the scale <b>Acme 1</b>" in home
    assert "no scale" in together(studio.act(me, {"do": "use", "what": "Acme 9"}))["banner"]


def test_turns_that_cannot_be_graded_are_left_out_and_tried_again(studio: Studio, grader: ReferenceGrader) -> None:
    grader.broken = True
    me, shown = begun(studio)
    session, page = finished(studio, me, shown)
    assert "Nothing can be said" in page
    assert "could not be graded" in page
    grader.broken = False
    assert "stricter" in together(studio.act(me, {"do": "results", "what": session}))["studio"]


def test_own_calls_are_offered_once_there_are_enough(studio: Studio, rehearsals: Rehearsals) -> None:
    me = together(studio.load(None))["me"]
    assert "needs 20 graded turns" in together(studio.load(me))["studio"]
    for n in range(ENOUGH // 2):
        rehearsals.store.create(
            play(f"Good morning {n}.", f"I will refund it on day {n}.", end=True), owner=me["owner"]
        )
    stranger = together(studio.load(None))
    assert f"there are {ENOUGH}" not in stranger["studio"]
    assert "20 graded turns of finished calls" in together(studio.load(me))["studio"]
    view = together(studio.act(me, {"do": "begin", "rater": "A", "organisation": "B", "source": "own"}))
    assert "Kettle" in view["studio"]
    session = rehearsals.store.calibration.session(fields(view["studio"])["session"])
    assert len(session.distinct) == ENOUGH
    first = {}
    for position, turn in enumerate(session.turns):
        assert position - first.setdefault(turn.id, position) in {0, *range(APART, 99)}


def test_names_are_needed_and_escaped(studio: Studio) -> None:
    me = together(studio.load(None))["me"]
    assert "your name" in together(studio.act(me, {"do": "begin", "rater": " ", "organisation": "x"}))["banner"]
    me, _ = begun(studio, rater=SCRIPT, organisation=SCRIPT)
    home = together(studio.load(me))["studio"]
    checked(home)
    assert "<script" not in home


@pytest.mark.parametrize(
    "data", [None, {}, {"do": "rm"}, {"do": "rate", "session": "x", "position": "1e9"}, {"do": "back"}]
)
def test_what_makes_no_sense_is_told(studio: Studio, data: Any) -> None:
    me = together(studio.load(None))["me"]
    assert set(together(studio.act(me, data))) == {"banner"}


# ---- a real browser ----


@pytest.fixture
def address(rehearsals: Rehearsals, tmp_path: Path) -> Iterator[str]:
    with served(rehearsals, tmp_path / "key") as url:
        yield url


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def shoot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=SHOTS / f"calibrate-{name}.png", full_page=True)


def fits(page: Page) -> bool:
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(page.evaluate(wide)) <= 0


def rate(page: Page, position: int, *, keys: bool) -> None:
    """Rate the turn that is shown, as its reference labels say but one level stricter on empathy."""
    expect(page.locator("#calibrate-title")).to_have_text(f"Turn {position + 1} of {ALL}")
    told = answers(page.locator("#studio").inner_html(), empathy=-1)
    if keys:
        for dimension in Dimension:
            page.keyboard.press("0" if told[dimension.value] == "na" else told[dimension.value])
        expect(page.locator("#rate-form :checked")).to_have_count(4)
        page.keyboard.press("Enter")
    else:
        for dimension in Dimension:
            page.locator(f"label[for={dimension.value}-{told[dimension.value]}]").click()
        page.locator("#rate-next").click()


@pytest.mark.browser
def test_a_facilitator_rates_leaves_comes_back_adopts_and_reverts(
    chromium: Browser, address: str, rehearsals: Rehearsals
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, complaints, strangers = context.new_page(), list[str](), list[str]()
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on(
        "request",
        lambda r: None if "//127.0.0.1" in r.url or r.url[:4] in ("data", "blob") else strangers.append(r.url),
    )
    page.goto(address)
    page.locator("#nav-calibrate").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "calibrate")
    page.locator("#rater").fill("Rowan")
    page.locator("#organisation").fill("Acme")
    shoot(page, "1-start")
    page.locator("#begin").click()
    for position in range(10):
        if position == 4:
            shoot(page, "2-turn")
        rate(page, position, keys=position % 2 == 0)
    expect(page.locator("#calibrate-title")).to_have_text(f"Turn 11 of {ALL}")
    page.locator("#rate-next").click()  # nothing is chosen yet
    expect(page.locator(".question.missing")).to_have_count(4)
    expect(page.locator("#banner")).to_contain_text("Choose a level")
    page.reload()  # left in the middle; the server keeps what was rated
    expect(page.locator("#studio")).to_contain_text(f"10 of {ALL} rated")
    page.locator("[data-act=go-on]").click()
    expect(page.locator("#calibrate-title")).to_have_text(f"Turn 11 of {ALL}")
    page.keyboard.press("b")
    expect(page.locator("#calibrate-title")).to_have_text(f"Turn 10 of {ALL}")
    expect(page.locator("#rate-form :checked")).to_have_count(4)
    page.locator("#rate-next").click()
    for position in range(10, ALL):
        rate(page, position, keys=position % 3 != 0)
    page.locator("#finish").click()
    expect(page.locator("#calibrate-title")).to_have_text("You and the machine")
    expect(page.locator("#studio")).to_contain_text("stricter than the machine")
    shoot(page, "3-results")
    page.locator("#adopt").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#scale")).to_contain_text("Acme 1")
    assert rehearsals.evaluator.name == "scripted, offsets Acme 1"
    page.locator("#own-scale").click()
    expect(page.locator("#own-scale")).to_have_count(0)
    assert rehearsals.evaluator.name == "scripted"
    shoot(page, "4-reverted")
    page.locator("#nav-calls").click()
    expect(page.locator("body")).to_have_attribute("data-screen", "before")
    assert strangers == []
    assert [c for c in complaints if not LEAVING.search(c)] == []
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_has_room_for_everything(
    chromium: Browser, address: str, rehearsals: Rehearsals, scheme: str
) -> None:
    context = chromium.new_context(viewport={"width": 380, "height": 760}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    expect(page.locator("body")).to_have_attribute("data-screen", "before")
    assert fits(page)
    page.goto(f"{address.rstrip('/')}/calibrate")
    page.locator("#rater").fill("Rowan")
    page.locator("#organisation").fill("Acme")
    assert fits(page)
    shoot(page, f"narrow-1-{scheme}")
    page.locator("#begin").click()
    for position in range(ALL):
        if position == 3:
            assert fits(page)
            shoot(page, f"narrow-2-{scheme}")
        rate(page, position, keys=True)
    page.locator("#finish").click()
    expect(page.locator("#calibrate-title")).to_have_text("You and the machine")
    assert fits(page)
    shoot(page, f"narrow-3-{scheme}")
    context.close()
