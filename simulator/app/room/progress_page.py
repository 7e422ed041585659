"""A trainee over their attempts, and their certificate: for themself, and for the facilitator of their workshop.

Neither page has a word of a call. That a facilitator has looked is written down for the trainee to see.
"""

from __future__ import annotations

from starlette.responses import Response

from simulator.app.markup import ENDED
from simulator.app.progress import told
from simulator.app.room.calls import played
from simulator.app.room.visit import Visit, page, see
from simulator.workshop.progress import certificate, nearest, steps
from simulator.workshop.records import Member, Reading


def mine(visit: Visit) -> Response:
    """The trainee's own progress."""
    return _progress(visit, visit.member, back="/workshop", certified="/workshop/certificate")


def theirs(visit: Visit) -> Response:
    """The progress of one trainee, for their facilitator. Raises UnknownNameError for somebody of another workshop."""
    member = _looked_at(visit, "your progress")
    here = f"/room/w/{visit.shop.id}"
    return _progress(visit, member, back=here, certified=f"{here}/trainee/{member.id}/certificate")


def my_certificate(visit: Visit) -> Response:
    """The trainee's own certificate; their progress as long as there is none."""
    return _certificate(visit, visit.member, back="/workshop/progress")


def their_certificate(visit: Visit) -> Response:
    """The same, for their facilitator."""
    member = _looked_at(visit, "your certificate")
    return _certificate(visit, member, back=f"/room/w/{visit.shop.id}/trainee/{member.id}")


def _looked_at(visit: Visit, what: str) -> Member:
    member = visit.room.workshops.member(visit.path["member"], visit.shop.id)
    line = Reading(at=visit.now, who=visit.host.name, what=what, member_id=member.id)
    visit.room.workshops.note_reading(visit.shop.id, line)
    return member


def _progress(visit: Visit, member: Member, *, back: str, certified: str) -> Response:
    settings = visit.shop.settings
    done = steps(played(visit, member=member.id))
    offered = {i: visit.room.personas[i] for i in settings.personas if i in visit.room.personas}
    return page(
        visit,
        "progress.html",
        shop=visit.shop,
        member=member,
        own=visit.workshop is None,
        back=back,
        certified=certified,
        left=max(0, settings.attempts - visit.room.workshops.begun(member.id)),
        earned=certificate(done, settings.pass_marks),
        nearest=nearest(done, settings.pass_marks),
        **told(done, settings.pass_marks, settings.difficulties, offered),
    )


def _certificate(visit: Visit, member: Member, *, back: str) -> Response:
    settings = visit.shop.settings
    earned = certificate(steps(played(visit, member=member.id)), settings.pass_marks)
    if earned is None:
        return see(back)
    hosts = {host.id: host.name for host in visit.room.logins.facilitators()}
    host = hosts.get(visit.shop.facilitator_id, "")
    return page(visit, "certificate.html", shop=visit.shop, member=member, it=earned, back=back, host=host, ended=ENDED)
