"""Which words of a turn moved a grade: sentences, quoted verbatim, ranked by their tokens' share of the score."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.evaluator.heads import Array
from simulator.prompts import as_data

_PART = re.compile(r"""\S.*?(?:[.!?…;]+["'”’)]*(?=\s|$)|$)""", re.MULTILINE)
"""A sentence: up to a mark that a blank or the line's end follows, so that £103.50 stays whole."""
LONGEST = 220
"""Characters of a quote; longer sentences are split at a comma or dash near their middle."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of the turn (`text[start:end]` of the original) and where its cleaned words lie in what the model read."""

    start: int
    end: int
    read_from: int
    read_to: int


def passages(text: str, read: str) -> tuple[Passage, ...]:
    """The sentences of `text` that can be found again in `read`, the one line the model was shown of it."""
    found: list[Passage] = []
    cursor = 0
    for start, end in _spans(text):
        shown = as_data(text[start:end])
        at = read.find(shown, cursor) if shown else -1
        if at >= 0:
            cursor = at + len(shown)
            found.append(Passage(start, end, at, cursor))
    return tuple(found)


def share_of(passage: Passage, offsets: Sequence[tuple[int, int]], shares: Array, output: int, shift: int) -> float:
    """The passage's share of score `output`: the sum over its tokens. `shift`: characters before the turn's own words."""
    return float(
        sum(
            shares[i, output]
            for i, (a, b) in enumerate(offsets)
            if b > a and passage.read_from + shift <= a < passage.read_to + shift
        )
    )


def _spans(text: str) -> list[tuple[int, int]]:
    """Sentences as (start, end), blanks trimmed, long ones split once or more."""
    spans: list[tuple[int, int]] = []
    for match in _PART.finditer(text):
        start, end = match.span()
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        spans.extend(_split(text, start, end))
    return spans


def _split(text: str, start: int, end: int) -> list[tuple[int, int]]:
    if end - start <= LONGEST:
        return [(start, end)] if any(c.isalnum() for c in text[start:end]) else []
    middle = (start + end) // 2
    breaks = [m.end() + start for m in re.finditer(r"[,:–—]\s|\s", text[start:end])]
    if not breaks:
        return [(start, start + LONGEST)]
    at = min(breaks, key=lambda b: abs(b - middle) - (60 if text[b - 2 : b - 1] in ",:–—" else 0))
    if at in (start, end):
        return [(start, min(end, start + LONGEST))]
    cut = at
    while cut > start and text[cut - 1].isspace():
        cut -= 1
    return [*_split(text, start, cut), *_split(text, at, end)]
