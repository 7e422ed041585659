"""What an id can look like. Ids come back from pages, so anything can be asked for; databases refuse to look for some of it."""

from __future__ import annotations

import re

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_id(text: str) -> bool:
    """Whether anything in the database can have that id: nothing else is looked for there."""
    return _ID.fullmatch(text) is not None
