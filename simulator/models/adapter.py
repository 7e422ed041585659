"""A low-rank adapter (LoRA) beside a model's linear layers, switched on for one pass and off for the next.

Files are those of `peft` (adapter_config.json, adapter_model.safetensors). peft itself switches an adapter by visiting
every module, some 8 ms each way; here one base serves the caller (adapted) and the evaluator (not) by turns, token by
token, so the switch must cost nothing. That is all that is done differently.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from simulator.errors import ModelFormatError, shorten

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<half>[AB])\.weight")


_UNLIKE = ("use_rslora", "use_dora", "alpha_pattern", "rank_pattern", "modules_to_save")
"""What would change the arithmetic and is not done here."""


class Switch:
    """Whether the adapter counts in the next pass. Turned only by who holds the model's lock."""

    def __init__(self) -> None:
        self.on = False


def halves(folder: Path) -> tuple[dict[str, dict[str, Any]], float]:
    """The adapter in `folder`: tensors `A` [rank, in] and `B` [out, rank] by the module they belong to, and the factor of
    their product. Raises ModelFormatError for another kind of adapter."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        scale = float(config["lora_alpha"]) / float(config["r"])
        odd = [key for key in _UNLIKE if config.get(key)]
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelFormatError(f"{folder} is not an adapter ({shorten(str(error), 80)}).") from error
    if odd:
        raise ModelFormatError(f"{folder} is an adapter of another kind ({', '.join(odd)}); plain LoRA is read.")
    found: dict[str, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        if (match := _KEY.fullmatch(name)) is None:
            raise ModelFormatError(f"{folder / WEIGHTS} holds {name}, which is no part of a LoRA adapter.")
        found.setdefault(match["module"], {})[match["half"]] = tensor
    return found, scale


def attach(model: Any, folder: Path) -> Switch:
    """Put the adapter in `folder` beside the linear layers of `model`, off. Raises ModelFormatError where it does not fit."""
    import torch

    pairs, scale = halves(folder)
    switch = Switch()
    for path, pair in pairs.items():
        parent, _, attribute = path.rpartition(".")
        try:
            holder = model.get_submodule(parent)
            linear = getattr(holder, attribute)
            shapes = (pair["A"].shape[1], pair["B"].shape[0])
            wanted = (linear.in_features, linear.out_features)
        except (AttributeError, KeyError) as error:
            raise ModelFormatError(f"{folder} is an adapter for another model: {path} is not in this one.") from error
        if shapes != wanted or pair["A"].shape[0] != pair["B"].shape[1]:
            raise ModelFormatError(f"{folder} is an adapter for another model: {path} has another size.")
        setattr(holder, attribute, _adapted(torch, linear, pair["A"], pair["B"], scale, switch))
    return switch


def _adapted(torch: Any, linear: Any, down: Any, up: Any, scale: float, switch: Switch) -> Any:
    """`linear` with the adapter's two halves beside it."""

    class Adapted(torch.nn.Module):  # type: ignore[misc]
        """y = linear(x) + up(down(x)) * scale, the second part only when the switch is on."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = linear
            kind, place = linear.weight.dtype, linear.weight.device
            self.down = torch.nn.Parameter(down.to(place, kind), requires_grad=False)
            self.up = torch.nn.Parameter((up.float() * scale).to(place, kind), requires_grad=False)

        def forward(self, x: Any) -> Any:
            y = self.linear(x)
            if switch.on:
                y = y + torch.nn.functional.linear(torch.nn.functional.linear(x, self.down), self.up)
            return y

    return Adapted()
