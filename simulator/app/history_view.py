"""This browser's earlier calls."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.app.markup import ENDINGS, REGISTERS, avatar, ending_class, esc, icon, joined, plural, when
from simulator.store import CallRow


def history(rows: Sequence[CallRow], total: int, page: int = 0, size: int = 20) -> str:
    """The list, the newest first; what to do when it is empty."""
    if not rows and page == 0:
        return (
            '<section class="empty"><h1 id="history-title" tabindex="-1">No calls yet</h1>'
            "<p>Every call you take is kept here, in this browser's name and on this machine only: the debrief, the "
            "transcript, and the ones you have not finished.</p>"
            '<button type="button" class="btn primary" data-act="new" id="first-call">Take your first call</button>'
            "</section>"
        )
    more = ""
    if total > size:
        older = f'<button type="button" class="btn" data-act="page" data-page="{page + 1}">Older</button>'
        newer = f'<button type="button" class="btn" data-act="page" data-page="{page - 1}">Newer</button>'
        more = (
            f'<nav class="pages" aria-label="Pages">{newer if page else ""}'
            f'<span class="fine">{page * size + 1} to {page * size + len(rows)} of {total}</span>'
            f"{older if (page + 1) * size < total else ''}</nav>"
        )
    return (
        '<section class="past"><div class="hero"><div><h1 id="history-title" tabindex="-1">Your calls</h1>'
        f'<p class="fine">{plural(total, "call")}, known to this browser only.</p></div>'
        f'<button type="button" class="btn" data-act="progress" id="to-progress">{icon("chart")} Your progress</button></div>'
        f'<ul class="rows">{joined(_row(r) for r in rows)}</ul>{more}</section>'
    )


def _row(row: CallRow) -> str:
    if row.ending is None:
        act = (
            '<button type="button" class="btn primary" data-act="go-on" '
            f'data-call="{esc(row.id)}">{icon("play")} Go on</button>'
        )
        word = "Not finished"
    else:
        act = f'<button type="button" class="btn" data-act="open" data-call="{esc(row.id)}">Debrief</button>'
        word = ENDINGS[row.ending]
    branch = " · second try" if row.parent_id else ""
    return (
        f'<li class="row" data-k="{esc(row.id)}">{avatar(row.persona_id, row.caller_name, 40)}<div class="row-text">'
        f"<b>{esc(row.caller_name)}</b> <span>{esc(row.scenario_title)}</span>"
        f'<p class="fine">{esc(when(row.created_at))} · {row.difficulty.value} · {REGISTERS[row.medium].lower()} · '
        f"{plural(row.trainee_turns, 'turn')}{branch}</p></div>"
        f'<span class="pill {ending_class(row.ending)}">{esc(word)}</span>'
        f'<div class="tools">{act}<button type="button" class="btn ghost danger icon-only" data-act="delete" '
        f'data-call="{esc(row.id)}" aria-label="Delete this call with {esc(row.caller_name)}" '
        'data-confirm="Delete this call?" data-confirm-text="Its transcript and debrief are removed for good." '
        f'data-confirm-yes="Delete">{icon("bin")}</button></div></li>'
    )
