"""`simulator facilitator`: who may log in on this server, to run workshops or as a researcher. Passwords are asked for, never taken from the command line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import columns, tell
from simulator.errors import DataError

if TYPE_CHECKING:
    from simulator.store.logins import LoginStore

facilitator_app = typer.Typer(help="Who may log in: add, password, list.", no_args_is_help=True, rich_markup_mode=None)


class As(StrEnum):
    """Who somebody is who logs in."""

    FACILITATOR = "facilitator"
    RESEARCHER = "researcher"


Name = Annotated[
    str, typer.Argument(help="What they log in with; upper or lower case is the same.", show_default=False)
]


@facilitator_app.command("add")
def add(
    name: Name,
    role: Annotated[
        As,
        typer.Option(
            help="facilitator: runs workshops; researcher: takes those open to research, without names, no more."
        ),
    ] = As.FACILITATOR,
) -> None:
    """Let somebody run workshops, or take what is open to research. Asks for their password twice."""
    from simulator.workshop.codes import hash_password
    from simulator.workshop.records import Role, a_name

    called = a_name(name)
    with _opened() as store:
        if store.find(called) is not None:
            raise DataError(
                f"there is already somebody called {called}: `simulator facilitator password` changes theirs"
            )
        if role is As.RESEARCHER:
            store.add(called, hash_password(_asked()), at=time.time(), role=Role.RESEARCHER)
            tell(f"{called} can log in at /room/login, and take what facilitators have opened to research")
            return
        store.add(called, hash_password(_asked()), at=time.time())
    tell(
        f"{called} can log in at /room of `simulator serve`; with a facilitator, --host 0.0.0.0 lets other machines in"
    )


@facilitator_app.command("password")
def password(name: Name) -> None:
    """Give somebody another password; they are logged out everywhere."""
    from simulator.workshop.codes import hash_password

    with _opened() as store:
        found = store.find(name)
        if found is not None:
            store.set_password(name, hash_password(_asked()))
        else:
            store.set_password(name, "")  # says which names there are
    tell("changed; browsers that were logged in are so no more")


@facilitator_app.command("list")
def list_them() -> None:
    """Everybody who may log in."""
    with _opened() as store:
        day = "%Y-%m-%d"
        columns([(f.name, datetime.fromtimestamp(f.made_at).strftime(day), f.role.value) for f in store.everybody()])


def _asked() -> str:
    """A password, typed twice. Raises DataError if the two differ."""
    first = typer.prompt("Password (10 characters or more)", hide_input=True, err=True)
    if typer.prompt("Once more", hide_input=True, err=True) != first:
        raise DataError("the two passwords are not the same: nothing has been changed")
    return str(first)


@contextmanager
def _opened() -> Iterator[LoginStore]:
    from simulator.store import open_store

    with open_store() as store:
        yield store.logins
