"""Passes in 8-bit integers: as near to full precision as rounding allows, the same for a token whatever shares its pass,
forks that see only their own row, and passes of several threads that go together. With the real small model."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from simulator.errors import ModelError, ModelFormatError
from simulator.models import LocalModel, Sampling, ensure, int8, int8_weights
from simulator.models.choose import ADAPTERS
from simulator.models.half_bytes import half_bytes
from simulator.models.int8 import Int8Runner, Product
from simulator.models.int8_weights import packed
from simulator.models.kernels import COMPILES
from simulator.models.loading import Precision, eight_bits, load
from simulator.models.runner import Work
from simulator.models.together import MOST, Together

torch = pytest.importorskip("torch")
SCENE = "A telephone call. The caller is angry that a parcel is three weeks late and that nobody has called her back.\n"
SAID = "Agent: I am so sorry. Let me look into it at once.\nCaller:"


@pytest.fixture(scope="module")
def eight() -> Any:
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    return load(ensure("small"), adapter=ADAPTERS / "small")


@pytest.fixture(scope="module")
def ids(eight: Any) -> list[int]:
    return list(eight.tokenizer(SCENE + SAID)["input_ids"])


def scores(runner: Any, *works: Work, adapted: bool = True) -> list[Any]:
    with torch.inference_mode():
        return list(runner.scores(works, adapted=adapted))


def test_weights_are_rounded_to_the_nearest_and_laid_in_tiles() -> None:
    torch.manual_seed(0)
    weight = torch.randn(48, 64)
    weight[5] = 0.0
    made = packed(weight)
    rows = made.weight.reshape(3, 16, 16, 4).transpose(0, 2, 1, 3).reshape(48, 64)  # [block, four, channel, of four]
    assert abs(rows * made.scale[:, None] - weight.numpy()).max() <= made.scale.max() / 2
    assert (made.offset == 128 * rows.sum(1, dtype="int32")).all()
    assert abs(rows).max() == 127


def on_places(out: int, width: int, most: int = 15) -> Any:
    """Weights as Q4_K and Q4_1 have them, bf16: a step and a floor for every 32, and 16 places."""
    step = torch.rand(out, width // 32, 1) * 0.01 + 0.001
    digits = torch.randint(most + 1, (out, width // 32, 32))
    return (step * digits - step * 15 * torch.rand(out, width // 32, 1)).reshape(out, width).bfloat16()


def bytes_of(halved: Any, out: int, width: int) -> Any:
    """The 8-bit weights that half bytes stand for, as the pass unpacks them: [out, width]."""
    import numba

    from simulator.models.vectors import unpack

    @numba.njit
    def unpacked(weights: int, stretches: int, to: int) -> None:
        unpack(weights, stretches, to)

    found = np.empty((out // 16, width // 4, 16, 4), np.int8)
    for block, part in enumerate(halved.weight.reshape(out // 16, -1)):
        unpacked(part.ctypes.data, width // 32, found[block].ctypes.data)
    return found.transpose(0, 2, 1, 3).reshape(out, width)


@pytest.mark.parametrize("most", [15, 14, 0])
def test_weights_published_in_4_bits_are_found_again(most: int) -> None:
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    torch.manual_seed(0)
    weight = on_places(48, 256, most)
    halved = half_bytes(weight)
    assert halved is not None
    assert halved.halved
    found = bytes_of(halved, 48, 256)
    # Half a step of rounding, and what bf16 has moved the largest numbers by (127 steps / 256).
    assert (abs(found * halved.scale[:, None] - weight.float().numpy()).max(1) <= 1.05 * halved.scale).all()
    assert (halved.offset == 128 * found.sum(1, dtype="int32")).all()


def test_weights_of_more_places_are_not_taken_for_4_bits() -> None:
    torch.manual_seed(0)
    many = on_places(48, 256)
    many[40, 32:64] = torch.randn(32)  # in one stretch, beyond those that are looked at first
    for weight in (torch.randn(48, 256), torch.randn(48, 256).bfloat16(), many, on_places(48, 256)[:, :40]):
        assert half_bytes(weight) is None


@pytest.mark.parametrize("published_in_4_bits", [False, True])
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize(("width", "most"), [(128, 5e-4), (1024, 4e-2)])
def test_a_model_of_any_size_is_that_of_the_library(
    tmp_path: Path, kind: str, width: int, most: float, published_in_4_bits: bool
) -> None:
    """Widths in finer steps and in plain ones, odd numbers of channels and rows, with and without biases, and weights in half
    bytes (but for those of a part whose numbers cannot be divided so): read at once, or in pieces of few tokens."""
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    transformers = pytest.importorskip("transformers")
    most = max(most, 8e-2) if published_in_4_bits else most  # those weights are rounded, too
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=272, hidden_size=width, intermediate_size=width + 48, num_hidden_layers=3, eos_token_id=1,
        num_attention_heads=width // 64, num_key_value_heads=max(1, width // 256), tie_word_embeddings=False,
        bos_token_id=0, max_position_embeddings=512,
    )  # fmt: skip
    library = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for name, parameter in library.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.5)
        elif parameter.ndim == 2 and "embed" not in name and published_in_4_bits and parameter.shape[1] % 32 == 0:
            parameter.data = on_places(*parameter.shape).float()
        elif parameter.ndim == 2 and "embed" not in name:  # then what is left is the rounding of what they meet
            step = parameter.detach().abs().amax(1, keepdim=True) / 127
            parameter.data = (parameter.detach() / step).round() * step
    library.save_pretrained(tmp_path)
    shape = int8_weights.shape_of(tmp_path)
    assert shape is not None
    embed, norms, weights = int8_weights.int8_weights(tmp_path, shape)
    assert {name for name, own in weights.items() if own.halved} == (
        {name for name in weights if not name.endswith("down")} if published_in_4_bits and width > 128 else set()
    )
    runner = Int8Runner(shape, embed, norms, {name: Product(own) for name, own in weights.items()})
    ids = torch.randint(272, (37,)).tolist()
    with torch.inference_mode():
        wanted = library(torch.tensor([ids]), output_hidden_states=True)
        states = runner.states([Work(runner.tape(), ids)], 2, [1, 2])[0]
    (got,) = scores(runner, Work(runner.tape(), ids))
    assert float((got[0] - wanted.logits[0, -1]).norm() / wanted.logits[0, -1].norm()) < most
    for mine, theirs in zip(states, wanted.hidden_states[1:3], strict=True):
        assert float((mine - theirs[0]).norm() / theirs[0].norm()) < most
    tape, at = runner.tape(), 0
    for count in (1, 2, 3, 4, 5, 8, 14):
        (last,) = scores(runner, Work(tape, ids[at : at + count]))
        at += count
    assert torch.equal(last, got)


@pytest.mark.model
def test_neither_threads_nor_the_order_of_reading_change_a_number(eight: Any, ids: list[int]) -> None:
    runner = eight.runner
    (wanted,) = scores(runner, Work(runner.tape(), ids))
    one_by_one = runner.tape()
    for token in ids:
        (got,) = scores(runner, Work(one_by_one, [token]))
    assert torch.equal(got, wanted)
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            other = load(ensure("small"), adapter=ADAPTERS / "small").runner
            assert torch.equal(scores(other, Work(other.tape(), ids))[0], wanted)
    finally:
        torch.set_num_threads(before)


@pytest.mark.model
def test_an_adapter_beside_the_weights_does_what_one_in_them_does(
    ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the larger model, which has no second set of weights for its adapter; in plain steps, as there."""
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    monkeypatch.setattr(int8, "NARROW", 1)
    beside = load(ensure("small"), adapter=ADAPTERS / "small").runner
    full = load(ensure("small"), adapter=ADAPTERS / "small", precision=Precision.FULL).runner
    for adapted in (False, True):
        mine, theirs = (scores(r, Work(r.tape(), ids), adapted=adapted)[0][0].log_softmax(-1) for r in (beside, full))
        assert 0 <= float((theirs.exp() * (theirs - mine)).sum()) < 0.05


