"""What a user may type for a model, and the one sentence each mistake gets. No weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import MemoryShortError, ModelFormatError, ModelNotFoundError, ServerError
from simulator.models import choose, choose_model, loading, machine, open_model
from simulator.models.int8_weights import FILE
from simulator.models.loading import eight_bits
from simulator.models.machine import Speed
from simulator.settings import Settings

GB = 10**9


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("standart", "did you mean standard?"),
        ("smal", "did you mean small?"),
        ("Auto", "did you mean auto?"),
        ("nonsense", "say auto, standard, small"),
        ("", "say auto, standard, small"),
        ("./no/such", "there is no model or file './no/such'"),
        ("a b/c", "there is no model or file"),
        ("missing.gguf", "there is no model or file 'missing.gguf'"),
    ],
)
def test_names_that_are_none(here: Settings, typed: str, words: str) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        open_model(typed, settings=here)
    assert words in str(raised.value)


def test_a_misspelt_file_finds_its_neighbour(here: Settings, tmp_path: Path) -> None:
    (tmp_path / "my-model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelNotFoundError, match=r"did you mean my-model\.gguf"):
        open_model(str(tmp_path / "my-modl.gguf"), settings=here)


def test_wrong_formats(here: Settings, tmp_path: Path) -> None:
    text, folder, other = tmp_path / "letter.gguf", tmp_path / "folder", tmp_path / "notes.txt"
    text.write_text("Dear Sir")
    other.write_text("Dear Sir")
    folder.mkdir()
    for path, words in ((text, "not a GGUF file"), (folder, "no config.json"), (other, "not a .gguf file")):
        with pytest.raises(ModelFormatError, match=words):
            open_model(str(path), settings=here)
    (folder / "x.gguf").touch()
    with pytest.raises(ModelFormatError, match=r"did you mean .*x\.gguf"):
        open_model(str(folder), settings=here)
    (folder / "config.json").write_text("{}")
    with pytest.raises(ModelFormatError, match="no weights"):
        open_model(str(folder), settings=here)
    (folder / "model.safetensors").touch()
    (folder / "config.json").write_text("[")
    with pytest.raises(ModelFormatError, match="not a JSON object"):
        open_model(str(folder), settings=here)


@pytest.mark.model  # tries to load one; there is none
def test_a_folder_whose_weights_are_broken(here: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_text("no")
    with pytest.raises(ModelFormatError, match="is not a model that can be run here"):
        open_model(str(tmp_path), settings=here)


def test_too_little_memory(here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda: GB // 2)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "big-q4_k_m.gguf").write_bytes(b"GGUF")
    for typed in ("standard", str(tmp_path), str(tmp_path / "big-q4_k_m.gguf")):
        with pytest.raises(MemoryShortError, match=r"0\.5 GB are free; close other programs or choose `--model small`"):
            open_model(typed, settings=here)
    with pytest.raises(MemoryShortError, match="close other programs"):
        open_model("small", settings=here)


@pytest.mark.model  # tries to load one; there is none
def test_a_hub_name_without_a_hub(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest.importorskip("huggingface_hub.constants"), "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelNotFoundError, match="cannot be reached"):
        open_model("nobody/such-a-model", settings=here)


def test_a_server_that_is_down(here: Settings) -> None:
    with pytest.raises(ServerError, match="no model server answers"):
        open_model("http://127.0.0.1:9/v1#m", settings=Settings(cache_dir=here.cache_dir, server_timeout=2.0))


@pytest.mark.parametrize(
    ("free", "speed", "model", "words"),
    [
        (2 * GB, None, "small", "because standard needs 5.8 GB of memory and 2.0 GB are free"),
        (
            16 * GB,
            Speed(900, 40, 2),
            "standard",
            "16.0 GB of memory are free and standard should speak about 8 tokens/s",
        ),
        (16 * GB, Speed(900, 25, 1), "standard", "standard should speak about 10 tokens/s"),
        (16 * GB, Speed(20, 8, 2), "small", "too slow for a conversation"),
        (8 * GB, Speed(200, 40, 4), "small", "32-bit"),
    ],
)
def test_auto(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, speed: Speed | None, model: str, words: str
) -> None:
    def probe() -> Speed:
        assert speed is not None, "memory alone decides here"
        return speed

    monkeypatch.setattr(machine, "free_memory", lambda: free)
    monkeypatch.setattr(machine, "probe", probe)
    found = choose_model(tmp_path)
    assert found.model == model
    assert words in found.reason


def test_what_is_prepared_needs_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "eight_bits", lambda: True)
    monkeypatch.setattr(choose, "ready", lambda name, **_: tmp_path)
    monkeypatch.setattr(machine, "free_memory", lambda: 3 * GB)
    monkeypatch.setattr(machine, "probe", lambda: Speed(900, 25, 1))
    assert choose_model(tmp_path).model == "small", "it has yet to be rounded"
    (tmp_path / FILE).touch()
    assert choose_model(tmp_path).model == "standard"
    monkeypatch.setattr(loading, "eight_bits", lambda: False)
    assert "needs 4.3 GB" in choose_model(tmp_path).reason


def test_a_container_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    unlimited = machine.free_memory()
    for name, text in (("max", "900000000"), ("current", "700000000"), ("stat", "anon 1\ninactive_file 100000000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert machine.free_memory() == 300_000_000 < unlimited
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.free_memory() > 300_000_000


def test_the_probe_gives_sensible_figures() -> None:
    pytest.importorskip("torch")
    speed = machine.probe()
    assert 0.1 < speed.gflops < 1e5
    assert 0.1 < speed.gbytes < 1e4
    assert speed.width == 1 if eight_bits() else speed.width in (2, 4)
    assert choose.SLOWEST > 0
