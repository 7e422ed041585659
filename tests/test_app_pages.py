"""The pages: pure HTML from frozen records, and handlers with a scripted voice and grader over a real store."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from simulator.app.call_view import conversation, mood, notes, stage
from simulator.app.handlers import Handlers
from simulator.app.history_view import history
from simulator.app.identity import Browser, known, newcomer, storage_secret
from simulator.app.markup import FAULTS, TECHNIQUES, avatar, chip, esc
from simulator.app.play import BUSY_SECONDS, finishing, handover_draft
from simulator.app.record_view import articles
from simulator.app.setup_view import form, preview
from simulator.app.turn_view import grade, highlighted, trainee_turn
from simulator.app.views import View, banner
from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.caller.voice import Line, Saying, Situation, written_line
from simulator.errors import BusyError, ModelError
from simulator.hints import hint
from simulator.persona import personas
from simulator.prompts import LONGEST
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.scenario import Brief, scenarios
from simulator.store import open_store
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Difficulty, Dimension, Ending, Fault, Intensity, Technique

SCRIPT = "<script>alert(1)</script>\"'&"
VOID = {"input", "br", "path", "circle", "rect", "hr", "img", "line"}


class Balance(HTMLParser):
    """Raises if tags do not close in order; collects ids and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def checked(markup: str) -> Balance:
    """The parsed markup, once it is well formed and its ids are distinct."""
    parser = Balance()
    parser.feed(markup)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids)), parser.ids
    assert "script" not in parser.tags
    return parser


def assessment(
    levels: dict[Dimension, int | None] | None = None,
    techniques: tuple[Technique, ...] = (),
    faults: tuple[Fault, ...] = (),
    evidence: tuple[Evidence, ...] = (),
    reason: str = "because",
) -> Assessment:
    """Grades with the given levels (others do not apply)."""
    given = levels or {}
    scores = {
        d: DimensionScore(level=level, value=level, confidence=0.8, reason=reason)
        if (level := given.get(d)) is not None
        else DimensionScore(confidence=0.9, reason="does not apply")
        for d in Dimension
    }
    return Assessment(scores=scores, techniques=techniques, faults=faults, evidence=evidence, grader="scripted")


