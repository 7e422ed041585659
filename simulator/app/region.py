"""Parts of a page: HTML from the server, drawn by our script, and how events fill them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import gradio as gr

from simulator.app.views import View

_REGION = "const go = () => window.DCS ? DCS.region(element, trigger, props, watch, 'act') : setTimeout(go, 20); go();"
"""Runs where a region is mounted: hands it to the page's script, which draws it and reports its `act` events."""


def region(name: str, value: str = "") -> gr.HTML:
    """A part of the page that is drawn by our script from the HTML it is given, keeping what is open or typed."""
    return gr.HTML(value, html_template="", js_on_load=_REGION, elem_id=name, apply_default_css=False, padding=False)


def filling(parts: Collection[Any]) -> dict[str, Any]:
    """Options of an event that fills some of `parts`. The framework sets no limit to events at once: turns wait in a line of
    their own (`places.py`), where they are told so."""
    return {
        "outputs": list(parts),
        "concurrency_id": "calls",
        "concurrency_limit": None,
        "show_progress": "hidden",
        "api_visibility": "private",
    }


def placed(parts: Mapping[str, Any], views: Iterator[View]) -> Iterator[dict[Any, Any]]:
    """What handlers answer by name, as Gradio wants it: by part."""
    for view in views:
        yield {parts[name]: content for name, content in view.items()}
