"""One turn as a bubble, and the grade beside a trainee turn: chips, reasons, quoted words, techniques and faults."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from simulator.app.markup import DIMENSIONS, LEVEL_WORDS, avatar, chip, esc, joined, tag_label
from simulator.app.opinion_view import beside_level, missing
from simulator.assessment import Assessment, Check, DimensionScore, Evidence
from simulator.evaluator.facts import place
from simulator.events import SecondOpinionGiven
from simulator.persona import Persona
from simulator.prompts import LONGEST
from simulator.transcript import Turn
from simulator.vocabulary import Dimension, Fault, Technique

LONG = 1_400
"""Characters from which a turn is shown in a box of its own that scrolls."""


def trainee_turn(
    turn: Turn,
    grades: Assessment | None,
    *,
    shown: bool,
    waiting: str = "",
    extra: str = "",
    place: str = "turn",
    second: SecondOpinionGiven | None = None,
) -> str:
    """A trainee turn. `shown`: grades may be seen (no exam). `waiting`: what is being done with it now. `place` begins
    its id, so that the same turn can stand on two screens. `second`: another model's view of the turn, if there is one."""
    beside = ""
    if grades is not None and shown:
        beside = grade(turn, grades, place, second)
        if len(turn.text) > LONGEST:
            beside += f'<p class="fine">Only the first {LONGEST} characters were graded.</p>'
    elif waiting:
        beside = f'<p class="pending">{esc(waiting)}<span class="dots" aria-hidden="true"></span></p>'
    marks = grades.evidence if grades is not None and shown else ()
    return (
        f'<li class="turn mine" data-k="t{turn.index}" id="{place}-{turn.index}" tabindex="-1">'
        '<span class="sr">You said:</span>'
        f'<div class="bubble">{_words(turn.text, marks, grades)}</div>{beside}{extra}</li>'
    )


def caller_turn(persona: Persona, turn: int, text: str, *, saying: bool = False, place: str = "turn") -> str:
    """A caller turn, finished or (`saying`) on its way."""
    more = '<span class="caret" aria-hidden="true"></span>' if saying else ""
    return (
        f'<li class="turn theirs{" saying" if saying else ""}" data-k="t{turn}" id="{place}-{turn}" tabindex="-1">'
        f'{avatar(persona.id, persona.name, 32)}<div><span class="sr">{esc(persona.name)} said:</span>'
        f'<div class="bubble">{_box(esc(text) + more, len(text))}</div></div></li>'
    )


def _words(text: str, evidence: Iterable[Evidence], grades: Assessment | None) -> str:
    return _box(highlighted(text, evidence, grades), len(text))


def _box(inner: str, length: int) -> str:
    if length > LONG:
        return f'<div class="words long" dir="auto" tabindex="0" role="group" aria-label="Long turn">{inner}</div>'
    return f'<div class="words" dir="auto">{inner}</div>'


def highlighted(text: str, evidence: Iterable[Evidence], grades: Assessment | None = None) -> str:
    """`text`, escaped, with every quoted span marked. Overlapping spans are cut where they meet, so marks never nest.

    A quote that is not where it says is looked for; one that is nowhere in the text marks nothing.
    """
    spans: list[tuple[int, int, str, str]] = []
    for e in evidence:
        start = e.start if text[e.start : e.start + len(e.quote)] == e.quote else text.find(e.quote)
        if e.quote and start >= 0:
            spans.append((start, start + len(e.quote), _about(e), _kind(e, grades)))
    if not spans:
        return esc(text)
    cuts = sorted({0, len(text), *(c for s in spans for c in s[:2])})
    out: list[str] = []
    for begin, end in pairwise(cuts):
        piece = esc(text[begin:end])
        over = [s for s in spans if s[0] <= begin and end <= s[1]]
        if not over:
            out.append(piece)
            continue
        kinds = {s[3] for s in over}
        kind = "bad" if "bad" in kinds else "good" if "good" in kinds else "plain"
        why = ", ".join(dict.fromkeys(s[2] for s in over))
        out.append(f'<mark class="ev {kind}" title="{esc(why)}">{piece}</mark>')
    return joined(out)


