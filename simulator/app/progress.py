"""Progress over several calls, as pages show it: of a trainee in a workshop, and of somebody who practises alone. No words of a
call are in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from simulator.app.markup import DIMENSIONS, ENDED_BY_YOU, TECHNIQUES, when
from simulator.debrief.advice import instead
from simulator.pages import template
from simulator.persona import Persona
from simulator.rubric import rubric
from simulator.vocabulary import Difficulty, Dimension
from simulator.workshop.progress import Step, habits, met, next_practice

WIDTH, HEIGHT, EDGE = 220, 84, 12
"""Of a curve, in units of its viewBox."""


def told(
    done: Sequence[Step],
    marks: Mapping[Dimension, float],
    difficulties: Sequence[Difficulty],
    offered: Mapping[str, Persona],
) -> dict[str, Any]:
    """What `progress_body.html` tells of these calls, and what to practise next with one of the callers `offered`."""
    then = next_practice(done, marks, difficulties, list(offered))
    return {
        "done": done,
        "marks": marks,
        "curves": {d: curve(d, done, marks[d]) for d in Dimension},
        "means": {d: [s.means[d] for s in done if s.means[d] is not None] for d in Dimension},
        "habits": [(TECHNIQUES[h.technique], rubric().techniques[h.technique], h) for h in habits(done)],
        "callers": met(done),
        "next": then,
        "caller": offered[then.persona] if then else None,
        "instead": instead(then.dimension) if then else "",
        "technique": then and then.technique and (TECHNIQUES[then.technique], rubric().techniques[then.technique]),
    }


def alone(
    done: Sequence[Step],
    marks: Mapping[Dimension, float],
    difficulties: Sequence[Difficulty],
    offered: Mapping[str, Persona],
) -> str:
    """The progress of one browser's own calls, as a screen of the call page."""
    return template("app/progress_alone.html").render(
        own=True,
        shop=None,
        when=when,
        dimensions=DIMENSIONS,
        endings=ENDED_BY_YOU,
        **told(done, marks, difficulties, offered),
    )


def curve(dimension: Dimension, done: Sequence[Step], mark: float) -> Markup:
    """A dimension's mean in every attempt (1 at the bottom, 5 at the top) with the pass mark as a dashed line; a ring where
    the evaluator alone would have it. Numbers only."""
    points = [(n, step.means[dimension], step.machine[dimension]) for n, step in enumerate(done)]
    shown = [(_x(n, len(done)), _y(mean)) for n, mean, _ in points if mean is not None]
    rings = [(_x(n, len(done)), _y(machine)) for n, mean, machine in points if machine is not None and machine != mean]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
    return Markup(
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
        f'<line class="mark" x1="0" x2="{WIDTH}" y1="{_y(mark):.1f}" y2="{_y(mark):.1f}"/>'
        f'<polyline points="{line}"/>'
        + "".join(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for x, y in rings)
        + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in shown)
        + "</svg>"
    )


def _x(number: int, count: int) -> float:
    return EDGE + (WIDTH - 2 * EDGE) * (number / (count - 1) if count > 1 else 0.5)


def _y(level: float) -> float:
    return EDGE + (HEIGHT - 2 * EDGE) * (5 - level) / 4
