"""Every error this program raises on purpose. Each message names the cause and, where there is one, the next command.

SimulatorError
├── DataError                 a file a person wrote is wrong (names file, line and key)
│   ├── UnknownNameError      no such persona, scenario, model, ... (suggests near matches)
│   └── FormatError           a JSONL row or a web field cannot be read
├── ModelError                a language model cannot do what was asked
│   ├── ModelNotFoundError    no such file, folder, hub name or server model
│   ├── ModelFormatError      the file is there but is not a model we can run
│   ├── WeightsError          weights could not be fetched, or do not match their SHA-256
│   ├── MemoryShortError      the machine cannot hold the model
│   └── ServerError           a model server is down, refuses the key, or takes too long
├── CallError                 a call cannot go on like this (already ended, empty turn, unknown turn)
│   ├── BusyError             somebody is playing this call at this moment
│   └── FullError             so many turns wait that this one cannot even wait in line
└── StoreError                the database cannot be opened, read or written
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class SimulatorError(Exception):
    """Base of all of them; `str(error)` is one sentence that a user may read."""


class DataError(SimulatorError):
    """A file a person wrote is wrong. `file`, `line` (from 1) and `key` say where, as far as known; `message`
    is the sentence without the place."""

    def __init__(
        self, message: str, *, file: Path | str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        where = "" if file is None else f"{file}" + (f", line {line}" if line else "") + ": "
        super().__init__(where + message)
        self.message = message
        self.file, self.line, self.key = file, line, key


class UnknownNameError(DataError):
    """No such name among those known; the message suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, next_command: str = "") -> None:
        names = sorted(known)
        hint = near(name, names)
        tail = f" Did you mean {hint}?" if hint else ""
        if next_command:
            tail += f" `{next_command}` lists them."
        super().__init__(f"there is no {kind} called {shorten(name)!r}.{tail}", key=name)


class FormatError(DataError):
    """A row of JSONL, or a field of a form, cannot be read."""


class ModelError(SimulatorError):
    """A language model cannot do what was asked."""


class ModelNotFoundError(ModelError):
    """No such file, folder, hub name or model on the server."""


class ModelFormatError(ModelError):
    """The file is there, but it is not a model that can be run here."""


class WeightsError(ModelError):
    """Weights could not be fetched, or their SHA-256 is not the pinned one."""


class MemoryShortError(ModelError):
    """The machine cannot hold the model."""


class ServerError(ModelError):
    """A model server is down, refuses the key, or takes too long."""


class CallError(SimulatorError):
    """A call cannot go on like this: it has ended, the turn is empty, there is no such turn."""


class BusyError(CallError):
    """Somebody is playing this call at this moment: the same will work a little later."""


class FullError(CallError):
    """So many turns wait that this one cannot even wait in line; `ahead` of them go before it. What the trainee said is
    kept, and the same will work a little later."""

    def __init__(self, ahead: int) -> None:
        super().__init__(
            f"the machine is full: {ahead} turns are before yours; it is answered as soon as there is room"
        )
        self.ahead = ahead


class StoreError(SimulatorError):
    """The database cannot be opened, read or written."""


def near(name: str, known: Iterable[str]) -> str:
    """The nearest of `known` to `name`, or '' when nothing is near."""
    lowered = {k.lower(): k for k in known}
    found = get_close_matches(name.lower(), lowered, n=1, cutoff=0.5)
    return lowered[found[0]] if found else ""


def shorten(text: str, limit: int = 80) -> str:
    """`text` on one line, at most `limit` characters: what a message may safely quote from outside."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