def _about(evidence: Evidence) -> str:
    about = evidence.about
    return DIMENSIONS[about] if isinstance(about, Dimension) else tag_label(about)


def _kind(evidence: Evidence, grades: Assessment | None) -> str:
    """Whether the quoted words helped, harmed, or neither."""
    about = evidence.about
    if isinstance(about, Fault):
        return "bad"
    if isinstance(about, Technique):
        return "good"
    score = grades.scores.get(about) if grades is not None else None
    level = score.level if score is not None else None
    if level is None or level == 3:
        return "plain"
    return "good" if level > 3 else "bad"


def grade(turn: Turn, grades: Assessment, place: str = "turn", second: SecondOpinionGiven | None = None) -> str:
    """The four chips, which open to the reasons, each with what another model says (`second`)."""
    chips = joined(chip(name, _level(grades, d)) for d, name in DIMENSIONS.items())
    spoken = ", ".join(
        f"{name} {'does not apply' if (level := _level(grades, d)) is None else level}"
        for d, name in DIMENSIONS.items()
    )
    rows = joined(_row(d, name, grades, second) for d, name in DIMENSIONS.items())
    return (
        f'<details class="grade" data-k="g{turn.index}" id="{place}-grade-{turn.index}">'
        f'<summary aria-label="Grade of this turn: {esc(spoken)}. Open for the reasons.">{chips}'
        '<span class="why" aria-hidden="true">Why</span></summary>'
        f'<div class="reasons"><dl>{rows}</dl>{missing(second)}{_tags(grades)}{_checked(grades.checks)}</div></details>'
    )


def _level(grades: Assessment, dimension: Dimension) -> int | None:
    score = grades.scores.get(dimension)
    return score.level if score is not None else None


def _row(dimension: Dimension, name: str, grades: Assessment, second: SecondOpinionGiven | None) -> str:
    score = grades.scores.get(dimension) or DimensionScore(confidence=0.0, reason="It was not graded.")
    quotes = [e.quote for e in grades.evidence if e.about == dimension and isinstance(e.about, Dimension)]
    quoted = joined(f'<q dir="auto">{esc(q)}</q>' for q in quotes)
    word = "does not apply" if score.level is None else f"{score.level} of 5, {LEVEL_WORDS[score.level]}"
    why = score.rationale or score.reason
    more = f'<p class="needed">{esc(score.needed)}</p>' if score.needed else ""
    return (
        f'<div class="reason"><dt>{chip(name, score.level)}</dt><dd><p><b>{word}.</b> {esc(why)}</p>{quoted}{more}'
        f"<small>{_sure(score)}</small>{beside_level(dimension, second)}</dd></div>"
    )


def _sure(score: DimensionScore) -> str:
    if score.unsure:
        return f"The grader is unsure ({score.confidence:.0%}): let a person look at this one."
    return f"The grader is {'sure' if score.confidence >= 0.75 else 'fairly sure'} ({score.confidence:.0%})."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _checked(checks: Iterable[Check]) -> str:
    """What did not hold against the file: what was said, and what stands there."""
    items = joined(
        f'<li>You said: <q dir="auto">{esc(c.quote)}</q> {esc(_capital(place(c)))}: <b dir="auto">{esc(c.says)}</b></li>'
        for c in checks
    )
    return f'<div class="filed"><h4>Checked against the file</h4><ul>{items}</ul></div>' if items else ""


def _tags(grades: Assessment) -> str:
    def listed(tags: Iterable[Technique | Fault], kind: str, title: str) -> str:
        items = joined(f'<li class="tag {kind}">{esc(tag_label(t))}</li>' for t in tags)
        return f'<div class="tags"><h4>{title}</h4><ul>{items}</ul></div>' if items else ""

    return listed(grades.techniques, "good", "What helped") + listed(grades.faults, "bad", "What harmed")
