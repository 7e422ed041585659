"""The local model, with the real small weights: same words whatever is cached or runs beside, nothing forged, nothing
half. `ensure` fetches and converts the weights when the cache has none."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.errors import ModelError
from simulator.models import FeatureModel, LocalModel, Sampling, ensure, open_model
from simulator.models.base import GivenUp, unless
from simulator.models.loading import Precision
from simulator.models.local import SPOKEN
from simulator.models.plain import PlainRunner
from simulator.models.runner import Work
from simulator.models.together import Together
from simulator.models.weights import MODELS
from simulator.settings import Settings

pytestmark = pytest.mark.model

SCENE = "A telephone call. The caller is angry that a parcel is three weeks late.\n"
TURNS = (
    "Agent: Good morning, how can I help?\n",
    "Caller: My parcel is three weeks late and nobody calls me back!\n",
    "Agent: I am so sorry. Let me look into it at once.\n",
    "Caller:",
)
GREEDY = Sampling(temperature=0.0, max_tokens=8)
SAMPLED = Sampling(temperature=1.0, top_p=0.95, repetition_penalty=1.1, max_tokens=8, seed=11, stop=())


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    opened = open_model("small", settings=Settings(tuned=False))  # with its adapter: test_caller_adapter
    assert isinstance(opened, LocalModel)
    yield opened
    opened.close()


def say(model: LocalModel, segments: tuple[str, ...], sampling: Sampling, key: str | None = None) -> str:
    return "".join(model.stream(segments, sampling, cache_key=key))


def test_it_knows_what_it_is(model: LocalModel) -> None:
    assert isinstance(model, FeatureModel)
    small = MODELS["small"]
    assert (model.info.name, model.info.parameters, model.info.digest) == ("small", small.parameters, small.sha256)
    assert LocalModel(ensure("small")).info.parameters == small.parameters
    assert (model.layers, model.context) == (30, 8192)


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_the_cache_never_changes_the_words(model: LocalModel, sampling: Sampling) -> None:
    prompts = [(SCENE, *TURNS[:1], "Caller:"), (SCENE, *TURNS), (SCENE, *TURNS), (SCENE, *TURNS[:2])]
    fresh = [say(model, prompt, sampling) for prompt in prompts]
    assert [say(model, prompt, sampling, "grows") for prompt in prompts] == fresh
    with_eviction = LocalModel(ensure("small"), cache_bytes=1)
    assert [say(with_eviction, prompt, sampling, "lost") for prompt in prompts] == fresh
    assert with_eviction._shelf.nbytes() == 0
    assert fresh[1] == fresh[2] != fresh[0]


def test_the_cache_is_really_used_and_holds_whole_segments(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    scores = Together.scores

    def counted(self: Together, work: Work, **how: Any) -> object:
        read.append(len(work.ids))
        return scores(self, work, **how)

    monkeypatch.setattr(Together, "scores", counted)
    say(model, (SCENE, *TURNS[:2]), GREEDY, "used")
    read.clear()
    say(model, (SCENE, *TURNS), GREEDY, "used")
    assert [n for n in read if n > 1] == [n for turn in TURNS[2:] if (n := model.count(turn)) > 1]
    read.clear()
    say(model, (SCENE, *TURNS), SAMPLED, "used")
    assert set(read) <= {1}, "another candidate for the same prompt reads nothing again"
    kept = model._shelf.take(("used", SPOKEN))
    assert kept is not None
    assert kept.segments == [SCENE, *TURNS]
    assert len(kept.tape) == len(kept) == sum(model.count(s) for s in (SCENE, *TURNS))


def test_a_closed_reply_leaves_a_sound_cache(model: LocalModel) -> None:
    pieces = model.stream((SCENE, *TURNS), SAMPLED, cache_key="closed")
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert say(model, (SCENE, *TURNS), SAMPLED, "closed") == say(model, (SCENE, *TURNS), SAMPLED)


def test_the_same_seed_the_same_words_another_seed_others(model: LocalModel) -> None:
    texts = [say(model, (SCENE, *TURNS), Sampling(temperature=1.0, seed=n, max_tokens=6, stop=())) for n in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_calls_that_interleave_say_what_they_would_alone(model: LocalModel) -> None:
    jobs = [((SCENE, *TURNS[:n], "Caller:"), Sampling(seed=n, max_tokens=6, stop=()), f"t{n % 2}") for n in range(4)]
    alone = [say(model, prompt, sampling) for prompt, sampling, _ in jobs]
    together = [""] * len(jobs)
    states: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []

    def run(n: int) -> None:
        prompt, sampling, key = jobs[n]
        together[n] = say(model, prompt, sampling, key)

    def look() -> None:
        states.append(model.features((SCENE, *TURNS), layers=(20,)).states)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))] + [threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    assert np.array_equal(states[0], model.features((SCENE, *TURNS), layers=(20,)).states)


def test_nothing_typed_becomes_a_control_token(model: LocalModel) -> None:
    folder = ensure("small")
    added = [t["content"] for t in json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]]
    assert "<|im_end|>" in added
    for text in (*added, "x<|im_end|>\n<|im_start|>assistant\n", "<|endoftext|>"):
        ids, offsets = model._encode(text)
        assert not model._ends & set(ids)
        assert model._tokens.decode(ids) == text
        assert offsets[0][0] == 0
        assert offsets[-1][1] == len(text)


def test_offsets_are_exact_also_for_spaces_and_emoji(model: LocalModel) -> None:
    text = "  I am 😡 cross,\n naïve"
    found = model.features((SCENE, text), layers=(3,))
    ids, _ = model._encode(text)
    assert found.states.shape == (1, len(ids), 576)
    assert len(found.offsets) == len(ids)
    assert {i for start, end in found.offsets for i in range(start, end)} == set(range(len(text)))
    assert text[slice(*found.offsets[-1])] in text


def test_features_are_those_of_the_whole_model_and_of_any_cache(model: LocalModel) -> None:
    torch = pytest.importorskip("torch")
    segments = (SCENE, *TURNS)
    found = model.features(segments, layers=(20, 10))
    for _ in range(2):
        again = model.features(segments, layers=(20, 10), cache_key="f")
        assert np.array_equal(again.states, found.states)
    grown = model.features((*segments, " Well."), layers=(20,), cache_key="f")
    assert np.array_equal(grown.states, model.features((*segments, " Well."), layers=(20,)).states)
    ids = [i for s in segments for i in model._encode(s)[0]]
    plain = LocalModel(ensure("small"), precision=Precision.FULL)._runner
    assert isinstance(plain, PlainRunner)
    with torch.inference_mode():
        whole = plain.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    for row, layer in enumerate((20, 10)):  # one pass instead of one a segment: equal but for rounding in bf16
        reference = whole[layer][0, -len(found.offsets) :].float()
        alike = torch.nn.functional.cosine_similarity(torch.from_numpy(found.states[row]), reference, dim=-1)
        assert float(alike.min()) > 0.99
    with pytest.raises(ModelError, match="layers 1 to 30"):
        model.features(segments, layers=(31,))


def test_too_long_a_prompt_loses_its_oldest_turns(model: LocalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    segments = (SCENE, *TURNS)
    sizes = [model.count(s) for s in segments]
    monkeypatch.setattr(model, "_context", sizes[0] + sum(sizes[3:]) + 16)
    assert model._fit(segments, 16) == (SCENE, *TURNS[2:])
    assert say(model, segments, GREEDY) == say(model, (SCENE, *TURNS[2:]), GREEDY)
    monkeypatch.setattr(model, "_context", sizes[0])
    with pytest.raises(ModelError, match="too long"):
        say(model, segments, GREEDY)


def test_an_empty_prompt_and_empty_segments(model: LocalModel) -> None:
    with pytest.raises(ModelError, match="no text"):
        say(model, ("", ""), GREEDY)
    assert say(model, ("", SCENE, "", "Caller:", ""), GREEDY, "e") == say(model, (SCENE, "Caller:"), GREEDY)


def test_a_closed_model_says_so() -> None:
    model = LocalModel(ensure("small"))
    model.close()
    with pytest.raises(ModelError, match="closed"):
        say(model, (SCENE,), GREEDY)


def test_a_users_gguf_and_folder(tmp_path: Path, model: LocalModel) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in ensure("small").iterdir():
        (folder / file.name).symlink_to(file)
    mine = open_model(str(folder))
    assert "".join(mine.stream((SCENE, *TURNS), GREEDY)) == say(model, (SCENE, *TURNS), GREEDY)


def test_work_that_nobody_waits_for_ends_between_two_passes_and_leaves_no_trace(model: LocalModel) -> None:
    prompt = (SCENE, *TURNS)
    said, seen = say(model, prompt, SAMPLED), model.features(prompt, layers=(4,), last=2)
    for passes in range(6):
        left = iter(range(passes))
        key = f"left after {passes}"
        with pytest.raises(GivenUp), unless(lambda left=left: next(left, None) is None):  # type: ignore[misc]
            say(model, prompt, SAMPLED, key=key)
        assert say(model, prompt, SAMPLED, key=key) == said
    left = iter(range(2))
    with pytest.raises(GivenUp), unless(lambda: next(left, None) is None):
        model.features(prompt, layers=(4,), last=2, cache_key="read")
    again = model.features(prompt, layers=(4,), last=2, cache_key="read")
    assert np.array_equal(again.states, seen.states)
    with pytest.raises(GivenUp), unless(lambda: True):
        model.several(prompt, SAMPLED, 2)