@pytest.mark.model
def test_a_process_that_finds_nothing_compiled_computes_as_all_others(
    eight: Any, ids: list[int], tmp_path: Path
) -> None:
    program = f"""
import numpy
from simulator.models import ensure
from simulator.models.choose import ADAPTERS
from simulator.models.loading import load
from simulator.models.runner import Work
runner = load(ensure("small"), adapter=ADAPTERS / "small").runner
numpy.save({str(tmp_path / "scores.npy")!r}, runner.scores([Work(runner.tape(), {ids})], adapted=True)[0].numpy())
"""
    subprocess.run(
        [sys.executable, "-c", program], check=True, env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}, timeout=300
    )
    (wanted,) = scores(eight.runner, Work(eight.runner.tape(), ids))
    assert np.array_equal(np.load(tmp_path / "scores.npy"), wanted.numpy())


@pytest.mark.model
def test_processors_with_narrower_vectors_compute_it_too(eight: Any, ids: list[int], tmp_path: Path) -> None:
    """Laptops have 256-bit vectors where servers have 512. In a process of its own, compiled for those."""
    if not get_host_cpu_features().get("avxvnni"):  # a server's processor may have the wide ones alone
        pytest.skip("this processor has no 8-bit products of 256 bits to run it on")
    program = f"""
import llvmlite.binding as b
host = b.get_host_cpu_features()
host.update({{"avx512vnni": False, "avxvnni": True}})
b.get_host_cpu_features = lambda: host
from simulator.models import vectors
assert vectors.LANES == 8
import torch, numpy
from simulator.models import ensure
from simulator.models.choose import ADAPTERS
from simulator.models.loading import load
from simulator.models.runner import Work
runner = load(ensure("small"), adapter=ADAPTERS / "small").runner
numpy.save({str(tmp_path / "scores.npy")!r}, runner.scores([Work(runner.tape(), {ids})], adapted=True)[0].numpy())
"""
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), COMPILES: "1"},
        timeout=300,
    )
    (wanted,) = scores(eight.runner, Work(eight.runner.tape(), ids))
    assert abs(np.load(tmp_path / "scores.npy") - wanted.numpy()).max() < 0.05  # sums of float32 in another order


