"""Saved versions of a user's own personas: who a caller was, and why that was changed, beside the files in use.

In the folder of a user's own personas `FILE.yaml` is the persona in use, and `versions/ID/0003.yaml` its third version.
Both begin with one comment line that says which version it is, when it was saved and why; the rest is the text as it was
written. The files that come with the program are never written to: a persona of the same id in this folder takes the
place of the shipped one. Whatever is replaced is a version first.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from filelock import FileLock, Timeout

from simulator.errors import DataError, UnknownNameError, shorten
from simulator.persona import Persona, personas
from simulator.yamlfile import load_yaml, parse_model

LONGEST_NOTE = 200
FOUND = "as it was found in the folder"
"""Note of a version that somebody has written without saving it here."""
_FOLDER, _LOCK = "versions", ".lock"
_HEAD = re.compile(r"\A# Version (\d{1,6}), (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ): ?([^\n]*)\n")
_PATIENCE = 10.0
"""Seconds to wait for another save of the same persona."""


@dataclass(frozen=True, slots=True)
class Version:
    """One saved version; `number` from 1, `at` in UTC, `text` without the line that says all this."""

    number: int
    at: datetime
    note: str
    text: str


def bare(text: str) -> str:
    """The text of a persona file without the line that says which version it is."""
    return _HEAD.sub("", text.replace("\r\n", "\n").removeprefix("\ufeff"), count=1)


def shipped(persona_id: str) -> str | None:
    """The text of the persona that comes with the program, None if none does."""
    if persona_id not in personas():
        return None
    return next(
        text
        for file in (files("personas") / "callers").iterdir()
        if file.name.endswith(".yaml") and _id_of(text := file.read_text(encoding="utf-8")) == persona_id
    )


def in_use(folder: Path, persona_id: str) -> str:
    """The text that calls are played with: the user's own, else the shipped one. Raises UnknownNameError."""
    own = _own_file(folder, persona_id)
    text = bare(_read(own)) if own else shipped(persona_id)
    if text is None:
        raise UnknownNameError("persona", persona_id, personas(), next_command="simulator personas list")
    return text


def history(folder: Path, persona_id: str) -> tuple[Version, ...]:
    """Every saved version, the oldest first. Raises DataError if one cannot be read."""
    place = folder / _FOLDER / persona_id
    numbered = sorted(f for f in place.glob("*.yaml") if f.stem.isdigit()) if place.is_dir() else []
    return tuple(_version(file) for file in numbered)


def save(folder: Path, text: str, note: str, *, after: int) -> Version:
    """Keep `text` as the next version, and put it in use. `after`: the newest version that its writer has seen (0: none).

    Raises DataError if it is not a valid persona (naming line and key), if somebody has saved another version since, or if
    it cannot be written; nothing is changed then.
    """
    written = bare(text).strip("\n") + "\n"
    persona = parse_model(Persona, written, "the persona")
    place = folder / _FOLDER / persona.id
    try:
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / _LOCK, timeout=_PATIENCE):
            known = history(folder, persona.id)
            if known and known[-1].number != after:
                newest = known[-1]
                raise DataError(
                    f"version {newest.number} ({newest.note or 'no note'}) was saved since you opened this: compare it under "
                    "Versions, then save again"
                )
            target = _own_file(folder, persona.id) or folder / f"{persona.id}.yaml"
            count = known[-1].number if known else 0
            if target.exists() and not (known and bare(_read(target)) == known[-1].text):
                count += 1
                _write(place / f"{count:04}.yaml", _headed(count, FOUND, bare(_read(target))))
            kept = _headed(count + 1, note, written)
            _write(place / f"{count + 1:04}.yaml", kept)
            _write(target, kept)
            return _version(place / f"{count + 1:04}.yaml")
    except Timeout as error:
        raise DataError("another window is saving this persona: try again in a moment") from error
    except OSError as error:
        raise DataError(f"cannot be written ({error.strerror or error})", file=folder) from error


def compared(before: str, after: str, names: tuple[str, str]) -> tuple[str, ...]:
    """What differs between two texts, as the lines of a unified diff; nothing where they say the same."""
    return tuple(difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="", n=2))


def _headed(number: int, note: str, text: str) -> str:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"# Version {number}, {at}: {shorten(note, LONGEST_NOTE)}\n{text}"


def _version(file: Path) -> Version:
    text = _read(file)
    head = _HEAD.match(text)
    if head is None:
        raise DataError("does not begin with `# Version N, TIME: NOTE`", file=file, line=1)
    at = datetime.strptime(head[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return Version(int(head[1]), at, head[3], bare(text))


def _own_file(folder: Path, persona_id: str) -> Path | None:
    """The user's file of that persona, whatever it is called."""
    if not folder.is_dir():
        return None
    own = sorted(f for f in folder.iterdir() if f.suffix in (".yaml", ".yml") and f.is_file())
    return next((f for f in own if _id_of(_read(f)) == persona_id), None)


def _id_of(text: str) -> str:
    """What a persona file says its id is; '' if it cannot be told."""
    if found := re.search(r"^id:[ \t]*([a-z0-9_]+)[ \t]*(?:#.*)?$", text, re.MULTILINE):
        return found[1]
    try:
        return str(load_yaml(text, "it")[1].get("id", ""))
    except DataError:
        return ""


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read ({getattr(error, 'strerror', None) or 'it is not UTF-8'})", file=file
        ) from error


def _write(target: Path, text: str) -> None:
    """Put `text` in the place of `target`, all of it or nothing."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


__all__ = ["FOUND", "LONGEST_NOTE", "Version", "bare", "compared", "history", "in_use", "save", "shipped"]
