"""The quick check on the page: what is asked, how far it is, and what both versions did with intervals and the difference."""

from __future__ import annotations

from simulator.app.lab.checking import Run
from simulator.app.lab.talk_view import Names, choice, named
from simulator.app.markup import esc, icon, joined, of_call
from simulator.quick import CALLS, FEWEST, MOST, Checked, Figure, Measure
from simulator.vocabulary import Difficulty

SHARES = frozenset({"won", "given up", "insults", "demands and threats", "doubts and tests", "wanders", "wavers"}) | {
    "refuses, corrects, bargains",
    "written lines",
    "breaks a principle",
}
"""Measures that are shares, told in per cent."""


def form(opened: str, against: Names, model: str, run: Run | None, *, opening: bool = False) -> str:
    """What to check. `model`: what the caller's own voice is called."""
    busy = run is not None and not run.over.is_set()
    words = (
        ("written", "written lines: quick, moves and moods only"),
        ("model", f"{model}: slow, as trainees hear it"),
    )
    return (
        f'<form class="card-box lab-setup" data-form data-k="check-{esc(opened)}" {of_call(opened, opening=opening)}><h2>Check what the edit does</h2>'
        '<p class="quiet">Scripted trainees, good and bad ones, play the same calls against a saved version and against the '
        "text that is in the editor now. You see what differs, and whether it may be chance.</p>"
        f'<input type="hidden" name="opened" value="{esc(opened)}"><div class="lab-row">'
        f"{choice('before', 'Saved', against, '', 'check-before')}"
        f'<label class="inline">Calls each <input type="number" class="seed" name="calls" id="check-calls" min="{FEWEST}" '
        f'max="{MOST}" value="{CALLS}"></label>'
        f"{choice('difficulty', 'Difficulty', [(d.value, d.value.capitalize()) for d in Difficulty], 'medium', 'check-difficulty')}"
        f"{choice('words', 'Words', words, 'written', 'check-words')}"
        '<button type="button" class="btn primary" id="check-begin" data-act="check" data-field="lab-text"'
        f"{' disabled' if busy else ''}>Check</button></div></form>{_run(run) if run else ''}"
    )


def _run(run: Run) -> str:
    if not run.over.is_set():
        return _progress(run)
    if run.found is not None:
        return _found(run.found, run.names)
    if run.failed:
        return f'<p class="note bad lab-after">{icon("alert")} <span>The check could not be done: {esc(run.failed)}</span></p>'
    return f'<p class="note plain lab-after" role="status">Cancelled after {run.done} of {run.total} calls.</p>'


def _progress(run: Run) -> str:
    left = "" if run.left is None else f" · about {_duration(run.left)} left"
    stopping = run.cancelled.is_set()
    told = "Stopping …" if stopping else f"{run.done} of {run.total} calls played{left}"
    share = 100 * run.done / run.total
    return (
        f'<section class="card-box lab-after" id="check-progress"><p role="status">{told}</p><div class="bar" role="progressbar" '
        f'aria-label="Calls played" aria-valuemin="0" aria-valuemax="{run.total}" aria-valuenow="{run.done}">'
        f'<i style="width:{share:.0f}%"></i></div><div class="tools"><button type="button" class="btn" id="check-cancel" '
        f'data-act="cancel" data-what="{esc(run.opened)}"{" disabled" if stopping else ""}>Cancel</button></div></section>'
    )


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes >= 2 else f"{max(1, round(seconds))} s"


def _found(found: Checked, names: tuple[str, str]) -> str:
    moved = [m for m in found.measures if m.moved]
    told = (
        f"{len(moved)} of {len(found.measures)} measures moved: {', '.join(m.name for m in moved)}."
        if moved
        else "No measure moved by more than chance may: the edit does nothing here, or less than so few calls can show."
    )
    rows = joined(_row(m, names) for m in sorted(found.measures, key=lambda m: not m.moved))
    heads = ("Measure", *map(named, names), "Difference", "p")
    notes = joined(f"<li>{esc(note)}</li>" for note in found.notes)
    return (
        f'<section class="card-box lab-after" id="check-found"><h2>{found.calls} calls with each</h2><p role="status">{esc(told)}</p>'
        f'<div class="figures-table"><table><thead><tr>{joined(f"<th>{esc(h)}</th>" for h in heads)}</tr></thead>'
        f'<tbody>{rows}</tbody></table></div><ul class="fine">{notes}</ul></section>'
    )


def _row(measure: Measure, names: tuple[str, str]) -> str:
    share = measure.name in SHARES
    p = "–" if measure.p is None else "< .001" if measure.p < 0.001 else f"{measure.p:.3f}".lstrip("0")
    cells = (
        (named(names[0]), _told(measure.before, share)),
        (named(names[1]), _told(measure.after, share)),
        ("Difference", _told(measure.difference, share, sign="+")),
        ("p", p),
    )
    return (
        f'<tr class="{"moved" if measure.moved else ""}"><th scope="row">{esc(measure.name.capitalize())}'
        f"{' <small>per cent of turns or calls</small>' if share else ''}</th>"
        + joined(f'<td data-label="{esc(label)}"><span>{text}</span></td>' for label, text in cells)
        + "</tr>"
    )


def _told(figure: Figure, share: bool, sign: str = "") -> str:
    if figure.value is None:
        return "–"
    scale, form = (100, f"{sign}.0f") if share else (1, f"{sign}.2f")
    ends = (
        f" <small>{scale * figure.low:{form}} to {scale * figure.high:{form}}</small>"
        if figure.low is not None and figure.high is not None
        else ""
    )
    return f"{scale * figure.value:{form}}{ends}"
