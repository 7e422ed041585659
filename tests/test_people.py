"""A grader beside the people who rated the same turns: agreement with one rater, by hand where that can be done."""

from __future__ import annotations

import json
from pathlib import Path

import clikit
import numpy as np
import pytest
from numpy.typing import NDArray

from eval import bench_evaluator, public_ratings
from eval.intervals import plain
from eval.people import compare, furthest, linked, spearman, weighted
from eval.ratings import ColumnMap, Rated, rated_turns
from simulator.assessment import Assessment, DimensionScore
from simulator.calibration.agreement import kappa
from simulator.errors import DataError
from simulator.models.scripted import ScriptedModel
from simulator.vocabulary import Dimension
from simulator.yamlfile import parse_model, read_model

ONE = "text: said\ncall: call\nquestions: {warmth: {about: empathy, column: [a, b, c], scale: [1, 5]}}\n"
ALL = "text: said\ncall: call\nof: call\nquestions: {warmth: {about: empathy, column: [a, b, c], scale: [5, 1]}}\n"


def rows(tmp_path: Path, given: NDArray[np.float64], calls: list[str] | None = None) -> Path:
    """A file with a row for each row of ratings; the turns grow longer."""
    path = tmp_path / "ratings.jsonl"
    names = calls or [f"call {n}" for n in range(len(given))]
    told = [
        {
            "call": name,
            "said": "well " * (n + 1),
            **dict(zip("abc", (None if np.isnan(v) else v for v in row), strict=False)),
        }
        for n, (name, row) in enumerate(zip(names, given, strict=True))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in told), encoding="utf-8")
    return path


def graded(values: list[float | None]) -> list[Assessment]:
    """Turns with these expected levels of empathy, and no other level."""
    none = DimensionScore(confidence=1.0, reason="not looked at")
    return [
        Assessment(
            scores=dict.fromkeys(Dimension, none)
            | {
                Dimension.EMPATHY: none
                if v is None
                else DimensionScore(level=min(5, max(1, round(v))), value=v, confidence=1.0)
            }
        )
        for v in values
    ]


def read(path: Path, text: str) -> tuple[list[Rated], ColumnMap]:
    columns = parse_model(ColumnMap, text, "map.yaml")
    return rated_turns(path, columns), columns


