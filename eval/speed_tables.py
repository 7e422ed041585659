"""What `simulator bench speed` tells of its raw samples: medians, 95th percentiles, and ratios to ours with intervals.

Intervals are percentile bootstraps over rounds (`intervals.py`), from five rounds on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from eval.bench_turn import growth_table, waits
from eval.intervals import Estimate, statistic
from eval.speed_sections import PARTS, Raw

ROWS = (0, 1, 4, 8)
"""Rows that each of `PARTS` decodes (0: it reads)."""


def middle(values: Sequence[float]) -> Estimate:
    """The median of the rounds."""
    x = np.array(values)
    return statistic(range(len(x)), lambda at: float(np.median(x[at])))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Estimate:
    """The median of the rounds' ratios."""
    return middle([a / b for a, b in zip(theirs, ours, strict=True)])


def pace(raw: Raw) -> dict[str, list[Estimate]]:
    """Tokens a second of each engine of the section decode, for each of `PARTS`, all rows together."""
    tokens = [raw["read"], *ROWS[1:]]
    return {
        name: [middle([n / row[place] for row in rows]) for place, n in enumerate(tokens)]
        for name, rows in raw["times"].items()
    }


def limits(raw: Raw) -> list[float]:
    """The most tokens a second that the floor of the section decode leaves, for each of `PARTS`."""
    least = raw["floor"]
    return [raw["read"] / least["read"], *(rows / least["step"] for rows in ROWS[1:])]


def told(section: str, model: str, raw: Raw) -> Iterator[Table | str]:
    """A section's tables and sentences."""
    yield from _TOLD[section](model, raw)


def _start(model: str, raw: Raw) -> Iterator[str]:
    each = raw["first_page"]
    calls = raw.get("first_call", ())  # runs of before knew none: the page came with the models
    ready = f", {median(calls):.1f} s until a call can begin" if calls else ""
    yield (
        f"start of `simulator serve --model {model}` to its first page, warm: median {median(each):.1f} s, longest "
        f"{max(each):.1f} s of {len(each)}{ready}; it then holds {raw['memory']:.2f} GB"
    )


def _decode(model: str, raw: Raw) -> Iterator[Table | str]:
    times, least = raw["times"], raw["floor"]
    ours = np.array(next(iter(times.values())))
    table = Table(title=f"{model}: ms a step ({raw['read']} tokens read: s); x ours, 95 % over {len(ours)} rounds")
    for column in ("engine", *PARTS):
        table.add_column(column)
    for number, (name, rows) in enumerate(times.items()):
        each, cells = np.array(rows), []
        for n in range(len(PARTS)):
            here = f"{median(each[:, n]):.2f} s" if n == 0 else f"{1000 * median(each[:, n]):.1f}"
            cells.append(f"{here}  x{ratio(each[:, n].tolist(), ours[:, n].tolist()).told()}" if number else here)
        table.add_row(name, *cells)
    table.add_row("floor", f"{least['read']:.2f} s", *[f"{1000 * least['step']:.1f}"] * 3)
    yield table
    yield (
        f"floor: {least['bytes'] / 1e6:,.0f} MB of weights at {least['gbytes']:.0f} GB/s a step; reading at "
        f"{least['gops']:.0f} G operations/s"
    )
    if raw["no_llama"]:
        yield "llama.cpp is not installed (pip install llama-cpp-python): left out"


def _replies(model: str, raw: Raw) -> Iterator[Table | str]:
    times, many = raw["times"], raw["at_once"]
    table = Table(title=f"{model}: whole replies of {raw['tokens']} tokens to new prompts, seconds; x ours")
    for column in ("engine", "one", f"{many} at once", "tokens said"):
        table.add_column(column)
    ours = next(iter(times.values()))
    for number, (name, rows) in enumerate(times.items()):
        cells = []
        for part in ("one", "many"):
            here = [row[part] for row in rows]
            shown = f"{median(here):.2f}"
            cells.append(f"{shown}  x{ratio(here, [row[part] for row in ours]).told()}" if number else shown)
        said = sum(row["one_tokens"] + row["many_tokens"] for row in rows)
        table.add_row(name, *cells, f"{said} of {raw['tokens'] * (1 + many) * len(rows)}")
    yield table
    if raw["no_server"]:
        yield "llama.cpp's server is not installed (pip install 'llama-cpp-python[server]'): left out"


def _grade(model: str, raw: Raw) -> Iterator[str]:
    one, waves = raw["one"], raw["batch"]
    turns, seconds = (np.array([wave[key] for wave in waves]) for key in ("turns", "seconds"))
    rate = statistic(range(len(waves)), lambda at: float(turns[at].sum() / seconds[at].sum()))
    yield (
        f"grading one turn of a call with {model}: median {median(one):.3f} s, 95th percentile "
        f"{np.quantile(one, 0.95):.3f} s; in batch {rate.told('.1f')} turns a second, {len(one)} turns"
    )


def _turn(model: str, raw: Raw) -> Iterator[Table | str]:
    pairs = list(zip(raw["at_once"], raw["thinking"], strict=True))
    yield waits(f"{model}: {len(pairs)} whole turns", pairs)
    drawn, count = [row["words"] for row in raw["at_once"]], sum(row["written"] for row in raw["at_once"])
    yield f"{median(drawn):.0f} words a reply (median), {count:.0f} of {len(drawn)} replies are written lines"


def _growth(model: str, raw: Raw) -> Iterator[Table | str]:
    yield growth_table(raw["calls"])
    third, last = raw["turns"].index(3), raw["turns"].index(40)
    each = ratio(*[[call[at]["whole turn"] for call in raw["calls"]] for at in (last, third)])
    yield f"{model}: turn 40 takes x{each.told()} as long as turn 3"


def _play(model: str, raw: Raw) -> Iterator[str]:
    one, many = (60 * raw[name]["turns"] / raw[name]["seconds"] for name in ("one", "many"))
    yield (
        f"self-play with {model}, {raw['calls']} calls: {one:.1f} turns a minute one by one, {many:.1f} with "
        f"{raw['at_once']} at once, {many / one:.2f} times"
    )


def _room(model: str, raw: Raw) -> Iterator[str]:
    every = np.array([w for seat in raw["waits"] for w in seat])
    each = [median(seat) for seat in raw["waits"] if seat]
    yield (
        f"a room of {len(raw['waits'])} with {model}: median {np.median(every):.1f} s, 95th percentile "
        f"{np.quantile(every, 0.95):.1f} s, slowest seat {max(each) / median(each):.1f} times the median seat, {len(every)} "
        f"turns, {raw['memory']:.2f} GB resident"
    )


_TOLD: Mapping[str, Any] = {
    "start": _start,
    "decode": _decode,
    "replies": _replies,
    "grade": _grade,
    "turn": _turn,
    "growth": _growth,
    "play": _play,
    "room": _room,
}
