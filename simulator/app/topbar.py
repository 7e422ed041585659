"""The bar at the top of every screen."""

from __future__ import annotations

from simulator.app.markup import esc, icon

TITLE = "Difficult-customer simulator"


def topbar(title: str, *, calls: bool = True, workshop: str = "", lab: bool = False) -> str:
    """Name, the ways to go, light or dark; and where finished caller turns are announced to screen readers. `calls`: on
    the page where calls are taken; else on the one beside it. `workshop`: title of the one that the trainee is in; then
    the page's script keeps asking what the facilitator says; `lab`: this browser may use the persona lab."""
    beside = (
        '<a class="btn ghost" id="nav-workshop" href="./workshop">Workshop</a>'
        if workshop
        else '<a class="btn ghost" id="nav-calibrate" href="./calibrate">Calibrate</a>'
    )
    said = (
        '<p class="room-strip" id="room-strip" role="status" data-now="./workshop/now" data-k="strip" hidden></p>'
        if workshop
        else ""
    )
    ways = (
        '<button type="button" class="btn ghost" id="nav-new" data-act="new">New call</button>'
        '<button type="button" class="btn ghost" id="nav-history" data-act="history">Your calls</button>'
        f"{beside}{_LAB if lab else ''}"
        if calls
        else '<a class="btn ghost" id="nav-calls" href="./">Calls</a>'
    )
    return (
        '<header class="topbar" role="banner"><a class="skip" href="#app" data-skip>Skip to the content</a>'
        f'<p class="brand">{_LOGO}<span>{esc(workshop or title)}</span></p>'
        f'<nav aria-label="Main">{ways}'
        '<button type="button" class="btn ghost icon-only" id="nav-theme" data-theme aria-label="Light or dark">'
        f"{icon('sun')}"
        "</button></nav></header>"
        f'{said}<p class="sr" id="announce" aria-live="polite"></p>'
    )


_LAB = '<a class="btn ghost" id="nav-lab" href="./lab">Lab</a>'
_LOGO = (
    '<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true" focusable="false"><rect width="26" '
    'height="26" rx="8" '
    'fill="var(--accent)"/><path d="M7 9.5c0-1.4 1.1-2.5 2.5-2.5h7C17.9 7 19 8.1 19 9.5v4c0 1.4-1.1 2.5-2.5 '
    "2.5H13l-3.6 3v-3"
    'C8 16 7 14.900 7 13.500z" fill="var(--on-accent)"/></svg>'
)
