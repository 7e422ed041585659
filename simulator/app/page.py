"""The page: one Gradio Blocks whose parts are drawn by the views and driven by the handlers. No logic of its own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import gradio as gr

from simulator.app import calibrate_page
from simulator.app.catalogue import Catalogue
from simulator.app.gate import Gate, keys_from
from simulator.app.handlers import Handlers
from simulator.app.identity import STORAGE_KEY
from simulator.app.lab import page as lab_page
from simulator.app.listening import Listeners
from simulator.app.region import filling, placed, region
from simulator.app.topbar import TITLE, topbar
from simulator.app.views import PARTS, View
from simulator.rehearsal import Rehearsals

_SENT = "(me, text, stage) => [me, text, DCS.turns()]"
"""What a message is sent with: instead of the stage's HTML, the number of turns it shows."""


def static(name: str) -> str:
    """The text of a file in `static/`."""
    return (files("simulator.app") / "static" / name).read_text(encoding="utf-8")


def head() -> str:
    """What goes into the page's head: our style and our script, both inline, so that nothing is fetched."""
    styles, scripts = (
        "".join(static(f"{name}.{ending}") for name in ("app", "calibrate", "lab")) for ending in ("css", "js")
    )
    ours = (files("simulator.app.room") / "static" / "room.css").read_text(encoding="utf-8")
    styles += f"#app .progress {{ {ours} }}"  # progress looks here as it does on the room's pages
    return f"<style>{styles}</style><script>{scripts}</script>"


def theme() -> gr.themes.Base:
    """Gradio's own parts in our colours and in the machine's fonts (names only: no font is fetched)."""
    return gr.themes.Base(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], radius_size=gr.themes.sizes.radius_md
    )


def build(
    rehearsals: Rehearsals,
    *,
    secret: str,
    gate: Gate | None = None,
    listeners: Listeners | None = None,
    shared: bool = False,
    known: Catalogue | None = None,
) -> gr.Blocks:
    """The page for these rehearsals. `secret`: with which browsers keep who they are (`identity.storage_secret`);
    `gate`: who comes in; `listeners`: who is told when a page has gone; `shared`: whether other machines can open it;
    `known`: whom and what there is to choose."""
    gate, listeners = gate or Gate(rehearsals.store), listeners or Listeners()
    known = known or Catalogue(rehearsals)
    handlers = Handlers(rehearsals, gate, known)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        me = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=secret)
        with gr.Column(elem_id="app"):
            bar = region("bar", topbar(TITLE))
            banner = region("banner")
            signal = region("signal")
            with gr.Column(elem_id="screen-before"):
                resume = region("resume")
                with gr.Column(elem_id="before-cols"):
                    setup = region("setup")
                    preview = region("preview")
            with gr.Column(elem_id="screen-during"):
                desk = region("desk")
                with gr.Column(elem_id="talk"):
                    stage = region("stage")
                    with gr.Row(elem_id="composer"):
                        say = gr.Textbox(
                            label="What you say",
                            placeholder="What do you say?",
                            lines=1,
                            max_lines=7,
                            elem_id="say",
                            container=False,
                            html_attributes=gr.InputHTMLAttributes(autocapitalize="sentences", spellcheck=True),
                        )
                        send = gr.Button("Send", elem_id="send", variant="primary")
                with gr.Column(elem_id="aside"):
                    mood = region("mood")
                    notes = region("notepad")
            with gr.Column(elem_id="screen-after"):
                debrief = region("debrief")
            with gr.Column(elem_id="screen-history"):
                history = region("history")
        parts: dict[str, Any] = {
            "me": me, "bar": bar, "signal": signal, "banner": banner, "resume": resume, "setup": setup, "preview": preview,
            "stage": stage, "desk": desk, "mood": mood, "notes": notes, "say": say, "debrief": debrief,
            "history": history,
        }  # fmt: skip
        how = filling([parts[name] for name in PARTS])

        def there(request: gr.Request, views: Iterator[View]) -> Iterator[View]:
            return listeners.while_there(request.session_hash, views)

        def on_load(kept: Any, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, there(request, handlers.load(kept, keys_from(request))))

        def on_send(kept: Any, text: Any, turns: Any, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, there(request, handlers.send(kept, text, turns, keys_from(request))))

        def on_act(kept: Any, typed: Any, event: gr.EventData, request: gr.Request) -> Iterator[dict[Any, Any]]:
            yield from placed(parts, there(request, handlers.act(kept, event._data, typed, keys_from(request))))

        page.load(on_load, inputs=[me], **how)
        sent = {"inputs": [me, say, stage], "js": _SENT, "trigger_mode": "multiple"}
        gr.on([say.submit, send.click], on_send, **sent, **how)
        for part in (bar, resume, setup, preview, stage, notes, debrief, history):
            part.act(on_act, inputs=[me, say], trigger_mode="multiple", **how)
    calibrate_page.add(page, rehearsals, secret=secret, gate=gate, title=TITLE, shared=shared)
    lab_page.add(page, rehearsals, known, secret=secret, gate=gate, title=TITLE)
    return page
