"""The caller's adapter: beside the base and switched by pass; several candidates in one batch; the real small model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from simulator.errors import ModelError, ModelFormatError
from simulator.models import LocalModel, Sampling, ensure, open_model
from simulator.models.adapter import attach
from simulator.models.choose import ADAPTERS
from simulator.models.local import SPOKEN
from simulator.models.runner import Work
from simulator.settings import Settings

PROMPT = (
    "A phone call to Fenwick Broadband. The engineer has not turned up for the third time.\n"
    "Gary is the caller: loud, short blunt sentences\n- broadband dead since 4 March\n\n",
    "Agent: Fenwick faults, Priya speaking.\nCaller (says what is wrong: broadband dead since 4 March):",
)
DRAWN = Sampling(temperature=0.8, top_p=0.9, max_tokens=24, seed=5, stop=("\n",))


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = torch.nn.Linear(4, 3, bias=False)


def adapter(folder: Path, names: dict[str, torch.Tensor], **config: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 4, **config}))
    save_file(names, folder / "adapter_model.safetensors")
    return folder


def pair(rows: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {
        "base_model.model.proj.lora_A.weight": torch.randn(2, rows),
        "base_model.model.proj.lora_B.weight": torch.randn(3, 2),
    }


def test_it_counts_only_while_it_is_switched_on(tmp_path):
    model, x = Inner(), torch.randn(5, 4)
    plain = model.proj(x)
    halves = pair()
    switch = attach(model, adapter(tmp_path / "a", halves))
    assert torch.equal(model.proj(x), plain)
    switch.on = True
    down, up = halves.values()
    assert torch.allclose(model.proj(x), plain + 2 * x @ down.T @ up.T, atol=1e-5)
    switch.on = False
    assert torch.equal(model.proj(x), plain)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (pair(rows=7), "another size"),
        ({"base_model.model.nowhere.lora_A.weight": torch.zeros(2, 4)}, "another model"),
        ({"something": torch.zeros(1)}, "no part of a LoRA adapter"),
    ],
)
def test_an_adapter_of_another_model_is_refused_by_name(tmp_path, names, told):
    with pytest.raises(ModelFormatError, match=told):
        attach(Inner(), adapter(tmp_path / "a", names))


def test_an_adapter_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="use_rslora"):
        attach(Inner(), adapter(tmp_path / "a", pair(), use_rslora=True))


def test_a_broken_folder_is_refused(tmp_path):
    with pytest.raises(ModelFormatError, match="is not an adapter"):
        attach(Inner(), tmp_path)


@pytest.fixture(scope="module")
def tuned() -> Iterator[LocalModel]:
    model = open_model("small")
    assert isinstance(model, LocalModel)
    yield model
    model.close()


@pytest.fixture(scope="module")
def plain() -> Iterator[LocalModel]:
    model = open_model("small", settings=Settings(tuned=False))
    assert isinstance(model, LocalModel)
    yield model
    model.close()


@pytest.mark.model
def test_the_shipped_adapter_is_told_and_changes_words_but_nothing_that_is_read(tuned, plain):
    assert tuned.info.tuned
    assert not plain.info.tuned
    layers = (10, 20)
    kept = tuned.features(PROMPT, layers=layers, cache_key="a")
    words = ["".join(m.stream(PROMPT, DRAWN, cache_key="a")) for m in (tuned, plain)]
    assert words[0] != words[1]
    again = tuned.features(PROMPT, layers=layers, cache_key="a")
    assert np.array_equal(kept.states, again.states)
    assert np.allclose(kept.states, plain.features(PROMPT, layers=layers).states, atol=1e-3)


@pytest.mark.model
def test_several_candidates_differ_and_come_again(tuned):
    first = tuned.several(PROMPT, DRAWN, 4, cache_key="one")
    assert len({c.text for c in first}) > 1
    assert all(c.chance < 0 and "\n" not in c.text for c in first)
    assert tuned.several(PROMPT, DRAWN, 4, cache_key="one") == first
    assert tuned.several(PROMPT, DRAWN, 4) == first
    # What was drawn leaves no trace in the cache of the call.
    kept = tuned._shelf.take(("one", SPOKEN))
    assert kept.segments == list(PROMPT)
    assert len(kept.tape) == len(kept)


@pytest.mark.model
def test_how_likely_words_are_is_what_the_passes_say(tuned):
    texts = (" I want my money back.\n", " No.\n", " Giraffes giraffes giraffes.\n")
    together = tuned.likely(PROMPT, texts, cache_key="likely")
    assert together == tuned.likely(PROMPT, texts)
    assert together == pytest.approx([tuned.likely(PROMPT, (text,))[0] for text in texts], abs=0.01)
    assert together[0] > together[2]
    encode, tape, total = tuned._tokens.encode, tuned._runner.tape(), 0.0
    prompt, said = [i for part in PROMPT for i in encode(part)[0]], encode(texts[0])[0]
    for token, before in zip(said, (prompt, *([t] for t in said)), strict=False):
        (scores,) = tuned._runner.scores([Work(tape, before)], adapted=True)
        total += float(scores[0].log_softmax(-1)[token])
    assert together[0] == pytest.approx(total / len(said), abs=0.02)
    kept = tuned._shelf.take(("likely", SPOKEN))
    assert (kept.segments, len(kept.tape)) == (list(PROMPT), len(kept))
    with pytest.raises(ModelError, match="empty text"):
        tuned.likely(PROMPT, ("",))


@pytest.mark.model
def test_a_candidate_that_has_said_enough_goes_no_further(tuned):
    whole = tuned.several(PROMPT, DRAWN, 4)
    short = tuned.several(PROMPT, DRAWN, 4, enough=lambda text: len(text) >= 6)
    assert [w.text.startswith(s.text) for w, s in zip(whole, short, strict=True)] == [True] * 4
    assert all(len(s.text) < 30 for s in short)
    assert any(len(w.text) > len(s.text) for w, s in zip(whole, short, strict=True))
    first = tuned.several(PROMPT, DRAWN, 4, least=3)
    assert 3 <= len(first) <= 4
    assert set(first) <= set(whole)


@pytest.mark.model
def test_every_shipped_adapter_is_small_and_tells_how_it_was_made():
    folders = sorted(p for p in ADAPTERS.iterdir() if p.is_dir())
    assert "small" in {p.name for p in folders}
    for folder in folders:
        assert (folder / "adapter_model.safetensors").stat().st_size < 40_000_000
        for leg in json.loads((folder / "training.json").read_text("utf-8"))["legs"]:
            assert leg["held_out_perplexity"]["after"] < leg["held_out_perplexity"]["before"]
            assert len(leg["loss"]) > 5
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        assert "/" not in config["base_model_name_or_path"]


@pytest.mark.model
def test_an_adapter_for_another_size_is_refused(tmp_path):
    place = "base_model.model.model.layers.0.self_attn.q_proj"
    halves = {f"{place}.lora_A.weight": torch.zeros(2, 1536), f"{place}.lora_B.weight": torch.zeros(1536, 2)}
    with pytest.raises(ModelFormatError, match="another size"):
        LocalModel(ensure("small"), adapter=adapter(tmp_path / "a", halves))


@pytest.mark.model
def test_what_the_adapter_has_read_is_not_decided_on(tuned, plain):
    options = ("yes", "no")
    tuned.several(PROMPT, DRAWN, 2, cache_key="b")
    assert tuned.decide(PROMPT, options, cache_key="b") == pytest.approx(
        plain.decide(PROMPT, options, cache_key="b"), abs=1e-4
    )
