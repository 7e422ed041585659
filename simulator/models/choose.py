"""From the words a user types (`auto`, `small`, a folder, a hub name, an address) to a model that is ready to speak.

Every way this can fail is one sentence of the right error class.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from simulator.errors import MemoryShortError, ModelFormatError, ModelNotFoundError, near, shorten
from simulator.models import machine
from simulator.models.adapter import WEIGHTS
from simulator.models.base import LanguageModel, ModelInfo, Source
from simulator.models.weights import MODELS, EmbeddedModel, Progress, ensure, ensure_file, ready
from simulator.settings import Settings
from simulator.settings import settings as current_settings

SLOWEST = 4.0
"""Tokens/s below which a spoken line (about 20 tokens) keeps a trainee waiting for more than five seconds."""
OVERHEAD = 700_000_000
"""Bytes that Python, torch and a call's caches take besides the weights."""
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
NAMES = ("auto", *MODELS)
ADAPTERS = Path(__file__).parent / "adapters"
"""What the embedded models were taught about callers, a folder each (`python -m eval.train_caller`)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`model`: standard or small. `reason`: one sentence for the user."""

    model: str
    reason: str


def choose_model(cache_dir: Path | None = None) -> Choice:
    """The larger embedded model that this machine can carry, and why. Torch is loaded only when memory does not decide
    (then about half a second of probing besides). `cache_dir`: where a converted model would be."""
    free, standard, small = machine.free_memory(), MODELS["standard"], MODELS["small"]
    need = _need(cache_dir)
    if free < need:
        return Choice(small.name, f"small, because standard needs {_gb(need)} of memory and {_gb(free)} are free.")
    speed = machine.probe()
    if speed.width > 2 and free < need + standard.converted:
        return Choice(
            small.name,
            f"small, because this processor needs 32-bit numbers and {_gb(free)} of memory cannot hold standard so.",
        )
    rate = speed.decode(standard.parameters)
    told = f"standard would speak about {rate:.0f} tokens/s and read {speed.prefill(standard.parameters):.0f} here"
    if rate < SLOWEST:
        return Choice(small.name, f"small, because {told}, too slow for a conversation.")
    return Choice(
        standard.name, f"standard, because {_gb(free)} of memory are free and {told.replace('would', 'should')}."
    )


def largest_that_fits(cache_dir: Path | None = None) -> str:
    """The larger embedded model that memory allows; its speed, which `choose_model` asks for, too, needs a library."""
    return "standard" if machine.free_memory() >= _need(cache_dir) else "small"


def _need(cache_dir: Path | None) -> int:
    """Bytes that standard takes. Not yet converted, the peak is the conversion's, which reads the packed file beside the
    growing bf16 one."""
    standard = MODELS["standard"]
    return _needs(standard, cache_dir) + (0 if ready("standard", cache_dir=cache_dir) else standard.size)


def open_model(spec: str, *, progress: Progress | None = None, settings: Settings | None = None) -> LanguageModel:
    """The model that `spec` names: auto, standard, small, a folder, a .gguf file, a hub name (owner/model), or
    http://host/v1#model. An embedded model or .gguf file is fetched and converted first where needed.

    `auto` takes what `choose_model` says. All but a server's model are FeatureModels. Raises ModelNotFoundError
    (with a near match for a misspelt name), ModelFormatError, MemoryShortError, WeightsError, ServerError.
    """
    chosen, asked = settings or current_settings(), spec.strip()
    if asked.startswith(("http://", "https://")):
        from simulator.models.server import ServerModel

        return ServerModel(
            asked,
            api_key=chosen.api_key,
            timeout=chosen.server_timeout,
            deadline=chosen.server_deadline,
            failures=chosen.server_failures,
            rest=chosen.server_rest,
        )
    if asked == "auto":
        asked = choose_model(chosen.cache_dir).model
    if asked in MODELS:
        return _embedded(asked, progress, chosen)
    path = Path(asked).expanduser()
    if asked.lower().endswith(".gguf"):
        return _gguf(path, progress, chosen)
    if asked and path.is_dir():
        return _folder(path, chosen)
    if path.is_file():
        raise ModelFormatError(f"{path} is a file, but not a .gguf file; name its folder, or a .gguf file.")
    if asked.startswith((".", "~", "/", "\\")) or not HUB_NAME.fullmatch(asked):
        raise ModelNotFoundError(_no_such(asked))
    from simulator.models.local import LocalModel

    return LocalModel(asked, device=chosen.device)


