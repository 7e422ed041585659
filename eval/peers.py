"""Engines that decode the same weights, behind one small interface, for `simulator bench speed`: ours, transformers, llama.cpp.

Each reads a prompt, then decodes so many tokens for so many rows that go on from it; which tokens they are does not matter
for the time. llama.cpp is there if `pip install llama-cpp-python` was done (it compiles for minutes; never a dependency).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import torch

from simulator.models.loading import Precision, cores, load
from simulator.models.runner import Work

ROWS = 8
"""Most rows that are decoded at once."""


class Engine(Protocol):
    """Something that decodes."""

    name: str

    def read(self, ids: Sequence[int]) -> None:
        """Forget everything, then read a prompt."""
        ...

    def decode(self, rows: int, steps: int) -> None:
        """`rows` (<= ROWS) continuations of the prompt, `steps` tokens each, in step. The prompt stays."""
        ...


class Ours:
    """A runner of this program: 8 bits (auto) or transformers' own numbers (full), without an adapter."""

    def __init__(self, folder: Path, precision: Precision) -> None:
        self.name = f"{'ours' if precision is Precision.AUTO else 'transformers'}, {precision.value}"
        self.runner = load(folder, precision=precision).runner
        self._tape = self.runner.tape()

    def read(self, ids: Sequence[int]) -> None:
        self._tape = self.runner.tape()
        for at in range(0, len(ids), 128):
            self._scores(Work(self._tape, ids[at : at + 128]))

    def decode(self, rows: int, steps: int) -> None:
        length = len(self._tape)
        fork = self.runner.fork(self._tape, rows)
        for step in range(steps):
            self._scores(Work(fork, [100 + step + row for row in range(rows)]))
        self._tape.crop(length)

    def _scores(self, work: Work) -> None:
        with torch.inference_mode():
            self.runner.scores([work], adapted=False)


class LlamaCpp:
    """llama.cpp on the GGUF file itself, through its C interface, with as many threads as we use."""

    name = "llama.cpp"

    def __init__(self, gguf: Path) -> None:
        self._c: Any = import_module("llama_cpp")
        keep_quiet = self._c.llama_log_callback(lambda *_: None)
        self._quiet = keep_quiet
        self._c.llama_log_set(keep_quiet, None)
        self._c.llama_backend_init()
        self._model = self._c.llama_model_load_from_file(str(gguf).encode(), self._c.llama_model_default_params())
        settings = self._c.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch = 4096, 512, 512
        settings.n_seq_max, settings.kv_unified = ROWS, True
        settings.n_threads = settings.n_threads_batch = cores()
        self._context = self._c.llama_init_from_model(self._model, settings)
        self._batch = self._c.llama_batch_init(512, 0, 1)
        self._length = 0

    def read(self, ids: Sequence[int]) -> None:
        memory = self._c.llama_get_memory(self._context)
        self._c.llama_memory_clear(memory, True)
        for at in range(0, len(ids), 512):
            part = ids[at : at + 512]
            self._pass([(token, at + n, 0, n == len(part) - 1) for n, token in enumerate(part)])
        self._length = len(ids)

    def decode(self, rows: int, steps: int) -> None:
        memory = self._c.llama_get_memory(self._context)
        for row in range(1, rows):
            self._c.llama_memory_seq_cp(memory, 0, row, -1, -1)
        for step in range(steps):
            self._pass([(100 + step + row, self._length + step, row, True) for row in range(rows)])
        for row in range(rows):
            self._c.llama_memory_seq_rm(memory, row, self._length if row == 0 else -1, -1)

    def _pass(self, tokens: list[tuple[int, int, int, bool]]) -> None:
        """(token, position, row, whether its scores are wanted)"""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for n, (token, position, row, wanted) in enumerate(tokens):
            batch.token[n], batch.pos[n], batch.n_seq_id[n], batch.seq_id[n][0] = token, position, 1, row
            batch.logits[n] = wanted
        if self._c.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama.cpp could not decode")


def llama_there() -> bool:
    """Whether llama.cpp can be imported."""
    return find_spec("llama_cpp") is not None
