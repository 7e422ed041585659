"""What studies count: figures with a known answer come out as that answer, on rows made by hand and on calls played."""

from __future__ import annotations

import json
from itertools import pairwise
from math import isnan
from random import Random

import numpy as np
import pytest
import studykit

from eval.intervals import FLIPS, Estimate, holm, mean, paired, plain, share, statistic, trend, wilson
from eval.study_compare import differences, major
from eval.study_measures import (
    MEASURES,
    SHOWS,
    dial,
    dose_response,
    dose_trajectories,
    outcomes,
    responses,
    to_resolution,
    trajectory,
)
from eval.study_rows import CallRow, LevelsRow, Manifest, StateRow, TurnRow
from eval.study_tables import markdown, measured
from eval.study_techniques import FEWEST, effects, sensitivity
from eval.study_words import conduct, divergence, diversity, icc, sameness, written_distance
from simulator.persona import Start, Traits


def state(agitation: float = 5.0, trust: float = 5.0, patience: float = 5.0, heard: float = 5.0) -> StateRow:
    return StateRow(agitation=agitation, trust=trust, patience=patience, heard=heard)


def turn(
    caller: str = "I am waiting.", *, intent: str = "vent", tags: tuple[str, ...] = (), at: StateRow | None = None
) -> TurnRow:
    return TurnRow(
        trainee="Good morning.",
        levels=LevelsRow(calmness=3, empathy=None, solution=None, closing=None),
        tags=tags,
        state=at or state(),
        mood="hot",
        intent=intent,
        caller=caller,
        written=True,
        refused=0,
    )


def call(number: int = 0, *turns: TurnRow, **changed: object) -> CallRow:
    fields: dict[str, object] = {
        "id": f"{number:016x}",
        "condition": "as shipped",
        "persona": "anxious",
        "scenario": f"scenario_{number}",
        "difficulty": "easy",
        "trainee": "good",
        "seed": number,
        "model": "written",
        "evaluator": "small",
        "ending": "resolved",
        "why": "",
        "satisfaction": 4.0,
        "opening": state(),
        "turns": turns or (turn(),),
        "seconds": 1.0,
    }
    return CallRow.model_validate(fields | changed)


def test_wilson_gives_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for hits, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(hits / n, n) == pytest.approx((low, high), abs=5e-5)