class ScriptedVoice:
    """Says the persona's own lines, in two pieces; fails as often as `failures` says."""

    name = "scripted"

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def say(self, situation: Situation) -> Iterator[Saying | Line]:
        if self.failures:
            raise self.failures.pop()
        text = written_line(situation, situation.plans[situation.transcript.turns[-1].index])
        yield Saying(text[: len(text) // 2])
        yield Saying(text)
        yield Line(text, written=False, attempts=1, seconds=0.1)


class ScriptedGrader:
    """Gives good grades, bad ones to a turn that says so."""

    name = "scripted"

    def __init__(self) -> None:
        self.broken: Exception | None = None

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        assert scenario.issue
        assert cache_key
        if self.broken is not None:
            raise self.broken
        if "calm down" in turn.text:
            return assessment(
                {Dimension.CALMNESS: 2, Dimension.EMPATHY: 1, Dimension.SOLUTION: 2}, faults=(Fault.TELLS_TO_CALM_DOWN,)
            )
        quote = turn.text[:5]
        return assessment(
            {Dimension.CALMNESS: 5, Dimension.EMPATHY: 4 if len(transcript) else None, Dimension.SOLUTION: 4},
            techniques=(Technique.NAMES_NEXT_STEP,),
            evidence=(Evidence(about=Dimension.CALMNESS, quote=quote, start=0),),
        )


@pytest.fixture
def voice() -> ScriptedVoice:
    return ScriptedVoice()


@pytest.fixture
def grader() -> ScriptedGrader:
    return ScriptedGrader()


@pytest.fixture
def rehearsals(tmp_path: Path, voice: ScriptedVoice, grader: ScriptedGrader) -> Iterator[Rehearsals]:
    with open_store(tmp_path / "calls.db") as store:
        yield Rehearsals(voice, grader, store)


@pytest.fixture
def handlers(rehearsals: Rehearsals) -> Handlers:
    return Handlers(rehearsals)


def together(views: Iterator[View]) -> View:
    """All views of one event as the page ends up with them."""
    out: View = {}
    for view in views:
        out |= view
    return out


def started(handlers: Handlers, **chosen: Any) -> dict[str, str]:
    """What a new browser keeps once it is in a call."""
    me = together(handlers.load(None))["me"]
    view = together(handlers.act(me, {"do": "start", "persona": "demanding", "seed": "7", **chosen}))
    assert "stage" in view, view
    kept: dict[str, str] = view["me"]
    return kept


def played(rehearsals: Rehearsals, *said: str, **chosen: Any) -> Rehearsal:
    """A call in which that was said."""
    choices = Choices(personas()["demanding"], scenarios()["telecom_double_billing"], seed=7, **chosen)
    rehearsal = rehearsals.start(choices, owner="o")
    for text in said:
        for _ in rehearsal.submit(text):
            pass
    return rehearsal


# ---- pure HTML ----


def test_everything_from_outside_is_escaped(rehearsals: Rehearsals) -> None:
    call = played(rehearsals, SCRIPT).call
    rehearsal = played(rehearsals, SCRIPT)
    rehearsal.write_note(SCRIPT)
    pages = [
        trainee_turn(Turn(0, Speaker.TRAINEE, SCRIPT), None, shown=True, waiting=SCRIPT),
        grade(Turn(0, Speaker.TRAINEE, SCRIPT), assessment({Dimension.CALMNESS: 3}, reason=SCRIPT)),
        stage('"><b>', call, saying=SCRIPT),
        stage("x", rehearsal.call, failed=SCRIPT),
        notes("x", rehearsal.call, SCRIPT),
        banner(SCRIPT),
        avatar(SCRIPT, SCRIPT),
    ]
    for page in pages:
        assert "<script" not in page
        checked(page)


def test_form_has_a_radio_button_for_every_choice() -> None:
    markup = form(personas(), scenarios(), "demanding", "parcel_lost")
    parsed = checked(markup)
    for persona in personas():
        assert f"persona-{persona}" in parsed.ids
    for scenario in scenarios():
        assert f"scenario-{scenario}" in parsed.ids
    assert markup.count(" checked") == 6  # persona, scenario, difficulty, intensity, register, help
    assert {"surprise", "seed", "difficulty-hard", "intensity-harsh", "register-chat", "mode-exam"} <= set(parsed.ids)
    assert 'id="intensity-realistic" value="realistic" checked' in markup


@pytest.mark.parametrize("persona", list(personas()))
def test_preview_asks_to_accept_a_content_note(persona: str) -> None:
    chosen = personas()[persona]
    markup = preview(chosen, scenarios()["hospital_bill"], Difficulty.EASY)
    parsed = checked(markup)
    assert "start" in parsed.ids
    assert ("accept-note" in parsed.ids) == bool(chosen.content_note.strip())
    assert ("aria-disabled" in markup) == bool(chosen.content_note.strip())


@pytest.mark.parametrize("persona", ["anxious", "abusive"])
def test_preview_asks_to_agree_to_a_harsh_caller_each_time(persona: str) -> None:
    chosen, about = personas()[persona], scenarios()["hospital_bill"]
    noted = bool(chosen.content_note.strip())
    for intensity in Intensity:
        markup = preview(chosen, about, Difficulty.EASY, intensity=intensity)
        parsed = checked(markup)
        harsh = intensity is Intensity.HARSH
        assert ("accept-harsh" in parsed.ids) == harsh
        assert ("never slurs, sexual content or threats of violence" in markup) == harsh
        assert ("aria-disabled" in markup) == (harsh or noted)
        assert markup.count("data-gate") == harsh + noted
        assert f"{intensity.value} words" in markup


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5, None])
def test_chip_says_its_level_in_colour_and_text(level: int | None) -> None:
    markup = chip("Calm", level)
    assert f'lv-{level or "na"}"' in markup
    assert f"<b>{'–' if level is None else level}</b>" in markup


def test_every_tag_has_words() -> None:
    assert set(TECHNIQUES) == set(Technique)
    assert set(FAULTS) == set(Fault)


def test_grade_shows_reason_quote_tags_and_confidence() -> None:
    graded = assessment(
        {Dimension.CALMNESS: 2},
        (Technique.APOLOGISES,),
        (Fault.ARGUES,),
        (Evidence(about=Dimension.CALMNESS, quote="but you", start=0),),
        reason="Defensive & blaming",
    )
    markup = grade(Turn(4, Speaker.TRAINEE, "but you said"), graded)
    checked(markup)
    for part in ("Defensive &amp; blaming", "but you</q>", "Apologises", "Argues", "80%", "does not apply", "2 of 5"):
        assert part in markup


