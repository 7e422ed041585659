"""A whole workshop as one ZIP file: results, turns, transcripts, debriefs, the group's debrief (`formats.md`, Workshop archive).

One rule decides what is in it: numbers always, **words** only where the trainees were told that somebody reads them. With
`redact` there are no people in it: trainees are numbered, words go through `redaction.py`. Files are named by number, never by
what somebody typed. The manifest says what it was made from, and the checksum of every file.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator import __version__
from simulator.call import fold
from simulator.debrief import debrief
from simulator.errors import SimulatorError
from simulator.events import StoredEvent
from simulator.pages import template
from simulator.pdf import to_pdf
from simulator.redaction import NAME, TRAINEE, Names, names_in, redact, redacted, redacted_grades
from simulator.report import plain, render, transcript_jsonl
from simulator.rubric import rubric
from simulator.spreadsheet import Cell, Listed, rows_of, to_csv, to_xlsx
from simulator.store import Store
from simulator.vocabulary import Dimension
from simulator.workshop.group import Played, heat, missed, overall, results_csv
from simulator.workshop.moments import moments
from simulator.workshop.records import Regrade, Workshop

FORMAT = 1
"""Version of the archive; raised when an old reader would read it wrongly."""
_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the archive may hold: `words` of the calls, people (not with `redact`), and each debrief as `pdf`, too."""

    words: bool
    redact: bool = False
    pdf: bool = False


@dataclass(frozen=True, slots=True)
class Gathered:
    """The calls of a workshop that count, in the order of trainees and attempts; each trainee's number, from 1, by member id
    (at random: it tells nothing); `left_out` are calls that cannot be read."""

    played: tuple[Played, ...]
    numbers: dict[str, int]
    left_out: tuple[str, ...]


def pack(
    store: Store, shop: Workshop, wanted: Wanted, *, at: float, told: Callable[[int, int], None] = lambda done, of: None
) -> bytes:
    """The archive; `told` how many calls of how many are done. Raises StoreError; DataError where PDFs cannot be made."""
    gathered = gather(store, shop, redact=wanted.redact)
    packed, files = io.BytesIO(), list[dict[str, object]]()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(shop, gathered, wanted, told):
            files.append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
            _put(archive, name, content, at)
        manifest = json.dumps(_manifest(shop, gathered, wanted, files, at), ensure_ascii=False, indent=1)
        _put(archive, "manifest.json", manifest.encode(), at)
    return packed.getvalue()


def file_name(shop: Workshop, ending: str) -> str:
    """What a file about that workshop is called: ASCII letters, digits and hyphens of its title."""
    return f"{re.sub(r'[^a-z0-9]+', '-', shop.settings.title.lower()).strip('-')[:40] or 'workshop'}{ending}"


def gather(store: Store, shop: Workshop, *, redact: bool = False) -> Gathered:
    """Every call of the workshop that counts; with `redact`, without people."""
    places = store.workshops.room(shop.id)
    counted = [(p.member, c.id, c.attempt) for p in places for c in p.calls if c.attempt is not None]
    given = store.workshops.regrades([call_id for _, call_id, _ in counted])
    numbers = {i: place for place, i in enumerate(sorted({member.id for member, _, _ in counted}), 1)}
    people = {p.member.name: NAME for p in places}
    found, left_out = list[Played](), list[str]()
    for member, call_id, attempt in counted:
        theirs = tuple(g for g in given if g.call_id == call_id)
        try:
            stream: Sequence[StoredEvent] = store.events(call_id, owner=member.owner)
            if redact:
                stream, theirs = _without_people(stream, theirs, people | {member.name: TRAINEE}, member.name)
            call = fold(stream)
        except SimulatorError as error:
            _log.warning("call %s is not in the archive: %s", call_id, error)
            left_out.append(call_id)
            continue
        whose = member.model_copy(update={"name": f"Trainee {numbers[member.id]}"}) if redact else member
        found.append(Played(whose, attempt, call_id, call, theirs))
    found.sort(key=lambda one: (one.member.id, one.attempt))
    return Gathered(tuple(found), numbers, tuple(left_out))