@pytest.mark.model
@pytest.mark.parametrize("adapted", [False, True])
def test_scores_are_those_of_full_precision(eight: Any, ids: list[int], adapted: bool) -> None:
    full = load(ensure("small"), adapter=ADAPTERS / "small", precision=Precision.FULL).runner
    assert isinstance(eight.runner, Int8Runner)
    assert not isinstance(full, Int8Runner)
    mine, theirs = (scores(r, Work(r.tape(), ids), adapted=adapted)[0][0].log_softmax(-1) for r in (eight.runner, full))
    divergence = float((theirs.exp() * (theirs - mine)).sum())
    assert 0 <= divergence < 0.02


@pytest.mark.model
def test_what_shares_a_pass_changes_nothing(eight: Any, ids: list[int]) -> None:
    runner = eight.runner
    alone = [scores(runner, Work(runner.tape(), part))[0] for part in (ids, ids[:9], ids[:1])]
    tapes = [runner.tape() for _ in range(4)]
    fork_of = runner.tape()
    scores(runner, Work(fork_of, ids))
    fork = runner.fork(fork_of, 3)
    together = scores(
        runner, *(Work(t, p) for t, p in zip(tapes, (ids, ids[:9], ids[:1]), strict=False)), Work(fork, [5, 6, 7])
    )
    for one, other in zip(alone, together, strict=False):
        assert torch.equal(one, other)
    after = [scores(runner, Work(t, [11]))[0] for t in tapes[:2]]
    both = [runner.tape(), runner.tape()]
    scores(runner, Work(both[0], ids), Work(both[1], ids[:9]))
    assert all(map(torch.equal, scores(runner, *(Work(t, [11]) for t in both)), after))


@pytest.mark.model
def test_rows_of_a_fork_see_only_themselves(eight: Any, ids: list[int]) -> None:
    runner, rows = eight.runner, ([5, 6, 7], [8, 9, 10], [11, 12, 13])
    tape = runner.tape()
    scores(runner, Work(tape, ids))
    fork = runner.fork(tape, 3)
    scores(runner, Work(fork, [row[0] for row in rows]))
    scores(runner, Work(fork, [row[1] for row in rows]))
    fork.keep([0, 2])
    forked = scores(runner, Work(fork, [rows[0][2], rows[2][2]]))[0]
    for row, got in ((rows[0], forked[0]), (rows[2], forked[1])):
        own = runner.tape()
        scores(runner, Work(own, ids))
        for token in row:
            wanted = scores(runner, Work(own, [token]))[0][0]
        assert float((got - wanted).abs().max()) < 0.05  # another order of summing; a step of rounding here and there
        assert int(got.argmax()) == int(wanted.argmax())
    tape.crop(len(ids))
    again = runner.tape()
    scores(runner, Work(again, ids))
    assert torch.equal(*(scores(runner, Work(t, [5]))[0] for t in (tape, again)))