def marks(text: str, *evidence: Evidence, grades: Assessment | None = None) -> str:
    markup = highlighted(text, evidence, grades)
    checked(markup)
    assert "".join(re.split(r"<[^>]*>", markup)) == esc(text)  # no character lost or doubled
    return markup


def test_overlapping_quotes_are_cut_where_they_meet() -> None:
    markup = marks(
        "I am sorry, but no.",
        Evidence(about=Technique.APOLOGISES, quote="I am sorry", start=0),
        Evidence(about=Fault.EMPATHY_UNDERCUT, quote="sorry, but", start=5),
    )
    assert markup.count("<mark") == 3
    assert 'class="ev good" title="Apologises">I am </mark>' in markup
    assert 'title="Apologises, Empathy undercut by what follows">sorry</mark>' in markup


def test_same_span_twice_is_one_mark() -> None:
    quote = Evidence(about=Technique.THANKS_CALLER, quote="thanks", start=0)
    assert marks("thanks", quote, quote).count("<mark") == 1


def test_misplaced_quote_is_looked_for_and_a_missing_one_ignored() -> None:
    assert "<mark" in marks("well, thanks", Evidence(about=Technique.THANKS_CALLER, quote="thanks", start=0))
    assert "<mark" not in marks("well", Evidence(about=Technique.THANKS_CALLER, quote="thanks", start=0))
    assert "<mark" not in marks("well", Evidence(about=Technique.THANKS_CALLER, quote="", start=0))


@pytest.mark.parametrize(("level", "kind"), [(1, "bad"), (2, "bad"), (3, "plain"), (4, "good"), (5, "good")])
def test_quote_of_a_dimension_is_coloured_by_its_level(level: int, kind: str) -> None:
    quote = Evidence(about=Dimension.CALMNESS, quote="no", start=0)
    assert f'class="ev {kind}"' in marks("no", quote, grades=assessment({Dimension.CALMNESS: level}))


@pytest.mark.parametrize(
    "text",
    ["مرحبا، أنا آسف جدا على ما حدث", "I 👩‍👩‍👧‍👦 am <so> sorry 😔 & here", "x" * 8000, "a\n\n\tb", "‮abc", "𝕳𝖊𝖑𝖑𝖔 ½"],
)
def test_any_text_is_shown_whole(text: str) -> None:
    quote = Evidence(about=Technique.APOLOGISES, quote=text[2:9], start=2)
    markup = trainee_turn(Turn(0, Speaker.TRAINEE, text), assessment(evidence=(quote,)), shown=True)
    checked(markup)
    assert 'dir="auto"' in markup
    bubble = markup[markup.index('class="words') :]
    assert "".join(re.split(r"<[^>]*>", bubble[bubble.index(">") + 1 : bubble.index("</div>")])) == esc(text)
    assert ("words long" in markup) == (len(text) > 1400)


def test_knowledge_base_can_be_searched() -> None:
    parsed = checked(articles(scenarios()["parcel_lost"], "desk"))
    assert "desk-kb-search" in parsed.ids


def test_exam_shows_no_grade_and_no_mood_during_the_call(rehearsals: Rehearsals) -> None:
    call = played(rehearsals, "Hello, this is Sam.", hints=False).call
    assert "chip" not in conversation(call)
    assert "meter" not in mood("x", call)
    assert "<mark" not in conversation(call)


def test_hints_show_mood_grade_and_one_line(rehearsals: Rehearsals) -> None:
    call = played(rehearsals, "Hello, this is Sam.").call
    checked(stage("x", call))
    assert conversation(call).count('class="chip') == 8  # four beside the turn, four among the reasons
    assert mood("x", call).count('role="meter"') == 4
    assert hint(call) in mood("x", call).replace("&#x27;", "'")


@pytest.mark.parametrize("persona", list(personas()))
def test_hint_is_one_line_for_every_caller(rehearsals: Rehearsals, persona: str) -> None:
    choices = Choices(personas()[persona], scenarios()["hotel_room"], Difficulty.HARD, seed=3)
    rehearsal = rehearsals.start(choices, owner="o")
    for text in ("Hello", "Please calm down", "I will fix it", "I will fix it now", "Bye"):
        if rehearsal.call.ended:
            break
        for _ in rehearsal.submit(text):
            pass
        line = hint(rehearsal.call)
        assert 10 < len(line) < 140
        assert "\n" not in line
        assert "{" not in line


