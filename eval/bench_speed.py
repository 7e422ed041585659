"""`simulator bench speed`: how fast callers answer on this machine, beside peers with the same weights.

Reading and decoding are timed in rounds, all engines in each, so that what else the machine does hits all of them; medians,
and ratios to ours with a bootstrap interval over rounds. The floor is the time in which memory can deliver our weights.
Then calls side by side: self-play one by one and at once, and a room of trainees who think between their turns.
"""

from __future__ import annotations

import resource
import threading
import time
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.peers import Engine, LlamaCpp, Ours, llama_there
from eval.playing import AT_ONCE, Setting, grid, play_many, started, words
from eval.trainees import Policy
from simulator.models import ensure
from simulator.models.fetch import fetch
from simulator.models.loading import Precision
from simulator.models.weights import embedded, models_dir, silent
from simulator.opening import Parts, open_parts
from simulator.persona import personas
from simulator.vocabulary import Difficulty

PROMPT, STEPS = 512, 16
"""Tokens read, and decoded in each row."""
PARTS = ("read", "1 row", "4 rows", "8 rows")


def main(
    model: Annotated[str, typer.Option(help="small or standard")] = "small",
    rounds: Annotated[int, typer.Option(min=1, help="times that every engine is timed")] = 5,
    calls: Annotated[int, typer.Option(min=0, help="calls of self-play, one by one and at once (0: none)")] = 8,
    trainees: Annotated[int, typer.Option(min=0, help="trainees in a room, each thinking 15-25 s (0: none)")] = 0,
    turns: Annotated[int, typer.Option(min=1, help="turns of each call or trainee")] = 3,
    peers: Annotated[bool, typer.Option(help="also time the peers")] = True,
) -> None:
    """Time reading, decoding, self-play and a room; print medians, ratios and the floor."""
    console = Console(width=120)
    if rounds and peers:
        console.print(engines_table(model, rounds))
    if calls or trainees:
        began = time.perf_counter()
        parts = open_parts(model, model)
        parts.warm_up()
        console.print(f"opened and warm in {time.perf_counter() - began:.1f} s, {_memory():.2f} GB resident")
        if calls:
            console.print(self_play(parts, calls, turns))
        if trainees:
            console.print(room(parts, trainees, turns))
        parts.close()


def engines_table(model: str, rounds: int) -> Table:
    """Every engine's medians, and how much longer it takes than ours."""
    folder = ensure(model)
    engines: list[Engine] = [Ours(folder, Precision.AUTO), Ours(folder, Precision.FULL)]
    if llama_there():
        engines.append(LlamaCpp(_gguf(model)))
    ids = [1000 + n for n in range(PROMPT)]
    times: dict[str, list[list[float]]] = {engine.name: [] for engine in engines}
    for _ in track(range(rounds), description="timing engines"):
        for engine in engines:
            times[engine.name].append(_round(engine, ids))
    ours = np.array(times[engines[0].name])
    table = Table(
        title=f"{model}: milliseconds a step ({PROMPT} tokens read: seconds); x ours, 95 % over {rounds} rounds"
    )
    for column in ("engine", *PARTS):
        table.add_column(column)
    for name, rows in times.items():
        each = np.array(rows)
        cells = []
        for n in range(len(PARTS)):
            here = median(each[:, n])
            shown = f"{here:.2f} s" if n == 0 else f"{1000 * here:.0f}"
            cells.append(shown if name == engines[0].name else f"{shown}  {_ratio(each[:, n] / ours[:, n])}")
        table.add_row(name, *cells)
    speed, size = bandwidth(), _weights(folder)
    floor = f"{1000 * size / speed / 1e9:.0f}"
    table.add_row(f"floor: {size / 1e6:,.0f} MB at {speed:.0f} GB/s", "", floor, floor, floor)
    if not llama_there():
        table.caption = "llama.cpp is not installed (pip install llama-cpp-python)"
    return table


def self_play(parts: Parts, calls: int, turns: int) -> str:
    """Turns a minute, one call after another and `AT_ONCE` of them together: the same calls."""
    some = sample(calls)
    rates = []
    for at_once in (1, AT_ONCE):
        began, count = time.perf_counter(), 0
        for _, call in play_many(some, parts.voice, parts.evaluator, turns=turns, at_once=at_once):
            count += len(call.grades)
        rates.append(60 * count / (time.perf_counter() - began))
    one, many = rates
    return f"self-play, {calls} calls: {one:.1f} turns a minute one by one, {many:.1f} with {AT_ONCE} at once, {many / one:.2f} times"


def room(parts: Parts, trainees: int, turns: int) -> str:
    """What trainees wait who all work at once and think 15-25 s between turns: seconds from sending to the full reply."""
    waits: list[list[float]] = [[] for _ in range(trainees)]

    def sit(seat: int, setting: Setting) -> None:
        rng = Random(seat)
        time.sleep(rng.uniform(0, 20))
        session = started(setting, parts.voice, parts.evaluator)
        for said in islice(words(session, setting), turns):
            began = time.perf_counter()
            for _ in session.submit(said):
                pass
            waits[seat].append(time.perf_counter() - began)
            time.sleep(rng.uniform(15, 25))

    threads = [threading.Thread(target=sit, args=(n, s)) for n, s in enumerate(sample(trainees))]
    for thread in threads:
        thread.start()
    for thread in track(threads, description=f"{trainees} trainees"):
        thread.join()
    every = np.array([w for seat in waits for w in seat])
    each = [median(seat) for seat in waits if seat]
    return (
        f"a room of {trainees}: median {np.median(every):.1f} s, 95th percentile {np.quantile(every, 0.95):.1f} s, slowest seat "
        f"{max(each) / median(each):.1f} times the median seat, {len(every)} turns, {_memory():.2f} GB resident"
    )


def sample(count: int) -> list[Setting]:
    """So many different calls, always the same."""
    every = grid(personas().values(), (Difficulty.MEDIUM,), (Policy.EXCELLENT,), -(-count // len(personas())))
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


def _round(engine: Engine, ids: list[int]) -> list[float]:
    """Seconds to read, then seconds a step for 1, 4 and 8 rows."""
    began = time.perf_counter()
    engine.read(ids)
    found = [time.perf_counter() - began]
    for rows in (1, 4, 8):
        began = time.perf_counter()
        engine.decode(rows, STEPS)
        found.append((time.perf_counter() - began) / STEPS)
    return found


def _ratio(each: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    """Median and 95 % bootstrap interval of the ratios of the rounds."""
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(each, (1000, len(each))), axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"x{np.median(each):.2f} ({low:.2f}-{high:.2f})"


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


def _memory() -> float:
    """Resident now, in GB, where the system says; else the most there was."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * resource.getpagesize() / 1e9
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
