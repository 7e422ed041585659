"""A facilitator's desk: their workshops, and the form in which one is made, changed or copied."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from simulator.app.markup import DIMENSIONS
from simulator.app.room.visit import Visit, page, see
from simulator.consent import MEANS
from simulator.errors import DataError, FormatError, UnknownNameError
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register
from simulator.workshop.records import Workshop, WorkshopSettings
from simulator.workshop.rules import stricter_only

_WORDS = {
    "title": "write a title, at most 80 characters",
    "personas": "choose at least one caller",
    "scenarios": "choose at least one situation",
    "difficulties": "choose at least one difficulty",
    "attempts": "attempts are a whole number from 1 to 99",
    "pass_marks": "a pass mark is a number from 1 to 5",
    "retention_days": "days to keep calls are a whole number from 1 to 3650",
}


def desk_page(visit: Visit) -> Response:
    """Every workshop of theirs."""
    return page(visit, "desk.html", shops=visit.room.workshops.workshops(visit.host.id))


def new_page(visit: Visit) -> Response:
    """The form, filled in with what usually fits."""
    first = list(visit.room.personas)[:4], list(visit.room.scenarios)[:3]
    usual = {"title": "", "personas": first[0], "scenarios": first[1], "difficulties": ["easy"], "hints": True}
    return _form(visit, usual | _usual())


def _usual() -> dict[str, Any]:
    fields = WorkshopSettings.model_fields
    found = {
        name: fields[name].default
        for name in ("attempts", "medium", "intensity", "may_read", "research", "retention_days")
    }
    return found | {"marks": fields["pass_marks"].default}


def create(visit: Visit) -> Response:
    """A new workshop; it waits to be started."""
    try:
        made = visit.room.workshops.create(visit.host.id, _settings(visit), at=visit.now)
    except DataError as error:
        return _form(visit, _typed(visit), str(error))
    return see(f"/room/w/{made.id}")


def edit_page(visit: Visit) -> Response:
    """The same form for a workshop that is there."""
    kept = visit.shop.settings
    shown = kept.model_dump(mode="json", exclude={"pass_marks"}) | {"marks": kept.pass_marks}
    return _form(visit, shown)


def edit(visit: Visit) -> Response:
    """Changed settings; what people were promised when they joined can only become stricter."""
    try:
        settings = _settings(visit)

        def changed(shop: Workshop, joined: int) -> Workshop:
            if joined:
                stricter_only(shop.settings, settings)
            return shop.model_copy(update={"settings": settings})

        visit.room.workshops.change(visit.shop.id, visit.host.id, changed)
    except UnknownNameError:  # deleted meanwhile
        raise
    except DataError as error:
        return _form(visit, _typed(visit), str(error))
    return see(f"/room/w/{visit.shop.id}")


def duplicate(visit: Visit) -> Response:
    """A new workshop with the same settings, its own code, and nobody in it."""
    kept = visit.shop.settings
    title = f"{kept.title[:72]} (again)"
    made = visit.room.workshops.create(visit.host.id, kept.model_copy(update={"title": title}), at=visit.now)
    return see(f"/room/w/{made.id}/edit")


def delete(visit: Visit) -> Response:
    """Away with it, with everybody's calls, once its title has been typed."""
    if visit.text("title") != visit.shop.settings.title:
        raise FormatError("type the workshop's title to delete it: nothing has been deleted")
    for place in visit.room.workshops.room(visit.shop.id):
        for call in place.calls:
            visit.room.rehearsals.put_away(call.id)
    visit.room.workshops.delete(visit.shop.id, visit.host.id)
    return see("/room")


def _settings(visit: Visit) -> WorkshopSettings:
    """What the form says. Raises FormatError naming the field."""
    unknown = [p for p in visit.several("personas") if p not in visit.room.personas]
    unknown += [s for s in visit.several("scenarios") if s not in visit.room.scenarios]
    if unknown:
        raise FormatError("a caller or situation was chosen that is not on this server: reload the page")
    fields = _sent(visit)
    fields["pass_marks"] = fields.pop("marks")
    try:
        return WorkshopSettings.model_validate(fields)
    except ValidationError as error:
        where = str(error.errors(include_url=False, include_input=False)[0]["loc"][0])
        raise FormatError(_WORDS.get(where, f"choose one of the answers for {where}")) from error


def _typed(visit: Visit) -> dict[str, Any]:
    """The form as it was sent, to be sent again."""
    fields = _sent(visit)
    return fields | {"title": fields["title"][:200]}


def _sent(visit: Visit) -> dict[str, Any]:
    """What the form holds, in the words of its page."""
    return {
        "title": visit.text("title", most=400),
        "personas": visit.several("personas"),
        "scenarios": visit.several("scenarios"),
        "difficulties": visit.several("difficulties"),
        "attempts": visit.text("attempts"),
        "marks": {d: visit.text(f"mark_{d.value}") for d in Dimension},
        "hints": visit.text("mode") != "exam",
        "medium": visit.text("medium"),
        "intensity": visit.text("intensity"),
        "may_read": visit.ticked("may_read"),
        "research": visit.ticked("research"),
        "retention_days": visit.text("retention_days"),
    }


def _form(visit: Visit, shown: dict[str, Any], error: str = "") -> Response:
    return page(
        visit,
        "edit.html",
        status=400 if error else 200,
        error=error,
        it=shown,
        shop=visit.workshop,
        personas=visit.room.personas.values(),
        scenarios=visit.room.scenarios.values(),
        difficulties=list(Difficulty),
        intensities=[(i, MEANS[i]) for i in Intensity],
        registers=list(Register),
        titles=DIMENSIONS,
    )
