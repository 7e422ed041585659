"""`simulator serve`: the web page, for this machine. It says where only once the page answers.

Where the models are on this machine already, the page is there first and they are opened behind it: a call that is begun in
these seconds waits for them. Else they are opened first: what is wrong with them is told before there is a page.
"""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from simulator.cli.screen import Steps, say, tell

ANSWERS_WITHIN = 60.0
"""Seconds that a page may take to answer for the first time."""


def serve(
    model: Annotated[
        str | None,
        typer.Option(
            help="auto, standard, small, a folder, a .gguf file, a hub name or http://host/v1#model.",
            show_default=False,
        ),
    ] = None,
    evaluator: Annotated[str | None, typer.Option(help="auto, standard or small.", show_default=False)] = None,
    second_opinion: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another model that looks at every turn, too; '' for none.", show_default=False
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.", show_default="7860")] = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    without_login: Annotated[
        bool,
        typer.Option(
            "--allow-network-without-login",
            help="Let other machines in without a login: whoever reaches this port can use it.",
        ),
    ] = False,
) -> None:
    """Serve the web page on this machine; with a facilitator, also workshops for others."""
    from simulator.settings import is_loopback, settings

    chosen = settings()
    at_host, at_port = (host or chosen.host).strip(), port or chosen.port
    closed = not is_loopback(at_host) and not without_login
    if closed and not _somebody_runs_it(chosen.database):
        raise typer.BadParameter(
            f"{at_host} can be reached from other machines, and the page has no login yet: anybody there could take calls "
            "with your model. `simulator facilitator add NAME` makes one, for workshops; or leave --host out to stay on "
            "this machine, or add --allow-network-without-login"
        )
    check_port(at_host, at_port)
    from simulator.cli.logs import log_to_file
    from simulator.opening import at_hand, open_rehearsals

    log_to_file()
    stop = threading.Event()
    received: list[int] = []
    failed: list[BaseException] = []
    behind = at_hand(model, evaluator, second_opinion, settings=chosen)
    steps = Steps("the model")

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stop.set()
        if len(received) > 1:
            raise KeyboardInterrupt

    def open_models() -> None:
        with steps:
            rehearsals.open()
        if not rehearsals.ready:
            return  # stopped before it began
        say(rehearsals.told)
        rehearsals.warm_up()

    def open_behind() -> None:
        try:
            open_models()
        except BaseException as error:
            failed.append(error)
            stop.set()

    with open_rehearsals(
        model, evaluator, progress=steps, settings=chosen, second_opinion=second_opinion, later=True
    ) as rehearsals:
        if not behind:
            open_models()
        from simulator.app import serve as start  # Gradio takes a second to import
        from simulator.app.serve import outside

        try:
            page, address = start(
                rehearsals, at_host, at_port, data_dir=chosen.data_dir, block=False, quiet=True, closed=closed
            )
        except OSError as error:  # somebody took the port in these seconds
            raise taken(at_host, at_port) from error
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, on_signal)
        try:
            wait_until_it_answers(address, stop)
            if not stop.is_set():
                getting_ready = "; the caller is getting ready" if behind else ""
                say(f"The simulator is at {address} (Ctrl-C stops it){getting_ready}")
                if closed:
                    there = outside(at_host, at_port)
                    say(f"Trainees join at {there}/join, facilitators log in at {there}/room")
                if behind:  # not sooner: what two threads import at once takes both of them longer
                    threading.Thread(target=open_behind, name="opening", daemon=True).start()
                if open_:
                    open_browser(address)
            while not stop.wait(0.5):
                pass
            if failed:
                raise failed[0]
            opening = behind and not rehearsals.ready
            tell(f"Stopping{' once the models are open' if opening else ''}; calls are kept.")
        finally:
            with contextlib.suppress(Exception):
                page.close(verbose=False)
    if received and received[0] == signal.SIGINT:
        raise KeyboardInterrupt


def _somebody_runs_it(database: str | Path) -> bool:
    """Whether there is a facilitator: without one, a page for other machines would have no login."""
    from simulator.store import is_made, open_store

    if not is_made(database):
        return False
    with open_store(database) as store:
        return bool(store.logins.facilitators())


def check_port(host: str, port: int) -> None:
    """Raises BadParameter, with the next free port, if something else listens there, or if the host is not ours."""
    try:
        _bind(host, port)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise taken(host, port) from error
        if isinstance(error, PermissionError):
            raise typer.BadParameter(
                f"port {port} needs more rights than yours; try --port {max(port, 1024) + 6836}"
            ) from error
        raise typer.BadParameter(
            f"{host} is not an address of this machine; leave --host out, or give one that is"
        ) from error


def taken(host: str, port: int) -> typer.BadParameter:
    """What to say when a port is in use."""
    for other in range(port + 1, min(port + 100, 65536)):
        with contextlib.suppress(OSError):
            _bind(host, other)
            return typer.BadParameter(
                f"port {port} is in use, perhaps by another simulator; {other} is free: add --port {other}"
            )
    return typer.BadParameter(f"port {port} is in use, and so are those after it; choose another with --port")


def _bind(host: str, port: int) -> None:
    family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def wait_until_it_answers(address: str, stop: threading.Event) -> None:
    """Returns once the page answers. Raises BadParameter if it never does."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + ANSWERS_WITHIN
    while not stop.is_set():
        try:
            with direct.open(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > until:
                raise typer.BadParameter(f"the page at {address} does not answer ({error})") from error
        stop.wait(0.2)


def open_browser(address: str) -> None:
    """Open the page, if there is a browser to open it in."""
    import webbrowser

    if not webbrowser.open(address):
        tell("No browser could be opened; open the address yourself.")
