"""Plays what is left of a study. Kill it at any moment, start it again, and it goes on: no call is played twice.

Jobs go, as a list, through `eval.playing.play_many`, in this process or in several; how calls are played side by side is
that function's business. What the calls were played with is written down before the first one, and has to be the same
when a study goes on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from eval.playing import play_many
from eval.study import Job, Study, jobs, shown
from eval.study_rows import (
    CallRow,
    Manifest,
    VoiceRow,
    appending,
    call_row,
    claimed,
    mend,
    read_calls,
    read_manifest,
    write_manifest,
)
from simulator import __version__
from simulator.errors import DataError
from simulator.models.loading import cores
from simulator.opening import Parts, open_parts
from simulator.rubric import rubric

CHUNK = 4
"""Jobs that another process is given at once."""
Play = Callable[[Sequence[Job], int], Iterator[CallRow]]


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
        ledger = _Ledger(out, study, len(every))
        left = [job for job in every if job.id not in there]
        drawn = {job.id for job in Random(0).sample(left, min(limit or len(left), len(left)))}
        now: dict[tuple[str, str], list[Job]] = {}
        for job in left:
            if job.id in drawn:
                now.setdefault((job.model, job.evaluator), []).append(job)
        began, played = time.perf_counter(), 0
        try:
            with appending(out) as add, _progress(console) as progress:
                bar = progress.add_task("playing calls", total=len(drawn))
                for (model, evaluator), some in now.items():
                    with _players(model, evaluator, processes) as (voice, grader, play):
                        ledger.admit(model, voice, evaluator, grader)
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

    def __init__(self, out: Path, study: Study, calls: int) -> None:
        self._out = out
        fresh = Manifest(
            study=_published(study),
            program=__version__,
            rubric=rubric().version,
            seeds=study.seeds,
            calls=calls,
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
            fresh = fresh.model_copy(
                update={"voices": kept.voices, "graders": kept.graders, "begun": kept.begun, "finished": kept.finished}
            )
        self.manifest = fresh
        write_manifest(out, fresh)

    def admit(self, model: str, voice: VoiceRow, evaluator: str, grader: str) -> None:
        """Write down who speaks and who grades, if that is who did so before. Raises DataError."""
        kept, model = self.manifest, shown(model)
        for what, was, now in (
            (model, kept.voices.get(model, voice), voice),
            (evaluator, kept.graders.get(evaluator, grader), grader),
        ):
            if was != now:
                raise DataError(
                    f"was begun when {what!r} was {was}; now it is {now}: choose another --out", file=self._out
                )
        voices, graders = {**kept.voices, model: voice}, {**kept.graders, evaluator: grader}
        self.manifest = kept.model_copy(update={"voices": voices, "graders": graders, "finished": None})
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
    for condition in data["conditions"]:
        condition["model"] = condition["model"] and shown(condition["model"])
    return data


@contextmanager
def _players(model: str, evaluator: str, processes: int) -> Iterator[tuple[VoiceRow, str, Play]]:
    """Who speaks, who grades, and the function that plays jobs with them. The models are closed at the end."""
    if processes == 1:
        parts = _open(model, evaluator)
        try:
            yield *_names(parts), lambda some, turns: _rows(parts, some, turns)
        finally:
            parts.close()
        return
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (model, evaluator, processes))
    try:
        voice, grader = pool.submit(_names).result()
        yield voice, grader, lambda some, turns: _rows_of(pool, some, turns)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _open(model: str, evaluator: str) -> Parts:
    return open_parts(model, evaluator, written=model == "written")


def _names(parts: Parts | None = None) -> tuple[VoiceRow, str]:
    parts = parts or _parts[0]
    info = parts.model.info if parts.model else None
    voice = (
        VoiceRow(name=info.name, digest=info.digest, adapter=info.tuned) if info else VoiceRow(name=parts.voice.name)
    )
    return voice, parts.evaluator.name


def _rows(parts: Parts, some: Sequence[Job], turns: int) -> Iterator[CallRow]:
    """The one place where a study's calls are played."""
    for place, call in play_many([job.setting for job in some], parts.voice, parts.evaluator, turns=turns):
        yield call_row(some[place], call)


_parts: list[Parts] = []
"""In another process: what it plays with."""


def _begin(model: str, evaluator: str, processes: int) -> None:
    """Make this process a player: it leaves interrupts to the one that started it, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _parts.append(_open(model, evaluator))
    if "torch" in sys.modules:  # the processes share the cores; each would take all of them
        sys.modules["torch"].set_num_threads(max(1, cores() // processes))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _chunk(some: list[Job], turns: int) -> list[CallRow]:
    return list(_rows(_parts[0], some, turns))


def _rows_of(pool: ProcessPoolExecutor, some: Sequence[Job], turns: int) -> Iterator[CallRow]:
    chunks: list[Future[list[CallRow]]] = [
        pool.submit(_chunk, list(some[at : at + CHUNK]), turns) for at in range(0, len(some), CHUNK)
    ]
    for done in as_completed(chunks):
        yield from done.result()


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
