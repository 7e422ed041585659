"""What every test runs under: nobody is phoned, and a unit test that loads a real model by mistake fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from postgres import ENGINES, Server, empty, running

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
for name in ("SIMULATOR_DATABASE_URL", "DATABASE_URL"):
    os.environ.pop(name, None)  # no test writes into somebody's database


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this test session."""
    with running() as server:
        yield server


@pytest.fixture(params=ENGINES)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, once of every engine."""
    return empty(request.param, request, tmp_path)


class Reopened:
    """A store that is closed and opened again between any two calls: nothing may live in memory only."""

    def __init__(self, where: str, *path: str) -> None:
        self._where, self._path = where, path

    def __getattr__(self, name: str) -> Reopened:
        return Reopened(self._where, *self._path, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from simulator.store import open_store

        with open_store(self._where) as store:
            return attrgetter(".".join(self._path))(store)(*args, **kwargs)


@pytest.fixture(params=["open", "reopened"])
def store(request: pytest.FixtureRequest, where: str) -> Iterator[Any]:
    """A new store at `where`; what holds for it holds for every engine, and over restarts."""
    from simulator.store import open_store

    made: Any = Reopened(where) if request.param == "reopened" else open_store(where)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_real_model_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test must say so (`@pytest.mark.model` or `browser`) to load weights."""
    if not {"model", "browser"} & {mark.name for mark in request.node.iter_markers()}:
        from simulator.models import local

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("this unit test loads a real model; mark it with @pytest.mark.model or script it")

        monkeypatch.setattr(local, "load", refuse)
    yield
