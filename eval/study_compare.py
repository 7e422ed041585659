"""`simulator bench study compare DIR1 DIR2`: what changed between two studies, call by call.

A call is held against the one with the same persona, scenario, difficulty, trainee and seed. For every measure, over all
calls and within each difficulty and trainee: the mean difference, its interval, and a randomisation test on it
(`eval.intervals.paired`); p is corrected for the number of tests that the table shows (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.intervals import Difference, holm, paired
from eval.study_measures import MEASURES
from eval.study_rows import FORMAT, CallRow, Manifest, read_calls, read_manifest
from simulator.errors import DataError

COMPARED = (
    "won",
    "given up",
    "trainee turns",
    "satisfaction",
    "mean agitation",
    "trust at the end",
    "heard at the end",
)
"""Measures that are compared everywhere; the rest of `MEASURES` only over all calls."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure in one part of the calls: means before and after, the difference, and p among all tests (`p_holm`)."""

    condition: str
    part: str
    measure: str
    before: float
    after: float
    difference: Difference
    p_holm: float | None


def compare(first: Path, second: Path) -> tuple[list[Compared], list[str]]:
    """What the second folder's calls have over the first's, and what should be known about it, in sentences. Raises
    DataError, with the reason, where they must not be compared."""
    manifests = [_manifest(folder) for folder in (first, second)]
    if reason := incompatible(*manifests):
        raise DataError(f"cannot be compared with {first}: {reason}", file=second)
    calls = [read_calls(folder) for folder in (first, second)]
    names = [list(dict.fromkeys(c.condition for c in some)) for some in calls]
    if len(names[0]) == len(names[1]) == 1:
        pairs = [(names[0][0], names[1][0])]
    else:
        pairs = [(name, name) for name in names[0] if name in names[1]]
    found = []
    for one, other in pairs:
        title = one if one == other else f"{one} → {other}"
        before = [c for c in calls[0] if c.condition == one]
        found += differences(title, before, [c for c in calls[1] if c.condition == other])
    if not found:
        raise DataError(
            f"has no call in common with {first}: none has the same condition, persona, scenario, difficulty, trainee "
            "and seed",
            file=second,
        )
    return corrected(found), _notes(manifests, calls, found)


def incompatible(first: Manifest, second: Manifest) -> str:
    """Why figures of these two must not be held against each other; '' where they may."""
    for what, a, b in (
        ("format", first.format, second.format),
        ("rubric", first.rubric, second.rubric),
        ("program", major(first.program), major(second.program)),
        ("grader", sorted(set(first.graders.values())), sorted(set(second.graders.values()))),
    ):
        if a != b:
            one, other = (", ".join(x) if isinstance(x, list) else x for x in (a, b))
            return f"another {what} ({one}, and {other}), and grades or moods of one are not those of the other"
    return ""


def major(version: str) -> str:
    """The part of a version that changes when results stop being comparable: 2 of 2.3.1; 0.2 of 0.2.1."""
    parts = version.split(".")
    return ".".join(parts[: 2 if parts[0] == "0" else 1])


def differences(condition: str, before: Sequence[CallRow], after: Sequence[CallRow]) -> list[Compared]:
    """Every measure over all matched calls, and the main ones within each difficulty and trainee; p is not corrected yet.
    Empty without a pair."""
    match = {call.match: call for call in before}
    pairs = [(match[call.match], call) for call in after if call.match in match]
    parts = {"all": pairs}
    for key in ("difficulty", "trainee"):
        values = dict.fromkeys(getattr(b, key) for _, b in pairs)
        if len(values) > 1:
            parts |= {value: [p for p in pairs if getattr(p[1], key) == value] for value in values}
    found = []
    for part, some in parts.items():
        for measure in MEASURES if part == "all" else COMPARED:
            figure = MEASURES[measure]
            x, y = [figure(a) for a, _ in some], [figure(b) for _, b in some]
            if some:
                gap = paired(x, y, [b.group for _, b in some])
                found.append(Compared(condition, part, measure, sum(x) / len(x), sum(y) / len(y), gap, gap.p))
    return found


def corrected(found: Sequence[Compared]) -> list[Compared]:
    """The same, p corrected over all of them."""
    ps = holm([c.difference.p for c in found])
    return [
        Compared(c.condition, c.part, c.measure, c.before, c.after, c.difference, p)
        for c, p in zip(found, ps, strict=True)
    ]


def _manifest(folder: Path) -> Manifest:
    found = read_manifest(folder)
    if found is None:
        raise DataError(
            "holds no study: there is no manifest.json (`simulator bench study FILE --out DIR` makes one)", file=folder
        )
    if found.format != FORMAT:
        raise DataError(f"is of format {found.format}; this program reads {FORMAT}", file=folder)
    return found


def _notes(manifests: Sequence[Manifest], calls: Sequence[Sequence[CallRow]], found: Sequence[Compared]) -> list[str]:
    notes = []
    sizes = [len(some) for some in calls]
    matched = sum(c.difference.n for c in found if c.part == "all" and c.measure == COMPARED[0])
    if matched < max(sizes):
        notes.append(f"{matched:,} calls are in both; the first has {sizes[0]:,}, the second {sizes[1]:,}.")
    for name, manifest in zip(("first", "second"), manifests, strict=True):
        if manifest.finished is None:
            notes.append(f"The {name} study is not finished.")
    voices: list[dict[str, Any]] = [m.model_dump()["voices"] for m in manifests]
    if voices[0] != voices[1]:
        notes.append("They differ in whose words the callers say: " + " / ".join(", ".join(v) for v in voices) + ".")
    return notes
