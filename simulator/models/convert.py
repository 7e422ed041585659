"""Turn a GGUF file into a bf16 transformers folder, in a child process: its memory goes when it ends, a kill by the
system ends only it, and the bars transformers draws never reach the user's terminal.

Run as `python -m simulator.models.convert GGUF FOLDER`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from simulator.errors import MemoryShortError, ModelFormatError, shorten
from simulator.models.weights import Progress

KILLED = -9


def convert(gguf: Path, folder: Path, progress: Progress) -> None:
    """Write config, weights (bf16 safetensors), tokenizer of `gguf` into the existing `folder`; step `convert`.

    Raises ModelFormatError when transformers cannot read the file, MemoryShortError when the system killed the child,
    OSError when the disk is full.
    """
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    # The child must find this package even when it was imported from a source tree that is not installed.
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (str(Path(__file__).parents[2]), *sys.path) if p)
    command = [sys.executable, "-m", __name__, str(gguf.resolve()), str(folder.resolve())]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                match line.split():
                    case ["progress", done, total]:
                        progress("convert", int(done), int(total))
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()
    if code == 0:
        return
    if code == KILLED or "MemoryError" in said or "can't allocate memory" in said:
        raise MemoryShortError(
            f"converting {gguf.name} took more memory than is free; close other programs or type "
            "`simulator setup --model small`."
        )
    if "No space left" in said:
        raise OSError(28, "No space left on device")
    last = said.splitlines()[-1] if said else f"exit code {code}"
    raise ModelFormatError(f"{gguf.name} cannot be converted: {shorten(last, 200)}")


def _main(gguf: Path, folder: Path) -> None:
    """The child: tokenizer, config, weights, all through transformers' public way of reading GGUF."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

    loader: Any = import_module("transformers.modeling_gguf_pytorch_utils")

    def counted(tensors: Iterable[Any], **_: object) -> Iterator[Any]:
        """In the place of the loader's bar. Should the loader lose its `tqdm`, only the progress is lost."""
        every = list(tensors)
        for n, tensor in enumerate(every):
            print("progress", n, len(every) + 1, flush=True)
            yield tensor

    loader.tqdm = counted
    where: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    print("progress 0 1", flush=True)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    tokenizer.save_pretrained(folder)
    config = AutoConfig.from_pretrained(gguf.parent, **where)  # given to the model below, else it is parsed twice
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, config=config, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16, **where
    )
    model.save_pretrained(folder, max_shard_size="50GB")
    print("progress 1 1", flush=True)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), Path(sys.argv[2]))
