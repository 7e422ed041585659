"""What every test runs under: nobody is phoned, and a unit test that loads a real model by mistake fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def _no_real_model_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test must say so (`@pytest.mark.model` or `browser`) to load weights."""
    if not {"model", "browser"} & {mark.name for mark in request.node.iter_markers()}:
        from simulator.models import loading

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("this unit test loads a real model; mark it with @pytest.mark.model or script it")

        monkeypatch.setattr(loading, "load", refuse)
    yield
