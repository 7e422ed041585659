"""Frozen layers in 8 bits: the same products and gradients up to rounding, and adapters that learn beside them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from eval.int8_linear import Int8Linear, in_eight_bits  # noqa: E402


def _alike(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a.detach().flatten(), b.detach().flatten(), dim=0))


@pytest.mark.parametrize("bias", [False, True])
def test_products_and_gradients_are_those_of_the_layer_up_to_rounding(bias: bool) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(192, 320, bias=bias)
    x = torch.randn(2, 40, 192) * torch.logspace(-3, 2, 40)[:, None]  # small tokens beside large ones
    ways = [x.clone().requires_grad_() for _ in range(2)]
    outs = [linear(ways[0]), Int8Linear(linear)(ways[1])]
    aim = torch.randn_like(outs[0]) * torch.logspace(2, -3, 40)[:, None]
    for out in outs:
        (out * aim).sum().backward()
    for token in range(40):
        assert _alike(outs[0][:, token], outs[1][:, token]) > 0.9998
        assert _alike(ways[0].grad[:, token], ways[1].grad[:, token]) > 0.9998


def test_an_adapter_beside_it_learns_what_it_learns_beside_floats() -> None:
    found = []
    for eight in (False, True):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(64, 96), torch.nn.SiLU(), torch.nn.Linear(96, 32))
        model = peft.get_peft_model(net, peft.LoraConfig(r=4, lora_alpha=8, target_modules=["0", "2"]))
        if eight:
            in_eight_bits(model)
            assert sum(isinstance(m, Int8Linear) for m in model.modules()) == 2
        x, aim = torch.randn(256, 64), torch.randn(256, 32)
        steps = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
        losses = []
        for _ in range(60):
            steps.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), aim)
            loss.backward()
            steps.step()
            losses.append(float(loss.detach()))
        found.append(losses)
        kept = peft.get_peft_model_state_dict(model)
        assert len(kept) == 4
        assert all(tensor.dtype == torch.float32 for tensor in kept.values())
    assert found[0][-1] < 0.9 * found[0][0]  # there was something to learn
    assert found[1] == pytest.approx(found[0], rel=0.01)