@pytest.mark.model
def test_threads_share_passes_and_get_what_is_theirs(
    eight: Any, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    compute = Int8Runner.scores

    def counted(self: Int8Runner, works: Any, *, adapted: bool) -> Any:
        sizes.append(len(works))
        return compute(self, works, adapted=adapted)

    model = LocalModel(ensure("small"), adapter=ADAPTERS / "small")
    jobs = [((SCENE, SAID), Sampling(seed=n, max_tokens=8, stop=())) for n in range(4)]
    alone = [model.several(*job, 2) for job in jobs]
    monkeypatch.setattr(Int8Runner, "scores", counted)
    got: dict[int, Any] = {}
    threads = [threading.Thread(target=lambda n=n: got.setdefault(n, model.several(*jobs[n], 2))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[n] for n in range(4)] == alone
    assert max(sizes) > 1, "passes that were asked for at the same time went together"


def test_a_pass_takes_those_that_fit_in_the_order_they_came() -> None:
    class Counting:
        """Answers with how many shared the pass; the first pass waits until all have asked."""

        def __init__(self) -> None:
            self.passes: list[list[int]] = []
            self.all_asked = threading.Event()

        def scores(self, works: Any, *, adapted: bool) -> list[Any]:
            self.passes.append([len(w.ids) for w in works])
            self.all_asked.wait(10)
            if works[0].ids[0] == 13:
                raise ValueError("thirteen")
            return [torch.tensor(float(len(works))) for _ in works]

    runner = Counting()
    together = Together(lambda: runner)  # type: ignore[arg-type,return-value]
    failed: list[BaseException] = []

    def ask(ids: list[int], adapted: bool) -> None:
        try:
            together.scores(Work(None, ids), adapted=adapted, then=float)  # type: ignore[arg-type]
        except ValueError as error:
            failed.append(error)

    threads = []
    for ids, adapted in (([1], True), ([2] * 3, True), ([3] * (MOST - 3), True), ([4], False), ([13], True)):
        threads.append(threading.Thread(target=ask, args=(ids, adapted)))
        threads[-1].start()
        while not runner.passes or together._asked.qsize() < len(threads) - 1:
            time.sleep(0.001)
    runner.all_asked.set()
    for thread in threads:
        thread.join()
    assert runner.passes[0] == [1]
    assert runner.passes[1] == [3, MOST - 3], "one more would not have fitted, and one is of another kind"
    assert sorted(map(tuple, runner.passes[2:])) == [(1,), (1,)]
    assert [str(error) for error in failed] == ["thirteen"], "only whoever shared that pass hears of it"


def test_the_thread_of_a_model_ends_with_it_and_says_so_to_who_still_asks() -> None:
    def broken() -> Any:
        raise ModelFormatError("no model")

    with pytest.raises(ModelFormatError, match="no model"):
        Together(broken)
    together = Together(lambda: None)  # type: ignore[arg-type,return-value]
    thread = together._thread
    assert together.do(threading.current_thread) is thread
    together.close()
    thread.join(10)
    with pytest.raises(ModelError, match="closed"):
        together.do(lambda: None)
    forgotten = Together(lambda: None)  # type: ignore[arg-type,return-value]
    thread = forgotten._thread
    del forgotten
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.model
def test_calls_that_begin_alike_read_the_beginning_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = LocalModel(ensure("small"))
    greedy = Sampling(temperature=0.0, max_tokens=4, stop=())
    first = "".join(model.stream((SCENE * 2, SAID), greedy, cache_key="one"))
    read: list[int] = []
    compute = Together.scores

    def counted(self: Together, work: Work, **how: Any) -> Any:
        read.append(len(work.ids))
        return compute(self, work, **how)

    monkeypatch.setattr(Together, "scores", counted)
    assert "".join(model.stream((SCENE * 2, SAID), greedy, cache_key="two")) == first
    assert max(read) == model.count(SAID)


@pytest.mark.model
def test_rounded_weights_are_kept_and_made_again_when_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    for file in ensure("small").iterdir():
        if file.name != int8_weights.FILE:
            (tmp_path / file.name).symlink_to(file)
    shape = int8_weights.shape_of(tmp_path)
    assert shape is not None
    made = {name: own.weight.copy() for name, own in int8_weights.int8_weights(tmp_path, shape)[2].items()}
    kept = tmp_path / int8_weights.FILE
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    again = int8_weights.int8_weights(tmp_path, shape)[2]
    assert kept.read_bytes() == whole
    assert all((made[name] == again[name].weight).all() for name in made)
    assert all(own.weight.ctypes.data % 64 == 0 for own in again.values()), "where the processor reads best"
    monkeypatch.setattr(int8_weights, "_rounded", lambda *_: pytest.fail("it was kept"))
    assert set(int8_weights.int8_weights(tmp_path, shape)[2]) == set(made)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.model
def test_another_models_adapter_is_refused() -> None:
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    with pytest.raises(ModelFormatError, match="another model"):
        load(ensure("small"), adapter=ADAPTERS / "standard")
