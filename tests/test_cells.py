"""Words that a spreadsheet would run are told apart from those it only shows."""

from __future__ import annotations

import pytest

from simulator.cells import harmless

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", "\u00a0=cmd|' /C calc'!A0", "  @A1")


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Bo", "", " ", "a=b", 3, -2.5, 0, None])
def test_other_cells_stay(value: object) -> None:
    assert harmless(value) is value