def test_calls_that_hang_together_make_a_wider_interval() -> None:
    hits = [True, True, False, False] * 5
    apart, together = share(hits, range(20)), share(hits, [n // 2 for n in range(20)])
    assert apart.value == together.value == 0.5
    assert together.high - together.low > apart.high - apart.low + 0.05
    assert share([True] * 20, [n // 5 for n in range(20)]).low == pytest.approx(wilson(1.0, 4)[0])
    assert share([], []) == Estimate(None, None, None, 0)


def test_a_mean_is_resampled_by_groups_and_needs_enough_of_them() -> None:
    rng = np.random.default_rng(1)
    level = rng.normal(size=40)
    values, groups = np.repeat(level, 5) + rng.normal(scale=0.1, size=200), np.repeat(np.arange(40), 5)
    found = mean(values.tolist(), groups.tolist())
    half = 1.96 * level.std(ddof=1) / np.sqrt(40)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.2)
    assert mean([1.0, 2.0], ["a", "b"]) == Estimate(1.5, None, None, 2)
    middle = statistic(groups.tolist(), lambda rows: float(np.median(values[rows])))
    assert middle.low < middle.value < middle.high


def test_paired_differences_and_their_test() -> None:
    exact = paired([0.0] * 6, [1.0] * 6, range(6))
    assert (exact.value, exact.p, exact.n) == (1.0, 2 / 64, 6)
    assert paired([1.0] * 6, [1.0] * 6, range(6)).p == 1.0
    # Twelve calls of three groups are three differences: no p below 2 / 8.
    assert paired([0.0] * 12, [1.0] * 12, [n % 3 for n in range(12)]).p == 2 / 8
    with pytest.raises(ValueError, match="no pairs"):
        paired([], [], [])


def test_a_trend_is_tested_by_dealing_the_doses_anew() -> None:
    doses = np.array([2.0, 5.0, 8.0])
    # Of 3! orders in each of four groups, all four must be the given or all its reverse to be as steep: 2 in 1,296.
    rising = np.tile([1.0, 2.0, 3.0], (4, 1))
    assert trend(rising, doses, range(4)) == pytest.approx(2 / 1296, rel=0.5)
    assert trend(-rising, doses, range(4)) == trend(rising, doses, range(4))
    assert trend(np.ones((4, 3)), doses, range(4)) == 1.0
    # Twelve sets of two groups are two: no p below 2 / 36.
    assert trend(np.tile([1.0, 2.0, 3.0], (12, 1)), doses, [n % 2 for n in range(12)]) == pytest.approx(2 / 36, rel=0.1)
    assert trend(rising, doses, ["only"] * 4) is None
    # Up and down again is no trend, and nothing is ever impossible.
    assert trend(np.tile([1.0, 9.0, 1.0], (8, 1)), doses, range(8)) == 1.0
    assert trend(np.tile([1.0, 2.0, 3.0], (40, 1)), doses, range(40)) == 1 / (FLIPS + 1)


def test_holm_gives_the_textbook_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


def test_outcomes_and_turns_to_resolution_count_lost_calls() -> None:
    calls = [call(n, *[turn()] * (3 + n)) for n in range(6)]
    calls += [call(10 + n, *[turn()] * 2, ending="hung_up") for n in range(2)]
    found = outcomes(calls)
    assert (found["resolved"].value, found["hung_up"].value) == (0.75, 0.25)
    assert "supervisor" not in found
    told = to_resolution(calls)
    assert [told[f"within {n}"].value for n in (4, 6, 8, 12)] == [0.25, 0.5, 0.75, 0.75]
    assert (told["turns if won"].value, told["turns if won"].n) == (5.5, 6)
    assert outcomes([call(0, ending=None)])["cut off"].value == 1.0


def test_a_call_that_has_ended_keeps_its_last_state() -> None:
    short = call(0, turn(at=state(agitation=1)))
    long = call(1, turn(at=state(agitation=5)), turn(at=state(agitation=7)))
    found = trajectory([short, long])
    assert [row["agitation"].value for row in found] == [5.0, 3.0, 4.0]
    assert [row["running"] for row in found] == [1.0, 0.5, 0.0]


def test_a_step_up_the_dial_is_harder_if_it_is_lost_or_won_later() -> None:
    def at(seed: int, difficulty: str, turns: int, ending: str = "resolved") -> CallRow:
        number = 10 * seed + len(difficulty)
        return call(number, *[turn()] * turns, seed=seed, scenario=f"s{seed}", difficulty=difficulty, ending=ending)

    calls = [at(0, "easy", 4), at(0, "medium", 6), at(0, "hard", 2, "hung_up")]  # harder, harder
    calls += [at(1, "easy", 9, "unresolved"), at(1, "medium", 3, "hung_up"), at(1, "hard", 20)]  # as hard, easier
    calls += [at(2, "medium", 4)]
    found = dial(calls)
    assert {k: (e.value, e.n) for k, e in found.items()} == {
        "harder": (0.5, 4),
        "as hard": (0.25, 4),
        "easier": (0.25, 4),
    }
    assert dial(calls[-1:]) == {}


def dosed(slope: float, noise: float = 0.0) -> list[CallRow]:
    """Ten matched sets at three doses; agitation is 2 + slope * dose, each set at its own height."""
    rng = Random(3)
    return [
        call(
            100 * s + dose,
            turn(at=(at := state(agitation=2 + s / 10 + slope * dose + rng.uniform(-noise, noise)))),
            opening=at,
            condition=f"d{dose}",
            scenario=f"s{s}",
            seed=s,
        )
        for s in range(10)
        for dose in (2, 5, 8)
    ]


DOSES = {"d2": 2.0, "d5": 5.0, "d8": 8.0}


def test_a_dose_response_finds_the_slope_that_was_put_in() -> None:
    found = dose_response(dosed(0.5), "start.agitation", DOSES, "mean agitation")
    assert found.slope.value == pytest.approx(0.5)
    assert found.apart.value == pytest.approx(3.0)
    assert found.apart.p < 0.01
    assert found.p < 0.001
    assert (found.monotone, found.expected, found.holds) == (True, 1, True)
    against = dose_response(dosed(-0.2, noise=0.1), "start.agitation", DOSES, "mean agitation")
    assert (against.monotone, against.holds) == (False, False)
    none = dose_response(dosed(0.0, noise=0.5), "start.agitation", DOSES, "mean agitation")
    assert none.slope.low < 0 < none.slope.high
    assert none.holds is False
    assert none.p > 0.05
    told = responses(dosed(0.5), {"start.agitation": DOSES})
    assert [r.measure for r in told] == ["mean agitation", "won", "turns until won"]
    assert [r.p_holm for r in told] == [pytest.approx(3 * told[0].p), 1.0, 1.0]
    # Sets that miss a dose take no part, and without a whole one there is nothing to tell.
    assert dose_response(dosed(0.5)[1:], "start.agitation", DOSES, "mean agitation").apart.n == 9
    assert dose_response(dosed(0.5), "start.agitation", DOSES | {"d9": 9.0}, "mean agitation") is None


def test_every_dose_has_its_own_trajectory() -> None:
    found = dose_trajectories(dosed(0.5), {"start.agitation": DOSES, "start.trust": {"other": 1.0, "one": 2.0}})
    assert list(found) == ["start.agitation"]
    assert {dose: points[1]["agitation"].value for dose, points in found["start.agitation"].items()} == {
        2.0: pytest.approx(3.45),
        5.0: pytest.approx(4.95),
        8.0: pytest.approx(6.45),
    }


def test_every_trait_and_feeling_of_the_file_promises_something_that_is_measured() -> None:
    fields = {f"traits.{f}" for f in Traits.model_fields} | {f"start.{f}" for f in Start.model_fields}
    assert set(SHOWS) == fields
    assert {measure for measure, _ in SHOWS.values()} <= set(MEASURES)


def test_a_caller_of_patience_2_gives_up_sooner_than_one_of_8() -> None:
    text = "name: p\npersonas: [abusive, anxious, talkative, demanding, indecisive]\n"
    text += "trainees: [hostile, hollow]\nseeds: 2\nsweeps: {patience: [2, 8], hostility: [1, 10]}"
    calls, doses = studykit.played(text), studykit.study(text).doses
    found = {(r.field, r.measure): r for r in responses(calls, doses)}
    patience = found["start.patience", "turns until given up"]
    assert patience.means[8.0] > patience.means[2.0] + 1
    assert patience.holds
    assert found["traits.hostility", "insults"].means[1.0] == 0.0
    assert found["traits.hostility", "insults"].means[10.0] > 0.05


def test_callers_who_speak_alike_are_not_told_apart_and_others_are() -> None:
    def spoken(lines: dict[str, list[str]]) -> list[CallRow]:
        rng = Random(0)
        return [
            call(
                n,
                *[turn(f"{line}, {lines[who][0]}") for line in rng.sample(lines[who], 6)],
                persona=who,
                scenario=f"s{n}",
            )
            for n, who in enumerate([who for who in lines for _ in range(4)])
        ]

    broad = [
        "ya drongo, righto",
        "bloody useless lot",
        "had a gutful of ya",
        "nah mate, rack off",
        "me back is crook",
        "strewth, youse",
    ]
    polite = [
        "I do apologise, dear",
        "would you kindly",
        "how very thoughtful",
        "I am so terribly sorry",
        "perhaps, if I may",
        "thank you ever so",
    ]
    apart = sameness(spoken({"abusive": broad, "anxious": polite}))
    assert apart["within"].value > 0.95
    assert apart["between"].value > 0.95
    mixed = broad + polite
    alike = sameness(spoken({"abusive": mixed, "anxious": mixed}))
    assert 0.2 < alike["between"].value < 0.8
    assert sameness(spoken({"abusive": broad})) == {}


def test_the_share_that_a_persona_explains() -> None:
    assert icc([[1, 1, 1], [5, 5, 5]]) == pytest.approx(1.0)
    assert icc([[1, 5], [1, 5]]) == 0.0
    # Shrout & Fleiss (1979), table 2: four judges of six targets, ICC(1,1) = .17
    rated = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc(rated) == pytest.approx(0.17, abs=0.005)
    assert icc([[1.0], [2.0]]) is None
    assert icc([[3, 3], [3, 3]]) is None
    calls = [
        call(
            n, persona=who, opening=state(agitation=level + n / 100), turns=(turn(at=state(agitation=level + n / 100)),)
        )
        for who, level in (("abusive", 9), ("anxious", 4))
        for n in range(4)
    ]
    assert conduct(calls)["mean agitation"] > 0.99
    assert "insults" not in conduct(calls)


def test_diversity_is_measured_on_as_many_turns_everywhere() -> None:
    once, often = [call(n, turn(f"word{n} other{n}")) for n in range(5)], [call(n, turn("same old")) for n in range(50)]
    found = diversity({"a": once, "b": often})
    assert found["a"] == {"distinct_1": 1.0, "distinct_2": 1.0, "turns": 5}
    assert found["b"]["distinct_1"] == 2 / 10
    assert diversity({}) == {}


def test_divergence_has_its_ends_and_a_floor() -> None:
    assert divergence(["a", "b"], ["b", "a"]) == 0.0
    assert divergence(["a"], ["b"]) == pytest.approx(1.0)
    assert divergence(["a", "a"], ["a", "b"]) == pytest.approx(0.3113, abs=1e-4)
    assert isnan(divergence([], ["a"]))
    corpus = [f"the caller waits for parcel {n % 7} again" for n in range(100)]
    near = written_distance([call(0, *[turn(line) for line in corpus[:40]])], corpus)
    far = written_distance([call(0, *[turn("entirely other words here")] * 40)], corpus)
    assert near["distance"] < far["distance"] == pytest.approx(1.0)
    assert near["floor"] < 0.1


def test_a_technique_moves_by_what_was_put_in() -> None:
    rng = Random(5)
    calls = []
    for n in range(12):
        trust, turns = 5.0, [turn()]
        for _ in range(6):
            tags = tuple(t for t in ("apologises", "argues") if rng.random() < 0.5)
            trust += 0.1 + 0.6 * ("apologises" in tags) - 0.9 * ("argues" in tags)
            turns.append(turn(tags=tags, at=state(trust=trust)))
        calls.append(call(n, *turns))
    found = {e.tag: e.moves["trust"] for e in effects(calls)}
    assert found["apologises"].value == pytest.approx(0.6)
    assert found["argues"].value == pytest.approx(-0.9)
    assert next(e.tag for e in effects(calls)) == "argues"
    assert effects(calls)[0].moves["agitation"].value == pytest.approx(0.0)
    assert effects(calls)[0].p == {
        "agitation": 1.0,
        "trust": pytest.approx(0.0, abs=1e-9),
        "patience": 1.0,
        "heard": 1.0,
    }


def test_what_moves_a_persona_stands_only_after_correction() -> None:
    rng = Random(11)

    def calls_of(who: str, gain: float) -> list[CallRow]:
        found = []
        for n in range(12):
            trust, turns = 5.0, [turn()]
            for _ in range(6):
                tags = tuple(t for t in ("apologises", "argues", "summarises") if rng.random() < 0.5)
                trust += gain * ("apologises" in tags) + rng.gauss(0, 0.5)
                turns.append(turn(tags=tags, at=state(trust=trust)))
            found.append(call(n, *turns, persona=who))
        return found

    found = sensitivity([*calls_of("anxious", 1.0), *calls_of("abusive", 0.0)])
    assert set(found) == {"all", "anxious", "abusive"}
    stands = {(who, e.tag) for who in ("anxious", "abusive") for e in found[who] if e.p_holm["trust"] < 0.05}
    assert stands == {("anxious", "apologises")}
    assert all(e.p_holm["trust"] >= e.p["trust"] for some in found.values() for e in some)
    assert sensitivity([call(0)]) == {"all": [], "anxious": []}


def test_tags_that_always_come_together_are_told_as_one() -> None:
    turns = [turn(), *[turn(tags=("apologises", "summarises") if n % 2 else ()) for n in range(4 * FEWEST)]]
    only = effects([call(0, *turns)])
    assert [(e.tag, e.alike, e.turns) for e in only] == [("apologises", ("summarises",), 2 * FEWEST)]
    assert only[0].moves["trust"].low is None
    assert effects([call(0)]) == []
    # After the caller has accepted, what is said no longer counts.
    assert effects([call(0, turn(intent="accept"), *turns[1:])]) == []


def test_differences_match_calls_and_leave_out_the_others() -> None:
    before = [call(n, satisfaction=2.0) for n in range(6)]
    after = [call(20 + n, satisfaction=2.5, seed=n, scenario=f"scenario_{n}") for n in range(1, 8)]
    found = {(c.part, c.measure): c for c in differences("x", before, after)}
    assert found["all", "satisfaction"].difference.value == 0.5
    assert found["all", "satisfaction"].difference.n == 5
    assert differences("x", before, []) == []
    assert (major("0.1.7"), major("0.2.0"), major("2.3.1")) == ("0.1", "0.2", "2")


def test_the_summary_is_plain_json_and_the_table_has_every_condition() -> None:
    text = studykit.TEXT + "conditions: [{name: plain}, {name: tense, persona: {start.agitation: 9}}]"
    calls = list(studykit.played(text))
    found = measured(studykit.study(text), calls)
    manifest = Manifest(study={"name": "s | t"}, program="0", rubric=1, seeds=(0,), calls=48, threads=1, begun="now")
    told = markdown(manifest, found)
    assert "| plain | all | 24 |" in told
    assert "## Against the first condition" in told
    assert "## One step up the difficulty dial" in told
    widths = [line.count("|") for line in told.splitlines()]
    assert all(a == b for a, b in pairwise(widths) if a and b)
    assert plain({"none": float("nan")}) == {"none": None}
    json.dumps(plain(found["conditions"]), allow_nan=False)
    one_sided = measured(studykit.study(text), calls[:1])
    assert one_sided["conditions"][calls[0].condition]["words"]["sameness"] == {}
