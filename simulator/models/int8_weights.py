"""The weights of a Llama-like model folder, rounded to 8 bits once (in half bytes where they were published so) and kept
beside it.

Read straight from the folder's safetensors, tensor by tensor, so that no more than one is in memory as a float; the
embedding stays bf16 and is only looked into. Kept as `tiles.safetensors` in folders that this program made (another's are
rounded each time they are opened).
"""

from __future__ import annotations

import json
import logging
import math
import mmap
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.errors import ModelFormatError
from simulator.models.half_bytes import half_bytes
from simulator.models.int8 import Shape, Weights
from simulator.models.vectors import CHANNELS
from simulator.models.weights import MANIFEST

if TYPE_CHECKING:
    import torch

Pair = tuple["torch.Tensor", "torch.Tensor"]
FILE = "tiles.safetensors"
FORMAT = "2"
LINE = 64
"""Bytes of a cache line."""
LONGEST = 1 << 24
"""Bytes of a file's header, at most."""
KINDS: Mapping[str, type[np.generic]] = {"I8": np.int8, "U8": np.uint8, "I32": np.int32, "F32": np.float32}
"""As safetensors calls them."""
FAMILIES = ("llama", "qwen2")
_log = logging.getLogger(__name__)
PARTS: Mapping[str, tuple[str, ...]] = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "o": ("self_attn.o_proj",),
    "up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
"""The products of a block, and the library's modules that each joins."""


