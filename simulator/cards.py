"""Persona cards: one page per persona for whoever runs a training, with what wins this caller, what loses them, and how
hard they are to win.

A card tells what is particular to the persona: its own lines, what works on it most and at least as on anyone (in the
rubric's words), and the measured curve. What the caller holds back stays untold, but not the kind of move that brings it out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from simulator.caller.harshness import fitting
from simulator.measured import Curve, Point
from simulator.pages import template
from simulator.persona import Persona
from simulator.rubric import rubric
from simulator.vocabulary import Difficulty, Fault, Intensity, Intent, Tag, Technique

MOST = 4
"""So many moves are told that win, and so many that lose; more would not be remembered."""
SHOWN_FROM = 5.0
"""Hostility from which an insult belongs to how a caller sounds."""
CURVE_TITLE = "How hard they are to win"
TRANSCRIPTS = "transcripts.md"
"""Whole calls to read, beside the folders of personas and scenarios (`python -m eval.transcripts`)."""
_SAMPLED = (Intent.VENT, Intent.DOUBT, Intent.SOFTEN)
"""What the voice sample shows after the opening."""


@dataclass(frozen=True, slots=True)
class Card:
    """One persona for people. Moves are sentences of the rubric, the strongest first."""

    id: str
    name: str
    label: str
    summary: str
    sample: tuple[str, ...]
    """The persona's own lines: an opening, a vent, a doubt, a softening, and from a hostile one an insult."""
    wins: tuple[str, ...]
    loses: tuple[str, ...]
    irritates: tuple[str, ...]
    """Techniques, good with others, that make it worse with this caller."""
    needs: str
    unlocks: tuple[str, ...]
    """Moves after which, trust allowing, they say what they held back."""
    curve: Curve | None
    heard: bool = False
    """Whether a whole call with them is among the transcripts."""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a card as it is shown. `spoken`: its lines are the caller's."""

    title: str
    lines: tuple[str, ...]
    spoken: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """One difficulty of the curve: a bar of `percent`, and the same in words."""

    name: str
    percent: int
    words: str


def card(persona: Persona, curve: Curve | None, intensity: Intensity = Intensity.REALISTIC) -> Card:
    """The card of `persona`. The sample sounds as a call of `intensity` may; a mild caller does not insult."""
    insults = persona.traits.hostility >= SHOWN_FROM and intensity is not Intensity.MILD
    lines = [persona.opens, *(persona.lines[i] for i in (*_SAMPLED, *([Intent.INSULT] if insults else [])))]
    return Card(
        id=persona.id,
        name=persona.name,
        label=persona.label,
        summary=persona.summary,
        sample=tuple(fitting(some, persona.lines[Intent.VENT], intensity)[0] for some in lines),
        wins=_strongest((t, gain) for t, gain in persona.soothers.items() if gain >= 1 and t not in persona.triggers),
        loses=_strongest((t, gain) for t, gain in persona.triggers.items() if isinstance(t, Fault) and gain >= 1),
        irritates=_strongest((t, gain) for t, gain in persona.triggers.items() if isinstance(t, Technique) and gain),
        needs=persona.needs,
        unlocks=_described(persona.unlocks),
        curve=curve,
        heard=anchor(persona.id) in _transcripts(),
    )


def anchor(persona: str) -> str:
    """What marks a call with this persona on the page of transcripts."""
    return f'<a id="{persona}"></a>'


@lru_cache(maxsize=1)
def _transcripts() -> str:
    page = files("personas") / TRANSCRIPTS
    return page.read_text("utf-8") if page.is_file() else ""


def sections(shown: Card) -> tuple[Section, ...]:
    """The parts of a card in the order in which they are read, without the curve; empty ones are left out."""
    parts = (
        Section("How they sound", shown.sample, spoken=True),
        Section("What wins them over", shown.wins),
        Section("What loses them", shown.loses),
        Section("Good elsewhere, but it irritates this caller", shown.irritates),
        Section("What they really need", (shown.needs,)),
        Section("What makes them say what they hold back", shown.unlocks),
        Section("A whole call", (f"Unedited, in personas/{TRANSCRIPTS}.",) if shown.heard else ()),
    )
    return tuple(part for part in parts if part.lines)


def bars(curve: Curve | None) -> tuple[Bar, ...]:
    """The curve from easy to hard; none where nothing was measured."""
    if curve is None:
        return ()
    return tuple(
        Bar(difficulty.value.capitalize(), round(100 * point.won), _in_words(point, curve.calls))
        for difficulty, point in zip(Difficulty, curve.points, strict=True)
    )


def how_measured(shown: Card) -> str:
    """Where the curve comes from, or how to get one."""
    curve = shown.curve
    if curve is None:
        return f"Not measured. This measures it: simulator bench dial --persona {shown.id}"
    return (
        f"Measured: able scripted trainees played {curve.calls} calls at each setting, graded by {curve.grader} "
        f"({curve.made_by})."
    )


def page(shown: Card) -> str:
    """The card as one HTML page that asks nothing of the network and runs no script."""
    return template("card.html").render(_named(shown, heading=2))


def fragment(shown: Card, heading: int) -> str:
    """The card as a piece of HTML, its headings of level `heading`. Name and label are the surrounding page's to tell."""
    return template("card_body.html").render(_named(shown, heading=heading))


def _named(shown: Card, heading: int) -> dict[str, object]:
    """What the templates need."""
    return {
        "card": shown,
        "sections": sections(shown),
        "curve_title": CURVE_TITLE,
        "bars": bars(shown.curve),
        "how": how_measured(shown),
        "h": heading,
    }


def _strongest(gains: Iterable[tuple[Tag, float]]) -> tuple[str, ...]:
    """The tags with the highest gain, as many as are told; those of equal gain in the order of the file."""
    ranked = sorted(gains, key=lambda item: -item[1])
    return _described(tag for tag, _ in ranked[:MOST])


def _described(tags: Iterable[Tag]) -> tuple[str, ...]:
    return tuple(rubric().describe(tag) for tag in tags)


def _in_words(point: Point, calls: int) -> str:
    won = round(point.won * calls)
    if won == 0:
        return f"won none of {calls} calls"
    share = f"all {calls}" if won == calls else f"{won} of {calls}"
    return f"won {share} calls, with {point.moves:.1f} concrete offers on average"


__all__ = [
    "CURVE_TITLE", "SHOWN_FROM", "MOST", "TRANSCRIPTS", "Bar", "Card", "Section", "anchor", "bars", "card", "fragment",
    "how_measured", "page", "sections",
]  # fmt: skip
