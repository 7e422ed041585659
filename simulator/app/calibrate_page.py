"""The page `/calibrate`: its parts and events. No logic of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simulator.app.calibrate import Studio
from simulator.app.gate import Gate, keys_from
from simulator.app.identity import STORAGE_KEY
from simulator.app.region import filling, placed, region
from simulator.app.topbar import topbar
from simulator.rehearsal import Rehearsals

PATH = "/calibrate"


def add(page: gr.Blocks, rehearsals: Rehearsals, *, secret: str, gate: Gate, title: str, shared: bool = False) -> None:
    """Give the app this page too. `secret` and `gate` as on the first page: a browser is the same one on both. `shared`: see
    `Studio`."""
    studio = Studio(rehearsals, gate, shared=shared)
    with page.route("Calibrate", PATH, show_in_navbar=False):
        me = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=secret)
        with gr.Column(elem_id="app"):
            region("bar", topbar(title, calls=False))
            parts: dict[str, Any] = {"me": me, "banner": region("banner"), "signal": region("signal")}
            with gr.Column(elem_id="screen-calibrate"):
                parts["studio"] = region("studio")
        how = filling(parts.values())

        def on_load(kept: Any, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, studio.load(kept, keys_from(request)))

        def on_act(kept: Any, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, studio.act(kept, event._data, keys_from(request)))

        page.load(on_load, inputs=[me], **how)
        parts["studio"].act(on_act, inputs=[me], trigger_mode="multiple", **how)
