"""Text that may be shown: stop strings cut anywhere, whole characters only; the draw of a token; the cache shelf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.models.decoding import Detokenizer, StopFilter, draw, filtered
from simulator.models.int8 import Int8Tape, Shape
from simulator.models.plain import PlainTape
from simulator.models.prefix_cache import CacheShelf, PrefixCache
from simulator.models.runner import Tape


def expected(text: str, stops: list[str]) -> str:
    """Letter by letter: up to where the stop string begins that is complete first."""
    for end in range(len(text) + 1):
        if ended := [len(s) for s in stops if s and text[:end].endswith(s)]:
            return text[: end - max(ended)]
    return text


@given(st.text("ab\n", max_size=20), st.lists(st.text("ab\n", max_size=4), max_size=3), st.lists(st.integers(1, 3)))
def test_a_stop_string_cut_anywhere_is_never_shown(text: str, stops: list[str], cuts: list[int]) -> None:
    pieces, rest = [], text
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert "".join(filtered([*pieces, rest], stops)) == expected(text, stops)


def test_the_beginning_of_a_stop_string_is_held_back_until_it_is_none() -> None:
    gate = StopFilter(["Agent:"])
    assert [gate.push("Well. Ag"), gate.push("ent"), gate.push("s!"), gate.push(" Agent"), gate.flush()] == [
        "Well. ",
        "",
        "Agents!",
        " ",
        "Agent",
    ]


def test_nothing_is_asked_for_after_the_stop() -> None:
    asked: list[str] = []

    def pieces() -> object:
        for piece in ("one", " two\n", "three"):
            asked.append(piece)
            yield piece

    assert "".join(filtered(pieces(), ["\n"])) == "one two"  # type: ignore[arg-type]
    assert asked == ["one", " two\n"]


def test_half_a_character_is_never_shown() -> None:
    raw = "é😡!".encode()
    text = Detokenizer(lambda ids: bytes(ids).decode(errors="replace"), [ord(" ")])
    assert [text.push(byte) for byte in raw] == ["", "é", "", "", "", "😡", "!"]


def test_the_anchor_keeps_a_leading_space() -> None:
    def decode(ids: list[int]) -> str:  # drops the space of the first word, as SentencePiece does
        return "".join(f" w{n}" for n in ids)[1:]

    assert Detokenizer(decode, [7]).push(8) == " w8"


def test_drawing_is_seeded_and_keeps_to_the_nucleus() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.tensor([2.0, 1.9, -1.0, -5.0])

    def many(top_p: float, seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        return [draw(logits, 1.0, top_p, 1.0, [], generator).token for _ in range(200)]

    assert many(0.9, 1) == many(0.9, 1) != many(0.9, 2)
    assert set(many(0.9, 1)) == {0, 1}
    assert set(many(0.1, 1)) == {0}
    assert 2 in many(1.0, 1)
    assert draw(logits, 0.0, 1.0, 1.0, [], torch.Generator()).token == 0
    assert draw(logits, 0.0, 1.0, 1.5, [0, 0], torch.Generator()).token == 1
    wide = torch.zeros(3000)  # flat: the nucleus is wider than the first look
    seen = {draw(wide, 1.0, 0.99, 1.0, [], torch.Generator().manual_seed(n)).token for n in range(40)}
    assert len(seen) > 30


def test_a_drawn_token_tells_how_likely_the_model_found_it() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    logits = 4 * torch.randn(5000)
    wanted = logits.log_softmax(-1)
    counts = [0] * 5000
    for n in range(400):
        drawn = draw(logits, 0.7, 1.0, 1.0, [], torch.Generator().manual_seed(n))
        assert drawn.chance == pytest.approx(float(wanted[drawn.token]), abs=1e-4), "neither warmer nor cut"
        counts[drawn.token] += 1
    shares = (logits / 0.7).softmax(-1)
    for token in shares.topk(3).indices.tolist():
        assert counts[token] / 400 == pytest.approx(float(shares[token]), abs=0.08)
    cool = draw(logits, 0.0, 1.0, 2.0, [int(logits.argmax())], torch.Generator())
    assert cool.chance == pytest.approx(float(wanted[cool.token]), abs=1e-4), "nor penalised"


def tapes() -> list[Tape]:
    """An empty tape of each kind."""
    pytest.importorskip("torch")
    return [Int8Tape(Shape(1, 64, 2, 1, 64, 64, 1e-6, 1e4)), PlainTape()]


def read_onto(tape: Tape, tokens: int) -> None:
    """As if so many tokens had been read."""
    torch = pytest.importorskip("torch")
    if isinstance(tape, Int8Tape):
        tape.grow(tokens, 1)
        tape.held[0][:] = 0.0
    else:
        assert isinstance(tape, PlainTape)
        tape.store.update(torch.zeros(1, 1, tokens, 4), torch.zeros(1, 1, tokens, 4), 0)


def filled(tape: Tape, tokens: int, segments: list[str]) -> PrefixCache:
    cache = PrefixCache(tape)
    for segment in segments:
        read_onto(tape, tokens)
        cache.add(segment, tokens, "scores")
    return cache


def test_a_cache_keeps_whole_segments_only() -> None:
    for tape in tapes():
        cache = filled(tape, 3, ["a", "b", "c"])
        read_onto(tape, 5)
        cache.keep(3)
        assert len(tape) == len(cache) == 9
        assert cache.logits == "scores"
        assert cache.matching(("a", "b", "x", "c")) == 2
        cache.keep(2)
        assert len(tape) == 6
        assert cache.logits is None


def test_a_copy_of_the_first_segment_goes_its_own_way() -> None:
    for tape in tapes():
        shelf = CacheShelf(2**30)
        shelf.put("begins", filled(tape, 3, ["a", "b"]))
        copy = shelf.first("begins")
        assert copy is not None
        assert (copy.segments, len(copy), len(copy.tape), copy.logits) == (["a"], 3, 3, None)
        read_onto(copy.tape, 7)
        assert (len(copy.tape), len(tape)) == (10, 6)
        assert shelf.first("nothing") is None


def test_the_shelf_lets_go_of_the_longest_unused() -> None:
    def one(tokens: int) -> PrefixCache:
        return filled(tapes()[0], tokens, ["a"])

    shelf = CacheShelf(2 * one(10).nbytes())
    for key in "abc":
        shelf.put(key, one(10))
    assert shelf.nbytes() == 2 * one(10).nbytes()
    assert [shelf.take(key) is None for key in "abc"] == [True, False, False]
    assert shelf.take("b") is None, "a cache that is out is not on the shelf"
    shelf.put("big", one(5000))
    assert shelf.nbytes() == 0
