"""What tests of the call page share: well-formed HTML, a scripted voice and grader over a real store, and a call on its page."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from simulator.app.handlers import Handlers
from simulator.app.views import View
from simulator.assessment import Assessment, DimensionScore, Evidence
from simulator.caller.own_lines import written_line
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying
from simulator.persona import personas
from simulator.rehearsal import Choices, Rehearsal, Rehearsals
from simulator.scenario import Brief, scenarios
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Dimension, Fault, Technique

SCRIPT = "<script>alert(1)</script>\"'&"
VOID = {"input", "br", "path", "circle", "rect", "hr", "img", "line"}


class Balance(HTMLParser):
    """Raises if tags do not close in order; collects ids and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def checked(markup: str) -> Balance:
    """The parsed markup, once it is well formed and its ids are distinct."""
    parser = Balance()
    parser.feed(markup)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids)), parser.ids
    assert "script" not in parser.tags
    return parser


def assessment(
    levels: dict[Dimension, int | None] | None = None,
    techniques: tuple[Technique, ...] = (),
    faults: tuple[Fault, ...] = (),
    evidence: tuple[Evidence, ...] = (),
    reason: str = "because",
) -> Assessment:
    """Grades with the given levels (others do not apply)."""
    given = levels or {}
    scores = {
        d: DimensionScore(level=level, value=level, confidence=0.8, reason=reason)
        if (level := given.get(d)) is not None
        else DimensionScore(confidence=0.9, reason="does not apply")
        for d in Dimension
    }
    return Assessment(scores=scores, techniques=techniques, faults=faults, evidence=evidence, grader="scripted")


class ScriptedVoice:
    """Says the persona's own lines, in two pieces; fails as often as `failures` says."""

    name = "scripted"

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def say(self, situation: Situation) -> Iterator[Saying | Line]:
        if self.failures:
            raise self.failures.pop()
        text = written_line(situation, situation.plans[situation.transcript.turns[-1].index])
        yield Saying(text[: len(text) // 2])
        yield Saying(text)
        yield Line(text, written=False, attempts=1, seconds=0.1)


class ScriptedGrader:
    """Gives good grades, bad ones to a turn that says so."""

    name = "scripted"

    def __init__(self) -> None:
        self.broken: Exception | None = None

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        assert scenario.issue
        assert cache_key
        if self.broken is not None:
            raise self.broken
        if "calm down" in turn.text:
            return assessment(
                {Dimension.CALMNESS: 2, Dimension.EMPATHY: 1, Dimension.SOLUTION: 2}, faults=(Fault.TELLS_TO_CALM_DOWN,)
            )
        quote = turn.text[:5]
        return assessment(
            {Dimension.CALMNESS: 5, Dimension.EMPATHY: 4 if len(transcript) else None, Dimension.SOLUTION: 4},
            techniques=(Technique.NAMES_NEXT_STEP,),
            evidence=(Evidence(about=Dimension.CALMNESS, quote=quote, start=0),),
        )


def together(views: Iterator[View]) -> View:
    """All views of one event as the page ends up with them."""
    out: View = {}
    for view in views:
        out |= view
    return out


def started(handlers: Handlers, **chosen: Any) -> dict[str, str]:
    """What a new browser keeps once it is in a call."""
    me = together(handlers.load(None))["me"]
    view = together(handlers.act(me, {"do": "start", "persona": "demanding", "seed": "7", **chosen}))
    assert "stage" in view, view
    kept: dict[str, str] = view["me"]
    return kept


def played(rehearsals: Rehearsals, *said: str, **chosen: Any) -> Rehearsal:
    """A call in which that was said."""
    choices = Choices(personas()["demanding"], scenarios()["telecom_double_billing"], seed=7, **chosen)
    rehearsal = rehearsals.start(choices, owner="o")
    for text in said:
        for _ in rehearsal.submit(text):
            pass
    return rehearsal
