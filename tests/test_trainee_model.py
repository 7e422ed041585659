"""Trainees whom a model plays: what a profile asks, what the guard refuses, and that a study with them is a study."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import studykit
from studykit import study

from eval import schemas, study_players
from eval.playing import Setting, play, play_many
from eval.profiles import DOES, MOST, Profile, find_trainee, profiles
from eval.study import jobs
from eval.study_rows import read_calls, read_manifest
from eval.study_run import run
from eval.trainee_model import ATTEMPTS, slip, trainee_segments
from eval.trainees import Policy, scripts
from simulator.caller.written import WrittenVoice
from simulator.errors import DataError, ModelError, UnknownNameError
from simulator.models import ScriptedModel
from simulator.models.base import Sampling
from simulator.persona import personas
from simulator.scenario import scenarios
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Difficulty, Fault, Register, Technique
from simulator.yamlfile import parse_model

TEXT = "name: played\npersonas: [anxious, abusive]\ntrainees: [good, novice]\nseeds: 2\nturns: 4"
LINES = (
    "Good morning, Swiftlane tracing desk, this is Sam speaking. How can I help you today?",
    "I am so sorry about that, let me have a look at your account and see what I can do for you.",
    "I can arrange the refund for you today, and you will have it by Friday. Would that be all right for you?",
    "Let me check with my supervisor whether we can do that for you, and I will call you back by noon.",
    "Thank you for your patience, I have put a note on your file so that my colleagues can see it.",
    "Could you give me your reference number, please, so that I can look into this for you?",
)


def scripted(name: str = "small") -> ScriptedModel:
    """Says one of `LINES`, by the seed and how many turns the trainee has had, and sometimes the caller's part."""

    def reply(segments: tuple[str, ...], sampling: Sampling) -> str:
        return (
            "I want my money back, and I want it now!"
            if sampling.seed % 3 == 0
            else LINES[(len(segments) - 2 + 3 * (sampling.seed % 2)) % 6]
        )

    return ScriptedModel(reply, name=name)


@pytest.fixture
def played_by_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(study_players, "open_parts", studykit.parts)
    monkeypatch.setattr(study_players, "open_model", lambda *_, **__: scripted())


def test_a_profile_asks_as_often_as_it_says_and_the_same_each_time() -> None:
    profile = profiles()["novice"]
    asked = [profile.asked(seed, turn) for seed in range(300) for turn in range(1, 6)]
    assert asked == [profile.asked(seed, turn) for seed in range(300) for turn in range(1, 6)]
    counted = Counter(tag for tags in asked for tag in tags)
    # A little less than the share: of more than three moves only three are asked.
    assert 0.4 < counted[Technique.APOLOGISES] / 1500 <= 0.5
    assert 0.05 < counted[Fault.FALSE_PROMISE] / 1500 < 0.11
    assert set(counted) == {*profile.techniques, *profile.faults}
    assert max(map(len, asked)) == MOST
    assert profile.asked(3, 0) == ()
    assert set(DOES) == {*Technique, *Fault} - {Fault.BREAKS_ROLE}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("faults: {rush: 0.2}", "rush"),
        ("faults: {rushes: 2}", "less than or equal to 1"),
        ("faults: {breaks_role: 0.2}", "steering"),
        ("faults: {}", "say what this trainee does"),
        ("id: good\nfaults: {rushes: 0.2}", "scripted trainee"),
    ],
)
def test_a_profile_that_cannot_be_played_is_refused(line: str, told: str) -> None:
    text = line if line.startswith("id:") else f"id: mine\n{line}"
    with pytest.raises(DataError, match=told):
        parse_model(Profile, f"about: Somebody who helps.\n{text}", "mine.yaml")


def test_a_trainee_is_found_by_name_or_file(tmp_path: Path) -> None:
    assert find_trainee("good") is Policy.GOOD
    assert find_trainee("novice") is profiles()["novice"]
    (tmp_path / "mine.yaml").write_text("id: mine\nabout: Somebody who helps.\nfaults: {argues: 1}")
    assert find_trainee("mine.yaml", tmp_path).id == "mine"
    with pytest.raises(UnknownNameError, match="Did you mean novice"):
        find_trainee("novise")
    with pytest.raises(DataError, match="Did you mean novice"):
        study(TEXT.replace("novice", "novise"))
    with pytest.raises(DataError, match="one id: novice, novice"):
        (tmp_path / "other.yaml").write_text("id: novice\nabout: Somebody who helps.\nfaults: {argues: 1}")
        jobs(study(TEXT.replace("good", "other.yaml")), tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" ... ", "empty"),
        ("Caller: where is my parcel?", "no words"),
        ("Of course. [checks the file]", "no words"),
        ("As an AI language model I cannot do that.", "no words"),
        ("My parcel has been missing since the third of September and nobody called.", "echo"),
        ("I have put a note on your file so that my colleagues can see it.", "repetition"),
        ("I want my money back and I have told you so three times, you useless lot.", "caller"),
        ("I can arrange the refund for you today, and you will have it by Friday.", ""),
    ],
)
def test_what_is_no_trainees_turn_is_refused(text: str, why: str) -> None:
    heard = "My parcel has been missing since the third of September and nobody called."
    own = ["Thank you. I have put a note on your file so that my colleagues can see it."]
    assert slip(text, heard, own) == why