def _embedded(name: str, progress: Progress | None, settings: Settings) -> LanguageModel:
    from simulator.models.loading import prepare
    from simulator.models.local import LocalModel
    from simulator.models.weights import silent

    model = MODELS[name]
    _room(name, _needs(model, settings.cache_dir))
    folder = ensure(name, progress=progress, cache_dir=settings.cache_dir)
    if settings.device == "cpu":
        prepare(folder, progress or silent)
    adapter = ADAPTERS / name if settings.tuned and (ADAPTERS / name / WEIGHTS).is_file() else None
    info = ModelInfo(name, Source.EMBEDDED, model.parameters, model.sha256, version(adapter) if adapter else "")
    return LocalModel(folder, info=info, device=settings.device, adapter=adapter)


def version(adapter: Path) -> str:
    """What tells one adapter from another: the first letters of its weights' SHA-256."""
    return sha256((adapter / WEIGHTS).read_bytes()).hexdigest()[:8]


def _gguf(file: Path, progress: Progress | None, settings: Settings) -> LanguageModel:
    if not file.is_file():
        raise ModelNotFoundError(_no_such(str(file)))
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise ModelFormatError(f"{file} is not a GGUF file: it does not begin with the letters GGUF.")
    # Bits a weight are not in the header's first bytes; the name usually says (Q4_K_M, Q8_0, f16), else assume four.
    told = re.search(r"(?:^|[-_.])i?(?:q|f|bf|fp)(\d+)", file.stem.lower())
    bits = float(told[1]) if told else 4.0
    _room(file.name, int(file.stat().st_size * 16 / min(bits + 0.5, 16.0)) + OVERHEAD)
    folder = ensure_file(file, progress=progress, cache_dir=settings.cache_dir)
    from simulator.models.local import LocalModel
    from simulator.models.weights import manifest_digest

    model = LocalModel(
        folder, info=ModelInfo(file.stem, Source.GGUF, 0, manifest_digest(folder)), device=settings.device
    )
    return model


def _folder(folder: Path, settings: Settings) -> LanguageModel:
    config = folder / "config.json"
    weights = [f for kind in ("*.safetensors", "*.bin") for f in folder.glob(kind)]
    if not config.is_file():
        inside = next(iter(sorted(folder.glob("*.gguf"))), None)
        raise ModelFormatError(
            f"{folder} is not a model folder: it has no config.json" + (f"; did you mean {inside}?" if inside else ".")
        )
    if not weights:
        raise ModelFormatError(f"{folder} has a config.json but no weights (*.safetensors).")
    try:
        described = json.loads(config.read_text("utf-8"))
        kind = str(described.get("dtype") or described.get("torch_dtype") or "")
    except (ValueError, AttributeError) as error:
        raise ModelFormatError(f"{config} is not a JSON object ({shorten(str(error), 80)}).") from error
    size = sum(f.stat().st_size for f in weights)
    _room(str(folder), (size // 2 if kind == "float32" else size) + OVERHEAD)
    from simulator.models.local import LocalModel

    return LocalModel(folder, device=settings.device)


def _needs(model: EmbeddedModel, cache_dir: Path | None) -> int:
    """Bytes of memory that opening it takes: the first time, what converting and rounding it takes."""
    from simulator.models.int8_weights import FILE
    from simulator.models.loading import eight_bits

    folder, eight = ready(model.name, cache_dir=cache_dir), eight_bits()
    if folder is None or (eight and not (folder / FILE).is_file()):
        return model.preparing
    return model.memory if eight else max(model.memory, model.converted + OVERHEAD)


def _room(name: str, need: int) -> None:
    """Refuse before loading what would only be killed half-way."""
    free = machine.free_memory()
    if free < need:
        smaller = "close other programs" + ("" if name == "small" else " or choose `--model small`")
        raise MemoryShortError(f"{name} needs about {_gb(need)} of memory and {_gb(free)} are free; {smaller}.")


def _no_such(asked: str) -> str:
    """Neither a name we know nor a path: what may have been meant."""
    path = Path(asked).expanduser()
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = near(asked, NAMES) or (near(path.name, beside) if len(path.parts) > 1 or path.suffix else "")
    if len(asked) > 2 and hint:
        return f"there is no model or file {shorten(asked)!r}; did you mean {hint}?"
    return (
        f"there is no model or file {shorten(asked)!r}; say auto, standard, small, a folder, a .gguf file, a hub name "
        "(owner/model) or http://host/v1#model."
    )


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
