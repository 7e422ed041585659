"""The page /lab: its handlers with scripted voice and grader over real files, and a real browser that edits a caller."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from browser import launched, served
from builders import ScriptedGrader
from pagekit import SCRIPT, checked, together
from playwright.sync_api import Browser, Page, expect
from studykit import WordGrader
from test_calibrate_page import LEAVING, fits

from eval.quick import check as quick_check
from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, Keys
from simulator.app.lab.lab import Lab
from simulator.app.views import View
from simulator.caller.written import WrittenVoice
from simulator.persona import personas
from simulator.quick import GROUP, NAME, installed
from simulator.rehearsal import Rehearsals
from simulator.store import open_store
from simulator.versions import history, in_use, shipped

expect.set_options(timeout=30_000)
SHOTS = Path(__file__).parent.parent / "artifacts" / "screenshots"
HERE = Keys(here=True)
WHO = "anxious"


@pytest.fixture
def rehearsals(tmp_path: Path) -> Iterator[Rehearsals]:
    with open_store(tmp_path / "calls.db") as store:
        yield Rehearsals(WrittenVoice(), ScriptedGrader(), store, own_data=tmp_path)


@pytest.fixture
def known(rehearsals: Rehearsals) -> Catalogue:
    return Catalogue(rehearsals)


@pytest.fixture
def lab(rehearsals: Rehearsals, known: Catalogue) -> Lab:
    return Lab(rehearsals, known, Gate(rehearsals.store), lambda: quick_check)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "personas"


def opened(lab: Lab) -> dict[str, str]:
    """What a browser keeps once it has opened the page."""
    return together(lab.load(None, HERE))["me"]


def act(lab: Lab, me: dict[str, str], do: str, **data: str) -> View:
    return together(lab.act(me, {"do": do, **data}, HERE))


def text_of(view: View) -> str:
    """What stands in the editor."""
    found = re.search(r'<textarea id="lab-text"[^>]*>(.*?)</textarea>', view["text"], re.DOTALL)
    assert found
    return unescape(found[1])


def test_every_shipped_caller_is_shown_whole(lab: Lab) -> None:
    me = opened(lab)
    for persona_id, persona in personas().items():
        view = act(lab, me, "open", text=persona_id)
        assert text_of(view) == shipped(persona_id)
        for part in ("head", "form", "text", "state", "saving", "versions"):
            checked(view[part])
        assert "as it is saved" in view["state"]
        assert f'value="{persona.traits.volatility:g}"' in view["form"]


def test_a_box_changes_its_value_in_the_text_and_nothing_else(lab: Lab) -> None:
    me = opened(lab)
    before = shipped(WHO) or ""
    touched = {"traits.volatility": "3.5", "triggers.rushes": "", "unlocks.apologises": "on"}
    view = act(lab, me, "write", opened=WHO, text=before, touched=json.dumps(touched))
    gone, come = set(before.splitlines()), set(text_of(view).splitlines())
    assert gone - come == {
        "  volatility: 7",
        "  rushes: 2.3",
        "unlocks: [acknowledges_feeling, asks_clarifying_question, reassures_choice]",
    }
    assert come - gone == {
        "  volatility: 3.5",
        "unlocks: [acknowledges_feeling, asks_clarifying_question, reassures_choice, apologises]",
    }
    assert "not saved yet" in view["state"]
    assert "form" not in view  # what is being typed in is not drawn again


def test_the_text_is_checked_as_the_command_line_checks_it(lab: Lab, tmp_path: Path) -> None:
    from simulator.yamlfile import check_folder

    me = opened(lab)
    wrong = (shipped(WHO) or "").replace("volatility: 7", "volatillity: 7")
    view = act(lab, me, "read", opened=WHO, text=wrong)
    file = tmp_path / "wrong.yaml"
    file.write_text(wrong)
    from simulator.persona import Persona

    told = check_folder(Persona, file)[1][0]
    assert "did you mean" in told.message
    assert told.message[1:] in unescape(view["state"])
    assert f"Line {told.line}<" in view["state"]
    assert "form" in view  # it can still be read as YAML
    broken = act(lab, me, "read", opened=WHO, text="a: [1,\n")
    assert "not valid YAML" in broken["state"]
    assert "comes back" in broken["form"]


def test_saving_makes_a_version_and_never_touches_the_shipped_file(lab: Lab, own: Path, known: Catalogue) -> None:
    me = opened(lab)
    before = shipped(WHO) or ""
    edited = before.replace("volatility: 7", "volatility: 2")
    view = act(lab, me, "save", opened=WHO, newest="0", note=f"calmer {SCRIPT}", text=edited)
    assert "Version 1 of anxious is saved" in view["head"]
    checked(view["versions"])
    assert "<script" not in view["versions"]
    assert known.personas[WHO].traits.volatility == 2  # the next call is with this
    assert shipped(WHO) == before
    assert [f.name for f in own.iterdir() if f.is_file()] == ["anxious.yaml"]
    late = act(lab, me, "save", opened=WHO, newest="0", note="", text=before)  # another window had not seen version 1
    assert "version 1" in late["banner"].lower()
    act(lab, me, "save", opened=WHO, newest="1", note="", text=before)
    assert [v.number for v in history(own, WHO)] == [1, 2]
    assert known.personas[WHO].traits.volatility == 7
    back = act(lab, me, "take", opened=WHO, what="1")
    assert text_of(back) == edited
    diff = act(lab, me, "compare", what=WHO, before="1", after="2", text=edited)["versions"]
    assert "-  volatility: 2" in diff
    assert "+  volatility: 7" in diff
    assert "They say the same" in act(lab, me, "compare", what=WHO, before="1", after="editor", text=edited)["versions"]


def test_what_is_not_valid_is_not_saved(lab: Lab, own: Path) -> None:
    me = opened(lab)
    view = act(
        lab, me, "save", opened=WHO, newest="0", note="", text=(shipped(WHO) or "").replace("trust: 4", "trust: 40")
    )
    assert "start.trust" in view["banner"]
    assert not own.exists()


def test_another_id_makes_another_caller_but_never_takes_an_existing_ones_place(
    lab: Lab, own: Path, known: Catalogue
) -> None:
    me = opened(lab)
    text = shipped(WHO) or ""
    taken = act(lab, me, "save", opened=WHO, newest="0", note="", text=text.replace("id: anxious", "id: abusive"))
    assert "already" in taken["banner"]
    act(lab, me, "save", opened=WHO, newest="0", note="a new one", text=text.replace("id: anxious", "id: uneasy"))
    assert "uneasy" in known.personas
    assert in_use(own, "uneasy").startswith("id: uneasy")
    assert history(own, WHO) == ()


def test_a_file_somebody_wrote_is_kept_as_a_version_first(lab: Lab, own: Path) -> None:
    own.mkdir()
    mine = (shipped(WHO) or "").replace("trust: 4", "trust: 1")
    (own / "my own name.yaml").write_text(mine)
    me = opened(lab)
    act(lab, me, "save", opened=WHO, newest="0", note="from here", text=mine.replace("trust: 1", "trust: 2"))
    assert [(v.number, v.note) for v in history(own, WHO)] == [(1, "as it was found in the folder"), (2, "from here")]
    assert history(own, WHO)[0].text == mine
    assert [f.name for f in own.iterdir() if f.is_file()] == ["my own name.yaml"]


@pytest.mark.parametrize("keys", [Keys(), Keys(login="made up"), Keys(seat="made up")])
def test_strangers_see_and_change_nothing(lab: Lab, own: Path, keys: Keys) -> None:
    me = opened(lab)
    loaded = together(lab.load(None, keys))
    assert set(loaded) == {"banner", "signal"}
    for do in ("open", "save", "take", "write", "compare", "export"):
        view = together(lab.act(me, {"do": do, "opened": WHO, "text": shipped(WHO), "newest": "0"}, keys))
        assert set(view) == {"banner"}
    assert not own.exists()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"do": "rm"},
        {"do": "open", "text": "../../etc/passwd"},
        {"do": "take", "opened": "anxious", "what": "../1"},
        {"do": "write", "opened": "anxious", "text": "a: 1", "touched": '{"id.x": "1"}'},
        {"do": "write", "opened": "anxious", "text": "a: 1", "touched": "[1]"},
        {"do": "read", "opened": "anxious"},
        {"do": "save", "opened": "anxious", "text": "x" * 1_000_001, "newest": "0"},
    ],
)
def test_what_makes_no_sense_is_told(lab: Lab, data: object) -> None:
    assert set(together(lab.act(opened(lab), data, HERE))) == {"banner"}


# ---- talking to both ----


def hidden(markup: str) -> dict[str, str]:
    """The hidden fields of the talk that is shown."""
    form = markup[markup.index("both-say") :]
    return {k: unescape(v) for k, v in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)}


def talk(lab: Lab, me: dict[str, str], edited: str, *said: str, before: str = "saved") -> View:
    chosen = {"opened": WHO, "before": before, "scenario": "telecom_double_billing", "difficulty": "easy", "seed": "4"}
    view = act(lab, me, "begin", **chosen, text=edited)
    for words in said:
        view = act(lab, me, "say", **hidden(view["talk"]), say=words, text=edited)
    return view


def side(markup: str, number: int) -> list[str]:
    """What one of the two has answered, turn by turn."""
    articles = re.findall(r'<article class="both-side">(.*?)</article>', markup, re.DOTALL)
    return articles[number::2]


def test_the_same_text_twice_gives_the_same_call_twice(lab: Lab) -> None:
    said = ("Good morning, Sam speaking.", "I am sorry.", "I will refund it today.")
    markup = talk(lab, opened(lab), shipped(WHO) or "", *said)["talk"]
    checked(markup)
    assert len(side(markup, 0)) == 3
    strip = [re.sub(r"<h3.*?</h3>", "", a) for a in side(markup, 0)]
    assert strip == [re.sub(r"<h3.*?</h3>", "", a) for a in side(markup, 1)]
    assert "different things" not in markup


def test_an_edit_shows_in_the_state_beside_the_saved_version(lab: Lab) -> None:
    edited = (shipped(WHO) or "").replace("agitation: 6", "agitation: 1").replace("trust: 4", "trust: 9")
    markup = talk(lab, opened(lab), edited, "Good morning.")["talk"]
    agitation = [re.search(r'aria-label="agitation".*?aria-valuenow="([\d.]+)"', side(markup, n)[0]) for n in (0, 1)]
    values = [float(found[1]) for found in agitation if found]
    assert values[0] - values[1] == pytest.approx(5, abs=0.2)
    assert "What moved them" in markup


def test_a_talk_goes_on_after_a_restart(lab: Lab, rehearsals: Rehearsals, known: Catalogue) -> None:
    me, text = opened(lab), shipped(WHO) or ""
    before = talk(lab, me, text, "Good morning.", "I am sorry.")["talk"]
    whole = talk(lab, me, text, "Good morning.", "I am sorry.", "I see.")["talk"]
    anew = Lab(rehearsals, known, Gate(rehearsals.store))  # it has heard of no talk
    after = act(anew, me, "say", **hidden(before), say="I see.", text=text)["talk"]
    assert side(after, 1) == side(whole, 1)
    stranger = together(lab.load(None, HERE))["me"]  # the id alone opens nobody's talk: their own is begun
    assert (
        len(side(act(lab, stranger, "say", **(hidden(before) | {"said": "[]"}), say="Hi.", text=text)["talk"], 0)) == 1
    )


def test_the_same_words_are_said_again_to_another_text(lab: Lab) -> None:
    me, text = opened(lab), shipped(WHO) or ""
    first = talk(lab, me, text, "Good morning.", "You should have read the terms.")["talk"]
    edited = text.replace("volatility: 7", "volatility: 10")
    again = act(lab, me, "again", **hidden(first), text=edited)["talk"]
    assert hidden(again)["said"] == hidden(first)["said"]
    assert side(again, 0) == side(first, 0)
    assert side(again, 1) != side(first, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scenario": "nowhere"},
        {"difficulty": "brutal"},
        {"seed": "-1"},
        {"before": "9"},
        {"text": "id: x"},
        {"said": "{"},
    ],
)
def test_a_talk_that_makes_no_sense_is_told(lab: Lab, wrong: dict[str, str]) -> None:
    me = opened(lab)
    chosen = {"opened": WHO, "before": "saved", "scenario": "telecom_double_billing", "difficulty": "easy", "seed": "4"}
    chosen |= {"talk": "unknown", "said": "[]", "say": "Hi.", "text": shipped(WHO) or ""}
    view = act(lab, me, "say", **(chosen | wrong))
    assert set(view) == {"banner"}


# ---- the quick check ----


def checking(lab: Lab, me: dict[str, str], edited: str, **other: str) -> Iterator[View]:
    chosen = {"opened": WHO, "before": "saved", "calls": "12", "difficulty": "medium", "words": "written"}
    return lab.act(me, {"do": "check", **chosen, "text": edited, **other}, HERE)


def test_an_edit_moves_what_it_should_and_the_check_says_so(rehearsals: Rehearsals, known: Catalogue) -> None:
    rehearsals.evaluator = WordGrader()
    lab = Lab(rehearsals, known, Gate(rehearsals.store), lambda: quick_check)
    me, text = opened(lab), shipped(WHO) or ""
    edited = text.replace("talkativeness: 5", "talkativeness: 10").replace("agitation: 6", "agitation: 0")
    views = list(checking(lab, me, edited))
    checked(views[-1]["check"])
    run = lab._checking.of(me["owner"], WHO)
    assert run is not None and run.found is not None, views[-1]
    assert run.done == run.total == 24
    found = {m.name: m for m in run.found.measures}
    assert (found["wanders"].difference.value or 0) > 0
    assert (found["mean agitation"].difference.value or 0) < 0
    assert found["mean agitation"].moved
    assert 'class="moved"' in views[-1]["check"]
    assert "12 calls with each" in act(lab, me, "open", text=WHO)["check"]  # also after a reload


def test_no_edit_moves_nothing(rehearsals: Rehearsals, known: Catalogue) -> None:
    lab = Lab(rehearsals, known, Gate(rehearsals.store), lambda: quick_check)
    me = opened(lab)
    shown = list(checking(lab, me, shipped(WHO) or "", calls="5"))[-1]["check"]
    assert "No measure moved" in shown
    assert 'class="moved"' not in shown


class SlowGrader(ScriptedGrader):
    """Takes a while for each turn, and counts them."""

    asked = 0

    def grade(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        time.sleep(0.05)
        return super().grade(*args, **kwargs)


def test_cancel_stops_the_calls(rehearsals: Rehearsals, known: Catalogue) -> None:
    grader = rehearsals.evaluator = SlowGrader()
    lab = Lab(rehearsals, known, Gate(rehearsals.store), lambda: quick_check)
    me, text = opened(lab), shipped(WHO) or ""
    happening = checking(lab, me, text, calls="200")
    assert "of 400 calls played" in next(happening)["check"]
    assert "running on this server" in together(checking(lab, me, text))["banner"]
    act(lab, me, "cancel", what=WHO)
    assert "Cancelled after" in list(happening)[-1]["check"]
    asked = grader.asked
    time.sleep(0.5)
    assert grader.asked == asked
    assert not [t for t in threading.enumerate() if t.name == "quick-check"]


@pytest.mark.parametrize(
    "wrong", [{"calls": "4"}, {"calls": "201"}, {"calls": ""}, {"difficulty": "x"}, {"text": "id: x"}]
)
def test_a_check_that_makes_no_sense_is_told(lab: Lab, wrong: dict[str, str]) -> None:
    edited = wrong.pop("text", shipped(WHO) or "")
    assert set(together(checking(lab, opened(lab), edited, **wrong))) == {"banner"}


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness as it is installed: its entry point, as pyproject.toml has it."""
    import tomllib

    points = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["entry-points"]
    info = tmp_path / "site" / "harness-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{NAME} = {points[GROUP][NAME]}\n")
    monkeypatch.syspath_prepend(str(info.parent))


