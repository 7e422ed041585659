"""The call page as pure HTML from frozen records; and who a browser is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pagekit import (
    SCRIPT,
    assessment,
    checked,
    played,
)

from simulator.app.call_view import conversation, mood, notes, stage
from simulator.app.history_view import history
from simulator.app.identity import Browser, known, newcomer, storage_secret
from simulator.app.markup import FAULTS, TECHNIQUES, avatar, chip, esc
from simulator.app.play import handover_draft
from simulator.app.record_view import articles
from simulator.app.setup_view import form, preview
from simulator.app.turn_view import grade, highlighted, trainee_turn
from simulator.app.views import banner
from simulator.assessment import Assessment, Evidence
from simulator.hints import hint
from simulator.persona import personas
from simulator.rehearsal import Choices, Rehearsals
from simulator.scenario import scenarios
from simulator.transcript import Speaker, Turn
from simulator.vocabulary import Difficulty, Dimension, Fault, Intensity, Technique

pytest_plugins = ["pagefixtures"]


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