def _without_people(
    stream: Sequence[StoredEvent], given: tuple[Regrade, ...], people: dict[str, str], trainee: str
) -> tuple[Sequence[StoredEvent], tuple[Regrade, ...]]:
    known = names_in(stream, people)
    return redacted(stream, known), redacted_grades(given, known, trainee)


# ---- what is in it ----


def _files(
    shop: Workshop, gathered: Gathered, wanted: Wanted, told: Callable[[int, int], None]
) -> Iterator[tuple[str, bytes]]:
    marks = shop.settings.pass_marks
    title = _title(shop, wanted)
    yield "results.csv", (_MARK + results_csv(title, gathered.played, marks)).encode()
    table = [row for one in gathered.played for row in _rows(one, wanted)]
    yield "turns.csv", (_MARK + to_csv(table)).encode()
    yield "turns.xlsx", to_xlsx(table)
    page = _group(title, shop, gathered, wanted)
    yield "group.html", page.encode()
    if wanted.pdf:
        yield "group.pdf", to_pdf(page)
    if not wanted.words:
        return
    for done, one in enumerate(gathered.played):
        told(done, len(gathered.played))
        name = f"trainee-{gathered.numbers[one.member.id]:02}-attempt-{one.attempt}"
        yield f"transcripts/{name}.jsonl", transcript_jsonl(one.call, one.regrades).encode()
        page = render(one.call, debrief(one.call), None, one.regrades)
        yield f"debriefs/{name}.html", page.encode()
        if wanted.pdf:
            yield f"debriefs/{name}.pdf", to_pdf(page)


def _rows(one: Played, wanted: Wanted) -> Iterator[dict[str, Cell]]:
    """A row for each turn of the call, with the trainee's name; without what was said where nobody reads it."""
    for row in rows_of(Listed(one.call_id, one.member.owner, one.attempt, one.call, one.regrades)):
        yield row | {"trainee": one.member.name} | ({} if wanted.words else {"text": None})


def _group(title: str, shop: Workshop, gathered: Gathered, wanted: Wanted) -> str:
    """The group's debrief as a page of its own; moments are words, and shown only of those who agreed."""
    graded = [one for one in gathered.played if one.call.grades]
    return template("group.html").render(
        title=title,
        rows=heat(graded, shop.settings.pass_marks),
        calls=len(graded),
        marks=shop.settings.pass_marks,
        titles={d: rubric().dimensions[d].title for d in Dimension},
        everybody=overall(graded),
        missed=missed(graded),
        techniques=rubric().techniques,
        moments=moments(graded) if wanted.words else [],
        scenarios={one.call.start.scenario.id: one.call.start.scenario for one in graded}.values(),
        plain=plain,
    )


def _manifest(
    shop: Workshop, gathered: Gathered, wanted: Wanted, files: list[dict[str, object]], at: float
) -> dict[str, object]:
    starts = [one.call.start for one in gathered.played]
    return {
        "format": FORMAT,
        "made_at": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "program": __version__,
        "rubric": rubric().version,
        "models": sorted({start.model for start in starts}),
        "graders": sorted({start.grader for start in starts}),
        "workshop": {
            "id": shop.id,
            "settings": shop.settings.model_dump(mode="json") | {"title": _title(shop, wanted)},
            "made_at": shop.made_at,
            "opened_at": shop.opened_at,
            "ended_at": shop.ended_at,
        },
        "words": wanted.words,
        "redacted": wanted.redact,
        "trainees": len({one.member.id for one in gathered.played}),
        "calls": len(gathered.played),
        "left_out": list(gathered.left_out),
        "files": files,
    }


def _title(shop: Workshop, wanted: Wanted) -> str:
    return redact(shop.settings.title, Names()) if wanted.redact else shop.settings.title


def _put(archive: zipfile.ZipFile, name: str, content: bytes, at: float) -> None:
    """One file, with the time of the archive: the same calls at the same time give the same bytes."""
    when = datetime.fromtimestamp(at, UTC)
    info = zipfile.ZipInfo(name, (max(1980, when.year), *when.timetuple()[1:6]))
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    archive.writestr(info, content)


__all__ = ["FORMAT", "Gathered", "Wanted", "file_name", "gather", "pack"]
