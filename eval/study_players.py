"""Who plays a study's jobs: this process, or several on this machine, each with its own models.

All calls go through `eval.playing.play_many`, which takes a list of jobs: how calls are played side by side is its business.
Other processes end with the one that started them, however that one ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, Self

from eval.playing import play_many
from eval.study import Job
from eval.study_rows import CallRow, VoiceRow, call_row
from simulator.errors import SimulatorError
from simulator.opening import Parts, open_parts

CHUNK = 4
"""Jobs that another process is given at once; what it has played comes back call by call."""
Play = Callable[[Sequence[Job], int], Iterator[CallRow]]
"""Jobs and the most trainee turns of a call → rows, each as soon as its call has ended, in any order."""


@contextmanager
def players(model: str, evaluator: str, processes: int, threads: int) -> Iterator[tuple[VoiceRow, str, Play]]:
    """Who speaks, who grades, and the function that plays jobs with them, in so many processes of so many threads each (the
    number of threads decides how sums are rounded). The models are closed at the end."""
    if processes == 1:
        parts = _open(model, evaluator, threads)
        try:
            yield *_names(parts), lambda some, turns: _rows(parts, some, turns)
        finally:
            parts.close()
        return
    with _Processes(model, evaluator, processes, threads) as there:
        voice, grader = there.names()
        yield voice, grader, there.rows


def _open(model: str, evaluator: str, threads: int) -> Parts:
    parts = open_parts(model, evaluator, written=model == "written")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return parts


def _names(parts: Parts) -> tuple[VoiceRow, str]:
    info = parts.model.info if parts.model else None
    voice = (
        VoiceRow(name=info.name, digest=info.digest, adapter=info.tuned) if info else VoiceRow(name=parts.voice.name)
    )
    return voice, parts.evaluator.name


def _rows(parts: Parts, some: Sequence[Job], turns: int) -> Iterator[CallRow]:
    """The one place where a study's calls are played."""
    for place, call in play_many([job.setting for job in some], parts.voice, parts.evaluator, turns=turns):
        yield call_row(some[place], call)


class _Processes:
    """Several processes on this machine, each with its own models. They end with the one that started them, however that
    one ends."""

    def __init__(self, model: str, evaluator: str, count: int, threads: int) -> None:
        context = get_context("spawn")
        self._opened_with = (model, evaluator, threads)
        self._queue: Queue[CallRow] = context.Queue()
        self._pool = ProcessPoolExecutor(count, context, _begin, (self._queue,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def names(self) -> tuple[VoiceRow, str]:
        """Who speaks and who grades there. Raises SimulatorError where the models cannot be opened."""
        return self._pool.submit(_names_there, *self._opened_with).result()

    def rows(self, some: Sequence[Job], turns: int) -> Iterator[CallRow]:
        """Each row as soon as its process has it. Raises whatever went wrong there."""
        chunks = [list(some[at : at + CHUNK]) for at in range(0, len(some), CHUNK)]
        doing = [self._pool.submit(_play_there, *self._opened_with, chunk, turns) for chunk in chunks]
        for _ in some:
            row = None
            while row is None:
                try:
                    row = self._queue.get(timeout=1.0)
                except Empty:
                    for each in doing:
                        if each.done():
                            each.result()
            yield row


_queue: list[Queue[CallRow]] = []
"""In another process: where the rows go."""


def _begin(queue: Queue[CallRow]) -> None:
    """Make this process one that leaves interrupts to the one that started it, and ends when that one does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _queue.append(queue)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@cache
def _there(model: str, evaluator: str, threads: int) -> Parts:
    """What this process plays with."""
    try:
        return _open(model, evaluator, threads)
    except SimulatorError as error:
        raise SimulatorError(str(error)) from None  # not every error finds its way through a pipe


def _names_there(*opened_with: Any) -> tuple[VoiceRow, str]:
    return _names(_there(*opened_with))


def _play_there(model: str, evaluator: str, threads: int, some: list[Job], turns: int) -> None:
    for row in _rows(_there(model, evaluator, threads), some, turns):
        _queue[0].put(row)
