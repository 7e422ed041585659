"""BEFORE the call: the form (who, what, how) and the preview of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.app.markup import DIMENSIONS, WORDS, avatar, esc, icon, joined
from simulator.app.record_view import articles, record
from simulator.app.ways import EVERYTHING, Ways
from simulator.cards import card, fragment
from simulator.consent import MEANS
from simulator.measured import Curve
from simulator.persona import Persona
from simulator.scenario import Scenario
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register

HARSH_CONSENT = "I agree to this, and know that I can end the call at any time"
"""What a trainee ticks before a harsh call."""
WAITS = (
    '<div class="resume" role="status"><span>The caller is getting ready: that takes a few seconds. Choose one meanwhile; a call '
    "that you take now begins by itself.</span></div>"
)
"""Above the form while the models are being opened."""
_HARD = {
    Difficulty.EASY: ("Easy", "forgives quickly"),
    Difficulty.MEDIUM: ("Medium", "as in real life"),
    Difficulty.HARD: ("Hard", "little patience"),
}
_HARSH = {
    Intensity.MILD: ("Mild", "no insults"),
    Intensity.REALISTIC: ("Realistic", "as people are"),
    Intensity.HARSH: ("Harsh", "swears at you"),
}
_OVER = {Register.PHONE: ("Phone", "as if spoken"), Register.CHAT: ("Chat", "as if typed")}


def form(
    personas: Mapping[str, Persona],
    scenarios: Mapping[str, Scenario],
    persona: str,
    scenario: str,
    ways: Ways = EVERYTHING,
) -> str:
    """The whole form. Every card is a real radio button; `persona` and `scenario` are the ones chosen at first."""
    return (
        '<form id="setup-form" data-change="pick" autocomplete="off">'
        '<div class="hero"><div><h1 tabindex="-1" id="before-title">Rehearse a difficult call</h1>'
        "<p>Choose who is calling and what about. They answer in their own words; everything you say is graded, "
        "and nothing leaves this machine.</p></div>"
        f'<div class="tools"><button type="button" class="btn" id="surprise" data-surprise>{icon("shuffle")} Surprise me</button>'
        f'<button type="button" class="btn" id="progress" data-act="progress">{icon("chart")} Your progress</button></div></div>'
        f'<fieldset class="step"><legend><span class="no">1</span> Who is calling?</legend><div class="cards">'
        f"{joined(_person(p, p.id == persona) for p in personas.values())}</div></fieldset>"
        f'<fieldset class="step"><legend><span class="no">2</span> What is it about?</legend><div class="cards small">'
        f"{joined(_situation(s, s.id == scenario) for s in scenarios.values())}</div></fieldset>"
        '<fieldset class="step"><legend><span class="no">3</span> How shall it go?</legend><div class="ways">'
        f'<div class="stack">{_difficulties(ways)}{_intensities(ways)}</div>'
        f'<div class="stack">{_registers(ways)}{_modes(ways)}</div></div>'
        '<details class="more"><summary>More</summary><label for="seed">Seed '
        "<small>the same number, caller and words give the same moods again; empty = drawn</small></label>"
        '<input id="seed" name="seed" inputmode="numeric" pattern="[0-9]*" maxlength="9" placeholder="drawn"></details>'
        "</fieldset></form>"
    )


def _person(persona: Persona, chosen: bool) -> str:
    note = '<span class="badge warn" title="The caller may insult or threaten">content note</span>'
    return (
        f'<label class="card" for="persona-{esc(persona.id)}"><input type="radio" name="persona" '
        f'id="persona-{esc(persona.id)}" value="{esc(persona.id)}"{" checked" if chosen else ""}>'
        f'<span class="card-in">{avatar(persona.id, persona.name)}<span class="card-text">'
        f"<b>{esc(persona.label)}</b><i>{esc(persona.name)}</i><span>{esc(persona.summary)}</span>"
        f"{note if persona.content_note.strip() else ''}</span></span></label>"
    )


def _situation(scenario: Scenario, chosen: bool) -> str:
    industry = scenario.industry[:1].upper() + scenario.industry[1:]
    return (
        f'<label class="card" for="scenario-{esc(scenario.id)}"><input type="radio" name="scenario" '
        f'id="scenario-{esc(scenario.id)}" value="{esc(scenario.id)}"{" checked" if chosen else ""}>'
        f'<span class="card-in"><span class="card-text"><em>{esc(industry)}</em>'
        f"<b>{esc(scenario.title)}</b></span></span></label>"
    )


def _segments(name: str, title: str, options: list[tuple[str, str, str, bool]]) -> str:
    inner = joined(
        f'<label for="{name}-{value}"><input type="radio" name="{name}" id="{name}-{value}" value="{value}"'
        f"{' checked' if chosen else ''}><span><b>{esc(label)}</b><small>{esc(more)}</small></span></label>"
        for value, label, more, chosen in options
    )
    return (
        f'<div class="way" role="group" aria-label="{esc(title)}"><h3>{esc(title)}</h3><div '
        f'class="seg">{inner}</div></div>'
    )


def _difficulties(ways: Ways) -> str:
    options = [(d.value, *_HARD[d], d is ways.difficulty) for d in ways.difficulties]
    return _segments("difficulty", "Difficulty", options)


def _intensities(ways: Ways) -> str:
    options = [(i.value, *_HARSH[i], i is ways.intensity) for i in ways.intensities]
    return _segments("intensity", "How harsh may the caller get?", options)


def _registers(ways: Ways) -> str:
    options = [(r.value, *_OVER[r], r is ways.register) for r in ways.registers]
    return _segments("register", "Over", options)


def _modes(ways: Ways) -> str:
    options = [
        ("hints", "With hints", "mood and grades live", ways.hints is not False),
        ("exam", "Exam", "nothing until the end", ways.hints is False),
    ]
    return _segments("mode", "Help", [o for o in options if ways.hints is None or o[3]])


def preview(
    persona: Persona,
    scenario: Scenario,
    difficulty: Difficulty,
    exam: bool = False,
    intensity: Intensity = Intensity.REALISTIC,
    curve: Curve | None = None,
    marks: Mapping[Dimension, float] = EVERYTHING.marks,
) -> str:
    """What the trainee should know before the phone rings, and the button that makes it ring. `curve`: how hard the persona
    was measured to be; an exam does not show it, nor anything else that tells what wins."""
    note = persona.content_note.strip()
    harsh = intensity is Intensity.HARSH
    accept = _to_tick("note", "Content note", note, "I have read this and want to go on") if note else ""
    consent = _to_tick("harsh", "A harsh caller", _sentence(MEANS[intensity]), HARSH_CONSENT) if harsh else ""
    first = {
        (True, False): "Read the content note first",
        (False, True): "Agree to a harsh caller first",
        (True, True): "Read and tick both notes first",
    }.get((bool(note), harsh), "")
    help_ = "Exam: no mood, hints or grades until the end." if exam else "Mood, hints and grades are shown as you go."
    return (
        f'<section class="preview" aria-label="What you have chosen" data-k="{esc(persona.id)}">'
        f"<header>{avatar(persona.id, persona.name, 52)}<div><h2>{esc(persona.name)}</h2>"
        f"<p>{esc(persona.label)} · {esc(_HARD[difficulty][0])} · {WORDS[intensity]}</p></div></header>"
        f'<p class="about"><b>{esc(scenario.title)}</b><br>You answer for {esc(scenario.business)}.</p>'
        f"{accept}{consent}"
        f'<div class="go"><p class="go-sum" aria-hidden="true"><b>{esc(persona.name)}</b> · {esc(scenario.title)}</p>'
        '<button type="button" class="btn primary big" id="start" '
        f'data-act="start"{" aria-disabled=true" if first else ""}>'
        f'{icon("phone")} <span class="go-yes">Take the call</span><span class="go-no">{first}</span></button></div>'
        f'<div class="sec"><h3>Your goal</h3><p>{esc(scenario.goal)}</p></div>'
        f'<div class="sec"><h3>Pass mark</h3><p>{pass_marks(marks)} {help_}</p></div>'
        f"{'' if exam else _about(persona, curve, intensity)}"
        f'<details class="sec" data-k="record" open><summary><h3>Customer record</h3></summary>{record(scenario)}</details>'
        f'<details class="sec" data-k="kb"><summary><h3>Knowledge base</h3></summary>{articles(scenario, "pre")}</details>'
        "</section>"
    )


def pass_marks(marks: Mapping[Dimension, float]) -> str:
    """What has to be reached, as HTML."""
    if len(set(marks.values())) == 1:
        return (
            f"An average of <b>{next(iter(marks.values())):g} or more</b> on each of the four dimensions that applied: "
            "calmness, empathy, solution, closing."
        )
    each = ", ".join(f"{DIMENSIONS[d].lower()} <b>{mark:g}</b>" for d, mark in marks.items())
    return f"On average, of each that applied: {each}."


def _about(persona: Persona, curve: Curve | None, intensity: Intensity) -> str:
    """The persona's card, folded up: who wants to find out for themself leaves it so."""
    return (
        '<details class="sec persona" data-k="about"><summary><h3>About this caller</h3></summary>'
        f"{fragment(card(persona, curve, intensity), heading=4)}</details>"
    )


def _to_tick(name: str, title: str, text: str, agreed: str) -> str:
    """Something to read and agree to: the call cannot be started before. `need` is shown, and read out, to who tries."""
    return (
        f'<div class="note warn" role="note" data-k="tick-{name}"><b>{esc(title)}</b><p>{esc(text)}</p>'
        f'<label class="tick" for="accept-{name}"><input type="checkbox" id="accept-{name}" data-gate="start"> '
        f'{esc(agreed)}</label><p class="need">The call has not been started: tick this box first.</p></div>'
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
