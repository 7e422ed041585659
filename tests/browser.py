"""Finds a Chromium for the browser tests, or installs one: `python -m tests.browser`.

Order: one on the PATH; Debian's, when apt can be used as root; playwright's own download. Where none can be had, the
browser tests are skipped and say so loudly; with SIMULATOR_REQUIRE_BROWSER set (CI) that is a failure.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from eval.chromium import find, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from simulator.rehearsal import Rehearsals


def install() -> str | None:
    """Install a Chromium if there is none; its path, or None."""
    if found := find():
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(
                command, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            )
    if not shutil.which("chromium"):
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find()


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium; without one the test is skipped, or fails where one is required."""
    import pytest
    from playwright.sync_api import expect

    path = find()
    if path is None:
        if os.environ.get("SIMULATOR_REQUIRE_BROWSER"):
            pytest.fail("no Chromium for the browser tests: `python -m tests.browser` installs one")
        pytest.skip("NO BROWSER: the page is NOT tested; `python -m tests.browser` installs one")
    expect.set_options(timeout=30_000)  # a page opens in two seconds, but not on a machine that is busy otherwise
    with opened(path) as browser:
        yield browser


@contextmanager
def served(rehearsals: Rehearsals, key: Path) -> Iterator[str]:
    """The address of the page, on a free port. `key`: where the browser key is kept."""
    from simulator.app.serve import serve

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page, url = serve(rehearsals, "127.0.0.1", port, data_dir=key, block=False, quiet=True)
    yield url
    page.close()


if __name__ == "__main__":
    path = install()
    print(f"browser for the tests: {path or 'none'}")
    if path is None and os.environ.get("SIMULATOR_REQUIRE_BROWSER"):
        sys.exit("error: no Chromium could be found or installed, and SIMULATOR_REQUIRE_BROWSER is set")
