"""Key-value caches of conversations, kept between calls: which segments a cache holds, and which caches to let go.

A cache only ever holds whole segments, always prefilled in the same cuts, so that taking it up again gives bit for bit
what starting from nothing gives. A call checks its cache out and hands it back; a second call under the same key
meanwhile simply starts from nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from simulator.models.runner import Tape


class PrefixCache:
    """The tape of one run of segments. `ends[i]`: tokens on it after segment i. `logits`: those after the last segment, or
    None."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.segments: list[str] = []
        self.ends: list[int] = []
        self.logits: Any = None

    def __len__(self) -> int:
        """Tokens of whole segments."""
        return self.ends[-1] if self.ends else 0

    def matching(self, segments: tuple[str, ...]) -> int:
        """How many leading segments are the same."""
        pairs = zip(self.segments, segments, strict=False)
        return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(self.segments), len(segments)))

    def keep(self, count: int) -> None:
        """Forget all but the first `count` segments, and anything decoded after them."""
        if count < len(self.segments):
            self.logits = None
        del self.segments[count:], self.ends[count:]
        self.tape.crop(len(self))

    def add(self, segment: str, tokens: int, logits: Any) -> None:
        """A segment of `tokens` tokens has been prefilled after the others."""
        self.segments.append(segment)
        self.ends.append(len(self) + tokens)
        self.logits = logits

    def first(self) -> PrefixCache:
        """Another one that holds the first segment alone."""
        new = PrefixCache(self.tape.copied(self.ends[0]))
        new.segments, new.ends = self.segments[:1], self.ends[:1]
        return new

    def nbytes(self) -> int:
        """Bytes really held."""
        return self.tape.nbytes()


class CacheShelf:
    """Caches by key, the longest unused let go first when together they exceed `limit` bytes. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[PrefixCache, int]] = OrderedDict()

    def take(self, key: Hashable | None) -> PrefixCache | None:
        """The cache kept under `key`, no longer on the shelf."""
        with self._lock:
            found = None if key is None else self._kept.pop(key, None)
        return found[0] if found else None

    def holds(self, key: Hashable) -> bool:
        """Whether a cache is kept under `key`."""
        with self._lock:
            return key in self._kept

    def first(self, key: Hashable) -> PrefixCache | None:
        """A copy of the first segment of the cache kept under `key`, which stays."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
        return found[0].first()  # what lies on the shelf is never written to

    def put(self, key: Hashable | None, cache: PrefixCache) -> None:
        """Keep `cache` under `key` (None: let it go)."""
        if key is None:
            return
        size = cache.nbytes()
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = cache, size
            while self._kept and sum(n for _, n in self._kept.values()) > self.limit:
                self._kept.popitem(last=False)

    def nbytes(self) -> int:
        """Bytes on the shelf."""
        with self._lock:
            return sum(n for _, n in self._kept.values())

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._kept.clear()