@pytest.mark.parametrize("scenario", list(scenarios()))
def test_handover_draft_names_somebody_and_keeps_what_was_typed(scenario: str) -> None:
    draft = handover_draft(scenarios()[scenario], "Right.")
    assert draft.startswith("Right. I would like to put you through to ")
    assert draft.count("(") == draft.count(")")
    assert "my supervisor" not in draft


def test_history_empty_and_full(rehearsals: Rehearsals) -> None:
    assert "first-call" in checked(history([], 0)).ids
    played(rehearsals, "Hello")
    markup = history(rehearsals.store.calls("o"), 1)
    checked(markup)
    assert "Not finished" in markup
    assert 'data-act="go-on"' in markup


# ---- identity ----


@pytest.mark.parametrize(
    "kept", [None, "", [], {}, {"owner": 5}, {"owner": "x"}, {"owner": "A" * 32}, {"owner": "a" * 33}, 7]
)
def test_forged_identity_is_nobody(kept: Any) -> None:
    assert known(kept) is None


def test_identity_survives_storage() -> None:
    browser = newcomer().at("abc")
    assert known(browser.kept) == browser
    assert known({"owner": browser.owner, "call": "../../etc"}) == Browser(browser.owner, "")
    assert newcomer().owner != newcomer().owner


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = storage_secret(tmp_path / "data")
    assert storage_secret(tmp_path / "data") == first
    assert (tmp_path / "data" / "browser.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "data" / "browser.key").write_text("broken")
    assert len(storage_secret(tmp_path / "data")) == 32


# ---- handlers ----


def test_first_visit_gets_an_identity_and_the_form(handlers: Handlers) -> None:
    view = together(handlers.load(None))
    assert known(view["me"]) is not None
    assert "setup-form" in view["setup"]
    assert "&quot;screen&quot;: &quot;before&quot;" in view["signal"]


def test_a_turn_is_shown_step_by_step(handlers: Handlers) -> None:
    me = started(handlers)
    views = list(handlers.send(me, "Hello, this is Sam."))
    assert all('data-sent="0"' in v["stage"] for v in views)  # the script empties the text box, once
    assert "grading" in views[0]["stage"]
    assert any("is thinking" in v.get("stage", "") for v in views)
    assert any("caret" in v.get("stage", "") for v in views)
    assert all('data-state="busy"' in v["stage"] for v in views[:-1])
    assert sum("announce" in v.get("signal", "") for v in views) == 1
    assert 'data-state="idle"' in together(iter(views))["stage"]
    for view in views:
        checked(view.get("stage", ""))


def test_content_note_must_be_accepted(handlers: Handlers) -> None:
    me = together(handlers.load(None))["me"]
    assert "content note" in together(handlers.act(me, {"do": "start", "persona": "abusive"}))["banner"]
    view = together(handlers.act(me, {"do": "start", "persona": "abusive", "accepted": True}))
    assert "stage" in view


def test_a_harsh_caller_must_be_agreed_to_and_stays_so(handlers: Handlers) -> None:
    me = together(handlers.load(None))["me"]
    harsh = {"do": "start", "persona": "demanding", "intensity": "harsh"}
    for refused in ({}, {"consented": "true"}, {"consented": False}, {"accepted": True}):
        view = together(handlers.act(me, {**harsh, **refused}))
        assert set(view) == {"banner"}
        assert "A harsh caller needs your consent first" in view["banner"]
        assert "threats of violence. Tick the box" in view["banner"]
    view = together(handlers.act(me, {**harsh, "consented": True}))
    assert "harsh words" in view["stage"]
    for turn_of_events in ("end", "same-again"):
        view = together(handlers.act(view.get("me", me), {"do": turn_of_events}))
    start = handlers.rehearsals.take_up(view["me"]["call"], owner=me["owner"]).call.start
    assert (start.intensity, start.consented) == (Intensity.HARSH, True)
    assert "choose a difficulty, how harsh" in together(handlers.act(me, {**harsh, "intensity": "x"}))["banner"].lower()


def test_two_browsers_never_see_each_other(handlers: Handlers) -> None:
    mine = started(handlers)
    together(handlers.send(mine, "My secret account is 4711."))
    stranger = together(handlers.load(None))["me"]
    call_id = mine["call"]
    forged = {"owner": stranger["owner"], "call": call_id}
    answers = [
        *(
            together(handlers.act(stranger, {"do": do, "call": call_id, "turn": "0", "what": "jsonl", "text": "x"}))
            for do in handlers._acts
            if do not in ("start", "new", "history", "page", "pick")
        ),
        together(handlers.send(forged, "hi")),
        together(handlers.act(forged, {"do": "open"})),
    ]
    for view in answers:
        assert set(view) == {"banner"}, view
        assert "4711" not in str(view)
    assert "4711" not in str(together(handlers.load(forged)))
    assert "4711" in str(together(handlers.load(mine)))
    assert len(handlers.rehearsals.store.calls(mine["owner"])) == 1
    assert handlers.rehearsals.store.calls(stranger["owner"]) == []


@pytest.mark.parametrize(
    "data", [None, 5, [], {}, {"do": "rm"}, {"do": ["open"]}, {"do": "open", "call": {"a": 1}}, {"do": "branch"}]
)
def test_nonsense_from_outside_gets_a_sentence(handlers: Handlers, data: Any) -> None:
    me = started(handlers)
    view = together(handlers.act(me, data))
    assert set(view) == {"banner"}
    assert "error" not in view["banner"]  # said plainly, not as a bug


@pytest.mark.parametrize("text", ["", "   ", "x" * 8001, None, 5])
def test_refused_turn_keeps_the_text(handlers: Handlers, text: Any) -> None:
    view = together(handlers.send(started(handlers), text))
    assert "say" not in view
    assert "banner-text" in view["banner"]


def test_model_error_says_one_sentence_keeps_the_words_and_can_be_retried(
    handlers: Handlers, voice: ScriptedVoice
) -> None:
    me = started(handlers)
    voice.failures.append(ModelError("the model is not there"))
    view = together(handlers.send(me, "Hello, this is Sam."))
    assert "The model is not there." in view["banner"]
    assert "Hello, this is Sam." in re.sub(r"<[^>]*>", "", view["stage"])
    assert 'id="retry"' in view["stage"]
    again = together(handlers.act(me, {"do": "resume", "call": me["call"]}))
    assert 'data-state="idle"' in again["stage"]
    assert "say" not in again  # what was typed meanwhile stays
    assert "data-sent" not in again["stage"]


def test_bug_is_told_by_number_only(handlers: Handlers, voice: ScriptedVoice, caplog: pytest.LogCaptureFixture) -> None:
    voice.failures.append(RuntimeError("password hunter2"))
    view = together(handlers.send(started(handlers), "Hello"))
    assert "hunter2" not in str(view)
    number = re.search(r"error ([0-9a-f]{6})", view["banner"])
    assert number is not None
    assert number[1] in caplog.text
    assert "hunter2" in caplog.text


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_closed_browser_lets_go_and_a_reload_goes_on(handlers: Handlers, steps: int) -> None:
    me = started(handlers)
    views = handlers.send(me, "Hello, this is Sam.")
    for _ in range(steps):
        next(views)
    views.close()  # type: ignore[attr-defined]
    view = together(handlers.load(me))
    assert 'data-state="idle"' in view["stage"]
    assert view["stage"].count('class="turn theirs"') == 1


def test_restarted_server_goes_on(handlers: Handlers, rehearsals: Rehearsals) -> None:
    me = started(handlers)
    views = handlers.send(me, "Hello, this is Sam.")
    next(views)
    views.close()  # type: ignore[attr-defined]
    anew = Handlers(Rehearsals(rehearsals.voice, rehearsals.evaluator, rehearsals.store))
    assert 'data-state="idle"' in together(anew.load(me))["stage"]
    assert "Hello" in together(anew.load({"owner": me["owner"]}))["stage"]  # found as the newest unfinished one
    assert "stage" not in together(anew.load({**me, "call": ""}))  # left on purpose: offered, not forced
    assert "resume-call" in together(anew.load({**me, "call": ""}))["resume"]


def test_hold_transfer_note_and_end(handlers: Handlers) -> None:
    me = started(handlers)
    together(handlers.send(me, "Hello, this is Sam."))
    here = {"call": me["call"]}
    assert 'data-state="hold"' in together(handlers.act(me, {"do": "hold", **here}))["stage"]
    assert 'data-state="idle"' in together(handlers.act(me, {"do": "unhold", **here}))["stage"]
    assert together(handlers.act(me, {"do": "transfer", **here}, "Well,"))["say"].startswith("Well, I would like")
    assert "Saved" in together(handlers.act(me, {"do": "note", "text": "two accounts", **here}))["notes"]
    view = together(handlers.act(me, {"do": "end", "text": "two accounts, refund", **here}))
    checked(view["debrief"])
    assert "two accounts, refund" in view["debrief"]
    assert "end" not in checked(view["stage"]).ids


def test_debrief_downloads_and_history(handlers: Handlers) -> None:
    me = started(handlers)
    for text in ("Hello, this is Sam.", "Please calm down.", "I will refund it now."):
        together(handlers.send(me, text))
    view = together(handlers.act(me, {"do": "end"}))
    parsed = checked(view["debrief"])
    assert {"strength", "fix", "better", "wrap-note", "branch-0", "branch-2", "branch-4"} <= set(parsed.ids)
    assert "How computed" in view["debrief"]
    for what, sign in (("html", "html"), ("jsonl", "calm down")):
        assert sign in together(handlers.act(me, {"do": "download", "what": what}))["signal"]
    assert "download" in together(handlers.act(me, {"do": "download", "what": "exe"}))["banner"]
    assert 'data-act="open"' in together(handlers.act(me, {"do": "history"}))["history"]
    gone = together(handlers.act(me, {"do": "delete", "call": me["call"]}))
    assert "No calls yet" in gone["history"]
    assert gone["me"]["call"] == ""


def test_branch_shows_both_endings(handlers: Handlers) -> None:
    me = started(handlers)
    for text in ("Hello, this is Sam.", "Please calm down."):
        together(handlers.send(me, text))
    together(handlers.act(me, {"do": "end"}))
    view = together(handlers.act(me, {"do": "branch", "turn": "2"}))
    again: dict[str, str] = view["me"]
    assert again["call"] != me["call"]
    assert "calm down" not in view["stage"]
    together(handlers.send(again, "That must have cost you a morning. I will refund it now."))
    view = together(handlers.act(again, {"do": "end"}))
    checked(view["debrief"])
    assert "Both endings" in view["debrief"]
    assert "Please calm down." in view["debrief"]
    assert "cost you a morning" in view["debrief"]
    together(handlers.act(again, {"do": "delete", "call": me["call"]}))
    assert "Both endings" not in together(handlers.act(again, {"do": "open"}))["debrief"]
    assert "banner-text" in together(handlers.act(again, {"do": "branch", "turn": "1"}))["banner"]


def test_exam_debrief_shows_everything(handlers: Handlers) -> None:
    me = started(handlers, mode="exam")
    view = together(handlers.send(me, "Hello, this is Sam."))
    assert "chip" not in view["stage"]
    assert "chip" in together(handlers.act(me, {"do": "end"}))["debrief"]


def test_same_seed_and_words_give_the_same_call(handlers: Handlers) -> None:
    said = ("Hello, this is Sam.", "Please calm down.", "I will refund it now.")
    states = []
    for _ in range(2):
        me = started(handlers, seed="11")
        for text in said:
            together(handlers.send(me, text))
        states.append(handlers.rehearsals.take_up(me["call"], owner=me["owner"]).call.state)
    assert states[0] == states[1]


def test_only_what_is_opened_may_take_another_calls_place(handlers: Handlers) -> None:
    me = started(handlers)
    parts = ("stage", "mood", "notes")
    opened = together(handlers.act(me, {"do": "go-on"}))
    late = list(handlers.send(me, "Please calm down."))
    late += [*handlers.act(me, {"do": "resume"}), *handlers.act(me, {"do": "note", "text": "two accounts"})]
    assert all("data-opening" not in view.get(part, "") for view in late for part in parts)
    assert all("say" not in view for view in late)
    for view in (opened, *late):
        for part in parts:
            assert f'data-call="{me["call"]}"' in view.get(part, f'data-call="{me["call"]}"')
    orders = [view["signal"] for view in late if "signal" in view]
    assert orders
    assert all(me["call"] in order for order in orders)
    first, second = [v["debrief"] for v in handlers.act(me, {"do": "end"}) if "debrief" in v]
    assert "data-opening" in first
    assert "data-opening" not in second
    view = together(handlers.act(me, {"do": "same-again"}))
    assert all("data-opening" in view[part] for part in parts)


def test_resume_neither_changes_the_screen_nor_waits(handlers: Handlers) -> None:
    me = started(handlers)
    views = handlers.send(me, "Hello, this is Sam.")
    next(views)
    seen = list(handlers.act(me, {"do": "resume", "call": me["call"]}))
    assert len(seen) == 1  # it is being played: nothing to wait for, and no complaint
    assert 'data-state="busy"' in seen[0]["stage"]
    assert "signal" not in seen[0]
    assert "banner-text" not in seen[0]["banner"]
    assert 'data-state="idle"' in together(views)["stage"]


def test_a_reload_waits_for_the_turn_but_not_for_ever(rehearsals: Rehearsals) -> None:
    rehearsal = rehearsals.start(Choices(personas()["demanding"], scenarios()["parcel_lost"]), owner="o")
    turn = rehearsal.submit("Hello, this is Sam.")
    next(turn)
    assert len(list(finishing(rehearsals, rehearsal, patience=0.2))) == 1
    waiting = finishing(rehearsals, rehearsal, patience=BUSY_SECONDS)
    assert 'data-state="busy"' in next(waiting)["stage"]
    turn.close()  # type: ignore[attr-defined]
    assert 'data-state="idle"' in together(waiting)["stage"]


@pytest.mark.parametrize("do", ["hold", "end"])
def test_during_a_reply_the_trainee_is_asked_to_wait(handlers: Handlers, do: str) -> None:
    me = started(handlers)
    views = handlers.send(me, "Hello, this is Sam.")
    next(views)
    view = together(handlers.act(me, {"do": do, "call": me["call"]}))
    assert set(view) == {"banner"}
    assert "The caller is still answering: wait a moment." in view["banner"]
    with pytest.raises(BusyError):
        handlers.rehearsals.take_up(me["call"], owner=me["owner"]).write_note("x")
    together(views)


def test_a_message_to_a_call_that_went_on_elsewhere_is_not_taken(handlers: Handlers) -> None:
    me = started(handlers)
    together(handlers.send(me, "Hello, this is Sam.", "0"))
    view = together(handlers.send(me, "Hello, this is Kim.", "0"))
    assert "another window" in view["banner"]
    assert 'data-turns="2"' in view["stage"]
    assert "data-sent" not in view["stage"]  # the text stays
    assert "Kim" not in view["stage"]
    assert 'data-turns="4"' in together(handlers.send(me, "I will refund it now.", "2"))["stage"]


@pytest.mark.parametrize("error", [ModelError("the grader is away"), RuntimeError("hunter2")])
def test_better_words_are_looked_for_again_after_a_failure(
    handlers: Handlers, grader: ScriptedGrader, error: Exception
) -> None:
    me = started(handlers)
    for text in ("Hello, this is Sam.", "Please calm down."):
        together(handlers.send(me, text))
    grader.broken = error
    view = together(handlers.act(me, {"do": "end"}))
    assert "could not be looked for now" in view["debrief"]
    assert "None of the lines" not in view["debrief"]
    grader.broken = None
    assert "the same grader puts it higher" in together(handlers.act(me, {"do": "open"}))["debrief"]
    assert handlers.after._found
    together(handlers.act(me, {"do": "delete", "call": me["call"]}))
    assert not handlers.after._found


def test_ending_an_exam_does_not_tell_whether_the_caller_has_accepted(rehearsals: Rehearsals) -> None:
    for hints in (True, False):
        markup = stage("x", played(rehearsals, "Hello, this is Sam.", hints=hints).call)
        assert ("accepted" in markup) == hints
        assert "You will go to the debrief." in markup


def test_a_turn_too_long_to_be_read_whole_says_so() -> None:
    words = "Only the first 900 characters were graded."
    assert LONGEST == 900
    for length in (LONGEST, LONGEST + 1):
        turn = Turn(0, Speaker.TRAINEE, "x" * length)
        graded = trainee_turn(turn, assessment({Dimension.CALMNESS: 3}), shown=True)
        checked(graded)
        assert (words in graded) == (length > LONGEST)
        assert words not in trainee_turn(turn, assessment(), shown=False)


@pytest.mark.parametrize("ending", list(Ending))
def test_every_ending_has_words(ending: Ending) -> None:
    from simulator.app.markup import ENDINGS, ending_class

    assert ENDINGS[ending]
    assert ending_class(ending) in {"good", "fair", "bad"}
