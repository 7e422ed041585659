"""The call page's events: handlers with a scripted voice and grader over a real store."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pagekit import (
    ScriptedGrader,
    ScriptedVoice,
    assessment,
    checked,
    played,
    started,
    together,
)

from simulator.app.call_view import stage
from simulator.app.handlers import Handlers
from simulator.app.identity import known
from simulator.app.play import BUSY_SECONDS, finishing
from simulator.app.turn_view import trainee_turn
from simulator.errors import BusyError, ModelError
from simulator.persona import personas
from simulator.prompts import LONGEST
from simulator.rehearsal import Choices, Rehearsals
from simulator.scenario import scenarios
from simulator.transcript import Speaker, Turn
from simulator.vocabulary import Dimension, Ending, Intensity

pytest_plugins = ["pagefixtures"]


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
            if do not in ("start", "new", "history", "page", "pick", "progress")
        ),
        together(handlers.send(forged, "hi")),
        together(handlers.act(forged, {"do": "open"})),
    ]
    for view in answers:
        assert set(view) == {"banner"}, view
        assert "4711" not in str(view)
    assert "4711" not in str(together(handlers.load(forged)))
    for own in ("history", "progress"):  # what they show is the stranger's, so nothing yet
        seen = str(together(handlers.act(stranger, {"do": own, "call": call_id, "owner": mine["owner"]})))
        assert "4711" not in seen
        assert call_id not in seen
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
