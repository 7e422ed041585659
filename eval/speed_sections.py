"""What `simulator bench speed` measures, section by section: every function returns raw samples, in seconds, as plain data.

Engines are timed in rounds, all of them in each, so that what else the machine does hits all of them.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from random import Random
from typing import Any

import psutil
import torch
from rich.progress import track

from eval.bench_turn import LATE, both, grown, setting
from eval.corpus import GradedTurn, graded_turns, is_test
from eval.peers import Engine, LlamaCpp, Ours, llama_there
from eval.playing import AT_ONCE, Setting, grid, play_many, started, words
from eval.repliers import Generate, LlamaServer, OurReplies, Replier, prompt, server_there
from eval.room_client import Browser
from eval.served import Served
from eval.trainees import Policy
from simulator.ahead import Ahead
from simulator.call import Due
from simulator.cli.grade import AT_ONCE as ROWS
from simulator.cli.grade import batched, graded
from simulator.evaluator import batch
from simulator.evaluator.facts import check, with_checks
from simulator.models import ensure
from simulator.models.fetch import fetch
from simulator.models.loading import Precision
from simulator.models.machine import probe
from simulator.models.weights import embedded, models_dir, silent
from simulator.opening import Parts
from simulator.persona import personas
from simulator.vocabulary import Difficulty

READ, STEPS = 512, 16
"""Tokens read, and decoded in each row."""
PARTS = ("read", "1 row", "4 rows", "8 rows")
SAID = 32
"""Tokens of a whole reply."""
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """How much is measured: rounds of engines and starts, calls and turns of each, trainees in the room; `think`: seconds
    between their turns, at least and at most."""

    rounds: int = 5
    calls: int = 8
    turns: int = 3
    trainees: int = 30
    graded: int = 12
    growth: int = 2
    peers: bool = True
    think: tuple[float, float] = (15.0, 25.0)


def start(model: str, asked: Asked) -> Raw:
    """From the start of `simulator serve` to its first page over HTTP, and to when a call on it waits for the models no more; the
    very first start, which warms the disk's cache, left out. And the most that the process then holds, in GB."""
    with tempfile.TemporaryDirectory(prefix="simulator-start-") as folder:
        command = [sys.executable, "-m", "simulator", "serve", "--model", model, "--evaluator", model]
        server, calls = Served(command, Path(folder), page="/"), list[float]()
        for _ in track(range(asked.rounds + 1), description="starting"):
            try:
                server.start()
                began = time.perf_counter()
                with closing(Browser(server.address)) as browser:
                    browser.open()
                calls.append(server.starts[-1] + time.perf_counter() - began)
                time.sleep(1.0)  # its memory is looked at twice a second
            finally:
                server.stop()
        return {"first_page": server.starts[1:], "first_call": calls[1:], "memory": server.memory}


def decode(model: str, asked: Asked) -> Raw:
    """Every engine's times of every round: seconds to read, then a step of 1, 4 and 8 rows; and the floor."""
    folder = ensure(model)
    engines: list[Engine] = [Ours(folder, Precision.AUTO)]
    if asked.peers:
        engines.append(Ours(folder, Precision.FULL))
        if llama_there():
            engines.append(LlamaCpp(_gguf(model)))
    ids = [1000 + n for n in range(READ)]
    times: dict[str, list[list[float]]] = {engine.name: [] for engine in engines}
    for _ in track(range(asked.rounds), description="timing engines"):
        for engine in engines:
            times[engine.name].append(_round(engine, ids))
    del engines
    gc.collect()
    missing = asked.peers and not llama_there()
    return {"read": READ, "steps": STEPS, "times": times, "floor": floor(model, folder), "no_llama": missing}


def floor(model: str, folder: Path) -> dict[str, float]:
    """Below which no engine gets with our weights: a step is no quicker than memory delivers them (bytes over GB/s), reading
    no quicker than the products alone (two operations a weight and token, at the rate of a bare stack of them)."""
    gbytes, size = bandwidth(), _weights(folder)
    gops = probe().gflops
    return {
        "bytes": float(size),
        "gbytes": gbytes,
        "gops": gops,
        "step": size / gbytes / 1e9,
        "read": 2 * embedded(model).parameters * READ / gops / 1e9,
    }


def replies(model: str, asked: Asked) -> Raw:
    """Whole replies of `SAID` tokens to prompts that no engine has read: seconds of one alone, and of `AT_ONCE` together."""
    folder = ensure(model)
    engines: list[Replier] = [OurReplies(folder)]
    times: dict[str, list[dict[str, float]]] = {}
    try:
        if asked.peers:
            engines.append(Generate(folder))
            if server_there():
                engines.append(LlamaServer(_gguf(model)))
        times = {engine.name: [] for engine in engines}
        for number in track(range(asked.rounds), description="timing replies"):
            texts = [prompt(number * (AT_ONCE + 1) + n) for n in range(AT_ONCE + 1)]
            for engine in engines:
                row = {}
                for name, some in (("one", texts[:1]), ("many", texts[1:])):
                    began = time.perf_counter()
                    tokens = engine.reply(some, SAID)
                    row |= {name: time.perf_counter() - began, f"{name}_tokens": tokens}
                times[engine.name].append(row)
    finally:
        for engine in engines:
            engine.close()
    del engines
    gc.collect()
    return {"tokens": SAID, "at_once": AT_ONCE, "times": times, "no_server": asked.peers and not server_there()}


