"""Debriefing the group: one page to talk over together, and the results to take home."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.responses import Response

from simulator.app.markup import TECHNIQUES
from simulator.app.room.calls import played
from simulator.app.room.visit import HEADERS, Visit, page
from simulator.rubric import rubric
from simulator.vocabulary import Dimension
from simulator.workshop.group import FEW, Played, heat, missed, overall, results_csv
from simulator.workshop.moments import chosen, moments, side_by_side
from simulator.workshop.progress import certificate, steps
from simulator.workshop.records import Reading


def group_page(visit: Visit) -> Response:
    """The group's numbers without names, unless these are asked for; moments of those who agreed; and one moment as
    several of them handled it: `?same=` says which."""
    graded = [one for one in played(visit) if one.call.grades]
    rows, shown = heat(graded, visit.shop.settings.pass_marks), moments(graded)
    every = side_by_side(graded)
    same = chosen(every, visit.query.get("same", ""))
    for moment in {m.call_id: m for m in (*shown, *(same.sides if same else ()))}.values():
        line = Reading(
            at=visit.now,
            who=visit.host.name,
            what="a moment, for the group",
            member_id=moment.member.id,
            call_id=moment.call_id,
        )
        visit.room.workshops.note_reading(visit.shop.id, line)
    asked = {one.call.start.scenario.id: one.call.start.scenario for one in graded}
    return page(
        visit,
        "group.html",
        shop=visit.shop,
        rows=rows,
        everybody=overall(graded),
        machine=overall(graded, machine=True),
        regraded=sum(row.regraded for row in rows),
        calls=len(graded),
        missed=[(TECHNIQUES[t], rubric().techniques[t], count) for t, count in missed(graded)],
        certified=_certified(graded, visit.shop.settings.pass_marks),
        moments=shown,
        every=every,
        same=same,
        scenarios=asked.values(),
        names=visit.query.get("names") == "yes",
        few=len(rows) < FEW,
    )


def _certified(graded: Iterable[Played], marks: Mapping[Dimension, float]) -> set[str]:
    """Ids of the trainees who have earned a certificate."""
    theirs: dict[str, list[Played]] = {}
    for one in graded:
        theirs.setdefault(one.member.id, []).append(one)
    return {member for member, calls in theirs.items() if certificate(steps(calls), marks)}


def results(visit: Visit) -> Response:
    """The results as a file for a spreadsheet."""
    settings = visit.shop.settings
    text = results_csv(settings.title, played(visit), settings.pass_marks)
    name = re.sub(r"[^a-z0-9]+", "-", settings.title.lower()).strip("-")[:40] or "workshop"
    visit.room.workshops.note_reading(
        visit.shop.id, Reading(at=visit.now, who=visit.host.name, what="the results, as a file")
    )
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="results-{name}.csv"'}
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)
