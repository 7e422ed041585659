"""The calibration page after rating: agreement in figures and in plain words, disagreements, and what a scale would do."""

from __future__ import annotations

from simulator.app.markup import esc, joined, plural
from simulator.app.turn_view import highlighted
from simulator.calibration.agreement import Agreement, Applicability, Consistency
from simulator.calibration.offsets import Fitted
from simulator.calibration.records import OffsetMap, RatingSession
from simulator.calibration.results import Disagreement, OfDimension, Results
from simulator.rubric import LEVELS, level_text, rubric
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension

_KAPPA = ((0.2, "hardly better than chance"), (0.4, "weak"), (0.6, "moderate"), (0.8, "good"), (1.01, "very good"))
"""Words for kappa below each bound (Landis & Koch 1977, whose bounds are a convention)."""


def page(session: RatingSession, found: Results, active: OffsetMap | None, scale: str, notice: str = "") -> str:
    """The whole results screen. `scale`: the card of the scale in use; `notice`: what has just happened."""
    said = f'<p class="note good" role="status">{esc(notice)}</p>' if notice else ""
    lost = (
        f" {plural(found.ungraded, 'turn')} could not be graded and {'is' if found.ungraded == 1 else 'are'} left out."
        if found.ungraded
        else ""
    )
    return (
        f'<section class="studio results" data-k="results-{esc(session.id)}"><header class="studio-head">'
        '<h1 id="calibrate-title" tabindex="-1">You and the machine</h1>'
        f"<p>{esc(session.rater)}, {esc(session.organisation)}: {plural(found.rated, 'different turn')} rated.{lost} "
        f'<span class="fine">Grader: {esc(found.grader)}.</span></p></header>{said}'
        f"{_in_words(found)}{_table(found)}{_furthest(found)}{_adopt(session, found, active)}"
        f'<form data-form><input type="hidden" name="session" value="{esc(session.id)}">{scale}</form>'
        '<div class="tools"><button type="button" class="btn" id="to-home" data-act="home">Back to the start</button>'
        "</div></section>"
    )


def _title(dimension: Dimension) -> str:
    return rubric().dimensions[dimension].title


def _in_words(found: Results) -> str:
    lines = joined(f"<li>{line}</li>" for d, of in found.dimensions.items() for line in _lines(d, of))
    return f'<div class="card-box"><h2>In plain words</h2><ul>{lines}</ul></div>'


def _lines(dimension: Dimension, of: OfDimension) -> list[str]:
    name, agreed = f"<b>{esc(_title(dimension))}.</b>", of.agreement
    if agreed.kappa is None or agreed.bias is None:
        return [f"{name} Nothing can be said: {esc(agreed.why)}."]
    return [f"{name} Agreement is {strength(agreed.kappa)}. {leaning(agreed)}{_unlike(of.applies)}"]


def strength(kappa: float) -> str:
    """Kappa in a word or two."""
    return next(word for bound, word in _KAPPA if kappa < bound)


def leaning(agreed: Agreement) -> str:
    """Who is stricter, and whether that could be chance."""
    assert agreed.bias is not None
    size, way = abs(agreed.bias), "stricter" if agreed.bias < 0 else "more lenient"
    if size < 0.15:
        return "On average you give the same level."
    told = f"You are {_levels(size)} {way} than the machine"
    ends = agreed.bias_interval
    return f"{told}, which may be chance with so few turns." if ends and ends[0] <= 0 <= ends[1] else f"{told}."


def _levels(size: float) -> str:
    for upto, words in ((0.38, "about a quarter of a level"), (0.63, "about half a level"),
                        (0.88, "about three quarters of a level"), (1.25, "about one level")):  # fmt: skip
        if size < upto:
            return words
    return f"{size:.1f} levels"


def _unlike(applies: Applicability) -> str:
    told = []
    if applies.only_rater:
        told.append(f"on {plural(applies.only_rater, 'turn')} only you say that it applies")
    if applies.only_machine:
        told.append(f"on {plural(applies.only_machine, 'turn')} only the machine does")
    words = ", ".join(told)
    return f" {words[:1].upper()}{words[1:]}." if words else ""


def _table(found: Results) -> str:
    heads = ("Agreement, kappa", "Same level", "Within one", "You minus machine", "Applies: same answer", "You, twice")
    rows = joined(_row(d, of, heads) for d, of in found.dimensions.items())
    return (
        '<div class="card-box"><h2>In figures</h2><div class="figures-table" tabindex="0" role="region" '
        'aria-label="In figures"><table><thead><tr><th scope="col">Dimension</th>'
        f"{joined(f'<th scope=col>{h}</th>' for h in heads)}</tr></thead><tbody>{rows}</tbody></table></div>"
        '<p class="fine">Kappa is agreement beyond chance: 1 is perfect, 0 is what chance gives; being two levels apart '
        "weighs four times as much as one. In brackets is the range in which it lies with 95 % confidence: with a set "
        "this small it is wide. “You, twice” compares your answers on the turns that came twice.</p></div>"
    )


def _row(dimension: Dimension, of: OfDimension, heads: tuple[str, ...]) -> str:
    agreed = of.agreement
    cells = (
        _with_range(agreed.kappa, agreed.kappa_interval),
        _share(agreed.exact, agreed.n),
        _share(agreed.within_one, agreed.n),
        _with_range(agreed.bias, agreed.bias_interval, signed=True),
        f"{of.applies.same} of {of.applies.n}",
        _twice(of.own),
    )
    inner = joined(f'<td data-label="{h}"><span>{c}</span></td>' for h, c in zip(heads, cells, strict=True))
    return f'<tr><th scope="row">{esc(_title(dimension))}</th>{inner}</tr>'


