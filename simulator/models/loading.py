"""Load a transformers causal language model for this machine: number type, threads, and errors in one sentence."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from simulator.errors import MemoryShortError, ModelFormatError, ModelNotFoundError, shorten
from simulator.models.base import ModelInfo, Source
from simulator.models.runner import Runner
from simulator.models.weights import MANIFEST, Progress, manifest_digest

UNKNOWN_CONTEXT = 4096
LIGHT = 500_000_000
"""Parameters under which a model runs in float32 on a processor without matrix units (AMX): prefill was 1.7 times as
fast there as in bf16, decoding the same (small model, two cores)."""


class Precision(StrEnum):
    """In which numbers a model is computed."""

    AUTO = "auto"
    """int8 where that is quick here and the model is of a family that `int8.py` knows, else full."""
    FULL = "full"
    """bf16 where the machine computes it, else float32; by transformers itself."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run. `ends`: ids that end a reply; `context`: tokens it was trained to hold."""

    runner: Runner
    tokenizer: Any
    info: ModelInfo
    ends: frozenset[int]
    context: int


def load(
    where: str | Path, device: str = "cpu", *, adapter: Path | None = None, precision: Precision = Precision.AUTO
) -> Loaded:
    """Load a folder (Path) or hub name (str), with the LoRA adapter in the folder `adapter` beside it. Code that comes with
    a model is never run.

    Raises ModelNotFoundError (no such folder or hub name, or the hub cannot be reached), ModelFormatError (no causal
    language model, broken files, another model's adapter), MemoryShortError.
    """
    patient_threads()
    import torch
    import transformers

    _quiet(transformers)
    torch.set_num_threads(cores())
    try:
        options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": isinstance(where, Path)}
        tokenizer = _tokenizer(where, options)
        if isinstance(where, Path) and device == "cpu" and precision is Precision.AUTO and eight_bits():
            from simulator.models.int8_weights import shape_of

            if (shape := shape_of(where)) is not None:
                return _rounded(where, shape, tokenizer, adapter)
        return _whole(where, device, tokenizer, adapter, options)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise MemoryShortError(
            f"there is not enough memory for {where}; type `simulator setup --model small`."
        ) from error
    except ModelFormatError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, RuntimeError, SafetensorError, ...
        raise _explained(where, error) from error


def _tokenizer(where: str | Path, options: dict[str, Any]) -> Any:
    """What the folder or the hub says it is. In a folder that this program made it is always the kind that reads
    `tokenizer.json`: to ask the library which one imports a good part of it (1.7 seconds of a start with small, 0.6 with standard)."""
    import transformers

    made_here = isinstance(where, Path) and (where / MANIFEST).is_file() and (where / "tokenizer.json").is_file()
    kind = transformers.PreTrainedTokenizerFast if made_here else transformers.AutoTokenizer
    return kind.from_pretrained(where, **options)


def eight_bits() -> bool:
    """Whether this processor multiplies 8-bit integers quickly (VNNI)."""
    from simulator.models.vectors import LANES

    return LANES > 0


def prepare(folder: Path, progress: Progress) -> None:
    """Round the model in `folder` to 8 bits and compile what computes it, where it is computed so; once a machine. Steps
    "round" and "compile". Raises ModelError."""
    if not eight_bits():
        return
    patient_threads()
    from simulator.models import kernels
    from simulator.models.int8_weights import FILE, int8_weights, shape_of

    shape = shape_of(folder)
    if shape is None:
        return
    if not (folder / FILE).is_file():
        progress("round", 0, 1)
        int8_weights(folder, shape)
        progress("round", 1, 1)
    if not kernels.kept():
        progress("compile", 0, 1)
        kernels.settle()
        progress("compile", 1, 1)


