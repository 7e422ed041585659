"""AFTER the call: outcome, mood against the turns, dimensions, techniques, advice, the call itself, the next try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.app.markup import (
    DIMENSIONS,
    ENDINGS,
    WORDS,
    avatar,
    chip,
    ending_class,
    esc,
    icon,
    joined,
    mean_class,
    of_call,
    plural,
    tag_label,
    when,
)
from simulator.app.opinion_view import other_view
from simulator.app.setup_view import pass_marks
from simulator.app.turn_view import caller_turn, trainee_turn
from simulator.app.ways import EVERYTHING
from simulator.call import Call
from simulator.caller.reason import About
from simulator.debrief import Advice, Debrief, DimensionSummary, MoodPoint, TechniqueUse
from simulator.transcript import Speaker, Transcript
from simulator.vocabulary import Dimension, Fault, Technique
from simulator.workshop.records import Regrade
from simulator.workshop.review import Levels, Means, by_people, levels, means
from simulator.workshop.rules import passed

_VERDICTS = {
    True: ("Pass mark reached", "good"),
    False: ("Below the pass mark", "bad"),
    None: ("Nothing to grade", "open"),
}


def debrief_page(
    call_id: str,
    call: Call,
    told: Debrief,
    *,
    chart: str,
    better: str = "",
    looking: bool = False,
    failed: bool = False,
    beside: str = "",
    opening: bool = False,
    marks: Mapping[Dimension, float] = EVERYTHING.marks,
    regrades: Sequence[Regrade] = (),
) -> str:
    """The whole screen. `chart`: the mood curve as SVG; `better`: better words for the weakest turn (plain text), which
    are still being looked for if `looking` and could not be if `failed`; `beside`: the comparison with the call this
    one was branched from; `opening`: it may take another debrief's place; `marks`: the means to reach; `regrades`: what
    people have said about the grades, the oldest first."""
    again = by_people(call, regrades)
    human = means(levels(call, regrades).values()) if again else {}
    return (
        f'<article class="debrief" {of_call(call_id, opening=opening)}>'
        f"{_head(call, told, marks, human)}{_breath(told)}{beside}{_figures(told)}"
        f'<div class="two">{_advice("strength", "One thing to keep", told.strength)}'
        f"{_advice('fix', 'One thing to change', told.fix)}</div>"
        f"{_better(told, call, better, looking, failed)}"
        f"{_dimensions(told, marks, human, again)}{other_view(call)}{_mood(told, chart)}{_techniques(told)}"
        f"{_transcript(call, told, regrades)}{_note(call, told)}{_talk(call)}{_downloads()}</article>"
    )


def _head(call: Call, told: Debrief, marks: Mapping[Dimension, float], human: Means) -> str:
    word, kind = _VERDICTS[passed(marks, human or {d.dimension: d.mean for d in told.dimensions})]
    word += " with your facilitator’s grades" if human else ""
    start, persona = call.start, call.start.persona
    if call.ended is None:
        again = (
            f'<button type="button" class="btn primary" data-act="go-on" id="go-on">{icon("play")} Go on '
            "with the call</button>"
        )
    else:
        again = (
            '<button type="button" class="btn primary" data-act="same-again" '
            f'id="same-again">{icon("back")} Same call, from the start</button>'
        )
    return (
        f'<header class="after-head">{avatar(persona.id, persona.name, 56)}<div>'
        f'<h1 id="after-title" tabindex="-1">{esc(told.outcome.headline)}</h1>'
        f"<p>{esc(persona.name)} · {esc(start.scenario.title)} · {start.difficulty.value} · {WORDS[start.intensity]}</p>"
        f'<p><span class="pill {ending_class(told.outcome.ending if call.ended else None)}">'
        f"{esc(ENDINGS[told.outcome.ending]) if call.ended else 'Not finished'}</span> "
        f'<span class="pill {kind}">{word}</span>'
        f'</p></div><div class="tools">{again}'
        '<button type="button" class="btn" data-act="new" id="another">Another call</button></div></header>'
    )


def _breath(told: Debrief) -> str:
    if not told.rough:
        return ""
    return (
        '<details class="breath card-box" id="breath"><summary><b>That was a rough one. Take a breath?</b>'
        "<span>One minute, before you read on.</span></summary>"
        '<div class="breath-in"><div class="breath-ball" aria-hidden="true"></div><div><p>Breathe in for four, out '
        "for six. "
        "Six times. Put both feet on the floor and drop your shoulders.</p><p>What was said was aimed at the "
        "situation, "
        "not at you. If it stays with you, tell somebody about it, and take your break before the next call.</p>"
        "</div></div>"
        "</details>"
    )


def _figures(told: Debrief) -> str:
    cells = joined(
        f'<div class="figure"><span>{esc(f.name)}</span><b>{esc(f.shown)}</b>'
        f"<details><summary>How computed</summary><p>{esc(f.how)}</p></details></div>"
        for f in told.outcome.figures
    )
    return (
        '<section class="card-box" aria-labelledby="h-out"><h2 id="h-out">Outcome</h2><div '
        f'class="figures">{cells}</div></section>'
    )


def _jump(turn: int) -> str:
    return f'<a href="#said-{turn}" data-jump="said-{turn}">turn {turn + 1}</a>'


def _advice(kind: str, title: str, advice: Advice | None) -> str:
    if advice is None:
        empty = (
            "Nothing stood out yet: say a little more in the next call."
            if kind == "strength"
            else "Nothing to fix here."
        )
        return f'<section class="card-box advice {kind}"><h2>{title}</h2><p class="quiet">{empty}</p></section>'
    quote = f'<blockquote dir="auto">{esc(advice.quote)}</blockquote>' if advice.quote else ""
    return (
        f'<section class="card-box advice {kind}" id="{kind}"><h2>{title}</h2><p>{esc(advice.text)}</p>{quote}'
        f'<p class="fine">In {_jump(advice.turn)}</p></section>'
    )


def _better(told: Debrief, call: Call, words: str, looking: bool, failed: bool) -> str:
    turn = told.weakest_turn
    if turn is None:
        return ""
    said = call.transcript.turns[turn].text
    about = f", {DIMENSIONS[told.weakest_dimension]}" if told.weakest_dimension is not None else ""
    if words:
        could = f'<blockquote class="good" dir="auto">{esc(words)}</blockquote>'
        could += '<p class="fine">Written for this situation; the same grader puts it higher than what you said.</p>'
    elif looking:
        could = '<p class="pending">looking for better words<span class="dots" aria-hidden="true"></span></p>'
    elif failed:
        could = (
            '<p class="quiet">Better words could not be looked for now: open this debrief again later, or find your '
            "own: try it again.</p>"
        )
    else:
        could = (
            '<p class="quiet">None of the lines written for this situation was graded higher. Find your '
            "own: try it again.</p>"
        )
    return (
        '<section class="card-box better" id="better" aria-labelledby="h-better">'
        f'<h2 id="h-better">Better words for your weakest turn</h2><div class="two">'
        f"<div><h3>You said <small>({_jump(turn)}{esc(about)})</small></h3>"
        f'<blockquote dir="auto">{esc(said)}</blockquote></div>'
        f"<div><h3>You could say</h3>{could}</div></div>"
        f'<button type="button" class="btn primary" data-act="branch" data-turn="{turn}" id="try-weakest">'
        f"{icon('back')} Try this turn again</button></section>"
    )


def _dimensions(told: Debrief, marks: Mapping[Dimension, float], human: Means, again: Mapping[int, Levels]) -> str:
    rows = joined(_dimension(d, marks[d.dimension], human, again) for d in told.dimensions)
    return (
        '<section class="card-box" aria-labelledby="h-dim"><h2 id="h-dim">Four dimensions</h2>'
        f'<div class="dims">{rows}</div><p class="fine">Pass mark: {pass_marks(marks)}</p></section>'
    )


def _dimension(summary: DimensionSummary, mark: float, human: Means, again: Mapping[int, Levels]) -> str:
    """One dimension by the evaluator; and, where a person has graded turns again, what it is with their grades."""
    name = DIMENSIONS[summary.dimension]
    counts = human.get(summary.dimension, summary.mean)
    theirs = [(turn, given[summary.dimension]) for turn, given in sorted(again.items()) if summary.dimension in given]
    told = joined(
        f"{', ' if n else ''}{level or 'does not apply'} in {_jump(turn)}" for n, (turn, level) in enumerate(theirs)
    )
    people = (
        f'<p class="by-people">With your facilitator’s grades <b>{"–" if counts is None else f"{counts:.1f}"}</b> ({told})</p>'
        if theirs
        else ""
    )
    squares = joined(
        f'<a class="sq lv-{level}" href="#said-{turn}" data-jump="said-{turn}" '
        f'aria-label="{name} {level} in turn {turn + 1}" title="turn {turn + 1}">{level}</a>'
        for turn, level in summary.levels
    )
    mean = "–" if summary.mean is None else f"{summary.mean:.1f}"
    width = 0 if summary.mean is None else (summary.mean - 1) / 4 * 100
    state = "never applied" if counts is None else "passed" if counts >= mark else "below the pass mark"
    return (
        f'<div class="dim {mean_class(summary.mean)}"><div class="dim-top"><b>{name}</b><span class="dim-mean">'
        f"{mean}</span></div>"
        f'<div class="bar" aria-hidden="true"><i style="width:{width:.0f}%"></i><u style="left:{(mark - 1) / 4 * 100:.0f}%"></u></div>'
        f'<p class="fine">{state}</p><div class="sqs">{squares}</div>{people}</div>'
    )


def _mood(told: Debrief, chart: str) -> str:
    if not told.mood:
        return ""
    return (
        '<section class="card-box" aria-labelledby="h-mood"><h2 id="h-mood">The caller\'s mood, turn by turn</h2>'
        f'<div class="chart">{chart}</div></section>'
    )


def _techniques(told: Debrief) -> str:
    used = joined(f'<li class="tag good">{esc(tag_label(u.technique))}{_times(u)}</li>' for u in told.used)
    missed = joined(
        f"<li><b>{esc(tag_label(m.technique))}</b><span>{esc(m.why_missed)}</span></li>" for m in told.missed
    )
    faults = joined(
        f'<li class="tag bad">{esc(tag_label(f))}{f" ×{len(turns)}" if len(turns) > 1 else ""}</li>'
        for f, turns in told.faults
    )
    return (
        '<section class="card-box" aria-labelledby="h-tech"><h2 id="h-tech">Techniques</h2><div class="two">'
        f'<div><h3>You used</h3><ul class="taglist">{used or "<li class=quiet>None was recognised.</li>"}</ul>'
        + (f'<h3>What harmed</h3><ul class="taglist">{faults}</ul>' if faults else "")
        + '</div><div><h3>Would have helped</h3><ul class="missed">'
        f"{missed or '<li class=quiet>Nothing was missing.</li>'}</ul></div></div></section>"
    )


def _times(use: TechniqueUse) -> str:
    return f" ×{len(use.turns)}" if len(use.turns) > 1 else ""


def _transcript(call: Call, told: Debrief, regrades: Sequence[Regrade]) -> str:
    points = {p.turn: p for p in told.mood}
    items = joined(
        _said(call, t.index, points.get(t.index), [g for g in regrades if g.turn == t.index]) for t in call.transcript
    )
    if not items:
        return ""
    return (
        '<section class="card-box" aria-labelledby="h-call"><h2 id="h-call">The call</h2>'
        '<p class="fine">With the grades, what the caller kept to themselves, and any of your turns to try again.</p>'
        f'<ol class="turns read">{items}</ol></section>'
    )


def _said(call: Call, index: int, point: MoodPoint | None, given: Sequence[Regrade]) -> str:
    turn = call.transcript.turns[index]
    if turn.speaker is Speaker.CALLER:
        return caller_turn(call.start.persona, index, turn.text, place="said")
    thought = ""
    if point is not None and point.thought:
        why = f"<small>Moved by: {_moved_by(point)}</small>" if point.reasons else ""
        thought = (
            f'<p class="thought"><b>{esc(call.start.persona.name)} thinks:</b> <i '
            f'dir="auto">{esc(point.thought)}</i>{why}</p>'
        )
    extra = (
        f"{joined(map(_by_person, given))}{thought}"
        f'<button type="button" class="btn small" data-act="branch" data-turn="{index}" id="branch-{index}" '
        f'aria-label="Try again from turn {index + 1}">{icon("back")} Try again from here</button>'
    )
    grades, second = call.grades.get(index), call.seconds.get(index)
    return trainee_turn(turn, grades, shown=True, extra=extra, place="said", second=second)


def _by_person(given: Regrade) -> str:
    """A person's grades of a turn, beside the machine's above them."""
    chips = joined(chip(name, given.levels[d]) for d, name in DIMENSIONS.items() if d in given.levels)
    comment = f'<q dir="auto">{esc(given.comment)}</q>' if given.comment else ""
    what = "graded this turn again" if given.levels else "about this turn"
    return f'<div class="by-people"><b>{esc(given.by)}</b> {what}, {esc(when(given.at))}: {chips} {comment}</div>'


def _moved_by(point: MoodPoint) -> str:
    """The appraisal's reasons as words with a sign."""
    out: list[str] = []
    for reason in point.reasons:
        if reason.points:
            kind, sign = ("better", "+") if reason.points > 0 else ("worse", "−")
            out.append(f'<span class="{kind}">{sign} {esc(_named(reason.about))}</span>')
    return " · ".join(out)


