"""A call as one file that can be kept: `render` makes a self-contained HTML page, `transcript_jsonl` rows for programs.

The page asks nothing of the network (a content policy forbids it) and runs no script. Everything that came from people,
files or models is escaped by the template. Turns are shown counted from 1; in JSONL they are indices from 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from markupsafe import Markup, escape

from simulator.assessment import Assessment, Evidence
from simulator.call import Call
from simulator.caller.appraisal import opening_state
from simulator.coaching import Suggestion
from simulator.debrief import Debrief
from simulator.debrief.agreement import agreement
from simulator.evaluator.facts import place
from simulator.mood_chart import in_words, mood_svg
from simulator.pages import template
from simulator.rubric import level_text, rubric
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension, Fault, plain
from simulator.workshop.records import Regrade
from simulator.workshop.review import by_people, levels, means, reviewers

FORMAT = 1
"""Version of the JSONL rows; raised when an old reader would read them wrongly."""
_QUOTES_SHOWN = 3
"""Pieces of evidence shown per dimension: the lowest levels and the highest."""


@dataclass(frozen=True, slots=True)
class _Quote:
    """One piece of evidence for a dimension: turn (from 1), level, words, what the level means ('': said before)."""

    turn: int
    level: int
    words: str
    meaning: str


def render(call: Call, debrief: Debrief, suggestion: Suggestion | None = None, regrades: Sequence[Regrade] = ()) -> str:
    """The whole report as one HTML page. `regrades`: what people have said about the grades, the oldest first."""
    start, again = call.start, by_people(call, regrades)
    return template("report.html").render(
        call=call,
        start=start,
        persona=start.persona,
        scenario=start.scenario,
        debrief=debrief,
        suggestion=suggestion,
        chart=Markup(mood_svg(debrief.mood)),  # numbers and our own words only
        mood_words=in_words(debrief.mood),
        opening=opening_state(start.persona, start.difficulty),
        day=_day(start.at),
        turns=[_turn(call, debrief, index, regrades) for index in range(len(call.transcript))],
        again=again,
        human=means(levels(call, regrades).values()),
        reviewers=reviewers(g for g in regrades if g.levels),
        quotes={d: _quotes(call, d) for d in Dimension},
        titles={d: rubric().dimensions[d].title for d in Dimension},
        rubric=rubric(),
        plain=plain,
        second=agreement(call),
        written=sum(spoke.written for spoke in call.spoken.values()),
    )


def transcript_jsonl(call: Call, regrades: Sequence[Regrade] = ()) -> str:
    """The call as JSON lines, ending in a line end.

    Row 1, `kind: call`: `format`, `at` (seconds since 1970), `persona`, `scenario` (ids), `difficulty`, `intensity`,
    `consented`, `medium`, `seed`, `model`, `grader`, `hints`, `branched_from`, `ending` (null: none yet), `note`. Then a row for each
    turn, `kind: turn`: `turn` (index from 0), `speaker`, `text`, `at`. Trainee turns add `levels` (1-5; null: does
    not apply), `values`, `techniques`, `faults`, `evidence` (`about`, `quote`, `start`), `checks` (`fault`, `quote`,
    `start`, `source`, `title`, `says`), all null if not graded, `second_opinion` (null: none was asked for; else
    `model`, `levels` and, where these are null, the `reason`), and `grades_by_people`: a list, the oldest first, of `at`,
    `by`, `levels` (only of dimensions that were graded again; null: does not apply) and `comment`.
    Caller turns add `intent`, `facts`, `state` (feelings 0-10 and `mood`, after the trainee turn before it; null if
    not known), `written` (true: a line of the persona's file) and `model` (which one was asked).
    """
    start = call.start
    header = {
        "format": FORMAT,
        "kind": "call",
        "at": start.at,
        "persona": start.persona.id,
        "scenario": start.scenario.id,
        "difficulty": start.difficulty.value,
        "intensity": start.intensity.value,
        "consented": start.consented,
        "medium": start.medium.value,
        "seed": start.seed,
        "model": start.model,
        "grader": start.grader,
        "hints": start.hints,
        "branched_from": start.branched_from.model_dump() if start.branched_from else None,
        "ending": call.ended.ending.value if call.ended else None,
        "note": call.note,
    }
    rows = [header, *(_row(call, index, regrades) for index in range(len(call.transcript)))]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def marked(text: str, evidence: Iterable[Evidence]) -> Markup:
    """`text`, escaped, with the words that earned its grades in <mark>; overlapping quotes become one mark."""
    spans: list[tuple[int, int, list[str], bool]] = []
    for item in sorted(evidence, key=lambda e: (e.start, -len(e.quote))):
        end = item.start + len(item.quote)
        if not item.quote or text[item.start : end] != item.quote:
            continue
        bad, name = isinstance(item.about, Fault), plain(item.about)
        if spans and item.start < spans[-1][1]:
            begin, last, names, was_bad = spans[-1]
            spans[-1] = (begin, max(last, end), [*names, name], was_bad or bad)
        else:
            spans.append((item.start, end, [name], bad))
    out, at = Markup(""), 0
    for begin, end, names, bad in spans:
        label = ", ".join(dict.fromkeys(names))
        out += escape(text[at:begin])
        out += Markup('<mark class="{}" title="{}">{}</mark>').format("bad" if bad else "good", label, text[begin:end])
        at = end
    return out + escape(text[at:])


def _turn(call: Call, debrief: Debrief, index: int, regrades: Sequence[Regrade]) -> dict[str, object]:
    """What the template needs for one turn."""
    turn = call.transcript.turns[index]
    grades = call.grades.get(index)
    point = next((p for p in debrief.mood if p.turn == index), None)
    mine = turn.speaker is Speaker.TRAINEE
    return {
        "number": index + 1,
        "mine": mine,
        "who": "You" if mine else call.start.persona.name,
        "words": marked(turn.text, grades.evidence if grades else ()),
        "levels": [(d, grades.level(d)) for d in Dimension] if grades else [],
        "given": [
            (g.by, _day(g.at), [(d, g.levels[d]) for d in Dimension if d in g.levels], g.comment)
            for g in regrades
            if g.turn == index
        ],
        "techniques": grades.techniques if grades else (),
        "faults": grades.faults if grades else (),
        "checks": [(c.quote, place(c), c.says) for c in grades.checks] if grades else [],
        "point": point,
        "written": index in call.spoken and call.spoken[index].written,
        "stood_in": call.spoken[index].model if index in call.spoken and call.spoken[index].stood_in else "",
    }


def _quotes(call: Call, dimension: Dimension) -> list[_Quote]:
    """Evidence for a dimension: of the lowest level, then of the highest, each turn once, in order of turns."""
    found: dict[int, _Quote] = {}
    for turn, grades in sorted(call.grades.items()):
        level = grades.level(dimension)
        quote = next((e.quote for e in grades.evidence if e.about is dimension), "")
        if level is not None and quote:
            found[turn] = _Quote(turn + 1, level, quote, level_text(dimension, level))
    ranked = sorted(found.values(), key=lambda q: (q.level, q.turn))
    half = ranked[:1] + ranked[-(_QUOTES_SHOWN - 1) :]
    told: set[int] = set()
    out: list[_Quote] = []
    for piece in sorted({q.turn: q for q in half}.values(), key=lambda q: q.turn):
        out.append(replace(piece, meaning="") if piece.level in told else piece)
        told.add(piece.level)
    return out


def _row(call: Call, index: int, regrades: Sequence[Regrade]) -> dict[str, object]:
    turn = call.transcript.turns[index]
    row: dict[str, object] = {
        "kind": "turn",
        "turn": index,
        "speaker": turn.speaker.value,
        "text": turn.text,
        "at": call.times.get(index),
    }
    if turn.speaker is Speaker.TRAINEE:
        people = [g.model_dump(mode="json", exclude={"call_id", "turn"}) for g in regrades if g.turn == index]
        beside = {"second_opinion": _seconded(call, index), "grades_by_people": people}
        return row | _graded(call.grades.get(index)) | beside
    move, spoke = call.moves.get(index - 1), call.spoken.get(index)
    state = move.state if move else None
    return row | {
        "intent": move.plan.intent.value if move else None,
        "facts": list(move.plan.facts) if move else None,
        "state": {
            "agitation": state.agitation,
            "trust": state.trust,
            "patience": state.patience,
            "heard": state.heard,
            "mood": state.mood.value,
        }
        if state
        else None,
        "written": spoke.written if spoke else None,
        "model": (spoke.model or call.start.model) if spoke else None,
    }


def _graded(grades: Assessment | None) -> dict[str, object]:
    if grades is None:
        return dict.fromkeys(("levels", "values", "techniques", "faults", "evidence", "checks"))
    return {
        "levels": {d.value: grades.level(d) for d in Dimension},
        "values": {d.value: grades.value(d) for d in Dimension},
        "techniques": [t.value for t in grades.techniques],
        "faults": [f.value for f in grades.faults],
        "evidence": [{"about": e.about.value, "quote": e.quote, "start": e.start} for e in grades.evidence],
        "checks": [c.model_dump(mode="json") for c in grades.checks],
    }


def _seconded(call: Call, index: int) -> dict[str, object] | None:
    given = call.seconds.get(index)
    if given is None:
        return None
    levels = {d.value: given.assessment.level(d) for d in Dimension} if given.assessment else None
    return {"model": given.model, "levels": levels, "reason": given.reason}


def _day(at: float) -> str:
    """A moment as a date and time in UTC; '' if the clock was nonsense."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%-d %B %Y, %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return ""


__all__ = ["FORMAT", "marked", "mood_svg", "render", "transcript_jsonl"]
