"""The caller's four feelings against the trainee's turns, as one inline SVG string (viewBox units; feelings 0-10).

It needs no script and no style sheet; a page may recolour it through its classes. Lines differ in dash and end label as
well as in colour, and the description says in words what the lines show.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from simulator.debrief import MoodPoint

WIDTH, HEIGHT = 400, 230
LEFT, RIGHT, TOP, BOTTOM = 26, 98, 10, 34
"""Margins: the scale at the left, line labels at the right, turn numbers below."""
LABEL_GAP = 13
"""Least distance between two line labels."""
_LINES = (
    ("agitation", "agitation", "#d1453b", ""),
    ("trust", "trust", "#2f7fd1", "7 3"),
    ("heard", "heard", "#2e9460", "2 3"),
    ("patience", "patience", "#9a6cc9", "9 3 2 3"),
)


def mood_svg(points: Sequence[MoodPoint]) -> str:
    """The chart; with no points, one that says so. Turns are shown counted from 1, as people count."""
    body = _empty() if not points else _scale() + _turns(points) + _curves(points)
    return (
        f'<svg class="mood" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="mood-title mood-desc" '
        'xmlns="http://www.w3.org/2000/svg" font-family="system-ui, sans-serif" font-size="11">'
        '<title id="mood-title">The caller’s mood, turn by turn</title>'
        f'<desc id="mood-desc">{escape(in_words(points))}</desc>{body}</svg>'
    )


def in_words(points: Sequence[MoodPoint]) -> str:
    """What the curves show, for those who do not see them."""
    if not points:
        return "No turn has been played yet."
    first, last = points[0], points[-1]
    parts = []
    for field, name, _, _ in _LINES:
        label = "being heard" if field == "heard" else name
        begin, end = float(getattr(first, field)), float(getattr(last, field))
        change = "stayed near" if abs(end - begin) < 0.5 else f"{'rose' if end > begin else 'fell'} from {begin:.1f} to"
        parts.append(f"{label} {change} {end:.1f}")
    high = max(points, key=lambda p: p.agitation)
    turns = f"After {len(points)} of your turns" if len(points) > 1 else "After your first turn"
    peak = f"Agitation was highest ({high.agitation:.1f}) after turn {high.turn + 1}."
    return f"{turns}, on scales of 0 to 10: {'; '.join(parts)}. {peak}"


def _x(index: int, count: int) -> float:
    room = WIDTH - LEFT - RIGHT - 8
    return LEFT + 4 + (room * index / (count - 1) if count > 1 else room / 2)


def _y(value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - max(0.0, min(10.0, value)) / 10)


def _scale() -> str:
    rows = []
    for value in (0, 5, 10):
        y = _y(value)
        rows.append(
            f'<line class="mood-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            f'stroke-opacity="0.18"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="currentColor">'
            f"{value}</text>"
        )
    return "".join(rows)


def _turns(points: Sequence[MoodPoint]) -> str:
    """Turn numbers under the axis, thinned out so that they do not touch."""
    step = max(1, -(-len(points) // 10))
    marks = [
        f'<text x="{_x(i, len(points)):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle" fill="currentColor">'
        f"{p.turn + 1}</text>"
        for i, p in enumerate(points)
        if i % step == 0
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    axis = f'<text x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle" fill="currentColor">your turns</text>'
    return "".join(marks) + axis


def _curves(points: Sequence[MoodPoint]) -> str:
    out = []
    ends = _spread([_y(float(getattr(points[-1], field))) for field, *_ in _LINES])
    for (field, label, colour, dash), label_y in zip(_LINES, ends, strict=True):
        places = [(_x(i, len(points)), _y(float(getattr(p, field)))) for i, p in enumerate(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>' for x, y in places)
        out.append(
            f'<g class="mood-{field}" fill="{colour}" stroke="{colour}">'
            f'<polyline points="{path}" fill="none" stroke-width="2" stroke-linejoin="round"{dashed}/>'
            f'<g stroke="none">{dots}<text x="{WIDTH - RIGHT + 4}" y="{label_y + 4:.1f}">'
            f"{label} {float(getattr(points[-1], field)):.1f}</text></g></g>"
        )
    return "".join(out)


def _spread(heights: list[float]) -> list[float]:
    """The same heights, moved apart so that labels do not touch and stay on the chart."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = dict(enumerate(heights))
    for above, below in pairwise(order):
        placed[below] = max(placed[below], placed[above] + LABEL_GAP)
    over = max(0.0, placed[order[-1]] - (HEIGHT - BOTTOM))
    floor = placed[order[-1]] - over
    for i in reversed(order):
        placed[i] = min(placed[i], floor)
        floor = placed[i] - LABEL_GAP
    return [placed[i] for i in range(len(heights))]


def _empty() -> str:
    return (
        f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT / 2:.0f}" text-anchor="middle" fill="currentColor">'
        "No turn has been played yet.</text>"
    )


__all__ = ["in_words", "mood_svg"]