def _named(about: About) -> str:
    match about:
        case Dimension():
            return DIMENSIONS[about]
        case Technique() | Fault():
            return tag_label(about)
    return about.value


def _note(call: Call, told: Debrief) -> str:
    comments = joined(f"<li>{esc(c)}</li>" for c in told.note_comments)
    checked = f'<ul class="checks" id="note-comments">{comments}</ul>' if comments else ""
    return (
        '<section class="card-box" aria-labelledby="h-note"><h2 id="h-note">Wrap-up note</h2>'
        '<label for="wrap-note">What was it about, what was agreed, who does what by when? '
        "<small>It is checked against what happened.</small></label>"
        f'<textarea id="wrap-note" rows="4" maxlength="8000" data-k="wrap">{esc(call.note)}</textarea>'
        '<button type="button" class="btn" data-act="note-check" data-field="wrap-note" id="check-note">'
        f"{icon('check')} Save and check</button>{checked}</section>"
    )


def _talk(call: Call) -> str:
    scenario = call.start.scenario
    wrong = joined(f"<li><b>{esc(w.promise)}</b> {esc(w.why)}</li>" for w in scenario.wrong_promises)
    hidden = joined(f"<li>{esc(f.say)}</li>" for f in scenario.hidden)
    asked = joined(f"<li>{esc(q)}</li>" for q in scenario.discussion)
    return (
        '<details class="card-box" id="behind"><summary><h2>Behind the call</h2></summary>'
        f"<h3>What {esc(call.start.persona.name)} held back</h3><ul>{hidden}</ul><p>{esc(call.start.persona.needs)}</p>"
        f"<h3>Promises to be careful with</h3><ul>{wrong}</ul><h3>To talk over</h3><ul>{asked}</ul></details>"
    )


