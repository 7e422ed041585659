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
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from queue import Empty
from typing import NamedTuple, Self

from eval.listeners import who_speaks
from eval.playing import play_many
from eval.remembering import Remembering
from eval.study import Job
from eval.study_rows import CallRow, VoiceRow, call_row
from simulator.errors import SimulatorError
from simulator.models import open_model
from simulator.models.base import LanguageModel
from simulator.opening import Parts, open_parts
from simulator.settings import settings

CHUNK = 4
"""Jobs that another process is given at once; what it has played comes back call by call."""
Play = Callable[[Sequence[Job], int], Iterator[CallRow]]
"""Jobs and the most trainee turns of a call → rows, each as soon as its call has ended, in any order."""


@dataclass(frozen=True, slots=True)
class Cast:
    """By the words that a study has for them, who plays some of its jobs: the caller's model, the grader, and the model of
    trainees who have a profile ('': there are none)."""

    model: str
    evaluator: str
    trainee: str = ""


class Names(NamedTuple):
    """Exactly who that is."""

    voice: VoiceRow
    grader: str
    trainee: VoiceRow | None


@dataclass(frozen=True, slots=True)
class _Company:
    """A cast, opened. `trainee` may be a model of `parts`: then it is closed with them."""

    parts: Parts
    trainee: LanguageModel | None

    def close(self) -> None:
        if self.trainee is not None and self.trainee not in (self.parts.model, self.parts.grading_model):
            self.trainee.close()
        self.parts.close()


@contextmanager
def players(cast: Cast, processes: int, threads: int) -> Iterator[tuple[Names, Play]]:
    """Who it is that plays, and the function that plays jobs with them, in so many processes of so many threads each (the
    number of threads decides how sums are rounded). The models are closed at the end."""
    if processes == 1:
        company = _open(cast, threads)
        try:
            yield _names(company), lambda some, turns: _rows(company, some, turns)
        finally:
            company.close()
        return
    with _Processes(cast, processes, threads) as there:
        yield there.names(), there.rows


def _open(cast: Cast, threads: int) -> _Company:
    parts = open_parts(cast.model, cast.evaluator, written=cast.model == "written")
    parts.evaluator = Remembering(parts.evaluator)
    try:
        trainee = open_trainee(cast.trainee, parts) if cast.trainee else None
    except BaseException:
        parts.close()
        raise
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    return _Company(parts, trainee)


def open_trainee(name: str, parts: Parts) -> LanguageModel:
    """The model that plays trainees: one that is open already if it speaks as nobody in particular, else another. Raises
    ModelError and its kin."""
    who_speaks()  # who listens to it learns now, once, and not in every thread
    for model in (parts.model, parts.grading_model):
        if model is not None and model.info.name == name and not model.info.tuned:
            return model
    return open_model(name, settings=settings().model_copy(update={"tuned": False}))


def _names(company: _Company) -> Names:
    parts = company.parts
    voice = _voice(parts.model) if parts.model else VoiceRow(name=parts.voice.name)
    return Names(voice, parts.evaluator.name, _voice(company.trainee) if company.trainee else None)


def _voice(model: LanguageModel) -> VoiceRow:
    return VoiceRow(name=model.info.name, digest=model.info.digest, adapter=model.info.tuned)


def _rows(company: _Company, some: Sequence[Job], turns: int) -> Iterator[CallRow]:
    """The one place where a study's calls are played."""
    parts, calls = company.parts, [job.setting for job in some]
    for place, call in play_many(calls, parts.voice, parts.evaluator, turns=turns, trainee=company.trainee):
        yield call_row(some[place], call)


class _Processes:
    """Several processes on this machine, each with its own models. They end with the one that started them, however that
    one ends."""

    def __init__(self, cast: Cast, count: int, threads: int) -> None:
        context = get_context("spawn")
        self._opened_with = (cast, threads)
        self._queue: Queue[CallRow] = context.Queue()
        self._pool = ProcessPoolExecutor(count, context, _begin, (self._queue,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def names(self) -> Names:
        """Who plays there. Raises SimulatorError where the models cannot be opened."""
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
def _there(cast: Cast, threads: int) -> _Company:
    """What this process plays with."""
    try:
        return _open(cast, threads)
    except SimulatorError as error:
        raise SimulatorError(str(error)) from None  # not every error finds its way through a pipe


def _names_there(cast: Cast, threads: int) -> Names:
    return _names(_there(cast, threads))


def _play_there(cast: Cast, threads: int, some: list[Job], turns: int) -> None:
    for row in _rows(_there(cast, threads), some, turns):
        _queue[0].put(row)
