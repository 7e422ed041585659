"""A server in a process of its own, for benchmarks: started, killed, started again, always on the same port and folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from simulator.errors import ServerError

STARTS_WITHIN = 300.0
"""Seconds that a server may take to answer: loading a model on a weak machine."""
LOOKS = 0.05
"""Seconds between two looks whether it answers."""
OWN = {"DATABASE_URL": "", "SIMULATOR_DATABASE_URL": "", "SIMULATOR_HOST": "127.0.0.1", "PYTHONUNBUFFERED": "1"}
"""What its environment says, so that nobody's own calls are touched."""


def answers(page: str, *, patience: float = 5.0) -> bool:
    """Whether the server at that address answers with that page, within so many seconds."""
    try:
        return httpx.get(page, timeout=patience, follow_redirects=True).status_code == 200
    except httpx.TransportError:
        return False


class Served:
    """The process of a command that takes `--port`; `page`: what it has to answer with 200 to count as started. Its data, if it
    is a simulator, and what it prints are in `folder`."""

    def __init__(self, command: Sequence[str], folder: Path, page: str = "/join") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command, self._folder, self._page = [*command, "--port", str(self.port)], folder, page
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        self.memory, self.starts = 0.0, list[float]()
        """The most it held (GB), and how many seconds each start took."""

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it answers. Raises ServerError if it never does."""
        began, environment = time.perf_counter(), OWN | {"SIMULATOR_DATA_DIR": str(self._folder)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | environment
            )
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        while not answers(self.address + self._page, patience=30.0):
            if self._process.poll() is not None or time.perf_counter() - began > STARTS_WITHIN:
                self.stop()
                raise ServerError(f"the server does not start: {self._log.read_text(errors='replace')[-600:].strip()}")
            time.sleep(LOOKS)
        self.starts.append(time.perf_counter() - began)

    def kill(self) -> None:
        """SIGKILL: it gets to finish nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=30)

    def stop(self) -> None:
        """Ask it to stop; after half a minute make it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        with suppress(psutil.Error):
            seen = psutil.Process(process.pid)
            while process.poll() is None:
                self.memory = max(self.memory, seen.memory_info().rss / 1e9)
                time.sleep(0.5)
