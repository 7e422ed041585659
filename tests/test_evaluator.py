"""The evaluator: what it says of a turn holds together, is quoted verbatim, claims only what is there, and resists tricks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from eval import reading as readings
from eval.attacks import TEST, attacks
from eval.bench_attacks import BOUND, rises
from eval.bench_evaluator import disagreements, graded_at_once
from eval.compare_graders import curve
from eval.corpus import GradedTurn, graded_turns, is_test
from eval.measures import kappa, measure
from eval.token_reader import TokenReader
from eval.train_evaluator import fit_steps, targets
from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.evaluator import heads as shipped
from simulator.evaluator.gates import WORDLESS, capped, said_once, wordless
from simulator.evaluator.grader import SILENT, Evaluator
from simulator.evaluator.heads import OUTPUTS
from simulator.evaluator.peaks import PEAKS, peaks
from simulator.evaluator.rationale import MARKS, claimable, needed, rationale
from simulator.evaluator.reading import Reading, read_call, read_turn
from simulator.evaluator.signals import COUNT, signals
from simulator.models import LocalModel, ensure
from simulator.models.scripted import ScriptedModel
from simulator.scenario import Brief
from simulator.transcript import Speaker, Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Technique

BRIEF = Brief("a shop", "A kettle never came.", ("Paid £40 on 3 May.",), ("May refund £40.",))


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    model = LocalModel(ensure("small"))
    yield Evaluator(model, shipped.load("small"))
    model.close()


@pytest.fixture(scope="module")
def held_out() -> list[GradedTurn]:
    """Every thirteenth held-out call."""
    calls = [list(g) for _, g in groupby((t for t in graded_turns() if is_test(t.call)), key=lambda t: t.call)]
    return [t for call in calls[::13] for t in call]


@pytest.fixture(scope="module")
def graded(evaluator: Evaluator, held_out: list[GradedTurn]) -> list[tuple[GradedTurn, Assessment]]:
    return [(t, evaluator.grade(t.turn, t.before, t.brief, cache_key=t.call)) for t in held_out]


@pytest.mark.model
def test_it_agrees_with_reference_labels_on_calls_it_has_not_seen(graded):
    figures = measure(graded, resamples=20)
    assert len(graded) > 80
    for name, found in figures["dimensions"].items():
        if found["n"] >= 30:
            assert found["kappa"] > 0.6, (name, found)
            assert found["applies"] > 0.85, (name, found)
    assert figures["any_unsure"] < 0.6


@pytest.mark.model
def test_every_quote_is_verbatim_and_every_score_is_whole(graded):
    for turn, grades in graded:
        for e in grades.evidence:
            assert turn.turn.text[e.start : e.start + len(e.quote)] == e.quote
        for d, score in grades.scores.items():
            if score.level is None:
                assert (score.value, score.rationale, score.needed) == (None, "", "")
                assert score.reason
                continue
            assert sum(score.probabilities) == pytest.approx(1, abs=0.01)
            assert abs(score.value - score.level) <= 0.51
            assert any(e.about is d for e in grades.evidence)
            assert (score.needed == "") == (score.level == 5)


@pytest.mark.model
def test_no_rationale_claims_what_the_turn_does_not_contain(graded):
    phrases = {
        "apologises": Technique.APOLOGISES,
        "asks a relevant question": Technique.ASKS_CLARIFYING_QUESTION,
        "gives a time": Technique.GIVES_TIMEFRAME,
        "thanks the caller": Technique.THANKS_CALLER,
        "checks that the caller": Technique.CHECKS_SATISFACTION,
        "gives a choice": Technique.OFFERS_OPTIONS,
    }
    read = 0
    for turn, grades in graded:
        for score in grades.scores.values():
            claims = score.rationale.split("(“")[0]
            for phrase, tag in phrases.items():
                if phrase in claims:
                    read += 1
                    assert tag in grades.tags
                    assert MARKS[tag].search(turn.turn.text), (claims, turn.turn.text)
            for quote in score.rationale.split("“")[1:]:
                words = quote.split("”")[0].removesuffix(" …")
                assert words in " ".join(turn.turn.text.split())
            for quote in score.needed.split("had just said: “")[1:]:
                words = quote.split("”")[0].removesuffix(" …")
                assert words in " ".join(turn.before.last(Speaker.CALLER).text.split())
    assert read > 20


@pytest.mark.model
def test_one_pass_over_a_call_reads_what_turn_by_turn_reads(evaluator, held_out):
    call = [t for t in held_out if t.call == held_out[0].call]
    whole = Transcript((*call[-1].before.turns, call[-1].turn))
    model, layers = evaluator._model, evaluator._heads.layers
    at_once = read_call(model, [t.turn for t in call], whole, call[0].brief, layers=layers)
    for turn, one in zip(call, at_once, strict=True):
        alone = read_turn(model, turn.turn, turn.before, turn.brief, layers=layers)
        assert (one.segment, one.offsets) == (alone.segment, alone.offsets)
        if model.even:
            assert np.array_equal(one.vector, alone.vector) and np.array_equal(one.tokens, alone.tokens)
        assert np.allclose(one.vector, alone.vector, atol=0.1 * np.abs(alone.vector).max())


@pytest.mark.model
def test_the_tokens_shares_point_where_taking_words_away_points(evaluator):
    before = Transcript().plus(Speaker.CALLER, "I paid on 3 May and it never came. I am furious.")
    bad, good = "Calm down, will you, you're being ridiculous.", "I'm refunding your £40 now, it is with you by Friday."
    both = evaluator.grade(Turn(1, Speaker.TRAINEE, f"{bad} {good}"), before, BRIEF)
    quoted = {e.about: e.quote for e in both.evidence}
    assert quoted[Dimension.CALMNESS] == bad
    without = evaluator.grade(Turn(1, Speaker.TRAINEE, good), before, BRIEF)
    assert without.value(Dimension.CALMNESS) > both.value(Dimension.CALMNESS)


@pytest.mark.model
def test_tricks_win_nothing_on_average(evaluator):
    """Two attacks of each family, from the half that no training has seen; `simulator bench attacks` does them all."""
    chosen = [
        a
        for _, g in groupby(
            sorted((a for a in attacks() if a.split == TEST), key=lambda a: a.family), key=lambda a: a.family
        )
        for a in list(g)[:2]
    ]
    pairs = [(a, *(evaluator.grade(s.turn, s.before, s.brief) for s in (a.twin, a.attack))) for a in chosen]
    found = rises(pairs)
    assert len(found) == 12
    for d in Dimension:
        moved = [row[d.value] for row in found.values() if d.value in row]
        if moved:
            assert np.mean(moved) <= BOUND


@pytest.mark.model
def test_a_turn_in_which_nothing_is_said_has_no_grade(evaluator):
    given = evaluator.grade(Turn(0, Speaker.TRAINEE, " \u200b \u2060"), Transcript(), BRIEF)
    assert all(s.level is None and s.reason == SILENT for s in given.scores.values())


def test_the_heads_that_ship_are_small_whole_and_the_same_after_a_round_trip(tmp_path):
    for base in ("small", "standard"):
        heads = shipped.load(base)
        shipped.write(heads, tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").stat().st_size < 40e6
        again = shipped.read(tmp_path / "again.safetensors")
        assert all(
            np.array_equal(getattr(heads, n), getattr(again, n))
            for n in ("project", "anchors", "duals", "cuts", "lower")
        )
        turn = some_turn(heads)
        assert np.array_equal(heads.hear(turn).scores, again.hear(turn).scores)


def some_turn(heads: shipped.Heads, nearer: float = 0.0) -> Reading:
    """Twelve tokens drawn about the mean, and then moved nearer to it by that share."""
    size = len(heads.reader)
    drawn = np.random.default_rng(0).normal(0, 0.3 * np.sqrt(size) / 40, (12, size)).astype(np.float32)
    tokens = heads.mean[:size] + (1 - nearer) * heads.scale[:size] * drawn
    return Reading("", tokens.astype(np.float32), (), heads.mean[size : 2 * size], heads.mean[2 * size :])


def test_shares_are_the_slope_of_the_score():
    heads = shipped.load("small")
    turn = some_turn(heads)
    heard = heads.hear(turn)
    shares = heard.shares(range(OUTPUTS))
    # All tokens a little nearer to the mean, and so all peaks: the score moves by that much of what all tokens share, but
    # for the peaks' own means, which stay.
    still = np.concatenate([np.zeros(heads.project.shape[1], np.float32), heads.peaks_mean / heads.peaks_scale])
    slope = 2 * heads.width[0] * ((heads.anchors - heard.place).T @ (heard.alike[:, None] * heads.duals))
    moved = heard.scores - heads.hear(some_turn(heads, nearer=0.01)).scores
    assert np.allclose(moved, 0.01 * (shares.sum(axis=0) + still @ slope / 2), atol=1e-4)
    assert np.allclose(heard.shares([7, 2]), shares[:, [7, 2]], atol=1e-6)


def test_peaks_are_what_the_mean_over_a_turn_hides():
    quiet, loud = np.zeros((10, 2), np.float32), np.zeros((10, 2), np.float32)
    loud[6] = [3.0, -3.0]
    added = peaks(loud)
    assert added.sum(axis=0).reshape(PEAKS, 2)[:, 0] == pytest.approx([1.0, 0.0, 1.5, 0.0, 0.9])
    assert added.sum(axis=0).reshape(PEAKS, 2)[:, 1] == pytest.approx([0.0, -1.0, 0.0, -1.5, 0.9])
    assert np.flatnonzero(added.any(axis=1)).tolist() == list(range(10))  # the spread is everybody's
    assert np.flatnonzero(added[:, :8].any(axis=1)).tolist() == [6]
    assert not peaks(quiet).any()


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_peaks_of_a_turn_of_any_length_are_its_extremes(length, seed):
    scores = np.random.default_rng(seed).normal(size=(length, 3)).astype(np.float32)
    highest, lowest, top, bottom, spread = peaks(scores).sum(axis=0).reshape(PEAKS, 3)
    means = np.array([scores[max(0, i - 1) : i + 2].mean(axis=0) for i in range(length)])
    assert highest == pytest.approx(means.max(axis=0), abs=1e-5)
    assert lowest == pytest.approx(means.min(axis=0), abs=1e-5)
    few = max(1, length // 5)
    ordered = np.sort(scores, axis=0)
    assert top == pytest.approx(ordered[-few:].mean(axis=0), abs=1e-5)
    assert bottom == pytest.approx(ordered[:few].mean(axis=0), abs=1e-5)
    assert spread == pytest.approx(scores.std(axis=0), abs=1e-5)


def test_readers_of_tokens_have_not_met_the_writers_whose_turns_they_read():
    rng = np.random.default_rng(1)
    groups, told = np.repeat(np.arange(3), 20), rng.normal(size=(60, OUTPUTS))
    # A group's turns carry a mark of their own that tells the answer: who has seen the group reads it, nobody else does.
    turns = []
    for group, row in zip(groups, told, strict=True):
        states = rng.normal(0, 0.1, (8, 30)).astype(np.float32)
        states[3, group * 10 : group * 10 + 10] += row[:10]
        turns.append(Reading("", states, (), states[0], np.zeros(COUNT, np.float32)))
    means = np.array([t.tokens.mean(axis=0) for t in turns])
    found = TokenReader(turns, means, told, groups)
    met = np.array([peaks((t.tokens - means.mean(axis=0)) @ found.reader()).sum(axis=0) for t in turns])
    highest = found.peaks()

    def heard(seen):
        return np.mean([np.corrcoef(seen[:, i], told[:, i])[0, 1] for i in range(10)])

    assert heard(met) > 0.6
    assert abs(heard(highest)) < 0.3
    assert not np.allclose(highest[groups == 0], found.peaks(unseen=1)[groups == 0])
    assert np.allclose(highest[groups == 1], found.peaks(unseen=1)[groups == 1])


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_signals_are_finite_numbers_for_any_text(text):
    before = Transcript().plus(Speaker.TRAINEE, text).plus(Speaker.CALLER, text[::-1])
    found = signals(Turn(2, Speaker.TRAINEE, text), before, BRIEF)
    assert found.shape == (COUNT,)
    assert np.isfinite(found).all()


def test_a_scripted_model_is_read_like_a_real_one():
    before = Transcript().plus(Speaker.CALLER, "Where is it?")
    reading = read_turn(ScriptedModel(), Turn(1, Speaker.TRAINEE, "I look it up now."), before, BRIEF, layers=(2, 4))
    assert reading.tokens.shape == (len(reading.offsets), 32)
    assert reading.vector.shape == (64 + COUNT,)
    assert np.isfinite(reading.vector).all()
    assert reading.segment.startswith("Agent: ")


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("I am sorry. I check it now. I AM SORRY! I am sorry.", "I am sorry. I check it now."),
        ("No, no. No, no.", "No, no. No, no."),
        ("Nothing twice here.", "Nothing twice here."),
    ],
)
def test_what_is_said_again_counts_once(text, once):
    assert said_once(text) == once


@given(st.text(max_size=300))
def test_saying_once_never_adds_words(text):
    assert len(said_once(text)) <= len(text)
    assert said_once(said_once(text)) == said_once(text)


def test_a_turn_without_words_can_have_little():
    full = Assessment(scores={d: DimensionScore(level=5, value=5.0, confidence=0.9) for d in Dimension})
    for text in ("...", "👍", "?!", "k"):
        assert wordless(text)
    for text in ("ok", "no.", "7", "да"):
        assert not wordless(text)
    assert capped(full).levels == WORDLESS


def test_what_is_needed_names_only_what_is_missing():
    told = {Technique.SUMMARISES, Technique.CHECKS_SATISFACTION}
    text = "So a new kettle comes on Friday. Is that all right?"
    words = needed(Dimension.CLOSING, 4, told, text, "")
    assert "thanks for something particular" in words
    assert "recap" not in words
    assert "a check" not in words
    assert needed(Dimension.CLOSING, 5, told, text, "") == ""
    assert "“My mother died here.”" in needed(Dimension.EMPATHY, 3, set(), "I see.", "Well. My mother died here.")


def test_a_tag_without_its_mark_in_the_words_is_not_claimed():
    told = {Technique.APOLOGISES, Fault.SARCASM}
    assert not claimable(Technique.APOLOGISES, told, "Fine.")
    assert claimable(Technique.APOLOGISES, told, "I'm sorry about the kettle.")
    said = rationale(Dimension.EMPATHY, 4, told, (Evidence(about=Dimension.EMPATHY, quote="Fine.", start=0),), "Fine.")
    assert "apologises" not in said
    assert said.endswith("(“Fine.”).")


def test_kappa_counts_only_turns_that_both_sides_grade():
    assert kappa(np.array([1, 2, 3, 4, 5, 0]), np.array([1, 2, 3, 4, 5, 3])) == pytest.approx(1)
    assert np.isnan(kappa(np.array([0, 0]), np.array([3, 0])))


@pytest.mark.model
def test_disagreements_come_furthest_first(held_out):
    few = held_out[:12]
    found = disagreements(list(zip(few, graded_at_once("small", few), strict=True)))
    apart = [abs((a.value(d) or 0) - (t.levels[d] or 0)) for t, a, d in found]
    assert apart == sorted(apart, reverse=True)


@pytest.mark.parametrize("base", ["small", "standard"])
def test_shipped_heads_load_and_their_steps_rise(base):
    heads = shipped.load(base)
    assert heads.base == base
    assert (np.diff(heads.steps, axis=1) > 0).all()
    assert (heads.steps > 1).all() and (heads.steps < 5).all()


def test_a_level_is_the_stretched_value_rounded():
    heads = shipped.load("small")
    for expected in np.linspace(1, 5, 41):
        low = int(min(expected, 4))
        p = np.zeros((len(heads.steps), 5), np.float32)
        p[:, low - 1], p[:, low] = 1 - (expected - low), expected - low
        for value, steps in zip(heads.values(p), heads.steps, strict=True):
            if np.abs(steps - expected).min() > 1e-3:
                assert int(np.round(value)) == 1 + int((expected >= steps).sum())


def test_steps_are_those_that_agree_best():
    rng = np.random.default_rng(0)
    levels = rng.integers(1, 6, 600).astype(float)
    drawn_in = 3 + 0.6 * (levels - 3) + rng.normal(0, 0.2, 600)  # a regression's: the ends come out too near the middle
    steps = fit_steps(drawn_in, levels)
    plain, fitted = (kappa(levels.astype(int), 1 + np.digitize(drawn_in, at)) for at in ((1.5, 2.5, 3.5, 4.5), steps))
    assert fitted > plain + 0.05


def test_learning_takes_a_reading_in_other_numbers_and_measuring_does_not(tmp_path, monkeypatch):
    first = graded_turns()[0].call
    turns = [t for t in graded_turns() if t.call == first]
    monkeypatch.setattr(readings, "settings", lambda: SimpleNamespace(cache_dir=tmp_path))
    monkeypatch.setattr(readings, "eight_bits", lambda: True)
    opened = []

    def model(*args, **kwargs):
        opened.append(args)
        raise InterruptedError

    monkeypatch.setattr(readings, "LocalModel", model)
    full = readings._kept("small", (1, 2), turns, False)
    full.parent.mkdir()
    half = np.full((3 * len(turns), 4), 0.5, dtype=np.float16)
    save_file({"tokens": half, "lengths": np.full(len(turns), 3), "after": half[: len(turns)]}, full)
    found = readings.vectors("small", (1, 2), turns, either=True)
    assert found.shape == (len(turns), 8 + COUNT)
    assert (found[:, :8] == 0.5).all()
    assert not opened
    with pytest.raises(InterruptedError):
        readings.vectors("small", (1, 2), turns)
    assert len(opened) == 1


def test_the_curve_shows_what_can_be_learned_from_more_writers():
    turns = [t for t in graded_turns() if not is_test(t.call)][::20]
    rng = np.random.default_rng(3)
    told = np.nan_to_num(targets(turns)[:, :8], nan=3.0)
    seen = np.concatenate([told + rng.normal(0, 1.5, told.shape), rng.normal(0, 1, (len(turns), 8))], axis=1)
    table = curve(
        "small", turns, np.concatenate([seen, rng.normal(0, 1, (len(turns), COUNT))], axis=1).astype(np.float32)
    )
    sizes, calm = ([float(c) for c in table.columns[n].cells] for n in (1, 2))
    assert sizes == sorted(sizes)
    assert len(sizes) == 4
    assert 0.2 < calm[0] < calm[-1] < 0.95