def test_the_check_is_found_by_its_entry_point(harness: None) -> None:
    assert installed() is quick_check


@pytest.mark.model
def test_the_real_small_model_says_the_same_to_the_same_words(tmp_path: Path) -> None:
    from simulator.opening import open_parts

    parts = open_parts("small", "small")
    try:
        with open_store(tmp_path / "calls.db") as store:
            home = Rehearsals(parts.voice, parts.evaluator, store, own_data=tmp_path)
            lab = Lab(home, Catalogue(home), Gate(store))
            me, text = opened(lab), shipped(WHO) or ""
            words = ("Good morning, Sam speaking, how can I help?", "Calm down. You are overreacting.")
            markup = talk(lab, me, text, *words)["talk"]
            spoken = [[re.findall(r'both-words" dir="auto">(.*?)</p>', a)[0] for a in side(markup, n)] for n in (0, 1)]
            assert spoken[0] == spoken[1]
            assert all(spoken[0])
            edited = act(lab, me, "again", **hidden(markup), text=text.replace("volatility: 7", "volatility: 0"))[
                "talk"
            ]
            agitation = [
                float(re.findall(r'aria-label="agitation".*?aria-valuenow="([\d.]+)"', side(edited, n)[-1])[0])
                for n in (0, 1)
            ]
            assert agitation[1] < agitation[0]  # the same rude words hurt the less volatile one less
    finally:
        parts.close()


# ---- a real browser ----


@pytest.fixture
def address(rehearsals: Rehearsals, tmp_path: Path) -> Iterator[str]:
    with served(rehearsals, tmp_path / "key") as url:
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
