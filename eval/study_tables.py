"""A study's calls as `summary.json` and `table.md`: every measure of `study_measures`, `study_words`, `study_techniques`.

What each figure is, its formula and where it comes from stand atop those modules; here they are only put together. The
summary holds all of it, the table what a person wants to see first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from eval.intervals import SIGNIFICANT, Estimate, plain
from eval.lines import written_calls
from eval.study import Study
from eval.study_compare import Compared, corrected, differences
from eval.study_measures import Response, dial, dose_trajectories, outcomes, responses, to_resolution, trajectory
from eval.study_rows import CallRow, Manifest
from eval.study_techniques import Effect, sensitivity
from eval.study_words import conduct, diversity, sameness, written_distance
from simulator.vocabulary import Feeling

KEYS = ("difficulty", "trainee", "persona")
"""What outcomes are told by."""
TECHNIQUES = "## What moves whom (points of 0-10 a turn)"
"""The last and longest part of the table."""


def measured(study: Study, calls: Sequence[CallRow]) -> dict[str, Any]:
    """All figures, as Estimates and their like, by condition."""
    by_condition = _by(calls, lambda c: c.condition)
    corpus = [line.text for call in written_calls() for line in call.lines]
    varied = diversity(by_condition)
    names = [c.name for c in study.named if c.name in by_condition]
    told: dict[str, Any] = {}
    for name, some in by_condition.items():
        told[name] = {
            "calls": len(some),
            "swept": name not in names,
            "outcomes": outcomes(some),
            "by": {key: {k: outcomes(v) for k, v in _by(some, _getter(key)).items()} for key in KEYS},
            "to_resolution": {"all": to_resolution(some)}
            | {k: to_resolution(v) for k, v in _by(some, _getter("trainee")).items()},
            "dial": {"all": dial(some)} | {k: dial(v) for k, v in _by(some, _getter("trainee")).items()},
            "trajectory": {k: trajectory(v) for k, v in _by(some, _getter("trainee")).items()},
            "words": {
                "sameness": sameness(some),
                "conduct": conduct(some),
                "diversity": varied[name],
                "written_callers": written_distance(some, corpus),
            },
        }
    against = [c for name in names[1:] for c in differences(name, by_condition[names[0]], by_condition[name])]
    return {
        "conditions": told,
        "against": corrected(against),
        "responses": responses(calls, study.doses),
        "dose_trajectories": dose_trajectories(calls, study.doses),
        "techniques": sensitivity(calls),
    }


def summary(manifest: Manifest, found: dict[str, Any]) -> dict[str, Any]:
    """What `summary.json` holds."""
    return {
        "study": manifest.study["name"],
        "calls": sum(c["calls"] for c in found["conditions"].values()),
        "of": manifest.calls,
        "graders": manifest.graders,
        "voices": {name: voice.name for name, voice in manifest.voices.items()},
        "conditions": plain(found["conditions"]),
        "against": plain(found["against"]),
        "responses": [plain(r) | {"holds": r.holds} for r in found["responses"]],
        "dose_trajectories": plain(found["dose_trajectories"]),
        "techniques": plain(found["techniques"]),
    }


def markdown(manifest: Manifest, found: dict[str, Any]) -> str:
    """What `table.md` holds."""
    told = found["conditions"]
    calls = sum(c["calls"] for c in told.values())
    graders, voices = ", ".join(manifest.graders.values()), ", ".join(v.name for v in manifest.voices.values())
    lines = [f"# {manifest.study['name']}", ""]
    if manifest.study.get("about"):
        lines += [str(manifest.study["about"]), ""]
    lines += [
        f"{calls:,} of {manifest.calls:,} calls. Words: {voices}. Grader: {graders}. Program {manifest.program}.",
        "",
        "In brackets: 95 % intervals over personas in their situations. `eval/study_measures.py`, `study_words.py` and "
        "`study_techniques.py` say how each figure is made. *: p below .05 after correction (Holm).",
        "",
    ]
    for part in (
        _outcome_parts(told),
        _dial(told),
        _responses(found["responses"]),
        _against(found["against"]),
        _words(told),
    ):
        lines += part
    lines += _techniques(found["techniques"])
    return "\n".join(lines).rstrip() + "\n"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table and an empty line."""
    cells = [[str(cell).replace("|", "/") for cell in row] for row in (header, ["---"] * len(header), *rows)]
    return ["| " + " | ".join(row) + " |" for row in cells] + [""]


def _outcome_parts(told: dict[str, Any]) -> Iterator[str]:
    yield from ("## Who wins, and how", "")
    header = ("condition", "part", "calls", "won", "given up", "satisfaction", "trainee turns", "turns if won")
    rows = []
    for name, one in told.items():
        parts = [("all", one["outcomes"], one["to_resolution"]["all"])]
        if len(one["by"]["difficulty"]) > 1 and not one["swept"]:
            parts += [(k, v, None) for k, v in one["by"]["difficulty"].items()]
        if len(one["by"]["trainee"]) > 1 and not one["swept"]:
            parts += [(k, v, one["to_resolution"][k]) for k, v in one["by"]["trainee"].items()]
        for part, figures, turns in parts:
            rows.append(
                (
                    name,
                    part,
                    f"{figures['satisfaction'].n}",
                    figures["resolved"].told(".0%"),
                    _lost(figures),
                    figures["satisfaction"].told(".1f"),
                    figures["trainee turns"].told(".1f"),
                    turns["turns if won"].told(".1f") if turns else "",
                )
            )
    yield from grid(header, rows)


