"""The page is there before the models: who comes early waits, and an opening that fails is told as ever."""

from __future__ import annotations

import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clikit
import pytest
from browser import launched, served

from simulator import opening
from simulator.app.handlers import Handlers
from simulator.app.lean import without_stubs
from simulator.app.views import View
from simulator.caller.principles import Keeper
from simulator.caller.voice import Principled, Voice
from simulator.errors import ModelNotFoundError
from simulator.events import TraineeSpoke
from simulator.models.scripted import ScriptedModel
from simulator.persona import personas
from simulator.ready import Parts, ReadyRehearsals
from simulator.rehearsal import Choices, Rehearsals
from simulator.scenario import scenarios
from simulator.settings import Settings
from simulator.store import open_store

SOON = 180.0  # a browser may take a minute to start on a machine that is busy otherwise
ROOT = Path(__file__).parents[1]


class Opening:
    """Rehearsals whose models are opened in another thread, as slowly as is wanted: until `go`."""

    def __init__(self, folder: Path) -> None:
        self.go, self.error = threading.Event(), None
        self.rehearsals = ReadyRehearsals(self._opened, open_store(folder / "calls.db"), Settings(data_dir=folder))
        self.handlers = Handlers(self.rehearsals)
        self.thread = threading.Thread(target=self._open)
        self.thread.start()

    error: Exception | None

    def _opened(self) -> Parts:
        assert self.go.wait(SOON)
        if self.error is not None:
            raise self.error
        return Parts(clikit.voice(), clikit.evaluator(), "Scripted.")

    def _open(self) -> None:
        try:
            self.rehearsals.open()
        except ModelNotFoundError:
            assert self.error is not None

    def later(self) -> None:
        """Let them be opened, a little after whoever waits began to."""
        threading.Timer(0.1, self.go.set).start()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Opening]:
    found = Opening(tmp_path)
    with found.rehearsals:
        yield found
        found.go.set()
    found.thread.join()


def loaded(slow: Opening, kept: Any = None) -> tuple[list[View], Iterator[View]]:
    """A page that is opened: what it shows at once, and what comes once the models are there."""
    views = slow.handlers.load(kept)
    found = [next(views)]
    while not {"resume", "banner"} & set(found[-1]):
        found.append(next(views))
    return found, views


def test_the_page_says_so_until_the_models_are_there(slow: Opening) -> None:
    shown, rest = loaded(slow)
    assert "Take the call" in shown[-2]["preview"]
    assert "getting ready" in shown[-1]["resume"]
    assert not slow.rehearsals.ready
    slow.later()
    assert list(rest) == [{"resume": ""}]
    assert slow.rehearsals.told == "Scripted."
    after = [view for view in slow.handlers.load(None) if "resume" in view]
    assert [view["resume"] for view in after] == [""]


def test_a_call_begun_before_waits_and_goes_on_after_a_restart(slow: Opening, tmp_path: Path) -> None:
    me = loaded(slow)[0][0]["me"]
    begun = slow.handlers.act(me, {"do": "start", "persona": "anxious", "scenario": "telecom_double_billing"})
    assert "getting ready: your call begins by itself" in next(begun)["banner"]
    slow.later()
    view = next(begun)
    assert view["banner"] == ""
    assert 'data-state="idle"' in view["stage"]
    list(slow.handlers.send(view["me"], "Good morning, Ada speaking."))
    anew = Opening(tmp_path)
    with anew.rehearsals:
        shown = list(anew.handlers.load(view["me"]))
        assert "Ada speaking" in next(v for v in shown if "stage" in v)["stage"]
        assert not anew.rehearsals.ready, "a stored call is read without models"
        began = time.monotonic()
        sent = anew.handlers.send(view["me"], "I am sorry that you were charged twice, let me look.")
        said = next(v for v in sent if "stage" in v)
        assert time.monotonic() - began < 2, "kept at once, not when reading ahead has given up waiting"
        assert "charged twice" in said["stage"]
        assert "getting ready: you are answered by itself" in said["banner"]
        anew.later()
        assert list(sent)[-1]["banner"] == ""
    anew.thread.join()