def _with_range(value: float | None, ends: tuple[float, float] | None, *, signed: bool = False) -> str:
    if value is None:
        return "–"
    figure = f"{value:+.2f}" if signed else f"{value:.2f}"
    if ends is None:
        return f"<b>{figure}</b>"
    form = "+.2f" if signed else ".2f"
    return f"<b>{figure}</b> <small>({ends[0]:{form}} to {ends[1]:{form}})</small>"


def _share(share: float | None, n: int) -> str:
    return "–" if share is None else f"{share:.0%} <small>of {n}</small>"


def _twice(own: Consistency) -> str:
    return f"{own.same} of {own.n} the same <small>{own.within_one} within one</small>" if own.n else "–"


def _furthest(found: Results) -> str:
    if not found.disagreements:
        return '<div class="card-box"><h2>Where you differ most</h2><p>You gave the same level everywhere.</p></div>'
    return (
        '<div class="card-box" id="furthest"><h2>Where you differ most</h2>'
        f"{joined(_apart(one, n) for n, one in enumerate(found.disagreements, 1))}</div>"
    )


def _apart(one: Disagreement, n: int) -> str:
    d, turn = one.dimension, one.turn
    last = next((s.text for s in reversed(turn.before) if s.speaker is Speaker.CALLER), "")
    heard = f'<p class="heard"><b>{esc(turn.caller)}</b> <span dir="auto">{esc(last)}</span></p>' if last else ""
    quotes = [e for e in one.grades.evidence if e.about == d and isinstance(e.about, Dimension)]
    reference = ""
    if turn.reference is not None:
        level = turn.reference[d]
        reference = f'<p class="fine">Reference label: {"does not apply" if level is None else level}.</p>'
    words = '<p class="fine">Marked: the words that the machine went by.</p>' if quotes else ""
    return (
        f'<article class="apart" data-k="apart-{n}"><h3>{n}. {esc(_title(d))}: you {_short(one.rater)}, machine '
        f"{_short(one.grades.level(d))}</h3>{heard}"
        f'<blockquote dir="auto">{highlighted(turn.turn, quotes, one.grades)}</blockquote>{words}'
        f'<dl class="sides"><div><dt>You</dt><dd>{_line(d, one.rater)}</dd></div>'
        f"<div><dt>Machine</dt><dd>{_line(d, one.grades.level(d))}</dd></div></dl>{reference}</article>"
    )


def _short(level: int | None) -> str:
    return "“does not apply”" if level is None else str(level)


def _line(dimension: Dimension, level: int | None) -> str:
    if level is None:
        return '<span class="no lv-na">–</span><span>Does not apply here.</span>'
    return f'<span class="no lv-{level}">{level}</span><span>{esc(level_text(dimension, level))}</span>'


def _adopt(session: RatingSession, found: Results, active: OffsetMap | None) -> str:
    rows = joined(_preview(d, of.fitted, found.changed[d]) for d, of in found.dimensions.items())
    if active is not None and active.maps == found.offsets.maps and active.grader == found.grader:
        button = f'<p class="note good">This is the scale in use: {esc(active.label)}.</p>'
    elif found.offsets.maps:
        button = (
            f'<button type="button" class="btn primary" id="adopt" data-act="adopt" data-what="{esc(session.id)}" '
            'data-confirm="Use your scale from now on?" data-confirm-text="Later grades of everybody who uses this '
            'installation move as shown, and name your scale. Earlier grades stay. You can go back at any time." '
            f'data-confirm-yes="Use it">Use my scale from now on</button>'
        )
    else:
        button = "<p><b>There is nothing to move:</b> no dimension would come nearer to your ratings.</p>"
    return (
        '<div class="card-box" id="preview-scale"><h2>What your scale would change</h2>'
        "<p>The machine's levels would move towards yours, by less than you differ: with few turns much of a difference "
        "can be chance. A dimension moves only where that also brings turns nearer that the fit has not seen.</p>"
        '<div class="figures-table" tabindex="0" role="region" aria-label="What your scale would change"><table><thead>'
        '<tr><th scope="col">Dimension</th>'
        f"{joined(f'<th scope=col>{level} becomes</th>' for level in LEVELS)}"
        '<th scope="col">Of these turns</th><th scope="col">Distance from you</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{button}</div>"
    )


def _preview(dimension: Dimension, fitted: Fitted, changed: tuple[int, int]) -> str:
    head = f'<tr><th scope="row">{esc(_title(dimension))}</th>'
    if fitted.knots is None:
        return f'{head}<td colspan="7" class="stays">Stays as it is: {esc(fitted.why)}.</td></tr>'
    cells = joined(
        f'<td data-label="{level} becomes"><span>{value:.1f}</span></td>'
        for level, value in zip(LEVELS, fitted.knots, strict=True)
    )
    return (
        f'{head}{cells}<td data-label="Of these turns"><span>{changed[0]} of {changed[1]} change level</span></td>'
        f'<td data-label="Distance from you"><span>{fitted.before:.2f} → {fitted.after:.2f} levels</span></td></tr>'
    )
