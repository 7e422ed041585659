"""What a spreadsheet may show but must not run."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may run; the wide signs are formulas in Japanese settings."""
_BLANKS = " \u00a0"
"""Some programs pass over them before they look."""


def harmless(cell: T) -> T | str:
    """The cell, with an apostrophe before words that a spreadsheet might run."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip(_BLANKS).startswith(_FORMULA) else cell
