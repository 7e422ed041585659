"""Weights that were published in 4 bits, found again in the numbers they were unpacked to.

A GGUF file in Q4_K or Q4_1 gives every 32 neighbours of a channel a step and a floor, and each of them a digit from 0 to 15
(llama.cpp, `ggml-common.h`). Unpacked to bf16 they still stand on those 16 places, so the file need not be kept. Here step
and floor are in 256ths of what one of the channel's 8-bit steps is worth, so that digit * step + floor has the weight as it
would be in 8 bits in its upper byte: the same products, with five bits a weight instead of eight for the memory to bring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.models.int8 import Weights
from simulator.models.vectors import CHANNELS, STRETCH, STRETCH_BYTES

if TYPE_CHECKING:
    import torch

PLACES = 15
"""Steps between the lowest and the highest of a stretch, at most."""
USUAL = 13
"""Fewer places are rarely used."""
BLUR = 2.0**-7
"""What rounding to bf16 moves a number away from its place between the two ends of its stretch, at most, of the largest."""


def half_bytes(weight: torch.Tensor) -> Weights | None:
    """[out, in] as `packed` has it, but in half bytes; None if these numbers do not stand on 16 places in every stretch."""
    import torch

    out, width = weight.shape
    if out % CHANNELS or width % STRETCH:
        return None
    if out > CHANNELS and half_bytes(weight[:CHANNELS]) is None:
        return None  # known soon
    stretches = weight.float().reshape(-1, STRETCH)
    if (digits := _digits(stretches)) is None:
        return None
    # The line through all numbers is nearer to what was published than the one through its two ends.
    mean, middle = digits.mean(1, keepdim=True), stretches.mean(1, keepdim=True)
    apart = digits - mean
    step = (apart * (stretches - middle)).sum(1, keepdim=True) / apart.square().sum(1, keepdim=True).clamp_min_(1e-12)
    floor = middle - step * mean
    scale = (digits * step + floor).abs().reshape(out, width).amax(1).clamp_min_(1e-9) / 127
    finer = 256 / scale.repeat_interleave(width // STRETCH)[:, None]
    # Half a step of 8 bits goes to the floor, for what is below the upper byte is cut off.
    step, floor = (step * finer).round_(), (floor * finer).round_() + 128
    bytes_ = torch.div(digits * step + floor, 256, rounding_mode="floor").reshape(out, -1)
    whole = digits.to(torch.int16).reshape(out // CHANNELS, CHANNELS, -1, STRETCH // 8, 2, 2, 2).numpy()
    words = whole[..., 0, :, 0] | whole[..., 0, :, 1] << 4 | whole[..., 1, :, 0] << 8 | whole[..., 1, :, 1] << 12
    packed = np.empty((out // CHANNELS, width // STRETCH, STRETCH_BYTES // 2), np.int16)
    behind = packed.shape[2] - 2 * CHANNELS
    packed[..., :behind] = words.transpose(0, 2, 3, 1, 4).reshape(*packed.shape[:2], behind)
    for begin, numbers in ((behind, step), (behind + CHANNELS, floor)):
        each = numbers.to(torch.int16).numpy()
        packed[..., begin : begin + CHANNELS] = each.reshape(out // CHANNELS, CHANNELS, -1).transpose(0, 2, 1)
    return Weights(
        packed.reshape(-1).view(np.uint8), scale.numpy(), bytes_.sum(1).to(torch.int32).numpy() * np.int32(128)
    )


def _digits(stretches: torch.Tensor) -> torch.Tensor | None:
    """Which place each number of [stretches, STRETCH] stands on, counted from its stretch's lowest; None if they do not."""
    import torch

    low, high = stretches.amin(1, keepdim=True), stretches.amax(1, keepdim=True)
    blur = BLUR * torch.maximum(low.abs(), high.abs())[:, 0]
    digits = torch.zeros_like(stretches)
    left = torch.arange(len(stretches))  # stretches whose places have not been found
    for places in range(PLACES, 0, -1):
        floor, step = low[left], ((high[left] - low[left]) / places).clamp_min_(1e-12)
        tried = ((stretches[left] - floor) / step).round_()
        stands = (tried * step + floor - stretches[left]).abs_().amax(1) <= blur[left]
        digits[left[stands]] = tried[stands]
        left = left[~stands]
        if not len(left):
            return digits
        if places == USUAL and len(left) > len(stretches) // 10:
            break
    return None
