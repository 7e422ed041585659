"""Who says whole replies with the same weights, for `simulator bench speed`: ours, transformers' `generate`, llama.cpp's server.

Each gets the same prompts, which it has not read before, and says as many tokens as it is told to: the prompts count, and
whoever is asked greedily to go on goes on counting. Ours and `generate` answer in this process, the server over HTTP on
loopback, as it is used (some milliseconds). Its settings: as many threads as we use, nothing kept from earlier prompts;
it computes one request after another.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import httpx
import torch

from eval.served import Served
from simulator.models import LocalModel
from simulator.models.base import Sampling
from simulator.models.loading import Precision, cores, load

COUNTED = 24
"""Numbers of a prompt: about 100 tokens, as much as is new in a turn."""


class Replier(Protocol):
    """Something that replies."""

    name: str

    def reply(self, prompts: Sequence[str], tokens: int) -> int:
        """Answer all prompts, at once if it can, with so many tokens each. The tokens said, all together."""
        ...

    def close(self) -> None:
        """Let go of memory and processes."""
        ...


def prompt(number: int) -> str:
    """Prompt `number`: unlike any other from its first number on."""
    first = 100 + 37 * number
    return "".join(f"{n}, " for n in range(first, first + COUNTED)).rstrip()


class OurReplies:
    """This program's model, without an adapter."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        self._model = LocalModel(folder)

    def reply(self, prompts: Sequence[str], tokens: int) -> int:
        greedy = Sampling(temperature=0.0, max_tokens=tokens, stop=())
        with ThreadPoolExecutor(len(prompts)) as pool:
            said = list(pool.map(lambda text: "".join(self._model.stream((text,), greedy)), prompts))
        return sum(min(tokens, self._model.count(text)) for text in said)

    def close(self) -> None:
        self._model.close()


class Generate:
    """transformers' own `generate`, all prompts as one batch."""

    name = "transformers generate"

    def __init__(self, folder: Path) -> None:
        loaded = load(folder, precision=Precision.FULL)
        self._model: Any = getattr(loaded.runner, "model")  # noqa: B009 - the plain runner's
        self._tokens: Any = loaded.tokenizer
        self._tokens.padding_side = "left"
        self._tokens.pad_token = self._tokens.pad_token or self._tokens.eos_token

    def reply(self, prompts: Sequence[str], tokens: int) -> int:
        given = self._tokens(list(prompts), return_tensors="pt", padding=True)
        length = {"max_new_tokens": tokens, "min_new_tokens": tokens}
        with torch.inference_mode():
            out = self._model.generate(**given, **length, do_sample=False, pad_token_id=self._tokens.pad_token_id)
        return int((out.shape[1] - given["input_ids"].shape[1]) * len(prompts))

    def close(self) -> None:
        del self._model


class LlamaServer:
    """llama.cpp's server (llama-cpp-python's) on the GGUF file, a process of its own."""

    name = "llama.cpp server"

    def __init__(self, gguf: Path) -> None:
        threads = str(cores())
        command = [sys.executable, "-m", "llama_cpp.server", "--model", str(gguf), "--n_ctx", "1024"]
        command += ["--n_threads", threads, "--n_threads_batch", threads, "--interrupt_requests", "false"]
        self._folder = tempfile.TemporaryDirectory(prefix="simulator-llama-")
        self._served = Served(command, Path(self._folder.name), page="/v1/models")
        try:
            self._served.start()
        except BaseException:
            self._folder.cleanup()
            raise
        self._http = httpx.Client(base_url=self._served.address, timeout=600.0)

    def reply(self, prompts: Sequence[str], tokens: int) -> int:
        def ask(text: str) -> int:
            body = {"prompt": text, "max_tokens": tokens, "temperature": 0.0}
            answer = self._http.post("/v1/completions", json=body).raise_for_status()
            return int(answer.json()["usage"]["completion_tokens"])

        with ThreadPoolExecutor(len(prompts)) as pool:
            return sum(pool.map(ask, prompts))

    def close(self) -> None:
        self._http.close()
        self._served.stop()
        self._folder.cleanup()


def server_there() -> bool:
    """Whether llama.cpp's server can be started."""
    return all(find_spec(name) is not None for name in ("llama_cpp", "sse_starlette", "starlette_context"))
