"""One YAML file → one strict, frozen model; whatever is wrong is told with file, line, key and the nearest valid key.

It knows nothing of personas or scenarios. Files are read as YAML 1.2 (so `no` is a word, not False).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar, get_args
from unicodedata import category

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from simulator.errors import DataError, near, shorten

M = TypeVar("M", bound="Strict")

FROM_FILE = "from_file"
"""Key of the validation context that tells a file from a stored record: what a file must have may grow from version to
version, a record stays as it was."""
MAX_PARTS = 20_000
"""Values in one file, aliases counted each time; a persona has some hundreds."""
_INVISIBLE_BUT_FINE = "\n\t\u200c\u200d\u00ad"
WIDTH = 130
"""Columns after which a long value is broken when it is written."""
MAX_BYTES = 1_000_000
"""A persona or scenario is a few kilobytes; more is a mistake or an attack."""


class Strict(BaseModel):
    """Frozen, and refuses keys that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def read_model(model: type[M], source: Path | Traversable) -> M:
    """Read `source` as one `model`. Raises DataError naming file, line and key."""
    name = os.fspath(source) if isinstance(source, Path) else source.name
    try:
        raw = source.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: no file can have such a name
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be read ({shorten(reason)})", file=shorten(name, 300)) from error
    if len(raw) > MAX_BYTES:
        raise DataError(f"is {len(raw):,} bytes long; at most {MAX_BYTES:,} are read", file=name)
    return parse_model(model, raw, name)


def parse_model(model: type[M], raw: bytes | str, name: str) -> M:
    """As `read_model`, from text already at hand; `name` is what errors call it."""
    return validated(model, *load_yaml(raw, name), name)


def validated(model: type[M], data: Any, plain: dict[str, Any], name: str) -> M:
    """What `load_yaml` gave as one `model`. Raises DataError naming file, line and key."""
    try:
        return model.model_validate(plain, context={FROM_FILE: True})
    except ValidationError as error:
        raise _explain(error, model, data, name) from error
    except RecursionError as error:
        raise DataError("is nested too deeply", file=name) from error


def load_yaml(raw: bytes | str, name: str) -> tuple[Any, dict[str, Any]]:
    """A mapping as YAML has it (with comments, quotes and line numbers, to be written back), and the same as plain data.
    Raises DataError, calling it `name`."""
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8 text", file=name, line=raw[: error.start].count(b"\n") + 1) from error  # type: ignore[arg-type]
    yaml = YAML(typ="rt", pure=True)
    yaml.allow_duplicate_keys = False
    yaml.preserve_quotes = True
    yaml.version = (1, 2)
    try:
        data = yaml.load(text)
        if not isinstance(data, dict):
            raise DataError("must be a list of `key: value` lines", file=name, line=1)
        plain = _plain(data)
        if (found := _unprintable(data)) is not None:
            loc, sign = found
            key = ".".join(str(part) for part in loc)
            message = f"{shorten(key)!r} holds the invisible character U+{ord(sign):04X}; take it out"
            raise DataError(message, file=name, line=_line_of(data, loc), key=key)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = shorten(str(error.problem or "is not YAML"))
        raise DataError(f"is not valid YAML: {problem}", file=name, line=mark.line + 1 if mark else None) from error
    except (YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"is not valid YAML: {shorten(str(error)) or 'too deeply nested'}", file=name) from error
    return data, plain


def dump_yaml(data: Any) -> str:
    """A mapping from `load_yaml` as text again: comments, quotes and folds as they were, lists as our own files have them."""
    yaml, text = YAML(typ="rt", pure=True), StringIO()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(data, text)
    return text.getvalue()


def check_folder(model: type[M], place: Path) -> tuple[list[Path], list[DataError]]:
    """Look at a file, or at every YAML file of a folder, without stopping at the first that is wrong: the files that
    were looked at, and what is wrong with them."""
    if not place.exists():
        return [], [DataError("there is no such file or folder", file=place)]
    inside = (f for f in place.iterdir() if f.suffix in (".yaml", ".yml")) if place.is_dir() else (place,)
    looked_at, problems, ids = sorted(inside), list[DataError](), dict[str, Path]()
    for file in looked_at:
        try:
            key = str(read_model(model, file).id)  # type: ignore[attr-defined]
        except DataError as error:
            problems.append(error)
            continue
        if key in ids:
            problems.append(DataError(f"id {key!r} is used by {ids[key].name} too", file=file, key="id"))
        ids.setdefault(key, file)
    return looked_at, problems