def shape_of(folder: Path) -> Shape | None:
    """The sizes of the model in `folder`; None if it is not of a family that is computed here."""
    try:
        c: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        rope = c.get("rope_parameters") or c.get("rope_scaling") or {}
        plain = (
            c["model_type"] in FAMILIES
            and c.get("hidden_act", "silu") == "silu"
            and rope.get("rope_type", "default") == "default"
            and not c.get("use_sliding_window")
            and not c.get("mlp_bias")
            and not (c["model_type"] == "llama" and c.get("attention_bias"))
        )
        if not plain:
            return None
        heads = int(c["num_attention_heads"])
        shape = Shape(
            layers=int(c["num_hidden_layers"]),
            width=int(c["hidden_size"]),
            heads=heads,
            groups=int(c.get("num_key_value_heads") or heads),
            head=int(c.get("head_dim") or c["hidden_size"] // heads),
            inner=int(c["intermediate_size"]),
            eps=float(c["rms_norm_eps"]),
            theta=float(rope.get("rope_theta") or c.get("rope_theta") or 10000.0),
        )
        return shape if shape.tiled(int(c["vocab_size"])) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def int8_weights(folder: Path, shape: Shape) -> tuple[torch.Tensor, np.ndarray, dict[str, Weights]]:
    """The embedding (as it is); every norm, [2 * layers + 1, width]; and the products by name: `head`, and of block N `N.PART`
    for the parts in `PARTS`. Raises ModelFormatError."""
    from safetensors import SafetensorError

    kept = folder / FILE
    try:
        made = _kept(kept)
        if made is None:
            made = _rounded(folder, shape)
            if (folder / MANIFEST).is_file():
                _keep(made, kept)
                made = _kept(kept) or made  # in large pages, see there
        names = [name.removesuffix(".weight") for name in made if name.endswith(".weight")]
        weights = {
            n: Weights(made[f"{n}.weight"], made[f"{n}.scale"], made[f"{n}.offset"], made.get(f"{n}.bias"))
            for n in names
        }
        return _embedding(folder), made["norms"], weights
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelFormatError(f"{folder} is not a model that can be run here: {error}") from error


def packed(weight: torch.Tensor) -> Weights:
    """[out, in] in 8 bits, one scale an output channel, such that int8 * scale is nearest; as the tiles of `passes` read it."""
    import torch

    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min_(1e-9) / 127
    whole = (weight / scale[:, None]).round_().to(torch.int8).numpy()
    out, width = whole.shape
    return Weights(
        np.ascontiguousarray(whole.reshape(out // CHANNELS, CHANNELS, width // 4, 4).transpose(0, 2, 1, 3)).reshape(-1),
        scale.numpy(),
        whole.sum(1, dtype=np.int32) * np.int32(128),
    )


def _kept(file: Path) -> dict[str, np.ndarray] | None:
    """What an earlier start has rounded; None if there is nothing, or nothing whole.

    Read into memory of large pages where the system has them: mapped, a page of 4 kB is looked up every 13 stretches of half
    bytes, which took a tenth of a token's time.
    """
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if length < LONGEST else {}
            if header.pop("__metadata__", {}).get("format") != FORMAT:
                return None
            begin, size = 8 + length, file.stat().st_size
            if size != begin + max(entry["data_offsets"][1] for entry in header.values()):
                raise ValueError("it has been cut off")
            room = _room(size - begin)
            if opened.readinto(room) != size - begin:
                raise ValueError("it became shorter while it was read")
            return {
                name: np.frombuffer(room, KINDS[entry["dtype"]], math.prod(entry["shape"]), entry["data_offsets"][0])
                .reshape(entry["shape"])
                for name, entry in header.items()
            }  # fmt: skip
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s is not whole (%s) and is made again", file, error)
        return None


def _room(size: int) -> mmap.mmap:
    """Memory of its own, in large pages if the system has them. Raises MemoryError."""
    try:
        room = mmap.mmap(-1, size)
    except OSError as error:
        raise MemoryError(f"{size} bytes") from error
    if hasattr(mmap, "MADV_HUGEPAGE"):
        room.madvise(mmap.MADV_HUGEPAGE)
    return room


def _keep(tensors: Mapping[str, np.ndarray], file: Path) -> None:
    """Write `tensors` such that each begins on a line of the cache when the file is mapped."""
    header: dict[str, Any] = {"__metadata__": {"format": FORMAT}}
    at = 0
    for name, tensor in tensors.items():
        kind = next(name for name, kind in KINDS.items() if kind == tensor.dtype)
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": (at, at + tensor.nbytes)}
        at += tensor.nbytes  # always lines: channels and widths are multiples of 16
    told = json.dumps(header).encode()
    told += b" " * (-(8 + len(told)) % LINE)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as opened:
            opened.write(len(told).to_bytes(8, "little") + told)
            for tensor in tensors.values():
                opened.write(np.ascontiguousarray(tensor).data)
        os.replace(temporary, file)
    except OSError as error:  # a full disk, a folder of somebody else's
        _log.warning("rounded weights are not kept (%s); the next start takes longer", error)
    finally:
        temporary.unlink(missing_ok=True)


def parameters(folder: Path) -> int:
    """How many numbers the model in `folder` has."""
    from safetensors import safe_open

    count = 0
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            count += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return count


def adapter_halves(pairs: Mapping[str, Mapping[str, torch.Tensor]], scale: float, shape: Shape) -> dict[str, Pair]:
    """A LoRA adapter (`A` and `B` by the library's module) as one pair [rank, in], [out, rank] for each product; modules that
    a product joins lie in it as blocks. Raises ModelFormatError where it does not fit."""
    import torch

    sizes = {
        "self_attn.q_proj": shape.heads * shape.head,
        "self_attn.k_proj": shape.groups * shape.head,
        "self_attn.v_proj": shape.groups * shape.head,
        "self_attn.o_proj": shape.width,
        "mlp.gate_proj": shape.inner,
        "mlp.up_proj": shape.inner,
        "mlp.down_proj": shape.width,
    }
    inputs = {"qkv": shape.width, "o": shape.heads * shape.head, "up": shape.width, "down": shape.inner}
    found: dict[str, Pair] = {}
    left = set(pairs)
    for layer in range(shape.layers):
        for part, modules in PARTS.items():
            names = {m: f"model.layers.{layer}.{m}" for m in modules}
            left -= set(names.values())
            there = [(m, pairs.get(name)) for m, name in names.items()]
            for module, pair in there:
                if pair is not None and (pair["A"].shape[1], pair["B"].shape[0]) != (inputs[part], sizes[module]):
                    raise ModelFormatError(f"this adapter is for another model: {names[module]} has another size.")
            downs = [p["A"].float() for _, p in there if p is not None]
            if not downs:
                continue
            # Ranks are filled up with zeros to what the tiles take.
            joined = torch.cat(downs)
            filled = CHANNELS * math.ceil(len(joined) / CHANNELS)
            up, down = torch.zeros(sum(sizes[m] for m in modules), filled), torch.zeros(filled, inputs[part])
            down[: len(joined)] = joined
            row = column = 0
            for module, pair in there:
                if pair is not None:
                    rank = len(pair["A"])
                    up[row : row + sizes[module], column : column + rank] = pair["B"].float() * scale
                    column += rank
                row += sizes[module]
            found[f"{layer}.{part}"] = down, up
    if left:
        raise ModelFormatError(f"this adapter is for another model: {min(left)} is not in this one.")
    return found


def adapted_weights(folder: Path, halves: Mapping[str, Pair]) -> dict[str, Weights]:
    """The weights of each product in `halves` with its adapter added, rounded once (rounding the rounded again cost the small
    model 4 % of perplexity). Raises ModelFormatError."""
    import torch
    from safetensors import SafetensorError

    found: dict[str, Weights] = {}
    try:
        read = _tensors(folder)
        for name, (down, up) in halves.items():
            layer, part = name.split(".")
            parts = [read[f"model.layers.{layer}.{module}.weight"]().float() for module in PARTS[part]]
            found[name] = packed(torch.cat(parts).addmm_(up, down))
    except (OSError, KeyError, SafetensorError) as error:
        raise ModelFormatError(f"{folder} is not a model that can be run here: {error}") from error
    return found


def _tensors(folder: Path) -> dict[str, Callable[[], torch.Tensor]]:
    """A reader for each tensor of the folder."""
    from safetensors import safe_open

    readers: dict[str, Callable[[], torch.Tensor]] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        opened = safe_open(path, "pt")
        for name in opened.keys():  # type: ignore[no-untyped-call]  # noqa: SIM118

            def read(opened: Any = opened, name: str = name) -> torch.Tensor:
                tensor: torch.Tensor = opened.get_tensor(name)
                return tensor

            readers[name] = read
    return readers


def _embedding(folder: Path) -> torch.Tensor:
    """As the folder keeps it: of its pages only those are read that are looked into."""
    return _tensors(folder)["model.embed_tokens.weight"]()


def _rounded(folder: Path, shape: Shape) -> dict[str, np.ndarray]:
    import torch

    read = _tensors(folder)
    norms = [
        f"model.layers.{n}.{norm}"
        for n in range(shape.layers)
        for norm in ("input_layernorm", "post_attention_layernorm")
    ]
    made = {"norms": torch.stack([read[f"{norm}.weight"]().float() for norm in (*norms, "model.norm")]).numpy()}

    def put(name: str, sources: list[str]) -> None:
        whole = torch.cat([read[f"{s}.weight"]() for s in sources])
        # A narrow model waits for arithmetic rather than for memory.
        weights = (None if shape.narrow else half_bytes(whole)) or packed(whole)
        made.update({f"{name}.{part}": getattr(weights, part) for part in ("weight", "scale", "offset")})
        if f"{sources[0]}.bias" in read:
            made[f"{name}.bias"] = torch.cat([read[f"{s}.bias"]() for s in sources]).float().numpy()

    put("head", ["lm_head" if "lm_head.weight" in read else "model.embed_tokens"])
    for n in range(shape.layers):
        for part, modules in PARTS.items():
            put(f"{n}.{part}", [f"model.layers.{n}.{m}" for m in modules])
    return made
