"""A workshop as one file: for its facilitator, and, without names, for researchers where the trainees were told so. Every
file that is taken is written down before it is handed over."""

from __future__ import annotations

from threading import BoundedSemaphore

from starlette.responses import Response

from simulator.app.room.visit import HEADERS, Visit, page
from simulator.errors import BusyError
from simulator.takeaway import Wanted, file_name, pack
from simulator.workshop.records import Reading

_AT_ONCE = BoundedSemaphore(1)
"""Archives made at the same time: they take a processor that the callers need, too."""


def archive(visit: Visit) -> Response:
    """For the facilitator: with words where they may read them, without names if they ask for that."""
    asked = visit.query
    redact, pdf = asked.get("redact") == "yes", asked.get("pdf") == "yes"
    return _packed(visit, visit.host.name, Wanted(visit.shop.settings.may_read, redact, pdf))


def research_page(visit: Visit) -> Response:
    """The workshops whose trainees were told that researchers get their calls without names."""
    return page(visit, "research.html", shops=visit.room.workshops.for_research())


def research_archive(visit: Visit) -> Response:
    """One of them: always without names."""
    return _packed(visit, visit.scholar.name, Wanted(words=True, redact=True))


def _packed(visit: Visit, who: str, wanted: Wanted) -> Response:
    if not _AT_ONCE.acquire(blocking=False):
        raise BusyError("another file is being made at this moment: try again in a minute")
    try:
        content = pack(visit.room.rehearsals.store, visit.shop, wanted, at=visit.now)
    finally:
        _AT_ONCE.release()
    what = f"the whole workshop, as a file{' without names' if wanted.redact else ''}"
    visit.room.workshops.note_reading(visit.shop.id, Reading(at=visit.now, who=who, what=what))
    name = file_name(visit.shop, "-without-names.zip" if wanted.redact else ".zip")
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)
