"""Who a browser is: a random owner id that it keeps, and the secret with which it keeps it. No accounts, no names."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.app.ways import EVERYTHING, Ways, ways_of
from simulator.errors import StoreError
from simulator.workshop.records import Seat

STORAGE_KEY = "difficult-customer-simulator"
"""Fixed, so that a reload and a restarted server find the same browser again."""
_OWNER = re.compile(r"[0-9a-f]{32}")
_CALL = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Browser:
    """What one browser remembers: its owner id (128 random bits) and the call it was last in ('' = none). A trainee in a
    workshop has a `seat`, and the owner id that belongs to it, however many browsers they use."""

    owner: str
    call_id: str = ""
    seat: Seat | None = None

    @property
    def kept(self) -> dict[str, str]:
        """As it goes into the browser's storage. Never empty: Gradio does not store empty values."""
        return {"owner": self.owner, "call": self.call_id}

    @property
    def ways(self) -> Ways:
        """Which calls it may take."""
        return ways_of(self.seat.workshop.settings) if self.seat is not None else EVERYTHING

    def at(self, call_id: str) -> Browser:
        """The same browser, in that call."""
        return replace(self, call_id=call_id)


def known(kept: Any) -> Browser | None:
    """The browser that `kept` describes, or None if it is not one of ours (a first visit, or a forged value)."""
    if not isinstance(kept, dict):
        return None
    owner, call_id = kept.get("owner"), kept.get("call", "")
    if not isinstance(owner, str) or not _OWNER.fullmatch(owner):
        return None
    return Browser(owner, _call(call_id))


def call_of(kept: Any, owner: str) -> str:
    """The call that `kept` says that owner was last in; '' if it is about somebody else."""
    return _call(kept.get("call", "")) if isinstance(kept, dict) and kept.get("owner") == owner else ""


def _call(call_id: Any) -> str:
    return call_id if isinstance(call_id, str) and _CALL.fullmatch(call_id) else ""


def newcomer() -> Browser:
    """A browser that was never here."""
    return Browser(secrets.token_hex(16))


def storage_secret(folder: Path) -> str:
    """The secret of this installation (file `browser.key`, mode 600), made on first use. Raises StoreError."""
    path = folder / "browser.key"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            found = path.read_text(encoding="ascii").strip()
            if _OWNER.fullmatch(found):
                return found
            path.unlink()
            return storage_secret(folder)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            secret = secrets.token_hex(16)
            file.write(secret)
        return secret
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"the browser key {path} cannot be read or written: {error}") from error
