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


class PrefixCache:
    """The transformers cache of one run of segments. `ends[i]`: tokens in the cache after segment i. `logits`: those
    after the last segment, or None."""

    def __init__(self) -> None:
        from transformers import DynamicCache

        # Without a config every layer keeps all its tokens, also where the model attends through a sliding window (its
        # mask still does): a window that has slid on cannot be cropped back.
        self.store: Any = DynamicCache()
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
        surplus = int(self.store.get_seq_length()) - len(self)
        if surplus > 0:
            self.store.crop(-surplus)

    def add(self, segment: str, tokens: int, logits: Any) -> None:
        """A segment of `tokens` tokens has been prefilled after the others."""
        self.segments.append(segment)
        self.ends.append(len(self) + tokens)
        self.logits = logits

    def nbytes(self) -> int:
        """Bytes really held: a cropped tensor is a view that keeps the whole block alive."""
        tensors = [t for layer in self.store.layers for t in (layer.keys, layer.values) if t is not None]
        return sum(int(t.untyped_storage().nbytes()) for t in tensors)


def widened(store: Any, rows: int) -> Any:
    """A new transformers cache that holds what `store` holds, once for each of `rows`; `store` stays as it is."""
    from transformers import DynamicCache

    wide = DynamicCache()
    for index, layer in enumerate(store.layers):
        wide.update(layer.keys.repeat_interleave(rows, dim=0), layer.values.repeat_interleave(rows, dim=0), index)
    return wide


class CacheShelf:
    """Caches by key, the longest unused let go first when together they exceed `limit` bytes. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[PrefixCache, int]] = OrderedDict()

    def take(self, key: Hashable | None) -> PrefixCache:
        """The cache kept under `key`, no longer on the shelf; or an empty one."""
        with self._lock:
            found = None if key is None else self._kept.pop(key, None)
        return found[0] if found else PrefixCache()

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