def read_folder(model: type[M], folder: Path | Traversable) -> dict[str, M]:
    """Every `*.yaml` of a folder, by its `id`, sorted by file name. A bad file or a doubled id raises DataError."""
    found: dict[str, M] = {}
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith((".yaml", ".yml")) and file.is_file():
            one = read_model(model, file)
            key = str(one.id)  # type: ignore[attr-defined]
            if key in found:
                raise DataError(f"id {key!r} is used by another file of this folder", file=file.name, key="id")
            found[key] = one
    return found


def _plain(node: Any, depth: int = 0, budget: list[int] | None = None) -> Any:
    """ruamel's commented containers as plain dicts and lists; refuses nesting, and aliases of aliases, that no honest
    file has."""
    budget = [MAX_PARTS] if budget is None else budget
    budget[0] -= 1
    if depth > 20:
        raise ValueError("it is nested too deeply")
    if budget[0] < 0:
        raise ValueError(f"it has more than {MAX_PARTS:,} parts")
    if isinstance(node, dict):
        return {str(k): _plain(v, depth + 1, budget) for k, v in node.items()}
    if isinstance(node, list):
        return [_plain(v, depth + 1, budget) for v in node]
    if isinstance(node, str):
        return str(node)
    return node


def _unprintable(node: Any, loc: tuple[Any, ...] = ()) -> tuple[tuple[Any, ...], str] | None:
    """Where the first text is that could steer a terminal or a page, and the character that could."""
    if isinstance(node, dict):
        pairs = list(node.items())
        for key, _ in pairs:
            if isinstance(key, str) and (sign := _bad_sign(key)):
                return (*loc, key), sign
    elif isinstance(node, list):
        pairs = list(enumerate(node))
    else:
        return (loc, sign) if isinstance(node, str) and (sign := _bad_sign(node)) else None
    return next((found for key, value in pairs if (found := _unprintable(value, (*loc, key))) is not None), None)


def _bad_sign(text: str) -> str:
    if text.isprintable():
        return ""
    return next((c for c in text if c not in _INVISIBLE_BUT_FINE and category(c) in ("Cc", "Cf", "Cs", "Co")), "")


def _explain(error: ValidationError, model: type[BaseModel], data: Any, name: str) -> DataError:
    """The first thing that is wrong, as one sentence; how many more there are."""
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda p: (p["type"] != "extra_forbidden", len(p["loc"])))
    loc = tuple(first["loc"])
    line = _line_of(data, loc)
    key = ".".join(str(part) for part in loc if part != "[key]")
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        hint = near(str(loc[-1]), known)
        message = f"unknown key {shorten(key)!r}" + (
            f"; did you mean {hint!r}?" if hint else f"; known keys here: {', '.join(sorted(known))}"
        )
    elif first["type"] == "missing":
        message = f"key {key!r} is missing"
    elif first["type"] == "enum":
        wanted = str(first.get("ctx", {}).get("expected", "")).replace("'", "").replace(" or ", ", ").split(", ")
        hint = near(str(first["input"]), wanted)
        message = f"{shorten(key)!r}: {shorten(str(first['input']))!r} is not known" + (
            f"; did you mean {hint!r}?" if hint else f"; it is one of {', '.join(wanted)}"
        )
    else:
        said = first["msg"].removeprefix("Value error, ")
        message = f"{shorten(key)!r}: {said[0].lower() + said[1:]}" if key else said
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more problem{'s' if len(problems) > 2 else ''})"
    return DataError(message, file=name, line=line, key=key)


def _line_of(node: Any, loc: Iterable[Any]) -> int | None:
    """Line, from 1, of the deepest part of `loc` that is in the file."""
    line: int | None = 1
    for part in loc:
        if part == "[key]":
            continue
        if not isinstance(node, CommentedBase):
            break
        try:
            where = node.lc.data[part]
            line = int(where[0]) + 1
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line


def _fields_at(model: type[BaseModel], loc: Iterable[Any]) -> set[str]:
    """Names of the fields that are valid at `loc` (through lists, dicts and optionals)."""
    here: Any = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = here.model_fields[str(part)].annotation
        while not (isinstance(here, type) and issubclass(here, BaseModel)):
            inner = [a for a in get_args(here) if isinstance(a, type) and issubclass(a, BaseModel)]
            if not inner:
                return set()
            here = inner[-1]
    return set(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else set()
