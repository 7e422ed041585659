"""Frozen linear layers in 8-bit integers, forward and backward, so that an adapter beside them learns several times as fast
on a processor that multiplies integers faster than floats (VNNI).

What goes into a product, the activations on the way there and their gradients on the way back, is rounded to 8 bits with
one scale a token; the weights with one scale an output channel, once for each direction. The method is SwitchBack
(Wortsman et al. 2023, arXiv:2304.13013) for weights that are not learned: its third product, the weights' gradient in
full precision, is here only the adapter's, which stays float32. A model that is played in 8 bits (`simulator.models.int8`)
also learns with the rounding with which it will speak.
"""

from __future__ import annotations

from typing import Any

import torch


class _Product(torch.autograd.Function):
    """x @ weight.T, where `weight` is not learned."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, there: torch.Tensor, scale: torch.Tensor, *back: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(*back)
        return _multiplied(x, there, scale)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        back, scale = ctx.saved_tensors
        return _multiplied(gradient, back, scale), None, None, None, None


class Int8Linear(torch.nn.Module):
    """A linear layer with the weights [out, in] and the bias of `linear`, neither of which is learned any more."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        for name, way in (("there", weight), ("back", weight.t().contiguous())):
            whole, scale = _rounded(way)
            self.register_buffer(name, whole, persistent=False)
            self.register_buffer(f"{name}_scale", scale, persistent=False)
        bias = None if linear.bias is None else linear.bias.detach().float()
        self.register_buffer("bias", bias, persistent=False)

    @property
    def weight(self) -> torch.Tensor:
        """What tells an adapter beside this layer where it is and in which numbers it is computed."""
        return self.there_scale  # type: ignore[return-value]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = _Product.apply(x, self.there, self.there_scale, self.back, self.back_scale)
        return out if self.bias is None else out + self.bias


def in_eight_bits(blocks: torch.nn.Module) -> None:
    """Replace every linear layer in `blocks` whose weight is not learned."""
    for parent in list(blocks.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear and not child.weight.requires_grad:
                setattr(parent, name, Int8Linear(child))


def _rounded(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 like `rows` [n, width] and scales [n]."""
    scale = rows.abs().amax(1).clamp_min(1e-12) / 127
    return (rows * (1 / scale)[:, None]).round_().to(torch.int8), scale


def _multiplied(x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """[..., out] from x [..., in]."""
    whole, step = _rounded(x.reshape(-1, x.shape[-1]))
    out = torch._int_mm(whole, weight.t()).float()
    return out.mul_(step[:, None]).mul_(scale).view(*x.shape[:-1], -1)