def _lost(figures: dict[str, Estimate]) -> str:
    """Hung up and left unresolved, taken together; the summary tells each with its interval."""
    return f"{sum(figures[k].value or 0.0 for k in ('hung_up', 'unresolved') if k in figures):.0%}"


def _dial(told: dict[str, Any]) -> Iterator[str]:
    rows = [
        (name, part, str(steps["harder"].n), *(steps[k].told(".0%") for k in ("harder", "as hard", "easier")))
        for name, one in told.items()
        for part, steps in one["dial"].items()
        if steps and (part == "all" or (len(one["dial"]) > 2 and not one["swept"]))
    ]
    if rows:
        yield from ("## One step up the difficulty dial makes the same call", "")
        yield from grid(("condition", "trainee", "steps", "harder", "as hard", "easier"), rows)


def _responses(found: Sequence[Response]) -> Iterator[str]:
    if not found:
        return
    yield from ("## What a value in the file does", "")
    header = (
        "field",
        "measure",
        "at each value",
        "slope per point",
        "highest minus lowest",
        "p (Holm)",
        "monotone",
        "as promised",
    )
    rows = []
    for r in found:
        gap = r.apart
        ends = f" ({gap.low:.2f} to {gap.high:.2f})" if gap.low is not None and gap.high is not None else ""
        promised = "" if r.holds is None else "yes" if r.holds else "no"
        means = ", ".join(f"{dose:g}: {value:.2f}" for dose, value in r.means.items())
        monotone = "yes" if r.monotone else "no"
        star = " *" if r.p_holm is not None and r.p_holm < SIGNIFICANT else ""
        chance = _p(r.p_holm) + star
        rows.append(
            (r.field, r.measure, means, r.slope.told(".3f"), f"{gap.value:+.2f}{ends}", chance, monotone, promised)
        )
    yield from grid(header, rows)


def _against(found: Sequence[Compared]) -> Iterator[str]:
    if found:
        yield from ("## Against the first condition", "")
        yield from compared_table(found)


def compared_table(found: Sequence[Compared]) -> list[str]:
    """Comparisons as a Markdown table; a star: p below .05 after correction."""
    rows = []
    for c in found:
        d = c.difference
        ends = f" ({d.low:+.2f} to {d.high:+.2f})" if d.low is not None and d.high is not None else ""
        star = " *" if c.p_holm is not None and c.p_holm < SIGNIFICANT else ""
        gap = f"{d.value:+.2f}{ends}"
        rows.append(
            (c.condition, c.part, c.measure, f"{d.n}", f"{c.before:.2f}", f"{c.after:.2f}", gap, _p(c.p_holm) + star)
        )
    return grid(("condition", "calls of", "measure", "pairs", "before", "after", "difference", "p (Holm)"), rows)


def _words(told: dict[str, Any]) -> Iterator[str]:
    yield from ("## Words and conduct", "")
    header = (
        "condition",
        "own words within a call",
        "between calls",
        "conduct explained by persona",
        "distinct 1 / 2",
        "distance (floor)",
    )
    rows = []
    for name, one in told.items():
        words = one["words"]
        near, varied = words["written_callers"], words["diversity"]
        same = [words["sameness"][k].told() if k in words["sameness"] else "-" for k in ("within", "between")]
        explained = ", ".join(f"{k} {v:.2f}" for k, v in words["conduct"].items()) or "-"
        distinct = f"{varied['distinct_1']:.2f} / {varied['distinct_2']:.2f}"
        rows.append((name, *same, explained, distinct, f"{near['distance']:.2f} ({near['floor']:.2f})"))
    yield from grid(header, rows)


def _techniques(found: dict[str, list[Effect]]) -> Iterator[str]:
    kept = {name: some for name, some in found.items() if some}
    if not kept:
        return
    yield from (TECHNIQUES, "")
    rows = []
    for name, some in kept.items():
        for e in some if name == "all" else some[:3]:
            tag = e.tag + (f" (always with {', '.join(e.alike)})" if e.alike else "")
            rows.append((name, tag, str(e.turns), *(_moved(e, f) for f in Feeling)))
    yield from grid(("persona", "tag", "turns", *(f.value for f in Feeling)), rows)


def _moved(effect: Effect, feeling: Feeling) -> str:
    p = effect.p_holm.get(feeling.value)
    return effect.moves[feeling.value].told("+.2f") + (" *" if p is not None and p < SIGNIFICANT else "")


def _p(p: float | None) -> str:
    return "" if p is None else "< .001" if p < 0.001 else f"{p:.3f}"


def _by(calls: Sequence[CallRow], key: Callable[[CallRow], str]) -> dict[str, list[CallRow]]:
    found: dict[str, list[CallRow]] = {}
    for call in calls:
        found.setdefault(key(call), []).append(call)
    return found


def _getter(key: str) -> Callable[[CallRow], str]:
    return lambda call: str(getattr(call, key))
