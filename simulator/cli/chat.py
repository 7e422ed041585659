"""`simulator chat`: the same call in a terminal. It only renders events; also from a pipe, a line a turn."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from simulator.cli.play import CONSENT, Words
from simulator.cli.screen import Steps, say, shown, tell, wrapped
from simulator.errors import CallError, ModelError, UnknownNameError
from simulator.vocabulary import Difficulty, Dimension, Intensity, Register, plain

if TYPE_CHECKING:
    from simulator.call import Call
    from simulator.events import Event
    from simulator.opinions import Opinions
    from simulator.rehearsal import Rehearsal

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that the debrief waits for second opinions."""
OWNER = "terminal"
"""Whose calls are taken here."""
COMMANDS = {
    "/end": "hang up",
    "/hint": "one line of help",
    "/record": "the customer record, and what you may grant",
    "/kb": "search the knowledge base: /kb WORD",
    "/note": "keep a wrap-up note: /note TEXT",
    "/quit": "leave; the call is kept",
    "/help": "these commands",
}


def chat(
    persona: Annotated[str | None, typer.Option(help="Id, or path of a YAML file.", show_default="asked")] = None,
    scenario: Annotated[str | None, typer.Option(help="Id, or path of a YAML file.", show_default="asked")] = None,
    difficulty: Annotated[Difficulty, typer.Option()] = Difficulty.EASY,
    intensity: Annotated[
        Intensity, typer.Option(help="How harsh the caller may get; harsh needs --consent.")
    ] = Intensity.REALISTIC,
    consent: Annotated[bool, typer.Option("--consent", help="Agree to a harsh caller.")] = False,
    medium: Annotated[Register, typer.Option()] = Register.PHONE,
    seed: Annotated[int | None, typer.Option(min=0, max=2**31 - 1, show_default="drawn")] = None,
    hints: Annotated[bool, typer.Option("--hints/--no-hints", help="Grades and mood after each turn, /hint.")] = True,
    model: Annotated[str | None, typer.Option(show_default=False)] = None,
    evaluator: Annotated[str | None, typer.Option(show_default=False)] = None,
    second_opinion: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Another model that looks at every turn, too; '' for none.", show_default=False
        ),
    ] = None,
    words: Annotated[Words, typer.Option(help="written: the persona's written lines only.")] = Words.MODEL,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with a stored call.", show_default=False)
    ] = None,
) -> None:
    """Take a call in this terminal."""
    from simulator import opening
    from simulator.cli.export import find
    from simulator.cli.logs import log_to_file
    from simulator.consent import ask_first
    from simulator.persona import find_persona, personas
    from simulator.rehearsal import Choices
    from simulator.scenario import find_scenario, scenarios
    from simulator.settings import settings

    log_to_file()
    data = settings().data_dir
    choices = None
    if resume is None:
        ask_first(intensity, consent, CONSENT)
        callers, topics = data / "personas", data / "scenarios"
        who = (
            find_persona(persona, callers)
            if persona
            else _chosen(
                "persona", personas(callers), {i: f"{p.name}: {p.label}" for i, p in personas(callers).items()}
            )
        )
        about = (
            find_scenario(scenario, topics)
            if scenario
            else _chosen("scenario", scenarios(topics), {i: s.title for i, s in scenarios(topics).items()})
        )
        if who is None or about is None:
            return
        choices = Choices(who, about, difficulty, medium, hints, seed, intensity, consent)
    with Steps("the model") as steps:
        rehearsals = opening.open_rehearsals(
            model, evaluator, progress=steps, written=words is Words.WRITTEN, second_opinion=second_opinion
        )
    with rehearsals:
        tell(rehearsals.told)
        if choices is not None:
            rehearsal = rehearsals.start(choices, owner=OWNER)
        else:
            row = find(rehearsals.store, resume or "")
            rehearsal = rehearsals.take_up(row.id, owner=row.owner)
        _Desk(rehearsal, rehearsals.opinions).take()


