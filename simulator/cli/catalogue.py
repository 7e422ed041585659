"""`simulator personas` and `simulator scenarios`: list what there is, show one, check files that people write; cards of personas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.screen import columns, say, shown, tell, wrapped
from simulator.errors import DataError
from simulator.vocabulary import plain

if TYPE_CHECKING:
    from simulator.cards import Card

Paths = Annotated[
    list[Path] | None, typer.Argument(help="Files or folders; without any, all that are known.", show_default=False)
]
personas_app = typer.Typer(
    help="Who can call: list, show, card, validate.", no_args_is_help=True, rich_markup_mode=None
)
scenarios_app = typer.Typer(
    help="What calls are about: list, show, validate.", no_args_is_help=True, rich_markup_mode=None
)


@personas_app.command("list")
def list_personas() -> None:
    """All personas: the shipped ones, then your own."""
    from simulator.persona import personas

    found = personas(_own("personas"))
    columns([(p.id, p.name, p.label, p.summary) for p in found.values()])


@scenarios_app.command("list")
def list_scenarios() -> None:
    """All scenarios: the shipped ones, then your own."""
    from simulator.scenario import scenarios

    found = scenarios(_own("scenarios"))
    columns([(s.id, s.industry, s.title) for s in found.values()])


@personas_app.command("show")
def show_persona(name: Annotated[str, typer.Argument(help="Id, or path of a YAML file.")]) -> None:
    """One persona: who they are, what moves them, how they talk."""
    from simulator.persona import find_persona

    p = find_persona(name, _own("personas"))
    _title(f"{p.name}: {p.label} ({p.id})")
    _part("", p.summary)
    _part("Who", p.who)
    _part(
        "Voice", f"{p.voice.manner} {p.voice.words[0]} to {p.voice.words[1]} words. “{'” “'.join(p.voice.pet_phrases)}”"
    )
    _part("Needs", p.needs)
    _part("Holds back", p.holds_back)
    _part("Unlocked by", ", ".join(plain(t) for t in p.unlocks))
    _part("Makes it worse", ", ".join(f"{plain(t)} ×{gain:g}" for t, gain in p.triggers.items()))
    _part("Makes it better", ", ".join(f"{plain(t)} ×{gain:g}" for t, gain in p.soothers.items()))
    _part("Traits (0-10)", ", ".join(f"{name} {value:g}" for name, value in p.traits))
    _part("Begins with", ", ".join(f"{name} {value:g}" for name, value in p.start))
    for difficulty, level in p.levels.items():
        _part(difficulty.value.capitalize(), ", ".join(f"{plain(name)} {value:g}" for name, value in level))
    _part("Opens", " / ".join(p.opens))
    if p.content_note:
        _part("Note", p.content_note)


@personas_app.command("card")
def card_of_persona(
    name: Annotated[str, typer.Argument(help="Id, or path of a YAML file.", show_default=False)] = "",
    every: Annotated[bool, typer.Option("--all", help="Every persona: the shipped ones, then your own.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="A folder for HTML pages; without it, text here.")
    ] = None,
) -> None:
    """What wins a persona and what loses it, on one page: for whoever runs a training."""
    from simulator.cards import card, page
    from simulator.cli.rows import folder, writing
    from simulator.measured import curve_of
    from simulator.persona import find_persona, personas

    if bool(name) == every:
        raise typer.BadParameter("say one of: the id of a persona, or --all")
    own = _own("personas")
    chosen = list(personas(own).values()) if every else [find_persona(name, own)]
    cards = [card(one, curve_of(one)) for one in chosen]
    if out is None:
        for number, one in enumerate(cards):
            say("\n" if number else "", end="")
            _print_card(one)
        return
    inside = folder(out)
    for one in cards:
        with writing(str(inside / f"{one.id}.html")) as target:
            target.write(page(one))
    tell(f"{len(cards)} card{'' if len(cards) == 1 else 's'} written to {inside}")


@scenarios_app.command("show")
def show_scenario(name: Annotated[str, typer.Argument(help="Id, or path of a YAML file.")]) -> None:
    """One scenario: facts, customer record, knowledge base, what may be granted."""
    from simulator.scenario import find_scenario

    s = find_scenario(name, _own("scenarios"))
    _title(f"{s.title} ({s.id})")
    _part("", f"{s.business} · {s.industry} · {s.root_cause.value}")
    _part("Issue", s.issue)
    _part("Opening", s.opening)
    _part("Wants", s.wants)
    _part("Goal", s.goal)
    _list("Facts", [f.text for f in s.facts])
    _list("Hidden", [f.text for f in s.hidden])
    if s.particulars:
        _list("Told when asked", [f.text for f in s.particulars])
    _list("Record", [f"{e.label}: {e.value}" for e in s.record])
    _list("Knowledge base", [f"{a.title}: {a.body}" for a in s.articles])
    _list("Policy", list(s.policy))
    _list("May grant", list(s.may))
    _list("Good endings", list(s.resolutions))
    _list("Wrong promises", [f"{w.promise} ({w.why})" for w in s.wrong_promises])
    _part("Hand-over", s.handover)


@personas_app.command("validate")
def validate_personas(paths: Paths = None) -> int:
    """Check persona files; exit code 1 if one is wrong."""
    from importlib.resources import files

    from simulator.persona import Persona
    from simulator.yamlfile import check_folder

    places = paths or [Path(str(files("personas") / "callers")), _own("personas")]
    return _validate(places, bool(paths), lambda path: check_folder(Persona, path))


@scenarios_app.command("validate")
def validate_scenarios(paths: Paths = None) -> int:
    """Check scenario files; exit code 1 if one is wrong."""
    from importlib.resources import files

    from simulator.scenario import Scenario
    from simulator.yamlfile import check_folder

    places = paths or [Path(str(files("personas") / "scenarios")), _own("scenarios")]
    return _validate(places, bool(paths), lambda path: check_folder(Scenario, path))


def _validate(places: list[Path], named: bool, check: Callable[[Path], tuple[list[Path], list[DataError]]]) -> int:
    seen = wrong = 0
    for place in places:
        if not place.exists() and not named:
            continue
        looked_at, problems = check(place)
        seen += len(looked_at)
        for problem in problems:
            where = f"{problem.file}:{problem.line}" if problem.line else f"{problem.file}"
            say(f"{where}: {problem.message}")
        wrong += len({p.file for p in problems})
        if not looked_at and not problems:
            say(f"{place}: holds no .yaml file")
            wrong += 1
    say(f"{seen} file{'' if seen == 1 else 's'} checked, {wrong} wrong")
    return 1 if wrong else 0


def _print_card(card: Card) -> None:
    from simulator.cards import CURVE_TITLE, bars, how_measured, sections

    _title(f"{card.name}: {card.label} ({card.id})")
    _part("", card.summary)
    for part in sections(card):
        lines = [f"“{line}”" for line in part.lines] if part.spoken else list(part.lines)
        if len(lines) > 1:
            _list(part.title, lines)
        else:
            _part(part.title, lines[0])
    _list(CURVE_TITLE, [f"{bar.name}: {bar.words}" for bar in bars(card.curve)])
    _part("", how_measured(card))


def _own(kind: str) -> Path:
    from simulator.settings import settings

    return settings().data_dir / kind


def _title(text: str) -> None:
    say(f"{shown(text)}\n{'─' * min(len(text), 100)}")


def _part(name: str, text: str) -> None:
    if name:
        say(f"\n{name}")
    say(wrapped(text.strip(), "  "))


def _list(name: str, items: list[str]) -> None:
    say(f"\n{name}")
    for item in items:
        say("  · " + wrapped(item, "    ").strip())
