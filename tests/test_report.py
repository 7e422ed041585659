"""The report: one file, nothing from outside, everything escaped; and the transcript as rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from builders import BEGAN, assessment, persona, play, scenario, started

from simulator.assessment import Evidence
from simulator.call import Call, fold
from simulator.coaching import Suggestion, suggest
from simulator.debrief import MoodPoint, debrief
from simulator.events import NoteWritten
from simulator.mood_chart import RIGHT, WIDTH
from simulator.report import marked, mood_svg, render, transcript_jsonl
from simulator.scenario import scenarios
from simulator.vocabulary import Dimension, Fault, Intent, Technique

XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
GREETING = assessment(calmness=5, empathy=None, solution=None)
WEAK = assessment(calmness=2, empathy=2, solution=2, tags=(Fault.ARGUES, Technique.APOLOGISES))


def a_call() -> Call:
    shipped = scenarios()["hotel_room"]
    said = ("Good morning.", "That is not what our log says. Sorry.", "Room 307 by 11:00.")
    grades = (GREETING, WEAK, assessment(calmness=5, empathy=4, solution=5))
    call = fold(play(*said, start=started(about=shipped), grades=grades, end=True))
    return call.after(NoteWritten(at=BEGAN + 99, text="Fan noise and cold water in 214. Still open."))


def page(call: Call, suggestion: Suggestion | None = None) -> str:
    return render(call, debrief(call), suggestion)


class Reader(HTMLParser):
    """Collects tags, and complains about what is not closed."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_a_report_holds_everything_and_asks_for_nothing() -> None:
    call = a_call()
    suggestion = suggest(call, 2, lambda _: assessment(calmness=5, empathy=5, solution=5))
    assert suggestion is not None
    html = page(call, suggestion)
    reader = read(html)
    assert not set(reader.tags) & {"script", "img", "link", "iframe", "form", "a"}
    assert "default-src 'none'" in html
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", html)
    for words in ("Satisfaction", "Keep this", "Change this", "Better words", "Still open", "thinks:", "Room 307"):
        assert words in html
    assert reader.tags.count("h1") == 1


def test_a_call_that_has_not_begun_still_makes_a_page() -> None:
    read(page(fold((started(),))))


def test_every_text_is_escaped() -> None:
    about = scenario(title=XSS[:60], business=XSS, issue=XSS, goal=XSS, opening=XSS)
    who = persona(name=XSS[:40], label=XSS[:60], who=XSS, needs=XSS)
    evidence = (Evidence(about=Dimension.EMPATHY, quote=XSS, start=0), Evidence(about=Fault.ARGUES, quote=XSS, start=0))
    grades = assessment(calmness=2, empathy=2, solution=2, tags=(Fault.ARGUES,), evidence=evidence, grader=XSS)
    start = started(who=who, about=about).model_copy(update={"model": XSS, "grader": XSS})
    call = fold(play("Hello.", XSS, XSS, start=start, grades=(GREETING, grades)))
    spoken = {t: s.model_copy(update={"text": XSS}) for t, s in call.spoken.items()}
    call = replace(call, spoken=spoken).after(NoteWritten(at=BEGAN, text=XSS))
    html = page(call, Suggestion(2, Dimension.EMPATHY, XSS, XSS, grades, grades, XSS))
    assert "<script" not in html and "<img" not in html
    assert html.count("&lt;script&gt;") >= 10
    assert set(read(html).tags).isdisjoint({"script", "img"})


def test_evidence_is_marked_where_it_stands() -> None:
    text = "Calm down & wait <now>."
    evidence = (
        Evidence(about=Fault.TELLS_TO_CALM_DOWN, quote="Calm down", start=0),
        Evidence(about=Dimension.CALMNESS, quote="down & wait", start=5),
        Evidence(about=Dimension.SOLUTION, quote="<now>", start=17),
        Evidence(about=Dimension.SOLUTION, quote="not there", start=3),
    )
    assert str(marked(text, evidence)) == (
        '<mark class="bad" title="tells to calm down, calmness">Calm down &amp; wait</mark> '
        '<mark class="good" title="solution">&lt;now&gt;</mark>.'
    )


def a_point(turn: int, agitation: float = 5, trust: float = 5) -> MoodPoint:
    return MoodPoint(turn, agitation, trust, 5, 5, Intent.VENT, "Hm.", ())


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_the_mood_chart_is_well_formed_and_says_what_it_shows(count: int) -> None:
    svg = mood_svg([a_point(2 * n, agitation=n % 11, trust=10) for n in range(count)])
    root = ElementTree.fromstring(svg)
    ns = {"s": "http://www.w3.org/2000/svg"}
    assert root.get("role") == "img"
    assert root.find("s:title", ns) is not None and (root.findtext("s:desc", namespaces=ns))
    assert len(root.findall(".//s:polyline", ns)) == (4 if count else 0)
    for text in root.findall(".//s:text", ns):
        assert 0 <= float(text.get("y", "-1")) <= 230


def test_labels_do_not_touch_when_curves_end_together() -> None:
    root = ElementTree.fromstring(mood_svg([a_point(0), a_point(2)]))
    heights = sorted(
        float(t.get("y", "0"))
        for t in root.iter("{http://www.w3.org/2000/svg}text")
        if t.get("x") == str(WIDTH - RIGHT + 4)
    )
    assert len(heights) == 4
    assert all(b - a >= 12 for a, b in pairwise(heights))


def test_the_description_says_what_the_curves_show() -> None:
    svg = mood_svg([a_point(0, agitation=8, trust=2), a_point(2, agitation=3, trust=7)])
    assert "agitation fell from 8.0 to 3.0" in svg and "trust rose from 2.0 to 7.0" in svg
    assert "highest (8.0) after turn 1" in svg


def test_the_transcript_has_a_header_and_a_row_for_each_turn() -> None:
    call = a_call()
    rows = [json.loads(line) for line in transcript_jsonl(call).splitlines()]
    assert (rows[0]["format"], rows[0]["kind"], rows[0]["scenario"]) == (1, "call", "hotel_room")
    assert rows[0]["ending"] and rows[0]["note"]
    assert [row["turn"] for row in rows[1:]] == list(range(len(call.transcript)))
    trainee, caller = rows[3], rows[4]
    assert trainee["levels"] == {"calmness": 2, "empathy": 2, "solution": 2, "closing": None}
    assert trainee["faults"] == ["argues"] and trainee["techniques"] == ["apologises"]
    assert caller["intent"] and caller["state"]["agitation"] >= 0 and caller["written"] is False


def test_an_ungraded_turn_has_nulls_and_no_zeros() -> None:
    events = play("Good morning.")
    call = fold(events[:2])
    row = json.loads(transcript_jsonl(call).splitlines()[1])
    assert row["levels"] is row["techniques"] is row["evidence"] is None