def raters(count: int, noise: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the turns are worth (1-5), and three raters' ratings that scatter about it."""
    draw = np.random.default_rng(seed)
    worth = draw.uniform(1, 5, count)
    return worth, np.clip(np.round(worth[:, None] + draw.normal(0, noise, (count, 3))), 1, 5)


def test_figures_are_those_of_other_code() -> None:
    from scipy.stats import spearmanr

    _, given = raters(60, 1.0)
    a, b = given[:, 0], given[:, 1]
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert weighted(a, b) == pytest.approx(kappa(a.astype(int).tolist(), b.astype(int).tolist()))
    assert np.isnan(spearman(a, np.full(60, 3.0)))
    gaps = np.where(np.arange(60) % 2, np.nan, a)
    assert spearman(gaps, b) == pytest.approx(spearmanr(a[::2], b[::2]).statistic)


def test_linking_takes_the_rating_at_the_same_percentile_of_the_other_half() -> None:
    values = np.array([0.1, 0.2, 0.3, 0.4, 10.0, 20.0, 30.0, 40.0])
    ratings = np.array([[1.0], [2.0], [4.0], [5.0], [1.0], [1.0], [5.0], [5.0]])
    half = np.arange(8) < 4
    # Whatever the first half holds stands below all values of the second, and the other way round.
    assert linked(values, ratings, half).tolist() == [1, 1, 1, 1, 5, 5, 5, 5]
    same = np.concatenate([values[:4], values[:4]])
    assert linked(same, ratings, half).tolist() == [1, 1, 5, 5, 1, 2, 4, 5]


def test_no_rating_helps_to_place_itself() -> None:
    worth, given = raters(40, 0.5)
    half = np.arange(40) % 2 == 0
    other = given.copy()
    other[half] = 6 - other[half]
    assert linked(worth, given, half)[half].tolist() == linked(worth, other, half)[half].tolist()


def test_a_grader_who_knows_the_worth_is_ahead_of_noisy_people(tmp_path: Path) -> None:
    worth, given = raters(120, 1.2)
    rated, columns = read(rows(tmp_path, given), ONE)
    found = compare(rated, graded(worth.tolist()), columns, resamples=100)["warmth"]
    assert (found.about, found.raters, found.n, found.without) == (Dimension.EMPATHY, 3, 120, 0)
    assert found.people is not None and found.ahead is not None
    assert found.ahead.rho.low is not None and found.ahead.rho.low > 0
    assert found.ahead.kappa.low is not None and found.ahead.kappa.low > 0
    # With the mean of all three it agrees more than with one of them.
    assert (found.grader.rho_with_mean.value or 0) > (found.grader.rho.value or 0) + 0.05  # type: ignore[union-attr]
    assert abs(found.length.rho.value or 0) < 0.2
    pairs = [spearman(given[:, i], given[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.people.rho.value == pytest.approx(np.mean(pairs))


def test_a_rater_of_their_own_kind_is_level_with_the_others(tmp_path: Path) -> None:
    _, given = raters(400, 1.0)
    draw = np.random.default_rng(1)
    worth, _ = raters(400, 1.0)
    fourth = np.clip(worth + draw.normal(0, 1.0, 400), 1, 5)
    rated, columns = read(rows(tmp_path, given), ONE)
    found = compare(rated, graded(fourth.tolist()), columns, resamples=100)["warmth"]
    assert found.ahead is not None and found.ahead.rho.value == pytest.approx(0, abs=0.06)
    assert found.ahead.kappa.value == pytest.approx(0, abs=0.06)


def test_calls_are_rated_as_wholes_and_the_scale_is_turned(tmp_path: Path) -> None:
    calls = [f"call {n // 2}" for n in range(40)]
    given = np.repeat(np.array([[n % 5 + 1, n % 5 + 1, 3.0] for n in range(20)]), 2, axis=0)
    rated, columns = read(rows(tmp_path, given, calls), ALL)
    worth = [6 - (n // 2 % 5 + 1) for n in range(40)]
    # One turn of each call says less, the other more: only their mean ranks the calls; where one has none, the other does.
    values: list[float | None] = [min(5.0, max(1.0, w + (0.4 if n % 2 else -0.4))) for n, w in enumerate(worth)]
    values[0] = None
    values[2] = values[3] = None
    found = compare(rated, graded(values), columns, resamples=50)["warmth"]
    assert (found.n, found.without, found.grader.rho.n) == (20, 1, 19)
    assert found.grader.rho.value == pytest.approx(1, abs=0.02)  # the third rater never varies, and does not count


def test_ratings_of_a_call_must_be_the_same_in_its_rows(tmp_path: Path) -> None:
    path = rows(tmp_path, np.array([[1.0, 2, 3], [1, 2, 4]]), ["d1", "d1"])
    with pytest.raises(DataError, match="rows 1 and 2 are of one call, 'd1', and have other ratings"):
        read(path, ALL)
    assert len(read(path, ONE)[0]) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text: said", "neither a dimension nor a question"),
        (ALL.replace("call: call\n", "", 1), "need `call`"),
        (ONE.replace("warmth", "empathy"), "cannot be called 'empathy'"),
        (ONE.replace("about: empathy", "about: warmth"), "about"),
        (ONE.replace("[1, 5]", "[5, 5]"), "no steps"),
    ],
)
def test_a_map_of_questions_that_cannot_be_is_told(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parse_model(ColumnMap, text, "map.yaml")


def test_several_raters_of_a_dimension_make_one_level(tmp_path: Path) -> None:
    path = rows(tmp_path, np.array([[1.0, 2, np.nan], [np.nan, np.nan, np.nan]]))
    rated, _ = read(path, "text: said\ncall: call\ndimensions: {empathy: [a, b, c]}\n")
    assert [r.turn.levels[Dimension.EMPATHY] for r in rated] == [2, None]
    assert rated[0].given == {"empathy": (1, 2, None)}


def test_what_is_furthest_apart_comes_first(tmp_path: Path) -> None:
    worth, given = raters(40, 0.2)
    low, high = int(np.argmin(worth)), int(np.argmax(worth))
    values = worth.tolist()
    values[low] = 5.0
    rated, columns = read(rows(tmp_path, given), ONE)
    first, *rest = furthest(rated, graded(values), columns)
    assert first.turns == (rated[low],) and (first.question, first.grader) == ("warmth", 5.0)
    assert first.higher > 0.9 and first.people < 2 and len(rest) == 39
    values[high] = None
    assert all(a.turns != (rated[high],) for a in furthest(rated, graded(values), columns))


def test_one_rater_has_nobody_to_agree_with(tmp_path: Path) -> None:
    worth, given = raters(30, 0.5)
    rated, columns = read(rows(tmp_path, given), ONE.replace("[a, b, c]", "a"))
    found = compare(rated, graded(worth.tolist()), columns, resamples=20)["warmth"]
    assert found.people is None and found.ahead is None and (found.grader.rho.value or 0) > 0.8


def test_the_bench_prints_people_and_grader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_evaluator, "open_evaluator", lambda *_: (clikit.evaluator(), ScriptedModel()))
    _, given = raters(24, 0.8)
    path, output = rows(tmp_path, given), tmp_path / "figures.json"
    (tmp_path / "map.yaml").write_text(ONE.replace("empathy", "calmness"), encoding="utf-8")
    rest = {"evaluator": "small", "model": None, "turn_by_turn": False, "worst": 2, "output": output}
    bench_evaluator.main(calls=None, ratings=path, columns=tmp_path / "map.yaml", limit=20, **rest)  # type: ignore[arg-type]
    told = capsys.readouterr().out
    assert "people (3)" in told and "grader minus people" in told and "length in words" in told
    assert told.count("the grader ranks it") == 2 and "trainee: well" in told
    figures = json.loads(output.read_text())
    assert list(figures) == ["beside people"]
    grader = clikit.evaluator()
    rated, columns = read(path, (tmp_path / "map.yaml").read_text())
    ours = [grader.grade(r.turn.turn, r.turn.before, r.turn.brief) for r in rated[:20]]
    assert figures["beside people"] == plain(compare(rated[:20], ours, columns))


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_public_files_become_rows_that_their_map_reads(tmp_path: Path) -> None:
    for e in public_ratings.EXPERTS:
        write(tmp_path / f"annotations/empatheticdialogues/{e}_ratings.csv", "conv_id,empathy,relevance", "c1,4,5")
        write(
            tmp_path / f"annotations/epitome/{e}_ratings.csv",
            "sp_id,rp_id,level_emotional_reactions,level_interpretations",
            "s1,r1,2,0",
        )
    write(
        tmp_path / "original_data/sample_empatheticdialogues.csv",
        "conv_id,utterance_idx,speaker_idx,utterance",
        "c1,1,7,My dog_comma_ he died.",
        "c1,2,9,Oh no_comma_ I am sorry.",
        "c1,3,7,He was old.",
        "c1,4,9,How old?",
    )
    write(tmp_path / "original_data/sample_epitome.csv", "rp_id,seeker_post,response_post", "r1,I am tired.,Hold on.")
    write(
        tmp_path / "original_data/sample_lend_an_ear_conversations.csv",
        "conversation_id,full_conversation",
        '20,"Seeker: I lost my job.\nSupporter: What happened?\n\nSeeker: They cut it.\nSupporter: That is hard.\nTruly."',
    )
    write(
        tmp_path / "annotations/combined_annotations_across_methods_and_datasets.csv",
        "lend_an_ear_conversation_id,validating_emotions,demonstrating_understanding,dismissing_emotions,advice_giving,annotation_method",
        *(f"20,3.0,2.0,1.0,{n}.0,{e}" for n, e in enumerate((*public_ratings.EXPERTS, "llm"), 1)),
    )
    write(
        tmp_path / "wikipedia.annotated.csv",
        "Community,Id,Request,Score1,Score2,Score3,Score4,Score5,Normalized Score",
        'Wikipedia,7,"Could you, please?",21,25,17,13,19,1.2',
    )
    found = {}
    for name in public_ratings.Set:
        out = tmp_path / f"{name.value}.jsonl"
        public_ratings.main(name, tmp_path, out, None)
        columns = read_model(ColumnMap, Path(public_ratings.__file__).parent / "public_data" / f"{name.value}.yaml")
        found[name] = rated_turns(out, columns)
    talk = found[public_ratings.Set.EMPATHETIC_DIALOGUES]
    assert [(r.turn.turn.text, len(r.turn.before)) for r in talk] == [("Oh no, I am sorry.", 1), ("How old?", 3)]
    (answer,) = found[public_ratings.Set.EPITOME]
    assert answer.given == {"emotional reactions": (2, 2, 2), "interpretations": (0, 0, 0)}
    ear = found[public_ratings.Set.LEND_AN_EAR]
    assert [r.turn.turn.text for r in ear] == ["What happened?", "That is hard.\nTruly."]
    assert ear[1].given["not dismissing emotions"] == (5, 5, 5) and ear[1].given["giving advice"] == (1, 2, 3)
    (request,) = found[public_ratings.Set.POLITENESS]
    assert request.given == {"politeness": (21, 25, 17, 13, 19)} and not request.turn.before.turns


def test_a_public_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no wikipedia\.annotated\.csv"):
        public_ratings.main(public_ratings.Set.POLITENESS, tmp_path, tmp_path / "out.jsonl", None)
