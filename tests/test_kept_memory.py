"""A training starts itself again with the settings that keep its memory, and only once."""

from __future__ import annotations

import os
import sys

import pytest

from eval.kept_memory import keep_memory


@pytest.mark.skipif(sys.platform != "linux", reason="settings of glibc")
def test_it_starts_again_with_what_is_missing_and_then_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *given: begun.append(given))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "eval.train_caller", "--base", "small"])
    for name in ("THP_MEM_ALLOC_ENABLE", "MALLOC_MMAP_MAX_"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")
    keep_memory()
    ((program, words, environment),) = begun
    assert (program, words) == (sys.executable, [sys.executable, "-m", "eval.train_caller", "--base", "small"])
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "7"  # somebody's own choice
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    keep_memory()
    assert len(begun) == 1