def test_words_that_take_a_call_off_hold_are_told_to_wait_too(slow: Opening, tmp_path: Path) -> None:
    me = loaded(slow)[0][0]["me"]
    slow.later()
    start = {"do": "start", "persona": "anxious", "scenario": "telecom_double_billing"}
    me = next(v for v in slow.handlers.act(me, start) if "me" in v)["me"]
    list(slow.handlers.act(me, {"do": "hold"}))
    assert slow.rehearsals.take_up(me["call"], owner=me["owner"]).call.paused_at is not None
    anew = Opening(tmp_path)
    with anew.rehearsals:
        sent = anew.handlers.send(me, "Good morning, Ada speaking.")
        shown = next(v for v in sent if "Ada speaking" in v.get("stage", ""))
        assert "getting ready: you are answered by itself" in shown["banner"]
        anew.later()
        assert list(sent)[-1]["banner"] == ""
    anew.thread.join()


def test_a_debrief_and_a_turn_that_was_cut_off_do_not_wait_for_models_that_they_need_later(tmp_path: Path) -> None:
    first = Opening(tmp_path)
    first.go.set()
    with first.rehearsals:
        start = {"do": "start", "persona": "anxious", "scenario": "telecom_double_billing"}
        me = next(v for v in first.handlers.act(loaded(first)[0][0]["me"], start) if "me" in v)["me"]
        over = next(v for v in first.handlers.act(me, start) if "me" in v)["me"]
        list(first.handlers.act(over, {"do": "end"}))
        cut = first.rehearsals.take_up(me["call"], owner=me["owner"]).submit("Good morning, Ada speaking.")
        assert isinstance(next(cut), TraineeSpoke)
    first.thread.join()
    anew = Opening(tmp_path)
    with anew.rehearsals:
        assert "debrief" in next(anew.handlers.act(over, {"do": "debrief"}))
        page = anew.handlers.load(me)
        shown = [next(page) for _ in range(3)]
        assert "getting ready: you are answered by itself" in shown[-1]["banner"]
        assert not anew.rehearsals.ready
        anew.later()
        assert list(page)[-1]["banner"] == ""
        assert not any(view.get("banner") for view in anew.handlers.load(me))
    anew.thread.join()


def test_a_call_taken_up_before_the_models_are_open_ends_quietly_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, place = open_store(tmp_path / "calls.db"), Settings(data_dir=tmp_path)
    first = Rehearsals(clikit.voice(), clikit.evaluator(), store)
    known = first.start(Choices(personas()["anxious"], scenarios()["telecom_double_billing"]), owner="me")
    never = ReadyRehearsals(lambda: pytest.fail("opened"), store, place)
    began = time.monotonic()
    for _ in never.take_up(known.id, owner="me").pause(True):
        pass
    never.close()
    assert time.monotonic() - began < 2
    assert not caplog.records


def test_a_voice_that_is_there_later_has_its_keeper(tmp_path: Path) -> None:
    keeper = Keeper(ScriptedModel())
    parts = Parts(Voice(ScriptedModel(), keeper), clikit.evaluator())
    with ReadyRehearsals(lambda: parts, open_store(tmp_path / "calls.db"), Settings()) as found:
        found.open()
        assert isinstance(found.voice, Principled)
        assert found.voice.keeper is keeper


def test_an_opening_that_fails_is_told_to_who_waits(slow: Opening) -> None:
    me, slow.error = loaded(slow)[0][0]["me"], ModelNotFoundError("there is no such model")
    begun = slow.handlers.act(me, {"do": "start", "persona": "anxious", "scenario": "telecom_double_billing"})
    next(begun)
    slow.later()
    assert "There is no such model." in next(begun)["banner"]
    assert "There is no such model." in list(slow.handlers.load(None))[-1]["banner"]
    assert slow.rehearsals.store.count(me["owner"]) == 0


def test_closing_waits_for_the_models_and_before_they_are_opened_is_no_matter(slow: Opening, tmp_path: Path) -> None:
    slow.later()
    slow.rehearsals.close()
    assert slow.rehearsals.ready
    never = ReadyRehearsals(lambda: pytest.fail("opened"), open_store(tmp_path / "other.db"), Settings())
    never.close()
    never.close()
    never.open()  # a thread that comes too late
    assert not never.ready


