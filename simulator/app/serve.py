"""Starts the page's server: on this machine, for this machine, telling nobody."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate
from simulator.app.identity import storage_secret
from simulator.app.listening import Doorkeeper, Listeners
from simulator.app.page import build, head, theme
from simulator.app.room import Room, Turnstile, routes
from simulator.app.room.retention import keep_sweeping
from simulator.app.scales import Scales
from simulator.rehearsal import Rehearsals
from simulator.settings import is_loopback, settings

BESIDES = 64
"""Threads for everything that is no turn: a turn keeps one while it is played or waits in line."""


def serve(
    rehearsals: Rehearsals,
    host: str | None = None,
    port: int | None = None,
    *,
    data_dir: Path | None = None,
    block: bool = True,
    quiet: bool = False,
    closed: bool = False,
) -> tuple[gr.Blocks, str]:
    """Serve the page until interrupted (`block`), or in the background. Returns it and its address. `closed`: only for
    trainees who have joined a workshop, and facilitators; else also for whoever opens it.

    Raises StoreError if the browser key cannot be kept in `data_dir`, OSError if the port is taken.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    at = host or settings().host
    gate = Gate(rehearsals.store, closed=closed)
    secret = storage_secret(data_dir or settings().data_dir)
    listeners, known = Listeners(), Catalogue(rehearsals)
    page = build(rehearsals, secret=secret, gate=gate, listeners=listeners, shared=not is_loopback(at), known=known)
    at_port = settings().port if port is None else port
    elsewhere = "" if is_loopback(at) else outside(at, at_port)
    room = Room(rehearsals, gate, known.personas, known.scenarios, outside=elsewhere)
    middleware = [Middleware(Scales), Middleware(Turnstile, room=room), Middleware(Doorkeeper, listeners=listeners)]
    _, address, _ = page.queue(default_concurrency_limit=None, api_open=False).launch(
        server_name=at,
        server_port=at_port,
        prevent_thread_lock=True,
        quiet=True,
        # Gradio makes its server with these; routes given here come before its own, so that its catch-all does not answer.
        app_kwargs={"routes": routes(room), "middleware": middleware},
        max_threads=BESIDES + rehearsals.places.at_once + rehearsals.places.waiting,
        **launch_options(),
    )
    keep_sweeping(rehearsals, lambda: bool(page.is_running))
    if not quiet:
        print(f"The simulator is at {address} (Ctrl+C stops it)", flush=True)
    if block:
        page.block_thread()
    return page, address


def outside(host: str, port: int) -> str:
    """The address by which other machines most likely reach a server that listens at `host`."""
    name = host
    if host in ("0.0.0.0", "::", "[::]"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which of our addresses would be used
                name = probe.getsockname()[0]
            except OSError:
                name = socket.gethostname()
    return f"http://{name}:{port}"


def launch_options() -> dict[str, Any]:
    """Everything that Gradio would otherwise show, record, fetch or tell."""
    return {
        "share": False,
        "inbrowser": False,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": [],
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "theme": theme(),
        "head": head(),
    }