def _rounded(where: Path, shape: Any, tokenizer: Any, adapter: Path | None) -> Loaded:
    from simulator.models.adapter import halves
    from simulator.models.int8 import Int8Runner, Product
    from simulator.models.int8_weights import adapted_weights, adapter_halves, int8_weights, packed, parameters

    config = json.loads((where / "config.json").read_text("utf-8"))
    embed, norms, weights = int8_weights(where, shape)
    pairs = adapter_halves(*halves(adapter), shape) if adapter is not None else {}
    instead = adapted_weights(where, pairs) if shape.narrow else {}
    beside = {} if shape.narrow else {name: (packed(down), packed(up)) for name, (down, up) in pairs.items()}
    products = {name: Product(own, beside.get(name), instead.get(name)) for name, own in weights.items()}
    runner = Int8Runner(shape, embed, norms, products)
    told = where / "generation_config.json"
    ends = json.loads(told.read_text("utf-8")).get("eos_token_id") if told.is_file() else config.get("eos_token_id")
    return Loaded(
        runner, tokenizer, _info(where, parameters(where)), _ends(ends), int(config["max_position_embeddings"])
    )


def _whole(where: str | Path, device: str, tokenizer: Any, adapter: Path | None, options: dict[str, Any]) -> Loaded:
    import torch
    import transformers

    from simulator.models.plain import PlainRunner

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(
        where, dtype=number_type(device), attn_implementation="sdpa", **options
    )
    if device == "cpu" and not torch.cpu._is_amx_tile_supported() and model.num_parameters() < LIGHT:
        model = model.float()  # without matrix units bf16 only saves memory
    model = model.to(torch.device(device)).eval()
    text = model.config.get_text_config()
    ends = model.generation_config.eos_token_id if model.generation_config is not None else None
    count = sum({p.data_ptr(): p.numel() for p in model.parameters()}.values())
    digest = "" if isinstance(where, Path) else str(getattr(model.config, "_commit_hash", "") or "")
    runner = PlainRunner(model, int(text.num_hidden_layers), str(where), device, adapter)
    context = int(getattr(text, "max_position_embeddings", 0) or UNKNOWN_CONTEXT)
    return Loaded(runner, tokenizer, _info(where, count, digest), _ends(ends), context)


def _info(where: str | Path, parameters: int, digest: str = "") -> ModelInfo:
    if isinstance(where, Path):
        return ModelInfo(where.name, Source.FOLDER, parameters, manifest_digest(where))
    return ModelInfo(where, Source.HUB, parameters, digest)


def _ends(told: Any) -> frozenset[int]:
    return frozenset(told if isinstance(told, list) else [] if told is None else [told])


def patient_threads() -> None:
    """Call before torch is first imported: its idle threads shall sleep soon, not spin for milliseconds.

    Spinning threads of two busy processes keep each other from their cores: on 2 cores shared with a training run the
    small model decoded 1.3 tokens/s with the default; alone on the machine this count costs nothing. Without effect where torch is there already, or where
    it does not use GNU OpenMP; a user's own setting wins.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")


def number_type(device: str) -> Any:
    """torch.bfloat16 where `device` computes in it, else torch.float32 (twice the memory)."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device != "cpu":
        return torch.float32
    try:
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    except (AttributeError, RuntimeError):  # a torch built without oneDNN
        return torch.float32


def cores() -> int:
    """Cores this process may really use: its affinity, a container's quota, and hyper-threads counted once (>= 1)."""
    psutil: Any = import_module("psutil")  # it comes without types

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or allowed
    logical = psutil.cpu_count() or allowed
    # A virtual machine often calls its two cores two threads of one; below four, believe the larger number.
    usable = min(allowed, physical) if logical > 4 else allowed
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        usable = usable if quota == "max" else min(usable, round(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, usable)


def _quiet(transformers: Any) -> None:
    """No bars or advice from the library in the middle of a call."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _explained(where: str | Path, error: Exception) -> Exception:
    """The library's error, whose text runs over many lines, as one of ours."""
    said = str(error)
    if "not enough memory" in said or "can't allocate memory" in said:
        return MemoryShortError(f"there is not enough memory for {where}; type `simulator setup --model small`.")
    if isinstance(where, Path):
        return ModelFormatError(f"{where} is not a model that can be run here: {shorten(said, 160)}")
    if "gated" in said:
        return ModelNotFoundError(
            f"the hub lends {where} only to people who asked; type `hf auth login`, or choose another."
        )
    if "not a valid model identifier" in said or "404" in said:
        return ModelNotFoundError(f"the hub has no model called {where}.")
    if "onnect" in said or "offline" in said or "cached" in said or "resolve" in said:
        return ModelNotFoundError(f"{where} is not in the local hub cache and the hub cannot be reached.")
    return ModelFormatError(f"{where} is not a model that can be run here: {shorten(said, 160)}")
