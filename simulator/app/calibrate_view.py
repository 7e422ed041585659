"""The calibration page before and while rating: why, whose scale is in use, one turn at a time. No machine grade is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.app.markup import REGISTERS, esc, icon, joined, plural, when
from simulator.calibration.records import Choice, OffsetMap, RatingSession, TurnToRate
from simulator.calibration.turns import ENOUGH, REPEATS, TURNS
from simulator.rubric import LEVELS, rubric
from simulator.store.calibration import SessionRow
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, TurnsFrom

MINUTES = 25
"""What a set takes about."""
NOT_APPLICABLE = "na"


def home(rows: Sequence[SessionRow], own_turns: int, scale: str, *, rater: str = "", organisation: str = "") -> str:
    """The first screen: what this is, sets already begun, and whose scale is in use (`scale`: the card of that)."""
    return (
        '<section class="studio"><header class="studio-head"><h1 id="calibrate-title" tabindex="-1">Compare your grading '
        "with the machine's</h1>"
        "<p>You grade a set of turns by the same rubric, without seeing the machine's grades. Then you see how far the two "
        "of you agree, on what you differ, and how steady you are yourself. If you like, later grades move onto your "
        "scale; you can go back at any time.</p></header>"
        f"{_sets(rows)}"
        f'<div class="two">{_start(own_turns, rater, organisation)}{scale}</div></section>'
    )


def _start(own_turns: int, rater: str, organisation: str) -> str:
    enough = own_turns >= ENOUGH
    own = (
        f"{own_turns} graded turns of finished calls in this browser"
        if enough
        else f"needs {ENOUGH} graded turns of finished calls in this browser; there are {own_turns}"
    )
    return (
        '<form class="card-box" id="start-form" data-form><h2>Start a set</h2>'
        f"<ul><li>{TURNS} turns, {REPEATS} of which come twice: about {MINUTES} minutes.</li>"
        "<li>Every answer is saved at once. Stop when you like and come back in this browser.</li>"
        "<li>Some callers, and some of the turns, are rude or insulting.</li>"
        "<li>Your name and your answers stay on this machine.</li></ul>"
        '<p class="field"><label for="rater">Your name</label>'
        f'<input type="text" id="rater" name="rater" maxlength="60" autocomplete="name" value="{esc(rater)}"></p>'
        '<p class="field"><label for="organisation">Your organisation or team</label><input type="text" '
        f'id="organisation" name="organisation" maxlength="60" autocomplete="organization" value="{esc(organisation)}">'
        "</p>"
        '<fieldset class="field"><legend>Which turns</legend>'
        f'<label class="pick"><input type="radio" name="source" id="source-shipped" value="{TurnsFrom.SHIPPED}" checked> '
        "<span>The turns that come with the program <small>all levels occur; they also have reference labels</small>"
        "</span></label>"
        f'<label class="pick"><input type="radio" name="source" id="source-own" value="{TurnsFrom.OWN}"'
        f"{'' if enough else ' disabled'}> <span>Our own calls <small>{own}</small></span></label></fieldset>"
        f'<button type="button" class="btn primary big" id="begin" data-act="begin">Start rating</button></form>'
    )


def _sets(rows: Sequence[SessionRow]) -> str:
    if not rows:
        return ""
    return (
        f'<section class="card-box"><h2>Your sets</h2><ul class="rows">{joined(_set(r) for r in rows)}</ul></section>'
    )


def _set(row: SessionRow) -> str:
    done = row.finished_at is not None
    word = "finished" if done else f"{row.rated} of {row.turns} rated"
    act = (
        f'<button type="button" class="btn" data-act="results" data-what="{esc(row.id)}">Results</button>'
        if done
        else f'<button type="button" class="btn primary" data-act="go-on" data-what="{esc(row.id)}">{icon("play")} '
        "Go on</button>"
    )
    return (
        f'<li class="row" data-k="{esc(row.id)}"><div class="row-text"><b>{esc(row.organisation)}</b> '
        f'<span>{esc(row.rater)}</span><p class="fine">{esc(when(row.made_at))} · {word}</p></div>'
        f'<div class="tools">{act}<button type="button" class="btn ghost danger icon-only" data-act="discard" '
        f'data-what="{esc(row.id)}" aria-label="Delete this set of {esc(row.rater)}" data-confirm="Delete this set?" '
        'data-confirm-text="Its ratings are removed for good. A scale that was made from it stays." '
        f'data-confirm-yes="Delete">{icon("bin")}</button></div></li>'
    )


def scale_card(active: OffsetMap | None, maps: Sequence[OffsetMap], history: Sequence[Choice], grader: str) -> str:
    """Whose scale grades are on now, what was in use before, and the ways back."""
    if active is None:
        now = "<p>Grades are on <b>the machine's own scale</b>.</p>"
    else:
        moves = joined(f"<li>{_moves(d, active)}</li>" for d in active.maps)
        now = (
            f"<p>Grades are on the scale <b>{esc(active.label)}</b>, from {plural(active.n, 'turn')} that "
            f"{esc(active.made_by)} rated.</p><ul>{moves}</ul>"
        )
        if active.grader != grader:
            now += (
                '<p class="note warn">It was made for another version of the grader and rests for now: grades are on the '
                "machine's own scale. Rate a set again to use your scale with this one.</p>"
            )
    back = (
        ""
        if active is None
        else '<button type="button" class="btn" id="own-scale" data-act="use" data-what="">Go back to the machine\'s own '
        "scale</button>"
    )
    others = joined(
        f'<button type="button" class="btn" data-act="use" data-what="{esc(m.label)}">Use {esc(m.label)}</button>'
        for m in reversed(maps)
        if m != active
    )
    past = joined(
        f"<li>{esc(when(c.at))}: {esc(c.label) if c.label else 'the machine’s own'} <small>({esc(c.by)})</small></li>"
        for c in reversed(history)
    )
    older = f'<details class="sec"><summary>What was in use before</summary><ul>{past}</ul></details>' if past else ""
    return (
        f'<section class="card-box" id="scale"><h2>The scale in use</h2>{now}<div class="tools">{back}{others}</div>'
        f'{older}<p class="fine">A change counts from the next turn on, for everybody who uses this installation. Calls '
        "that were graded before keep their grades.</p></section>"
    )


def _moves(dimension: Dimension, offsets: OffsetMap) -> str:
    ends = ", ".join(f"{level}→{value:.1f}" for level, value in zip(LEVELS, offsets.maps[dimension], strict=True))
    return f"{esc(rubric().dimensions[dimension].title)}: {ends}"


def rating(
    session: RatingSession,
    position: int,
    levels: Mapping[Dimension, int | None] | None,
    rated: int,
    *,
    may_finish: bool,
) -> str:
    """One turn to rate. `levels`: what was said of it before, on the way back."""
    turn, total = session.turns[position], len(session.turns)
    key = f"{session.id}-{position}"
    return (
        f'<section class="studio rating" data-k="{key}"><header class="studio-head">'
        f'<h1 id="calibrate-title" tabindex="-1">Turn {position + 1} of {total}</h1>'
        f'<div class="bar" role="progressbar" aria-label="Rated" aria-valuemin="0" aria-valuemax="{total}" '
        f'aria-valuenow="{rated}"><i style="width:{100 * rated / total:.0f}%"></i></div>'
        f'<p class="fine">{rated} of {total} rated. Every answer is saved when you go on.</p></header>'
        f'<div class="rate-cols"><div class="rate-read">{_situation(turn)}{_before(turn)}'
        '<div class="to-rate"><h2>The turn to rate</h2>'
        f'<blockquote dir="auto">{esc(turn.turn)}</blockquote></div></div>'
        f'<form class="rate-form" id="rate-form" data-form data-k="form-{key}" aria-label="Your rating">'
        f'<input type="hidden" name="session" value="{esc(session.id)}">'
        f'<input type="hidden" name="position" value="{position}">'
        f"{joined(_question(d, levels) for d in Dimension)}"
        '<p class="fine keys">Keys: 1 to 5, 0 for "does not apply"; Enter goes on, B goes back.</p>'
        f"{_rules()}{_ways(position, total, may_finish)}</form></div></section>"
    )


def _situation(turn: TurnToRate) -> str:
    facts = joined(f"<li>{esc(f)}</li>" for f in turn.facts)
    policy = joined(f"<li>{esc(p)}</li>" for p in turn.policy)
    more = (
        '<details class="sec" data-wide-open><summary><h3>Facts and policy</h3></summary>'
        f"{f'<h4>Facts</h4><ul>{facts}</ul>' if facts else ''}{f'<h4>Policy</h4><ul>{policy}</ul>' if policy else ''}"
        "</details>"
    )
    return (
        f'<div class="card-box situation"><h2>{esc(_sentence(turn.business))}</h2><p>{esc(_sentence(turn.issue))}</p>'
        f'<p class="fine">{REGISTERS[turn.medium]} · caller: {esc(turn.caller)}</p>{more}</div>'
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _before(turn: TurnToRate) -> str:
    if not turn.before:
        return '<p class="meta">The call begins with this turn: nobody has said anything yet.</p>'
    said = joined(
        f'<li class="{"mine" if s.speaker is Speaker.TRAINEE else "theirs"}"><b>'
        f'{"Trainee" if s.speaker is Speaker.TRAINEE else esc(turn.caller)}</b><span dir="auto">{esc(s.text)}</span></li>'
        for s in turn.before
    )
    return (
        '<div class="card-box"><h2>The conversation before</h2><div class="earlier" tabindex="0" role="region" '
        f'aria-label="The conversation before" data-scroll-end><ol>{said}</ol></div></div>'
    )


def _question(dimension: Dimension, levels: Mapping[Dimension, int | None] | None) -> str:
    about = rubric().dimensions[dimension]
    chosen = None if levels is None else NOT_APPLICABLE if levels[dimension] is None else str(levels[dimension])
    rows = joined(_answer(dimension, str(level), str(level), about.levels[level], chosen) for level in reversed(LEVELS))
    if dimension is not Dimension.CALMNESS:
        rows += _answer(dimension, NOT_APPLICABLE, "0", _does_not_apply(about.not_applicable), chosen)
    applies = _sentence(about.applies).rstrip(".")
    return (
        f'<fieldset class="question" data-dimension="{dimension.value}"><legend>{esc(about.title)}</legend>'
        f'<p class="fine">{esc(applies)}.</p><div class="answers">{rows}</div></fieldset>'
    )


def _rules() -> str:
    rules = joined(f"<li>{esc(rule)}</li>" for rule in rubric().rules)
    cases = joined(f"<li><b>{esc(c.case)}</b> {esc(c.text)}</li>" for c in rubric().settled)
    return (
        '<details class="raters" data-k="rules"><summary>Rules for raters, and settled cases</summary>'
        f"<ul>{rules}{cases}</ul></details>"
    )


def _does_not_apply(when_: str) -> str:
    return f"Does not apply here: {when_}" if when_ else "Does not apply here."


def _answer(dimension: Dimension, value: str, sign: str, text: str, chosen: str | None) -> str:
    name = f"{dimension.value}-{value}"
    word = "–" if value == NOT_APPLICABLE else sign
    return (
        f'<label class="answer" for="{name}"><input type="radio" name="{dimension.value}" id="{name}" value="{value}" '
        f'data-key="{sign}"{" checked" if chosen == value else ""}><span class="no lv-{"na" if word == "–" else sign}">'
        f"{word}</span><span>{esc(text)}</span></label>"
    )


def _ways(position: int, total: int, may_finish: bool) -> str:
    back = (
        '<button type="button" class="btn" id="rate-back" data-act="back">Back</button>'
        if position
        else '<button type="button" class="btn" id="rate-back" disabled>Back</button>'
    )
    finish = (
        '<button type="button" class="btn ghost" id="rate-enough" data-act="enough">Finish with these</button>'
        if may_finish
        else ""
    )
    word = "Next" if position + 1 < total else "Done"
    return (
        f'<div class="rate-ways">{back}<button type="button" class="btn primary" id="rate-next" data-act="rate">{word}'
        f"</button>{finish}"
        '<button type="button" class="btn ghost" id="rate-leave" data-act="home">Leave for now</button></div>'
    )


def all_rated(session: RatingSession, rated: int) -> str:
    """Before the machine's grades are shown: the last chance to change something."""
    return (
        f'<section class="studio" data-k="all-{esc(session.id)}"><div class="card-box last">'
        f'<h1 id="calibrate-title" tabindex="-1">{plural(rated, "turn")} rated</h1>'
        "<p>Next you see the machine's grades beside yours. From then on your ratings stay as they are, so that the "
        "comparison is a fair one.</p>"
        f'<div class="tools"><button type="button" class="btn primary" id="finish" data-act="finish" '
        f'data-what="{esc(session.id)}">Show the results</button>'
        f'<button type="button" class="btn" data-act="again" data-what="{esc(session.id)}">Look at my ratings again</button>'
        '<button type="button" class="btn ghost" data-act="home">Leave for now</button></div></div></section>'
    )


def waiting(done: int, total: int) -> str:
    """While the machine grades what it has not graded yet."""
    return (
        '<section class="studio" data-k="waiting"><div class="card-box last"><h1 id="calibrate-title" tabindex="-1">'
        f'The machine grades the same turns</h1><p aria-live="polite">{done} of {total} are done.</p>'
        f'<div class="bar" aria-hidden="true"><i style="width:{100 * done / max(1, total):.0f}%"></i></div></div></section>'
    )