class _Desk:
    """One call on the screen."""

    def __init__(self, rehearsal: Rehearsal, opinions: Opinions | None = None) -> None:
        self.rehearsal, self.opinions = rehearsal, opinions
        self.name = rehearsal.call.start.persona.name
        self.hints = rehearsal.call.start.hints

    @property
    def call(self) -> Call:
        return self.rehearsal.call

    def take(self) -> None:
        """Until the call ends, the trainee leaves, or there is no more input."""
        from simulator.consent import MEANS

        start = self.call.start
        if start.persona.content_note:
            say(wrapped(f"Note: {start.persona.content_note}"))
        say(wrapped(f"How harsh: {start.intensity.value} ({MEANS[start.intensity]})."))
        say(wrapped(f"{start.scenario.business}. {start.scenario.goal.strip()}"))
        say("You are the agent: greet the caller. /help lists the commands.")
        for turn in self.call.transcript:
            say(f"{self.name if turn.speaker == 'caller' else 'You'}: {turn.text}")
        if self.call.ended is None:
            self._play(self.rehearsal.resume())
        while self.call.ended is None:
            line = _line("You: ")
            if line is None or line.strip() == "/quit":
                say(f"\nThe call is kept: simulator chat --resume {self.rehearsal.id}")
                return
            try:
                self._do(line.strip())
            except CallError as error:
                say(f"({error})")
            except ModelError as error:
                say(f"\nThe call is kept: simulator chat --resume {self.rehearsal.id}")
                raise error
        self._after()

    def _do(self, line: str) -> None:
        if not line:
            return
        if not line.startswith("/"):
            self._play(self.rehearsal.submit(line))
            return
        word, _, rest = line.partition(" ")
        if word not in COMMANDS:
            say(f"({UnknownNameError('command', word, COMMANDS)} /help lists them.)")
        elif word == "/end":
            self._play(self.rehearsal.end())
        elif word == "/note":
            self.rehearsal.write_note(rest)
            say("(kept)")
        elif word == "/hint":
            say(f"({self._hint()})")
        elif word == "/record":
            self._record()
        elif word == "/kb":
            self._knowledge(rest.strip())
        else:
            say("\n".join(f"  {name:8} {what}" for name, what in COMMANDS.items()))

    def _play(self, events: Iterable[Event]) -> None:
        """Show what happens, words as they come."""
        from simulator.events import CallEnded, CallerSaying, CallerSpoke, TurnGraded

        said, graded = "", False
        for event in events:
            match event:
                case CallerSaying() | CallerSpoke():
                    text = shown(event.text)
                    new = text[len(said) :] if text.startswith(said) else f"\n{text}"
                    if new or isinstance(event, CallerSpoke):
                        say(new if said else f"{self.name}: {new}", end="\n" if isinstance(event, CallerSpoke) else "")
                    said = text
                    if isinstance(event, CallerSpoke) and event.stood_in:
                        say(f"  [the model server does not answer just now: {event.model} spoke]")
                case TurnGraded():
                    graded = True
                case CallEnded():
                    say(f"— the call has ended: {event.ending.value.replace('_', ' ')} ({event.why})")
        if graded and self.hints:
            self._grades()

    def _grades(self) -> None:
        """The last trainee turn in one line."""
        grades = self.call.grades[max(self.call.grades)]
        levels = "  ".join(f"{d.value} {grades.level(d) or '–'}" for d in Dimension)
        tags = [f"+{plain(t)}" for t in grades.techniques] + [f"−{plain(f)}" for f in grades.faults]
        state = self.call.state
        bar = "▮" * round(state.agitation) + "▯" * (10 - round(state.agitation))
        say(f"  [{levels}]  {', '.join(tags)}")
        mood = f"{self.call.start.persona.called} is {state.mood.value} {bar}"
        say(f"  [{mood}  trust {state.trust:.0f}  patience {state.patience:.0f}]")

    def _hint(self) -> str:
        if not self.hints:
            return "this call is without hints"
        from simulator.hints import hint

        return hint(self.call)

    def _record(self) -> None:
        scenario = self.call.start.scenario
        for entry in scenario.record:
            say(f"  {entry.label}: {entry.value}")
        say("  You may: " + " · ".join(scenario.may))
        say(wrapped(f"Hand-over: {scenario.handover}", "  "))

    def _knowledge(self, word: str) -> None:
        articles = self.call.start.scenario.articles
        found = [a for a in articles if word.lower() in f"{a.title} {a.body}".lower()] if word else []
        if not found:
            say(f"  {'Nothing on that. ' if word else ''}Articles: " + " · ".join(a.title for a in articles))
        for article in found:
            say(f"  {article.title}")
            say(wrapped(article.body.strip(), "    "))

    def _after(self) -> None:
        """The debrief, short."""
        told = self.rehearsal.debrief()
        say(f"\n{told.outcome.headline}")
        for figure in told.outcome.figures:
            say(f"  {figure.name}: {figure.shown}")
        say(
            "  "
            + "   ".join(f"{d.dimension.value} {'–' if d.mean is None else f'{d.mean:.1f}'}" for d in told.dimensions)
        )
        for name, advice in (("Keep", told.strength), ("Change", told.fix)):
            if advice is not None:
                say(f"{name} (turn {advice.turn + 1}): “{advice.quote}”")
                say(wrapped(advice.text, "  "))
        self._second_opinion()
        say(f"The whole debrief: simulator export {self.rehearsal.id} --format html --output debrief.html")

    def _second_opinion(self) -> None:
        """How far another model's view agrees, once it has looked at the last turns, too."""
        from simulator.debrief.agreement import agreement

        if self.opinions is not None and not self.opinions.settled(0):
            tell("Waiting for the second opinion; Ctrl-C goes on without.")
            with contextlib.suppress(KeyboardInterrupt):
                self.opinions.settled(PATIENCE)
        found = agreement(self.call)
        if found is not None:
            say(wrapped(f"Another model's view ({found.model}): {found.sentence}", "  "))


def _chosen(kind: str, known: Mapping[str, T], titles: Mapping[str, str]) -> T | None:
    """One of `known`, asked for by number or id until it is one. None at the end of input."""
    ids = list(known)
    for number, one in enumerate(ids, 1):
        say(f"{number:3}  {titles[one]}  ({one})")
    while True:
        answer = _line(f"Which {kind} (number or id)? ")
        if answer is None:
            return None
        word = answer.strip()
        if word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= len(ids):
            return known[ids[int(word[:9]) - 1]]
        if word in known:
            return known[word]
        say(f"({UnknownNameError(kind, word, ids)})" if word else f"(type a number from 1 to {len(ids)}, or an id)")


def _line(prompt: str) -> str | None:
    """One line of input, None at its end. With a terminal it can be edited; from a pipe no prompt is shown."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - editing and history in input()
    try:
        return input(prompt)
    except EOFError:
        return None
