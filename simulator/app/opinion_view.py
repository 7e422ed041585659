"""What another model says of the turns, as HTML: beside each level, and over the whole call. One more view, no verdict."""

from __future__ import annotations

from simulator.app.markup import DIMENSIONS, esc
from simulator.call import Call
from simulator.debrief.agreement import Apart, agreement
from simulator.events import SecondOpinionGiven
from simulator.vocabulary import Dimension


def beside_level(dimension: Dimension, second: SecondOpinionGiven | None) -> str:
    """What another model says of one dimension of a turn; nothing where it was not asked."""
    if second is None or second.assessment is None:
        return ""
    score = second.assessment.scores.get(dimension)
    told = "does not apply" if score is None or score.level is None else str(score.level)
    return f"<small>Second opinion ({esc(second.model)}, another model's view): {told}</small>"


def missing(second: SecondOpinionGiven | None) -> str:
    """Why another model, which was asked, says nothing of a turn."""
    if second is None or second.assessment is not None:
        return ""
    return f'<p class="fine">No second opinion from {esc(second.model)}: {esc(second.reason.rstrip("."))}.</p>'


def other_view(call: Call) -> str:
    """The section of the debrief: how far another model agrees with the grades; nothing where none was asked."""
    if not call.seconds:
        return ""
    found = agreement(call)
    if found is None:
        reasons = "; ".join(dict.fromkeys(s.reason.rstrip(".") for s in call.seconds.values()))
        told = f"It has no view on your turns: {esc(reasons)}."
    else:
        far = ", ".join(_apart(one) for one in found.apart)
        told = f"{esc(found.counts[:1].upper() + found.counts[1:])}."
        told += f" Two levels or more apart: {far}." if far else ""
    models = ", ".join(dict.fromkeys(s.model for s in call.seconds.values()))
    return (
        '<section class="card-box" id="second" aria-labelledby="h-second"><h2 id="h-second">Another model\'s view</h2>'
        f'<p>{told}</p><p class="fine">A second opinion from {esc(models)}, which changed nothing in this call. Where the '
        "two differ, neither is right for that alone: read the turn again, and talk it over.</p></section>"
    )


def _apart(one: Apart) -> str:
    where = f'<a href="#said-{one.turn}" data-jump="said-{one.turn}">turn {one.turn + 1}</a>'
    return f"{where} ({DIMENSIONS[one.dimension]} {one.level}, the other {one.other})"
