"""A part of a page: HTML from the server, drawn by our script."""

from __future__ import annotations

import gradio as gr

_REGION = "const go = () => window.DCS ? DCS.region(element, trigger, props, watch, 'act') : setTimeout(go, 20); go();"
"""Runs where a region is mounted: hands it to the page's script, which draws it and reports its `act` events."""


def region(name: str, value: str = "") -> gr.HTML:
    """A part of the page that is drawn by our script from the HTML it is given, keeping what is open or typed."""
    return gr.HTML(value, html_template="", js_on_load=_REGION, elem_id=name, apply_default_css=False, padding=False)
