"""Passes in 8-bit integers: as near to full precision as rounding allows, the same for a token whatever shares its pass,
forks that see only their own row, and passes of several threads that go together. With the real small model."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import ModelError, ModelFormatError
from simulator.models import LocalModel, Sampling, ensure, int8_weights
from simulator.models.choose import ADAPTERS
from simulator.models.int8 import Int8Runner, Linear, rounded
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


@pytest.mark.parametrize(("fine", "most"), [(False, 1e-2), (True, 8e-3)])
def test_a_product_is_right_but_for_rounding(fine: bool, most: float) -> None:
    torch.manual_seed(0)
    weight, bias, x = torch.randn(48, 64), torch.randn(48), torch.randn(5, 64)
    down, up = torch.randn(4, 64), torch.randn(48, 4)
    x[2] = 0.0
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    plain = x @ weight.T + bias
    adapted = plain + x @ down.T @ up.T
    beside = Linear(*rounded(weight), bias, beside=(down, up), fine=fine)
    instead = Linear(*rounded(weight), bias, instead=rounded(weight + up @ down), fine=fine)
    for product in (beside, instead):
        for got, wanted in ((product(x), plain), (product(x, adapted=True), adapted)):
            assert float((got - wanted).norm() / wanted.norm()) < most
    exact = Linear(*rounded(weight), bias, fine=True)(x)
    stored = rounded(weight)[0].float() * rounded(weight)[1][:, None]
    assert float((exact - (x @ stored.T + bias)).abs().max()) < 2e-3


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
    made = {name: t.clone() for name, t in int8_weights.int8_weights(tmp_path, shape).items()}
    kept = tmp_path / int8_weights.FILE
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    again = int8_weights.int8_weights(tmp_path, shape)
    assert kept.read_bytes() == whole
    assert all(torch.equal(made[name], again[name]) for name in made)
    monkeypatch.setattr(int8_weights, "_rounded", lambda *_: pytest.fail("it was kept"))
    assert set(int8_weights.int8_weights(tmp_path, shape)) == set(made)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.model
def test_another_models_adapter_is_refused() -> None:
    if not eight_bits():
        pytest.skip("this processor has no quick 8-bit products")
    with pytest.raises(ModelFormatError, match="another model"):
        load(ensure("small"), adapter=ADAPTERS / "standard")
