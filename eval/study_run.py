"""Plays what is left of a study. Kill it at any moment, start it again, and it goes on: no call is played twice.

Who plays is said in `study_players.py`. What the calls are played with is written down before the first one, and has to be
the same when a study goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from eval.study import Job, Study, jobs, shown
from eval.study_players import Cast, Names, players
from eval.study_rows import (
    Manifest,
    appending,
    claimed,
    mend,
    read_calls,
    read_manifest,
    write_manifest,
)
from simulator import __version__
from simulator.errors import DataError
from simulator.models.loading import cores
from simulator.rubric import rubric


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run did: calls it played, seconds it took, calls that were there before, calls that are left."""

    played: int
    seconds: float
    before: int
    left: int

    @property
    def told(self) -> str:
        """In a sentence; with the time that the rest will take if there is one."""
        if not self.played:
            return f"All {self.before:,} calls were there." if not self.left else f"{self.left:,} calls are left."
        pace = 60 * self.played / max(self.seconds, 1e-9)
        done = f"{self.played:,} calls in {self.seconds:.1f} s: {pace:.1f} calls a minute."
        return done + (
            f" The {self.left:,} left will take about {_duration(60 * self.left / pace)}." if self.left else ""
        )


def run(
    study: Study,
    out: Path,
    *,
    folder: Path = Path(),
    processes: int = 1,
    limit: int = 0,
    console: Console | None = None,
) -> Ran:
    """Play what is not in `out` yet; `limit`: only so many of it, drawn by chance (0: all). `folder`: where the paths of
    the study start. Raises DataError if `out` holds calls of something else, or somebody else writes there."""
    every = jobs(study, folder)
    with claimed(out):
        mend(out)
        there = {row.id for row in read_calls(out)}
        _check_same_calls(out, there - {job.id for job in every})
        ledger = _Ledger(out, study, len(every), max(1, cores() // processes))
        left = [job for job in every if job.id not in there]
        drawn = {job.id for job in Random(0).sample(left, min(limit or len(left), len(left)))}
        now: dict[Cast, list[Job]] = {}
        for job in left:
            if job.id in drawn:
                now.setdefault(Cast(job.model, job.evaluator, job.setting.trainee_model), []).append(job)
        began, played = time.perf_counter(), 0
        try:
            with appending(out) as add, _progress(console) as progress:
                bar = progress.add_task("playing calls", total=len(drawn))
                for cast, some in now.items():
                    with players(cast, processes, ledger.manifest.threads) as (names, play):
                        ledger.admit(cast, names)
                        began = time.perf_counter() if not played else began  # opening a model is no part of the pace
                        for row in play(some, study.turns):
                            add(row)
                            played += 1
                            progress.advance(bar)
        except KeyboardInterrupt:
            (console or Console()).print(
                f"{len(there) + played:,} of {len(every):,} calls are kept: the same command goes on."
            )
            raise
        ran = Ran(played, time.perf_counter() - began, len(there), len(left) - played)
        if not ran.left:
            ledger.close()
    return ran


def _check_same_calls(out: Path, strange: set[str]) -> None:
    if strange:
        raise DataError(
            f"holds {len(strange):,} calls that are none of this study's (it, a persona or a scenario has changed since, "
            f"the first is {min(strange)}); choose another --out",
            file=out,
        )


class _Ledger:
    """The folder's manifest, and what it allows."""

    def __init__(self, out: Path, study: Study, calls: int, threads: int) -> None:
        self._out = out
        fresh = Manifest(
            study=_published(study),
            program=__version__,
            rubric=rubric().version,
            seeds=study.seeds,
            calls=calls,
            threads=threads,
            begun=_now(),
        )
        kept = read_manifest(out)
        if kept is not None:
            for what, was, now in (("program", kept.program, fresh.program), ("rubric", kept.rubric, fresh.rubric)):
                if was != now:
                    raise DataError(
                        f"was begun with {what} {was}, this is {now}: calls would not be comparable; choose another --out",
                        file=out,
                    )
            stays = {
                name: getattr(kept, name) for name in ("voices", "graders", "trainees", "threads", "begun", "finished")
            }
            fresh = fresh.model_copy(update=stays)
        self.manifest = fresh
        write_manifest(out, fresh)

    def admit(self, cast: Cast, names: Names) -> None:
        """Write down who plays, if that is who did so before. Raises DataError."""
        model, trainee, kept = shown(cast.model), shown(cast.trainee), self.manifest
        for what, was, now in (
            (model, kept.voices.get(model, names.voice), names.voice),
            (cast.evaluator, kept.graders.get(cast.evaluator, names.grader), names.grader),
            (trainee, kept.trainees.get(trainee, names.trainee), names.trainee),
        ):
            if was != now:
                raise DataError(
                    f"was begun when {what!r} was {was}; now it is {now}: choose another --out", file=self._out
                )
        told = {
            "voices": {**kept.voices, model: names.voice},
            "graders": {**kept.graders, cast.evaluator: names.grader},
            "trainees": kept.trainees | ({trainee: names.trainee} if names.trainee else {}),
        }
        self.manifest = kept.model_copy(update=told | {"finished": None})
        write_manifest(self._out, self.manifest)

    def close(self) -> None:
        """All calls are there."""
        if self.manifest.finished is None:
            write_manifest(self._out, self.manifest.model_copy(update={"finished": _now()}))


def _published(study: Study) -> dict[str, object]:
    """The study without what belongs to this machine."""
    data = study.model_dump(mode="json", exclude_defaults=False)
    data["model"] = shown(study.model)
    data["personas"] = [shown(name) for name in study.personas]
    data["trainees"] = [shown(name) for name in study.trainees]
    for condition in data["conditions"]:
        condition["model"] = condition["model"] and shown(condition["model"])
    return data


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=300,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min"
        if minutes
        else f"{seconds:.0f} s"
    )
