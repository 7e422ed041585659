"""Finds a PostgreSQL server for the tests, or installs one: `python -m tests.postgres`.

Order: one on the PATH; where Debian, Fedora and Homebrew keep theirs; Debian's package, when apt can be used as root. Every
test session starts a server of its own in a temporary folder, on a free port of this machine, and stops it in the end; no
server that runs already is touched. Where none can be had, its tests are skipped and say so loudly; with
SIMULATOR_REQUIRE_POSTGRES set (CI) that is a failure.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

if TYPE_CHECKING:
    import pytest

PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
ENGINES = ("sqlite", "postgresql")
"""Every engine that a store can keep calls in."""
USER, PASSWORD = "simulator", "p@ss/w:rd % x"
"""Every sign of this password means something in a URL."""
QUICK = "-c fsync=off -c full_page_writes=off -c max_connections=60 -c unix_socket_directories=''"
"""A server that is thrown away needs no power-cut safety."""


def find() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`, or None."""
    on_path = shutil.which("initdb")
    newest_first = sorted((Path(p) for place in PLACES for p in glob(place)), key=_version, reverse=True)
    for folder in ([Path(on_path).resolve().parent] if on_path else []) + newest_first:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    return None


def _version(folder: Path) -> int:
    digits = "".join(c for c in folder.parent.name if c.isdigit())
    return int(digits or 0)


def install() -> Path | None:
    """Install a server if there is none; the folder of its programs, or None."""
    if found := find():
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]):
            subprocess.run(
                command, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            )
    return find()


class Server:
    """A server of our own. Stopped, it answers nobody; started again, it has what was committed."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._data, self._log = programs, folder / "data", folder / "log"
        self._as = _unprivileged()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if self._as:
            for path in (folder, secret):
                os.chown(path, self._as, -1)
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}",
            "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Returns once it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 {QUICK}"
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._log), "-o", options)

    def stop(self) -> None:
        """At once, whoever is connected."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    def url(self, database: str = "postgres", **other: str | int) -> str:
        """How to connect; `other` parts of the URL instead of the right ones."""
        parts = {"username": USER, "password": PASSWORD, "host": "127.0.0.1", "port": self.port, "database": database}
        return URL.create("postgresql", **(parts | other)).render_as_string(hide_password=False)

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"calls_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the server's owner."""
        import psycopg

        where = {"host": "127.0.0.1", "port": self.port, "dbname": database, "user": USER, "password": PASSWORD}
        with psycopg.connect(**where, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._as, group=None, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,  # the server keeps pg_ctl's open
            stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            log = self._log.read_text()[-2000:] if self._log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stdout or ''}{log}")


def _unprivileged() -> int | None:
    """Whom the server runs as: PostgreSQL refuses to run as root. None: as ourselves."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return 65534


@contextmanager
def running() -> Iterator[Server]:
    """A server for the tests; without one the test is skipped, or fails where one is required."""
    import pytest

    programs = find()
    if programs is None:
        if os.environ.get("SIMULATOR_REQUIRE_POSTGRES"):
            pytest.fail("no PostgreSQL for the tests: `python -m tests.postgres` installs one")
        pytest.skip("NO POSTGRESQL: shared databases are NOT tested; `python -m tests.postgres` installs one")
    folder = Path(tempfile.mkdtemp(prefix="simulator-postgres-"))
    try:
        server = Server(programs, folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def empty(engine: str, request: pytest.FixtureRequest, folder: Path) -> str:
    """Where an empty database of that kind is to be had, by the fixture `postgres` or in `folder`."""
    return request.getfixturevalue("postgres").database() if engine == "postgresql" else str(folder / "calls.db")


if __name__ == "__main__":
    folder = install()
    print(f"PostgreSQL for the tests: {folder or 'none'}")
    if folder is None and os.environ.get("SIMULATOR_REQUIRE_POSTGRES"):
        sys.exit("error: no PostgreSQL could be found or installed, and SIMULATOR_REQUIRE_POSTGRES is set")
