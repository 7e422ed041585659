"""Calls as a table, a row for each turn: CSV and Excel files for whoever works in a spreadsheet (`formats.md`, Turns as a table).

A spreadsheet takes a cell that begins like a formula for one and runs it, and the words in a call are anybody's: such a cell
gets an apostrophe in front (`safe`), in Excel files too, as they may be saved as CSV later.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO, StringIO

from simulator.call import Call
from simulator.cells import harmless
from simulator.events import CallerMoved
from simulator.transcript import Speaker
from simulator.vocabulary import Dimension
from simulator.workshop.records import Regrade
from simulator.workshop.review import by_people, reviewers

FORMAT = 1
"""Version of the table; raised when a column changes its meaning."""
Cell = str | int | float | None
COLUMNS = (
    "call", "trainee", "attempt", "branched_from", "at", "turn", "speaker", "text",
    *(f"{dimension.value}_machine" for dimension in Dimension), *(f"{dimension.value}_human" for dimension in Dimension),
    "graded_again_by", "comments",
    "unsure", "techniques", "faults", "intent", "mood", "agitation", "trust", "patience", "heard", "written",
    "persona", "caller", "scenario", "difficulty", "intensity", "medium", "hints", "ending", "model", "grader",
)  # fmt: skip
_NO_EXCEL_CELL_IS_LONGER = 32_767
_WIDTHS = {"text": 80, "at": 21, "comments": 40, "techniques": 30, "faults": 30, "model": 24, "grader": 24}


@dataclass(frozen=True, slots=True)
class Listed:
    """A call with what its events do not say: its id, whose it is, and which attempt at the same call."""

    id: str
    owner: str
    attempt: int
    call: Call
    regrades: tuple[Regrade, ...] = ()
    """What people have said about its grades, the oldest first."""


def attempts(calls: Iterable[tuple[str, str | None, float]]) -> dict[str, int]:
    """(id, parent's id, when it began) of every call → its number, from 1, among those that were branched off the same
    first call, that one included. A parent that was deleted still holds its branches together."""
    known = {call_id: (parent, at) for call_id, parent, at in calls}
    families: dict[str, list[str]] = {}
    for call_id in sorted(known, key=lambda i: (known[i][1], i)):
        first, seen = call_id, set[str]()
        while first not in seen and first in known and (parent := known[first][0]) is not None:
            seen.add(first)
            first = parent
        family = families.setdefault(first, [] if first in known else [first])
        family.append(call_id)
    return {i: number for family in families.values() for number, i in enumerate(family, 1) if i in known}


def rows_of(listed: Listed) -> Iterator[dict[str, Cell]]:
    """A row for each turn; None where there is nothing to say (an ungraded turn, a dimension that does not apply)."""
    call, start = listed.call, listed.call.start
    about: dict[str, Cell] = {
        "call": listed.id,
        "trainee": pseudonym(listed.owner),
        "attempt": listed.attempt,
        "branched_from": start.branched_from.call_id if start.branched_from else None,
        "persona": start.persona.id,
        "caller": start.persona.name,
        "scenario": start.scenario.id,
        "difficulty": start.difficulty.value,
        "intensity": start.intensity.value,
        "medium": start.medium.value,
        "hints": "yes" if start.hints else "no",
        "ending": call.ended.ending.value if call.ended else "open",
        "model": start.model,
        "grader": start.grader,
    }
    for turn in call.transcript:
        mine = turn.speaker is Speaker.TRAINEE
        told: dict[str, Cell] = {"at": _time(call.times.get(turn.index)), "turn": turn.index}
        told |= {"speaker": turn.speaker.value, "text": turn.text}
        told |= _graded(call, turn.index) | _again(listed, turn.index) if mine else _said(call, turn.index)
        told |= _state(call.moves.get(turn.index if mine else turn.index - 1))
        yield {name: (about | told).get(name) for name in COLUMNS}


def to_csv(table: Iterable[dict[str, Cell]], *, line_end: str = "\r\n") -> str:
    """The table as CSV text (RFC 4180), with a line of names."""
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end)
    writer.writerow(COLUMNS)
    for row in table:
        writer.writerow([harmless(row[name]) for name in COLUMNS])
    return out.getvalue()


def to_xlsx(table: Iterable[dict[str, Cell]]) -> bytes:
    """The table as an Excel workbook of one sheet. Words are words: no formula, no link, no number made of text."""
    import xlsxwriter

    out = BytesIO()
    plain = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, plain) as book:
        sheet = book.add_worksheet("Turns")
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        last = 0
        for last, row in enumerate(table, 1):
            for column, name in enumerate(COLUMNS):
                match harmless(row[name]):
                    case str(text):
                        sheet.write_string(last, column, _fitting(text), wrapped)
                    case None:
                        pass
                    case number:
                        sheet.write_number(last, column, number, wrapped)
        for column, name in enumerate(COLUMNS):
            sheet.write_string(0, column, name, bold)
            sheet.set_column(column, column, _WIDTHS.get(name, max(10, len(name) + 3)))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, last, len(COLUMNS) - 1)
    return out.getvalue()


def pseudonym(owner: str) -> str:
    """A name for the trainee that is the same in every export. Whoever knows a browser's own id can read its calls, so it
    is never written; whose calls are taken at the terminal is no secret."""
    return owner if owner == "terminal" else hashlib.sha256(owner.encode()).hexdigest()[:8]


def _graded(call: Call, turn: int) -> dict[str, Cell]:
    grades = call.grades.get(turn)
    if grades is None:
        return {}
    levels: dict[str, Cell] = {f"{d.value}_machine": grades.level(d) for d in Dimension}
    return levels | {
        "unsure": _list(d.value for d in grades.unsure),
        "techniques": _list(t.value for t in grades.techniques),
        "faults": _list(f.value for f in grades.faults),
    }


def _again(listed: Listed, turn: int) -> dict[str, Cell]:
    """What people have made of the grades of that turn: their last levels, who they are, and every comment."""
    given = [g for g in listed.regrades if g.turn == turn]
    levels = by_people(listed.call, given).get(turn, {})
    human: dict[str, Cell] = {f"{d.value}_human": "n/a" if level is None else level for d, level in levels.items()}
    comments = " | ".join(f"{g.by}: {g.comment}" for g in given if g.comment)
    return human | {"graded_again_by": _list(reviewers(given)), "comments": comments or None}


def _said(call: Call, turn: int) -> dict[str, Cell]:
    move, spoke = call.moves.get(turn - 1), call.spoken.get(turn)
    intent = move.plan.intent.value if move else None
    told: dict[str, Cell] = {"model": spoke.model} if spoke and spoke.model else {}
    return told | {"intent": intent, "written": None if spoke is None else "yes" if spoke.written else "no"}


def _state(move: CallerMoved | None) -> dict[str, Cell]:
    """How the caller feels after the turn."""
    if move is None:
        return {}
    state = move.state
    feelings = {name: round(getattr(state, name), 2) for name in ("agitation", "trust", "patience", "heard")}
    return {"mood": state.mood.value, **feelings}


def _list(names: Iterable[str]) -> str | None:
    return ", ".join(names) or None


def _fitting(text: str) -> str:
    return text if len(text) <= _NO_EXCEL_CELL_IS_LONGER else text[: _NO_EXCEL_CELL_IS_LONGER - 1] + "…"


def _time(at: float | None) -> str | None:
    """A moment in UTC, such as 2026-05-03T14:05:09Z; None if the clock was nonsense."""
    try:
        return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None


__all__ = ["COLUMNS", "FORMAT", "Cell", "Listed", "attempts", "pseudonym", "rows_of", "to_csv", "to_xlsx"]