@pytest.mark.parametrize(
    ("words", "there", "at_hand"),
    [
        (("auto", "auto", ""), ("standard",), True),
        (("auto", "auto", ""), (), False),
        (("standard", "small", ""), ("standard",), False),
        (("standard", "small", "small"), ("standard", "small"), True),
        (("standrad", "auto", ""), ("standard", "small"), False),
        (("small", "auto", "http://127.0.0.1:1/v1#m"), ("small",), False),
        (("./folder", "small", ""), ("small",), False),
        ((None, None, None), ("small",), False),  # the evaluator will be standard
        (("auto", "auto", ""), ("small",), False),
        (("auto", "auto", ""), ("small", "standard"), True),
        (("small", "small", ""), ("small",), True),
    ],
)
def test_only_models_that_are_there_are_opened_behind_the_page(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str | None, ...], there: tuple[str, ...], at_hand: bool
) -> None:
    monkeypatch.setattr(opening, "ready", lambda name, **_: Path(name) if name in there else None)
    monkeypatch.setattr(opening, "largest_that_fits", lambda _: "standard")
    settings = Settings(model="small", evaluator="auto", second_opinion="")
    assert opening.at_hand(*words, settings=settings) is at_hand


SERVER = """
import sys, time; sys.path[:0] = ['tests']
from pathlib import Path
import clikit
from browser import launched, served

from simulator import opening
from simulator.errors import ModelNotFoundError
def open_parts(*_a, **_k):
    while not Path(sys.argv[2]).exists():
        time.sleep(0.05)
    if Path(sys.argv[2]).read_text() == 'fail':
        raise ModelNotFoundError('there is no such model')
    return opening.Parts(clikit.voice(), clikit.evaluator(), 'Scripted.')
opening.open_parts, opening.at_hand = open_parts, lambda *_a, **_k: True
from simulator.cli.main import run
sys.exit(run(['serve', '--port', sys.argv[1]]))
"""


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`simulator serve` whose models are opened once there is a file `go`; up to its page, which it has answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", SERVER, str(port), str(folder / "go")]
    env = os.environ | {"SIMULATOR_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True) as server:
        try:
            assert server.stdout is not None
            told = server.stdout.readline()
            assert f"The simulator is at http://127.0.0.1:{port}" in told, server.stderr and server.stderr.read()
            assert "the caller is getting ready" in told
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                assert answer.status == 200
            yield server
        finally:
            server.kill()


def test_serve_answers_first_and_opens_the_models_then(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        (tmp_path / "go").write_text("")
        assert server.stdout is not None
        assert server.stdout.readline() == "Scripted.\n"


def test_serve_leaves_with_the_error_of_an_opening_that_fails(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        (tmp_path / "go").write_text("fail")
        _, errors = server.communicate(timeout=60)
        assert server.returncode == 2
        assert errors.strip() == "error: there is no such model"


@pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="no signals")
def test_serve_can_be_stopped_while_the_models_are_opened(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        time.sleep(0.5)  # by then they are being opened
        server.send_signal(signal.SIGTERM)
        (tmp_path / "go").write_text("")
        _, errors = server.communicate(timeout=60)
        assert server.returncode == 0, errors
        assert "calls are kept" in errors


def test_gradio_is_imported_without_parsing_its_own_source() -> None:
    counted = (
        "import ast; real, seen = ast.get_source_segment, []\n"
        "ast.get_source_segment = lambda *a, **k: seen.append(1) or real(*a, **k)\n"
        "import simulator.app; print(len(seen))"
    )
    done = subprocess.run([sys.executable, "-c", counted], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_only_gradios_components_have_no_source_and_only_meanwhile() -> None:
    before, component = inspect.getfile, type("Part", (), {"__module__": "gradio.parts"})
    with without_stubs():
        with pytest.raises(OSError, match="not looked for"):
            inspect.getfile(component)
        assert inspect.getfile(Opening) == __file__
    assert inspect.getfile is before


@pytest.mark.browser
def test_in_a_real_browser_the_button_waits_and_one_call_begins(slow: Opening, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with launched() as browser, served(slow.rehearsals, tmp_path / "key") as url:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(url)
        expect(page.locator("#resume")).to_contain_text("getting ready")
        page.locator("#start").click()
        expect(page.locator("#banner-text")).to_contain_text("your call begins by itself")
        page.wait_for_timeout(4500)  # a button that was pressed answers again after four seconds, but for this
        assert page.locator("#start").get_attribute("aria-busy") == "true"
        slow.go.set()
        expect(page.locator("#say")).to_be_visible()
        expect(page.locator("#banner-text")).to_have_count(0)
        kept = slow.rehearsals.store
        assert kept.count(next(iter(slow.rehearsals._open.values())).owner) == 1
        page.reload()
        expect(page.locator("#say")).to_be_visible()
