"""Every setting of the program, in one place: a `SIMULATOR_…` environment variable, or its default.

One has a second name: `DATABASE_URL`, as many hosts set it; `SIMULATOR_DATABASE_URL` goes before it.

Command-line options override these; nothing else reads the environment.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from pathlib import Path

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulator.errors import DataError, shorten

APP = "difficult-customer-simulator"


class Settings(BaseSettings):
    """Frozen settings. Folders are made when first written to, not here."""

    model_config = SettingsConfigDict(env_prefix="SIMULATOR_", frozen=True, extra="ignore", populate_by_name=True)

    cache_dir: Path = Path(platformdirs.user_cache_dir(APP, appauthor=False))
    """Downloaded and converted model weights; may be deleted at any time."""
    data_dir: Path = Path(platformdirs.user_data_dir(APP, appauthor=False))
    """The trainee's calls (`calls.db`), and a user's own `personas/` and `scenarios/`."""
    database_url: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("SIMULATOR_DATABASE_URL", "DATABASE_URL")
    )
    """Where calls are kept instead of `calls.db`: postgresql://user:password@host/database. Secret, as it holds one."""
    model: str = "auto"
    """auto, standard, small, a hub name, a folder, a .gguf file, or http://host/v1#model."""
    tuned: bool = True
    """Whether an embedded model speaks with the adapter that was trained for callers."""
    keep_principles: bool = False
    """Whether the caller's model is asked which of its candidates keep to the persona's principles, and those are preferred."""
    evaluator: str = "auto"
    """auto (shares the caller's model where that is an embedded one), standard or small."""
    second_opinion: str = ""
    """A model (any that `model` may name) that looks at every turn, too, in the background; empty: none."""
    api_key: str = ""
    """Key for an OpenAI-compatible server, if it wants one."""
    server_timeout: float = Field(default=20.0, gt=0)
    """Seconds that a model server may be silent, before its first word and between two."""
    server_deadline: float = Field(default=30.0, gt=0)
    """Seconds that a turn may take on a model server, retries included."""
    server_failures: int = Field(default=3, ge=1)
    """Failures in a row after which a model server is left alone for a while."""
    server_rest: float = Field(default=15.0, gt=0)
    """Seconds after which it is tried again for the first time."""
    server_stand_in: bool = True
    """Whether the embedded model speaks where a model server fails; if not, the turn waits for the server."""
    turns_at_once: int = Field(default=8, ge=1)
    """Turns that are played at the same time; the others wait in line."""
    turns_waiting: int = Field(default=100, ge=0)
    """Turns that may wait; beyond it a turn is kept and answered once there is room."""
    host: str = "127.0.0.1"
    port: int = 7860
    device: str = "cpu"
    """A torch device for local models."""

    @property
    def database(self) -> str | Path:
        """Where calls are kept: a URL, or the file in the data folder."""
        return self.database_url.get_secret_value().strip() or self.data_dir / "calls.db"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once. Raises DataError if a variable holds what it cannot mean."""
    try:
        return Settings()
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = f"SIMULATOR_{'_'.join(str(part) for part in problem['loc'])}".upper()
        said = problem["msg"][0].lower() + problem["msg"][1:]
        raise DataError(f"{name} is {shorten(str(problem['input']))!r}: {said}", key=name) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
