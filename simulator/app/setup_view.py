"""BEFORE the call: the form (who, what, how) and the preview of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.app.markup import avatar, esc, icon, joined
from simulator.app.record_view import articles, record
from simulator.persona import Persona
from simulator.scenario import Scenario
from simulator.vocabulary import Difficulty, Register

PASS_MARK = 4.0
"""Mean level that each dimension that applied has to reach."""
_HARD = {
    Difficulty.EASY: ("Easy", "forgives quickly"),
    Difficulty.MEDIUM: ("Medium", "as in real life"),
    Difficulty.HARD: ("Hard", "little patience"),
}


def form(personas: Mapping[str, Persona], scenarios: Mapping[str, Scenario], persona: str, scenario: str) -> str:
    """The whole form. Every card is a real radio button; `persona` and `scenario` are the ones chosen at first."""
    return (
        '<form id="setup-form" data-change="pick" autocomplete="off">'
        '<div class="hero"><div><h1 tabindex="-1" id="before-title">Rehearse a difficult call</h1>'
        "<p>Choose who is calling and what about. They answer in their own words; everything you say is graded, "
        "and nothing leaves this machine.</p></div>"
        f'<button type="button" class="btn" id="surprise" data-surprise>{icon("shuffle")} Surprise me</button></div>'
        f'<fieldset class="step"><legend><span class="no">1</span> Who is calling?</legend><div class="cards">'
        f"{joined(_person(p, p.id == persona) for p in personas.values())}</div></fieldset>"
        f'<fieldset class="step"><legend><span class="no">2</span> What is it about?</legend><div class="cards small">'
        f"{joined(_situation(s, s.id == scenario) for s in scenarios.values())}</div></fieldset>"
        '<fieldset class="step"><legend><span class="no">3</span> How shall it go?</legend><div class="ways">'
        f"{_difficulties()}{_registers()}{_modes()}</div>"
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


def _difficulties() -> str:
    options = [(d.value, *_HARD[d], d is Difficulty.EASY) for d in Difficulty]
    return _segments("difficulty", "Difficulty", options)


def _registers() -> str:
    options = [
        (Register.PHONE.value, "Phone", "as if spoken", True),
        (Register.CHAT.value, "Chat", "as if typed", False),
    ]
    return _segments("register", "Over", options)


def _modes() -> str:
    options = [
        ("hints", "With hints", "mood and grades live", True),
        ("exam", "Exam", "nothing until the end", False),
    ]
    return _segments("mode", "Help", options)


def preview(persona: Persona, scenario: Scenario, difficulty: Difficulty, exam: bool = False) -> str:
    """What the trainee should know before the phone rings, and the button that makes it ring."""
    note = persona.content_note.strip()
    accept = (
        '<div class="note warn" role="note"><b>Content note</b>'
        f"<p>{esc(note)}</p>"
        '<label class="tick" for="accept-note"><input type="checkbox" id="accept-note" data-gate="start"> '
        "I have read this and want to go on</label></div>"
        if note
        else ""
    )
    help_ = "Exam: no mood, hints or grades until the end." if exam else "Mood, hints and grades are shown as you go."
    return (
        f'<section class="preview" aria-label="What you have chosen" data-k="{esc(persona.id)}">'
        f"<header>{avatar(persona.id, persona.name, 52)}<div><h2>{esc(persona.name)}</h2>"
        f"<p>{esc(persona.label)} · {esc(_HARD[difficulty][0])}</p></div></header>"
        f'<p class="about"><b>{esc(scenario.title)}</b><br>You answer for {esc(scenario.business)}.</p>'
        f"{accept}"
        f'<div class="go"><p class="go-sum" aria-hidden="true"><b>{esc(persona.name)}</b> · {esc(scenario.title)}</p>'
        '<button type="button" class="btn primary big" id="start" '
        f'data-act="start"{" aria-disabled=true" if note else ""}>'
        f'{icon("phone")} <span class="go-yes">Take the call</span><span class="go-no">Read the content note '
        "first</span></button></div>"
        f'<div class="sec"><h3>Your goal</h3><p>{esc(scenario.goal)}</p></div>'
        f'<div class="sec"><h3>Pass mark</h3><p>An average of <b>{PASS_MARK:g} or more</b> on each of the four '
        "dimensions "
        f"that applied: calmness, empathy, solution, closing. {help_}</p></div>"
        f'<details class="sec" open><summary><h3>Customer record</h3></summary>{record(scenario)}</details>'
        f'<details class="sec"><summary><h3>Knowledge base</h3></summary>{articles(scenario, "pre")}</details>'
        "</section>"
    )
