"""What commands share on a terminal: harmless text, steps with a progress bar, the columns of a listing."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_TOLD = {
    "fetch": "Fetching",
    "verify": "Checking",
    "convert": "Preparing",
    "round": "Rounding",
    "compile": "Compiling for",
}


def shown(text: str) -> str:
    """`text` without anything that could steer a terminal: no control, direction-changing or surrogate characters."""
    return "".join(c for c in text if c in "\n\t\u200d" or unicodedata.category(c)[0] != "C")


def say(text: str = "", end: str = "\n") -> None:
    """Print harmless text on stdout at once."""
    print(shown(text), end=end, flush=True)


def tell(text: str) -> None:
    """Print one harmless line for the person, on stderr: stdout is for results."""
    print(shown(text), file=sys.stderr, flush=True)


def wrapped(text: str, indent: str = "") -> str:
    """`text` in lines as wide as the terminal (at most 100), each after `indent`."""
    width = min(100, max(40, shutil.get_terminal_size().columns))
    lines = [
        textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent) for line in shown(text).split("\n")
    ]
    return "\n".join(lines)


def columns(rows: Iterable[Sequence[str]]) -> None:
    """A listing: aligned for a person, tab-separated for a program (when stdout is not a terminal)."""
    table = [[" ".join(shown(cell).split()) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        say("\n".join("\t".join(row) for row in table))
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))] if table else []
    room = max(40, shutil.get_terminal_size().columns)
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        say(line if len(line) <= room else line[: room - 1] + "…")


class Steps:
    """Progress bars on stderr, one per step, with time left; on no terminal a line per step instead.

    Call it as the models' `Progress`: `steps(step, done, total)`. `title` is put before the step's name.
    """

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._bars: Progress | None = None
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._told: set[tuple[str, str]] = set()
        self._people = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __call__(self, step: str, done: int, total: int) -> None:
        key = (self.title, step)
        name = f"{_TOLD.get(step, step)} {self.title}".strip()
        if not self._people:
            if key not in self._told:
                self._told.add(key)
                tell(f"{name} …")
            return
        bars = self._bars or self._start()
        if key not in self._tasks:
            self._tasks[key] = bars.add_task(name, total=max(total, 1))
        bars.update(self._tasks[key], completed=done, total=max(total, 1))

    def _start(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bars.start()
        return self._bars


def counted(what: str, total: int | None) -> Callable[[int], None]:
    """A progress bar over `total` rows (None: not known) on stderr; call it with how many are done, with -1 at the end.
    Nothing at all when stderr is no terminal."""
    if not sys.stderr.isatty():
        return lambda _done: None
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn(what, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn() if total is not None else TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(what, total=total)
    bar.start()

    def update(done: int) -> None:
        if done < 0:
            bar.stop()
        else:
            bar.update(task, completed=done)

    return update


def size(count: int) -> str:
    """Bytes for people."""
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


__all__ = ["Steps", "columns", "counted", "say", "shown", "size", "tell", "wrapped"]
