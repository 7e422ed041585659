"""Where a facilitator disagrees with the machine: the turns it was unsure of, a call to read, and a person's grades beside it.

Words are shown only in workshops whose trainees were told so when they joined; every look is written down for them to see.
"""

from __future__ import annotations

from pydantic import ValidationError
from starlette.responses import Response

from simulator.app.markup import DIMENSIONS, LEVEL_WORDS
from simulator.app.room.calls import played
from simulator.app.room.visit import Visit, page, see
from simulator.errors import CallError, FormatError, UnknownNameError
from simulator.report import marked
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension
from simulator.workshop.group import Played, unsure
from simulator.workshop.records import Reading, Regrade
from simulator.workshop.review import levels

KEEP, NONE = "", "none"
"""What a re-grading form says of a dimension: as the machine has it; or that it does not apply."""


def review_page(visit: Visit) -> Response:
    """Calls that can be read, those with unsure turns first; no words yet. Or why none can."""
    found = played(visit) if visit.shop.settings.may_read else []
    rows = sorted(((one, unsure(one)) for one in found if one.call.grades), key=lambda row: -len(row[1]))
    return page(visit, "review.html", shop=visit.shop, rows=rows)


def call_page(visit: Visit) -> Response:
    """One call, with the machine's and people's grades of every turn, and a form to add one's own."""
    one = _read(visit)
    visit.room.workshops.note_reading(
        visit.shop.id,
        Reading(at=visit.now, who=visit.host.name, what="a call", member_id=one.member.id, call_id=one.call_id),
    )
    human, open_turns = levels(one.call, one.regrades), unsure(one)
    turns = [
        {
            "index": turn.index,
            "mine": turn.speaker is Speaker.TRAINEE,
            "words": marked(turn.text, grades.evidence if grades else ()),
            "grades": grades,
            "human": human.get(turn.index, {}),
            "unsure": turn.index in open_turns,
            "given": [g for g in one.regrades if g.turn == turn.index],
        }
        for turn in one.call.transcript
        for grades in (one.call.grades.get(turn.index),)
    ]
    return page(visit, "call.html", shop=visit.shop, one=one, turns=turns, words=LEVEL_WORDS)


def regrade(visit: Visit) -> Response:
    """Keep a person's grades of one turn. The machine's stay as they are."""
    one, turn = _read(visit), visit.path["turn"]
    if not (turn.isascii() and turn.isdigit() and len(turn) < 6 and int(turn) in one.call.grades):
        raise UnknownNameError("graded turn", turn, ())
    given = {d: _level(visit, d) for d in Dimension if visit.text(d.value) != KEEP}
    comment = visit.text("comment", most=1000)
    if not given and not comment:
        raise FormatError("choose a level for at least one dimension, or write a comment")
    try:
        kept = Regrade(
            call_id=one.call_id, turn=int(turn), at=visit.now, by=visit.host.name, levels=given, comment=comment
        )
    except ValidationError as error:
        raise FormatError("a level is a number from 1 to 5") from error
    visit.room.workshops.regrade(kept)
    return see(f"/room/w/{visit.shop.id}/call/{one.call_id}#turn-{turn}")


def audit_page(visit: Visit) -> Response:
    """Who has looked at what."""
    names = {p.member.id: p.member.name for p in visit.room.workshops.room(visit.shop.id)}
    return page(visit, "audit.html", shop=visit.shop, lines=visit.room.workshops.readings(visit.shop.id), names=names)


def _read(visit: Visit) -> Played:
    """The call that the address names. Raises CallError where words are nobody else's business, UnknownNameError for a
    call that is not of this workshop."""
    if not visit.shop.settings.may_read:
        raise CallError("in this workshop nobody reads what was said: its trainees were told so")
    found = played(visit, call=visit.path["call"])
    if not found:
        raise UnknownNameError("call", visit.path["call"], ())
    return found[0]


def _level(visit: Visit, dimension: Dimension) -> int | None:
    said = visit.text(dimension.value)
    if said == NONE and dimension is not Dimension.CALMNESS:
        return None
    if said not in {"1", "2", "3", "4", "5"}:
        raise FormatError(f"choose a level from 1 to 5 for {DIMENSIONS[dimension].lower()}")
    return int(said)
