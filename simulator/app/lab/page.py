"""The page `/lab`: its parts and events. No logic of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, keys_from
from simulator.app.identity import STORAGE_KEY
from simulator.app.lab.lab import PARTS, Lab
from simulator.app.region import filling, placed, region
from simulator.app.topbar import topbar
from simulator.rehearsal import Rehearsals

PATH = "/lab"


def add(page: gr.Blocks, rehearsals: Rehearsals, known: Catalogue, *, secret: str, gate: Gate, title: str) -> None:
    """Give the app this page too. `secret` and `gate` as on the first page: a browser is the same one on both."""
    lab = Lab(rehearsals, known, gate)
    with page.route("Lab", PATH, show_in_navbar=False):
        me = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=secret)
        with gr.Column(elem_id="app"):
            region("bar", topbar(title, calls=False))
            parts: dict[str, Any] = {"me": me, "banner": region("banner"), "signal": region("signal")}
            with gr.Column(elem_id="screen-lab"):
                parts["head"] = region("lab-top")
                with gr.Column(elem_id="lab-edit"), gr.Column(elem_id="lab-cols"):
                    parts["form"] = region("lab-sheet")
                    with gr.Column(elem_id="lab-side"):
                        parts["text"] = region("lab-yaml")
                        parts["state"] = region("lab-state")
                        parts["saving"] = region("lab-keep")
                parts["talk"] = region("lab-talk")
                parts["check"] = region("lab-check")
                parts["versions"] = region("lab-versions")
        how = filling([parts[name] for name in PARTS])

        def on_load(kept: Any, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, lab.load(kept, keys_from(request)))

        def on_act(kept: Any, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, lab.act(kept, event._data, keys_from(request)))

        page.load(on_load, inputs=[me], **how)
        for name in ("head", "form", "text", "saving", "talk", "check", "versions"):
            parts[name].act(on_act, inputs=[me], trigger_mode="multiple", **how)
