"""A trainee over their attempts, and their certificate: for themself, and for the facilitator of their workshop.

Neither page has a word of a call. That a facilitator has looked is written down for the trainee to see.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from starlette.responses import Response

from simulator.app.markup import TECHNIQUES
from simulator.app.room.calls import played
from simulator.app.room.visit import Visit, page, see
from simulator.debrief.advice import instead
from simulator.rubric import rubric
from simulator.vocabulary import Dimension
from simulator.workshop.progress import Step, certificate, habits, met, nearest, next_practice, steps
from simulator.workshop.records import Member, Reading

WIDTH, HEIGHT, EDGE = 220, 84, 12
"""Of a curve, in units of its viewBox."""


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


def curve(dimension: Dimension, done: Sequence[Step], mark: float) -> Markup:
    """A dimension's mean in every attempt (1 at the bottom, 5 at the top) with the pass mark as a dashed line; a ring where
    the evaluator alone would have it. Numbers only."""
    points = [(n, step.means[dimension], step.machine[dimension]) for n, step in enumerate(done)]
    shown = [(_x(n, len(done)), _y(mean)) for n, mean, _ in points if mean is not None]
    rings = [(_x(n, len(done)), _y(machine)) for n, mean, machine in points if machine is not None and machine != mean]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in shown)
    return Markup(
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
        f'<line class="mark" x1="0" x2="{WIDTH}" y1="{_y(mark):.1f}" y2="{_y(mark):.1f}"/>'
        f'<polyline points="{line}"/>'
        + "".join(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for x, y in rings)
        + "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in shown)
        + "</svg>"
    )


def _looked_at(visit: Visit, what: str) -> Member:
    member = visit.room.workshops.member(visit.path["member"], visit.shop.id)
    line = Reading(at=visit.now, who=visit.host.name, what=what, member_id=member.id)
    visit.room.workshops.note_reading(visit.shop.id, line)
    return member


def _progress(visit: Visit, member: Member, *, back: str, certified: str) -> Response:
    settings, personas = visit.shop.settings, visit.room.personas
    done = steps(played(visit, member=member.id))
    offered = [persona for persona in settings.personas if persona in personas]
    then = next_practice(done, settings, offered)
    return page(
        visit,
        "progress.html",
        shop=visit.shop,
        member=member,
        own=visit.workshop is None,
        back=back,
        certified=certified,
        done=done,
        left=max(0, settings.attempts - visit.room.workshops.begun(member.id)),
        curves={d: curve(d, done, settings.pass_marks[d]) for d in Dimension},
        means={d: [s.means[d] for s in done if s.means[d] is not None] for d in Dimension},
        habits=[(TECHNIQUES[h.technique], rubric().techniques[h.technique], h) for h in habits(done)],
        callers=met(done),
        next=then,
        caller=personas[then.persona] if then else None,
        instead=instead(then.dimension) if then else "",
        technique=then and then.technique and (TECHNIQUES[then.technique], rubric().techniques[then.technique]),
        earned=certificate(done, settings.pass_marks),
        nearest=nearest(done, settings.pass_marks),
    )


def _certificate(visit: Visit, member: Member, *, back: str) -> Response:
    settings = visit.shop.settings
    earned = certificate(steps(played(visit, member=member.id)), settings.pass_marks)
    if earned is None:
        return see(back)
    hosts = {host.id: host.name for host in visit.room.logins.facilitators()}
    host = hosts.get(visit.shop.facilitator_id, "")
    return page(visit, "certificate.html", shop=visit.shop, member=member, it=earned, back=back, host=host)


def _x(number: int, count: int) -> float:
    return EDGE + (WIDTH - 2 * EDGE) * (number / (count - 1) if count > 1 else 0.5)


def _y(level: float) -> float:
    return EDGE + (HEIGHT - 2 * EDGE) * (5 - level) / 4
