"""Passes by transformers itself: any architecture, any device, in bf16 or float32."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import ModelFormatError
from simulator.models.adapter import attach
from simulator.models.runner import Tape, Work

if TYPE_CHECKING:
    import torch


class PlainTape:
    """The library's cache of one conversation."""

    def __init__(self) -> None:
        from transformers import DynamicCache

        # Without a config every layer keeps all its tokens, also where the model attends through a sliding window (its
        # mask still does): a window that has slid on cannot be cropped back.
        self.store: Any = DynamicCache()

    def __len__(self) -> int:
        return int(self.store.get_seq_length())

    def crop(self, length: int) -> None:
        surplus = len(self) - length
        if surplus > 0:
            self.store.crop(-surplus)

    def copied(self, length: int) -> PlainTape:
        new = PlainTape()
        new.store = _repeated(self.store, 1, length)
        return new

    def nbytes(self) -> int:
        # A cropped tensor is a view that keeps the whole block alive.
        tensors = [t for layer in self.store.layers for t in (layer.keys, layer.values) if t is not None]
        return sum(int(t.untyped_storage().nbytes()) for t in tensors)


class PlainFork:
    """Rows with a copy of the tape each."""

    def __init__(self, tape: PlainTape, rows: int) -> None:
        self.store = _repeated(tape.store, rows)

    def keep(self, rows: Sequence[int]) -> None:
        import torch

        self.store.batch_select_indices(torch.tensor(rows))


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack of a model's blocks (`layers`), the module it hangs in, and the attribute it hangs by."""

    layers: Any
    parent: Any
    attribute: str


class PlainRunner:
    """Runner of any causal language model of transformers."""

    def __init__(self, model: Any, layers: int, name: str, device: str, adapter: Path | None = None) -> None:
        """`model`: of transformers, with `layers` blocks; `adapter`: the folder of a LoRA adapter. Raises ModelFormatError
        where that does not fit, or where no stack of blocks is found."""
        self.model, self.layers, self._device = model, layers, device
        self._blocks = _stack(model, layers, name)
        self._adapter = attach(model, adapter) if adapter is not None else None
        self.width = int(model.config.get_text_config().hidden_size)
        self._short: dict[int, Any] = {}
        # Scores of the last position alone: for a whole segment they would be tokens x 152,000 numbers.
        last = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._last_only: dict[str, int] = {"logits_to_keep": 1} if last else {}

    def tape(self) -> PlainTape:
        return PlainTape()

    def fork(self, tape: Tape, rows: int) -> PlainFork:
        assert isinstance(tape, PlainTape)
        return PlainFork(tape, rows)

    def scores(self, works: Sequence[Work], *, adapted: bool) -> list[torch.Tensor]:
        import torch

        if self._adapter is not None:
            self._adapter.on = adapted
        found = []
        for work in works:  # one at a time: here what shares a pass would change its numbers
            onto, ids = work.onto, list(work.ids)
            assert isinstance(onto, PlainTape | PlainFork)
            given = torch.tensor([[i] for i in ids] if isinstance(onto, PlainFork) else [ids], device=self._device)
            out = self.model(input_ids=given, past_key_values=onto.store, use_cache=True, **self._last_only)
            found.append(out.logits[:, -1].float().cpu())
        return found

    def states(self, works: Sequence[Work], depth: int, wanted: Sequence[int]) -> list[torch.Tensor]:
        if self._adapter is not None:
            self._adapter.on = False
        return [self._read(work, depth, wanted) for work in works]

    def _read(self, work: Work, depth: int, wanted: Sequence[int]) -> torch.Tensor:
        import torch

        tape, ids = work.onto, list(work.ids)
        assert isinstance(tape, PlainTape)
        seen: dict[int, torch.Tensor] = {}

        def watch(layer: int) -> Callable[[Any, Any, Any], None]:
            def note(_module: Any, _given: Any, out: Any) -> None:
                seen[layer] = (out[0] if isinstance(out, tuple) else out)[0].float().cpu()

            return note

        # The blocks are shared with the whole model: hooks live only as long as this pass.
        hooks = [self._blocks.layers[n - 1].register_forward_hook(watch(n)) for n in set(wanted)]
        try:
            given = torch.tensor([ids], device=self._device)
            self._shortened(depth)(input_ids=given, past_key_values=tape.store, use_cache=True)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack([seen[n] for n in wanted]) if wanted else torch.zeros(0, len(ids), self.width)

    def _shortened(self, depth: int) -> Any:
        """The model without head and without the blocks above `depth`, sharing its weights. Its final norm still runs,
        on one layer's output, and is not looked at."""
        if depth not in self._short:
            from torch import nn

            short = copy.copy(self._blocks.parent)
            short._modules = dict(short._modules)
            short._modules[self._blocks.attribute] = nn.ModuleList(list(self._blocks.layers)[:depth])
            self._short[depth] = short
        return self._short[depth]


def _repeated(store: Any, rows: int, length: int | None = None) -> Any:
    """A new transformers cache that holds what `store` holds (its first `length` tokens), once for each of `rows`; `store`
    stays as it is."""
    from transformers import DynamicCache

    wide = DynamicCache()
    for index, layer in enumerate(store.layers):
        keys, values = layer.keys[:, :, :length], layer.values[:, :, :length]
        wide.update(keys.repeat_interleave(rows, dim=0), values.repeat_interleave(rows, dim=0), index)
    return wide


def _stack(model: Any, count: int, name: str) -> Stack:
    """The list of `count` blocks, wherever this architecture keeps it."""
    from torch import nn

    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            parent, _, attribute = path.rpartition(".")
            return Stack(module, model.get_submodule(parent), attribute)
    raise ModelFormatError(f"{name} has no stack of {count} blocks that could be read; use a plain decoder model.")