def grade(parts: Parts, asked: Asked) -> Raw:
    """Held-out turns graded as in a call, one by one, and again as `simulator grade` does a file of them."""
    turns = _held_out(asked.graded)
    alone = []
    for t in track(turns, description="grading one by one"):
        began = time.perf_counter()
        parts.evaluator.grade(t.turn, t.before, t.brief, cache_key=t.call)
        alone.append(time.perf_counter() - began)
    waves = []
    rows = [batch.Asked(t.turn.text, t.before, t.brief, f"file:{t.call}") for t in turns]
    for some in track(list(batched(rows, ROWS)), description="grading in batch"):
        began = time.perf_counter()
        for one, grades in zip(some, batch.graded(parts.evaluator, some), strict=True):
            if isinstance(grades, Exception):
                raise grades
            graded("", with_checks(grades, check(one.turn, one.before, one.brief))).model_dump_json()
        waves.append({"turns": len(some), "seconds": time.perf_counter() - began})
    return {"one": alone, "batch": waves}


def turn(parts: Parts, asked: Asked) -> Raw:
    """Whole turns, from sending to the full reply: answered at once and after thinking; the very first left out."""
    pairs = [pair for n in range(asked.calls) for pair in both(parts, setting(n), max(2, asked.turns))][1:]
    return {"at_once": [before for before, _ in pairs], "thinking": [after for _, after in pairs]}


def growth(parts: Parts, asked: Asked) -> Raw:
    """Late turns of long calls: for each call a row a turn."""
    calls = [list(grown(parts, setting(n))) for n in track(range(asked.growth), description="long calls")]
    return {"turns": list(LATE), "calls": calls}


def play(parts: Parts, asked: Asked) -> Raw:
    """The same calls one after another and `AT_ONCE` of them together: turns and seconds."""
    some, found = sample(asked.calls), {}
    for name, at_once in (("one", 1), ("many", AT_ONCE)):
        began, count = time.perf_counter(), 0
        for _, call in play_many(some, parts.voice, parts.evaluator, turns=asked.turns, at_once=at_once):
            count += len(call.grades)
        found[name] = {"turns": count, "seconds": time.perf_counter() - began}
    return {"calls": asked.calls, "at_once": AT_ONCE, **found}


def room(parts: Parts, asked: Asked) -> Raw:
    """What trainees wait who all work at once and think between turns, from sending to the full reply: a list a seat. While
    nobody plays, calls are read ahead, as they are by `simulator serve`."""
    waits: list[list[float]] = [[] for _ in range(asked.trainees)]
    ahead = Ahead()

    def sit(seat: int, one: Setting) -> None:
        rng = Random(seat)
        time.sleep(rng.uniform(0, asked.think[1]))
        session = started(one, parts.voice, parts.evaluator)
        for said in islice(words(session, one), asked.turns):
            began = time.perf_counter()
            with ahead.playing(one.key):
                for _ in session.submit(said):
                    pass
            waits[seat].append(time.perf_counter() - began)
            if session.call.due is Due.TRAINEE:
                ahead.ask(one.key, partial(parts.read_ahead, session.call, one.key))
            time.sleep(rng.uniform(*asked.think))

    threads = [threading.Thread(target=sit, args=(n, s)) for n, s in enumerate(sample(asked.trainees))]
    for thread in threads:
        thread.start()
    for thread in track(threads, description=f"{asked.trainees} trainees"):
        thread.join()
    ahead.close()
    return {"waits": waits, "memory": memory()}


ENGINES: dict[str, Callable[[str, Asked], Raw]] = {"start": start, "decode": decode, "replies": replies}
"""Sections that open what they need themselves."""
OPENED: dict[str, Callable[[Parts, Asked], Raw]] = {
    "grade": grade,
    "turn": turn,
    "growth": growth,
    "play": play,
    "room": room,
}
"""Sections that share one opened voice and grader."""


def sample(count: int) -> list[Setting]:
    """So many different calls, always the same."""
    every = grid(personas().values(), (Difficulty.MEDIUM,), (Policy.EXCELLENT,), max(1, -(-count // len(personas()))))
    return Random(0).sample(every, count)


def bandwidth() -> float:
    """GB/s that are read from memory: the best of a few sums over 400 MB."""
    numbers = torch.ones(100_000_000)
    best = 0.0
    for _ in range(6):
        began = time.perf_counter()
        numbers.sum()
        best = max(best, numbers.nbytes / (time.perf_counter() - began) / 1e9)
    return best


def memory() -> float:
    """What this process holds now, in GB."""
    return float(psutil.Process(os.getpid()).memory_info().rss / 1e9)


def _round(engine: Engine, ids: Sequence[int]) -> list[float]:
    """Seconds to read, then seconds a step for 1, 4 and 8 rows."""
    began = time.perf_counter()
    engine.read(ids)
    found = [time.perf_counter() - began]
    for rows in (1, 4, 8):
        began = time.perf_counter()
        engine.decode(rows, STEPS)
        found.append((time.perf_counter() - began) / STEPS)
    return found


def _held_out(calls: int) -> list[GradedTurn]:
    """The turns of so many calls that no grader has learned from."""
    turns = [t for t in graded_turns() if is_test(t.call)]
    return [t for _, call in islice(groupby(turns, key=lambda t: t.call), calls) for t in call]


def _weights(folder: Path) -> int:
    """Bytes that one of our passes reads: every rounded weight once."""
    from simulator.models.int8_weights import FILE

    kept = folder / FILE
    return kept.stat().st_size if kept.is_file() else sum(f.stat().st_size for f in folder.glob("*.safetensors"))


def _gguf(model: str) -> Path:
    """The file itself, fetched once more: what was converted from it is kept, it is not."""
    one, folder = embedded(model), models_dir().parent / "gguf"
    file = folder / one.file
    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fetch(one, folder, file, silent)
    return file