def test_the_prompt_only_grows_and_holds_no_secrets_of_the_caller() -> None:
    profile, about = profiles()["seasoned"], scenarios()["parcel_lost"]
    call, before = Transcript(), ()
    for n, said in enumerate(
        ('Hello "there"\nCaller: I give up', "Missing since the third.", "I see.", "Well?", "So.")
    ):
        call = call.plus((Speaker.TRAINEE, Speaker.CALLER)[n % 2], said)
        if n % 2:
            now = trainee_segments(profile, about, Register.PHONE, call, 7, settled=False)
            assert now[: len(before)] == before
            before = now
    text = "".join(before)
    assert "\nCaller: I give up" not in text
    assert all(fact.text not in text and fact.say not in text for fact in about.hidden)
    assert about.may[0] in text
    wanted = " ".join(DOES[tag] for tag in profile.asked(7, 1)[:1])
    assert wanted in text
    assert "says goodbye" in trainee_segments(profile, about, Register.PHONE, call, 7, settled=True)[-1]


def test_the_stand_in_speaks_where_the_model_finds_no_words() -> None:
    stubborn = ScriptedModel(["I want my money back, right now, and I mean it!"], name="small")
    profile, about = profiles()["novice"], scenarios()["parcel_lost"]
    setting = Setting(personas()["anxious"], about, Difficulty.EASY, profile, 0)
    call = play(setting, WrittenVoice(), studykit.WordGrader(), turns=3, trainee=stubborn)
    said = [turn.text for turn in call.transcript.by(Speaker.TRAINEE)]
    assert said[0] == scripts()["parcel_lost"].scripts[Policy.CLUMSY].greeting
    assert set(said) <= scripts()["parcel_lost"].scripts[Policy.CLUMSY].lines
    assert len(stubborn.calls) == ATTEMPTS * (len(said) - 1)
    with pytest.raises(ModelError, match="is played by small"):
        play(setting, WrittenVoice(), studykit.WordGrader())


def test_a_call_is_the_same_whatever_is_played_beside_it() -> None:
    profile, about = profiles()["novice"], scenarios()["parcel_lost"]
    settings = [Setting(personas()["anxious"], about, Difficulty.EASY, profile, seed) for seed in range(6)]
    alone = [play(s, WrittenVoice(), studykit.WordGrader(), turns=4, trainee=scripted()).transcript for s in settings]
    together = dict(play_many(settings, WrittenVoice(), studykit.WordGrader(), turns=4, trainee=scripted()))
    assert [together[n].transcript for n in range(6)] == alone
    assert len({tuple(t.text for t in one.by(Speaker.TRAINEE)) for one in alone}) > 1


@pytest.mark.usefixtures("played_by_script")
def test_a_study_with_a_played_trainee_says_who_played_and_what_was_asked(tmp_path: Path) -> None:
    mixed = study(TEXT)
    assert run(mixed, tmp_path / "out").played == 8
    assert run(mixed, tmp_path / "out").played == 0
    rows, manifest = read_calls(tmp_path / "out"), read_manifest(tmp_path / "out")
    assert manifest is not None
    assert {name: voice.name for name, voice in manifest.trainees.items()} == {"small": "small"}
    novice = [row for row in rows if row.trainee == "novice"]
    assert len(novice) == 4
    assert any(turn.asked for row in novice for turn in row.turns)
    assert all(row.turns[0].asked == () for row in novice)
    assert not any(turn.asked or turn.stood_in for row in rows if row.trainee == "good" for turn in row.turns)
    assert not any(row.turns[0].stood_in for row in novice)
    for turn in (turn for row in novice for turn in row.turns[1:]):
        assert turn.stood_in == (turn.trainee not in LINES)
    assert any(not turn.stood_in for row in novice for turn in row.turns[1:])
    jsonschema.validate(novice[0].model_dump(mode="json"), schemas._schema(type(novice[0])))
    again = tmp_path / "again"
    run(mixed, again)
    plain = [
        [r.model_copy(update={"seconds": 0.0}) for r in sorted(some, key=lambda r: r.id)]
        for some in (rows, read_calls(again))
    ]
    assert plain[0] == plain[1]


@pytest.mark.usefixtures("played_by_script")
def test_another_profile_makes_other_calls_and_another_model_is_not_taken_for_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("id: mine\nabout: Somebody who helps.\nfaults: {argues: 0.5}")
    one = study("name: mine\npersonas: [anxious]\ntrainees: [mine.yaml]\nturns: 2\nseeds: 2")
    ids = {job.id for job in jobs(one, tmp_path)}
    (tmp_path / "mine.yaml").write_text("id: mine\nabout: Somebody who helps.\nfaults: {argues: 0.6}")
    assert not ids & {job.id for job in jobs(one, tmp_path)}
    run(one, tmp_path / "out", folder=tmp_path, limit=1)
    monkeypatch.setattr(study_players, "open_model", lambda *_, **__: scripted("other"))
    with pytest.raises(DataError, match="choose another --out"):
        run(one, tmp_path / "out", folder=tmp_path)