def _downloads() -> str:
    return (
        '<footer class="downloads"><button type="button" class="btn" data-act="download" data-what="html" '
        'id="download-html">'
        f"{icon('down')} Debrief (HTML)</button>"
        '<button type="button" class="btn" data-act="download" data-what="jsonl" id="download-jsonl">'
        f"{icon('down')} Transcript (JSONL)</button></footer>"
    )


def side_by_side(old: Call, old_told: Debrief, new: Call, new_told: Debrief, turn: int) -> str:
    """Both endings of a branched call: what was said from trainee turn `turn` on, and how it came out."""
    return (
        '<section class="card-box versus" id="versus" aria-labelledby="h-vs"><h2 id="h-vs">Both endings, side by '
        "side</h2>"
        f'<p class="fine">Same caller, same mood, up to turn {turn + 1}; then:</p><div class="two">'
        f"{_version('First time', old, old_told, turn)}{_version('This time', new, new_told, turn)}</div></section>"
    )


def _version(title: str, call: Call, told: Debrief, turn: int) -> str:
    ending = call.ended.ending if call.ended else None
    chips = joined(
        f'<span class="chip {mean_class(d.mean)}">{DIMENSIONS[d.dimension]} '
        f"<b>{'–' if d.mean is None else f'{d.mean:.1f}'}</b></span>"
        for d in told.dimensions
    )
    figures = joined(f"<div><dt>{esc(f.name)}</dt><dd>{esc(f.shown)}</dd></div>" for f in told.outcome.figures)
    rest = Transcript(call.transcript.turns[turn:])
    said = joined(
        f'<li class="{"mine" if t.speaker is Speaker.TRAINEE else "theirs"}"><b>'
        f"{'You' if t.speaker is Speaker.TRAINEE else esc(call.start.persona.name)}:</b> "
        f'<span dir="auto">{esc(t.text)}</span></li>'
        for t in rest
    )
    word = ENDINGS[ending] if ending is not None else "Not finished"
    return (
        f'<div class="version"><h3>{title}</h3><p><span class="pill {ending_class(ending)}">{esc(word)}</span></p>'
        f'<p class="chips">{chips}</p><dl class="record">{figures}</dl>'
        f'<details open><summary>What was said ({plural(len(rest), "turn")})</summary><ul class="said">{said}</ul>'
        "</details></div>"
    )
