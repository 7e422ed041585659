"""Finds a Chromium on this machine, for whatever drives the real page: the browser tests and `tour_room.py`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Command-line options under which Chromium phones nobody."""


def find() -> str | None:
    """Path of a Chromium: one on the PATH, else playwright's own; or None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            own = driver.chromium.executable_path
    except Exception as error:  # whatever playwright's driver says, there is no browser of its own
        print(f"playwright has no browser of its own: {error}", file=sys.stderr)
        return None
    return own if Path(own).exists() else None


@contextmanager
def opened(path: str) -> Iterator[Browser]:
    """The Chromium at that path, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()
