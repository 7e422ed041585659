"""The quick check of the persona lab: two versions of a caller take the same calls with scripted trainees, and are compared.

Calls are paired: the same situation, trainee, difficulty and seed with both versions. Intervals and the test are those of
studies (`intervals.py`): situations are drawn anew, so they speak for this caller and these trainees in other situations. The p
values are corrected by Holm's method for the number of measures. Twenty calls show large effects; a study shows small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from eval.intervals import Estimate, holm, mean, paired, share
from eval.playing import Setting, play_many
from eval.study import Job
from eval.study_measures import MEASURES
from eval.study_rows import CallRow, call_row
from eval.trainees import Policy
from simulator.persona import Persona
from simulator.quick import Asked, Checked, Figure, Measure, Stopped
from simulator.scenario import scenarios

TRAINEES = (Policy.GOOD, Policy.HOLLOW, Policy.EXCELLENT, Policy.HOSTILE, Policy.COLD)
"""Who calls the caller's bluff: from the best to the worst way of handling a call."""
BREAKS = "breaks a principle"
SHARES = frozenset({"won", "given up"})
AT_ONCE = 4
"""Calls played at the same time: fewer than in a study, for somebody may be in a call here."""


def check(asked: Asked, told: Callable[[int], None], stop: Callable[[], bool]) -> Checked:
    """See `simulator.quick.Check`."""
    settings = [*_settings(asked, asked.before, "before"), *_settings(asked, asked.after, "after")]
    order = sorted(range(len(settings)), key=lambda n: (n % asked.calls, n))  # a pair's two calls one after the other

    def go_on() -> None:
        if stop():
            raise Stopped

    rows: dict[int, CallRow] = {}
    ordered = [settings[n] for n in order]
    for place, call in play_many(ordered, asked.voice, asked.grader, at_once=AT_ONCE, go_on=go_on):
        at = order[place]
        rows[at] = call_row(Job(str(at), asked.voice.name, asked.grader.name, settings[at]), call)
        told(len(rows))
    found = [rows[n] for n in range(len(settings))]
    before, after = found[: asked.calls], found[asked.calls :]
    notes = (
        f"Trainees: {', '.join(policy.value for policy in TRAINEES)}, in turn; situations in turn; difficulty "
        f"{asked.difficulty.value}; seeds 0 to {asked.calls - 1}.",
        f"Words: {asked.voice.name}; grades: {asked.grader.name}.",
        "Intervals: 95 %, situations drawn anew; p: randomisation test of pairs, corrected for the number of measures (Holm). "
        "A measure counts as moved if its interval leaves 0 out and p is below .05.",
    )
    extra = {BREAKS: _breaking(asked, found, go_on)} if asked.keeper and asked.after.principles else {}
    if extra and asked.keeper:
        notes += (f"{BREAKS}: share of the caller's turns of which {asked.keeper.name} says so; it is often wrong.",)
    return Checked(_measured(before, after, extra), asked.calls, notes)


def _breaking(asked: Asked, rows: Sequence[CallRow], go_on: Callable[[], None]) -> list[float]:
    """For each call the share of the caller's turns that break a principle of the edited version."""
    assert asked.keeper is not None
    found = []
    for row in rows:
        broken = 0
        for turn in row.turns:
            go_on()
            broken += bool(asked.keeper.broken(asked.after.principles, turn.caller))
        found.append(broken / max(1, len(row.turns)))
    return found


def _settings(asked: Asked, persona: Persona, condition: str) -> list[Setting]:
    situations = list(scenarios().values())
    return [
        Setting(
            persona,
            situations[n % len(situations)],
            asked.difficulty,
            TRAINEES[n % len(TRAINEES)],
            n,
            condition=condition,
        )
        for n in range(asked.calls)
    ]


def _measured(
    before: Sequence[CallRow], after: Sequence[CallRow], extra: Mapping[str, Sequence[float]]
) -> tuple[Measure, ...]:
    """Every measure of a study that is not 0 in all of these calls; `extra`: further ones, a figure for each call."""
    groups = [row.scenario for row in before]
    names, pairs = list[str](), list[tuple[list[float], list[float]]]()
    for name, of in MEASURES.items():
        values = [of(row) for row in before], [of(row) for row in after]
        if any(values[0]) or any(values[1]):
            names.append(name)
            pairs.append(values)
    for name, figures in extra.items():
        names.append(name)
        pairs.append((list(figures[: len(before)]), list(figures[len(before) :])))
    gaps = [paired(first, second, groups) for first, second in pairs]
    ps = holm([gap.p for gap in gaps])
    return tuple(
        Measure(
            name,
            *(_figure(_estimate(name, values, groups)) for values in both),
            Figure(gap.value, gap.low, gap.high),
            p,
        )
        for name, both, gap, p in zip(names, pairs, gaps, ps, strict=True)
    )


def _estimate(name: str, values: Sequence[float], groups: Sequence[str]) -> Estimate:
    return share([bool(v) for v in values], groups) if name in SHARES else mean(values, groups)


def _figure(found: Estimate) -> Figure:
    return Figure(found.value, found.low, found.high)
