"""A whole workshop as one ZIP file: results, turns, transcripts, debriefs, the group's debrief (`formats.md`, Workshop archive).

One rule decides what is in it: numbers always, **words** only where the trainees were told that somebody reads them. With
`redact` there are no people in it: trainees are numbered, words go through `redaction.py`. Files are named by number, never by
what somebody typed. The manifest says what it was made from, and the checksum of every file.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from simulator import __version__
from simulator.debrief import debrief
from simulator.gathering import Given, Stream, gather
from simulator.pages import template
from simulator.pdf import to_pdf
from simulator.redaction import NAME, TRAINEE, Names, names_in, redact, redacted, redacted_grades
from simulator.report import render, transcript_jsonl
from simulator.rubric import rubric
from simulator.spreadsheet import Cell, Listed, rows_of, to_csv, to_xlsx
from simulator.store import Store
from simulator.vocabulary import Dimension, plain
from simulator.workshop.group import Played, heat, missed, overall, results_csv
from simulator.workshop.moments import moments, one_of_each, side_by_side
from simulator.workshop.records import Member, Workshop

FORMAT = 1
"""Version of the archive; raised when an old reader would read it wrongly."""
_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the archive may hold: `words` of the calls, people (not with `redact`), and each debrief as `pdf`, too."""

    words: bool
    redact: bool = False
    pdf: bool = False


@dataclass(frozen=True, slots=True)
class _Inside:
    """The calls of a workshop, by trainee in an order that tells nothing about them, then by attempt; each trainee's number,
    from 1, by member id; `left_out` are calls that cannot be read."""

    played: tuple[Played, ...]
    numbers: dict[str, int]
    left_out: tuple[str, ...]


def pack(
    store: Store, shop: Workshop, wanted: Wanted, *, at: float, told: Callable[[int, int], None] = lambda done, of: None
) -> bytes:
    """The archive; `told` how many calls of how many are done. Raises StoreError; DataError where PDFs cannot be made."""
    inside = _inside(store, shop, without_people=wanted.redact)
    packed, files = io.BytesIO(), list[dict[str, object]]()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _files(shop, inside, wanted, told):
            files.append({"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})
            _put(archive, name, content, at)
        manifest = json.dumps(_manifest(shop, inside, wanted, files, at), ensure_ascii=False, indent=1)
        _put(archive, "manifest.json", manifest.encode(), at)
    return packed.getvalue()


def file_name(shop: Workshop, ending: str) -> str:
    """What a file about that workshop is called: ASCII letters, digits and hyphens of its title."""
    return f"{re.sub(r'[^a-z0-9]+', '-', shop.settings.title.lower()).strip('-')[:40] or 'workshop'}{ending}"


def _inside(store: Store, shop: Workshop, *, without_people: bool) -> _Inside:
    """Every call of the workshop that counts; perhaps without people."""
    found = gather(store, shop.id, first=_redacting(store, shop)) if without_people else gather(store, shop.id)
    ids = sorted({one.member.id for one in found.played})  # drawn at random
    numbers = {i: place for place, i in enumerate(ids, 1)}
    played = sorted(found.played, key=lambda one: (one.member.id, one.attempt))
    if without_people:
        played = [replace(one, member=_numbered(one.member, numbers)) for one in played]
    return _Inside(tuple(played), numbers, found.left_out)


def _numbered(member: Member, numbers: dict[str, int]) -> Member:
    return member.model_copy(update={"name": f"Trainee {numbers[member.id]}"})


def _redacting(store: Store, shop: Workshop) -> Callable[[Member, Stream, Given], tuple[Stream, Given]]:
    """Takes people out of a call and of what was said about its grades: also those who sit in the same room."""
    people = {place.member.name: NAME for place in store.workshops.room(shop.id)}

    def redacting(whose: Member, stream: Stream, given: Given) -> tuple[Stream, Given]:
        known = names_in(stream, people | {whose.name: TRAINEE})
        return redacted(stream, known), redacted_grades(given, known, whose.name)

    return redacting


# ---- what is in it ----


def _files(
    shop: Workshop, inside: _Inside, wanted: Wanted, told: Callable[[int, int], None]
) -> Iterator[tuple[str, bytes]]:
    marks = shop.settings.pass_marks
    title = _title(shop, wanted)
    yield "results.csv", (_MARK + results_csv(title, inside.played, marks)).encode()
    table = [row for one in inside.played for row in _rows(one, wanted)]
    yield "turns.csv", (_MARK + to_csv(table)).encode()
    yield "turns.xlsx", to_xlsx(table)
    page = _group(title, shop, inside, wanted)
    yield "group.html", page.encode()
    if wanted.pdf:
        yield "group.pdf", to_pdf(page)
    if not wanted.words:
        return
    for done, one in enumerate(inside.played):
        told(done, len(inside.played))
        name = f"trainee-{inside.numbers[one.member.id]:02}-attempt-{one.attempt}"
        yield f"transcripts/{name}.jsonl", transcript_jsonl(one.call, one.regrades).encode()
        page = render(one.call, debrief(one.call), None, one.regrades)
        yield f"debriefs/{name}.html", page.encode()
        if wanted.pdf:
            yield f"debriefs/{name}.pdf", to_pdf(page)


def _rows(one: Played, wanted: Wanted) -> Iterator[dict[str, Cell]]:
    """A row for each turn of the call, with the trainee's name; without what was said where nobody reads it."""
    for row in rows_of(Listed(one.call_id, one.member.owner, one.attempt, one.call, one.regrades)):
        yield row | {"trainee": one.member.name} | ({} if wanted.words else {"text": None})


def _group(title: str, shop: Workshop, inside: _Inside, wanted: Wanted) -> str:
    """The group's debrief as a page of its own; moments are words, and shown only of those who agreed."""
    graded = [one for one in inside.played if one.call.grades]
    return template("group.html").render(
        title=title,
        rows=heat(graded, shop.settings.pass_marks),
        calls=len(graded),
        marks=shop.settings.pass_marks,
        titles={d: rubric().dimensions[d].title for d in Dimension},
        everybody=overall(graded),
        machine=overall(graded, machine=True),
        missed=missed(graded),
        techniques=rubric().techniques,
        moments=moments(graded) if wanted.words else [],
        same=one_of_each(side_by_side(graded)) if wanted.words else [],
        scenarios={one.call.start.scenario.id: one.call.start.scenario for one in graded}.values(),
        plain=plain,
    )


def _manifest(
    shop: Workshop, inside: _Inside, wanted: Wanted, files: list[dict[str, object]], at: float
) -> dict[str, object]:
    starts = [one.call.start for one in inside.played]
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
        "trainees": len({one.member.id for one in inside.played}),
        "calls": len(inside.played),
        "left_out": list(inside.left_out),
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


__all__ = ["FORMAT", "Wanted", "file_name", "pack"]
