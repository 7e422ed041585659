"""What tests of wrong inputs share: what a refusal must look like, the names of cases, and a right row to spoil."""

from __future__ import annotations

import json
import unicodedata


def assert_sentence(text: str) -> None:
    """One line, nothing that steers a terminal, not endless, no Python in it."""
    assert text.strip()
    assert len(text) < 1_000, text[:1_000]
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co")], ascii(text)
    for python in ("Traceback", "<class", "ValidationError", "Error(", "object at 0x"):
        assert python not in text, text


def ids(cases: list[tuple[str, object]]) -> list[str]:
    return [name for name, _ in cases]


GOOD = {"id": "a", "scenario": {"business": "b", "issue": "c"}, "turn": "Hello."}


def row(**changes: object) -> str:
    return json.dumps({k: v for k, v in (GOOD | changes).items() if v is not ...})
