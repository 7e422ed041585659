"""The README and its kin tell the truth about what is there."""

from __future__ import annotations

import re
from pathlib import Path

from simulator.cli.main import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_commands_in_the_documents_exist():
    import typer

    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    text = README + (ROOT / "eval" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`simulator (\w+)", text))
    assert named
    assert named <= known


def test_links_in_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_module_says_what_its_one_job_is():
    for package in ("simulator", "eval", "personas"):
        for file in (ROOT / package).rglob("*.py"):
            assert file.read_text(encoding="utf-8").lstrip().startswith('"""'), file


def test_the_first_screen_of_the_readme_has_what_a_newcomer_needs():
    first = README[:1_900]
    assert "make run" in first
    assert "screenshot" in first
    assert "127.0.0.1" in first


def test_no_version_is_pinned_with_a_host():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+|#.*|", line) for line in lines)
