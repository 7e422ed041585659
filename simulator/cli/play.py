"""`simulator play`: a scripted trainee takes a call; its events come out as JSON lines (`formats.md`)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from simulator.cli.screen import Steps, counted, tell
from simulator.vocabulary import Difficulty, Intensity, Register

if TYPE_CHECKING:
    from simulator.cli.rows import ScriptRow


CONSENT = "Pass --consent to agree to that"
"""What to do about a harsh call that was not agreed to."""


class Words(StrEnum):
    """Where the caller's words come from."""

    MODEL = "model"
    WRITTEN = "written"


def play(
    persona: Annotated[str, typer.Option(help="Id, or path of a YAML file.", show_default=False)],
    scenario: Annotated[str, typer.Option(help="Id, or path of a YAML file.", show_default=False)],
    script: Annotated[str, typer.Option(help="The trainee's turns, JSON lines; '-' for stdin.")] = "-",
    output: Annotated[str, typer.Option(help="Where the events go, JSON lines; '-' for stdout.")] = "-",
    difficulty: Annotated[Difficulty, typer.Option()] = Difficulty.MEDIUM,
    intensity: Annotated[
        Intensity, typer.Option(help="How harsh the caller may get; harsh needs --consent.")
    ] = Intensity.REALISTIC,
    consent: Annotated[bool, typer.Option("--consent", help="Agree to a harsh caller.")] = False,
    medium: Annotated[Register, typer.Option()] = Register.PHONE,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="Same seed, same words: same call.", show_default="drawn")
    ] = None,
    model: Annotated[str | None, typer.Option(show_default=False)] = None,
    evaluator: Annotated[str | None, typer.Option(show_default=False)] = None,
    words: Annotated[
        Words, typer.Option(help="written: the persona's written lines only, no caller's model.")
    ] = Words.MODEL,
) -> None:
    """Play a call with a scripted trainee. It ends when the call or the script ends."""
    from simulator import opening
    from simulator.cli.logs import log_to_file
    from simulator.cli.rows import put, reading, writing
    from simulator.consent import ask_first
    from simulator.errors import FormatError
    from simulator.events import CallerSaying, CallStarted
    from simulator.persona import find_persona
    from simulator.scenario import find_scenario
    from simulator.session import Session
    from simulator.settings import settings

    log_to_file()
    ask_first(intensity, consent, CONSENT)
    data = settings().data_dir
    who, about = find_persona(persona, data / "personas"), find_scenario(scenario, data / "scenarios")
    with reading(script) as source:
        turns, total = _turns(source, "stdin" if script == "-" else script)
        with Steps("the model") as steps:
            parts = opening.open_parts(model, evaluator, progress=steps, written=words is Words.WRITTEN)
        with closing(parts), writing(output) as target:
            parts.evaluator = opening.on_scale(parts.evaluator)
            start = CallStarted(
                at=time.time(),
                persona=who,
                scenario=about,
                difficulty=difficulty,
                intensity=intensity,
                consented=consent and intensity is Intensity.HARSH,
                medium=medium,
                seed=secrets.randbelow(2**31) if seed is None else seed,
                model=parts.voice.name,
                grader=parts.evaluator.name,
                hints=False,
            )
            session = Session([start], parts.voice, parts.evaluator, key="play")
            put(target, start.model_dump_json())
            update, said = counted("turns", total), 0
            try:
                for row in turns:
                    for event in session.submit(row.text):
                        if not isinstance(event, CallerSaying):
                            put(target, event.model_dump_json())
                    said += 1
                    update(said)
                    if session.call.ended:
                        break
            finally:
                update(-1)
            if not said:
                raise FormatError("holds no turn", file="stdin" if script == "-" else script)
    ended = session.call.ended
    tell(
        f"{said} turns; "
        + (f"the call ended: {ended.ending.value} ({ended.why})" if ended else "the script ended before the call")
    )


def _turns(source: TextIO, name: str) -> tuple[Iterator[ScriptRow], int | None]:
    """The script's turns and how many. A file is read, and refused, whole; stdin line by line, so that a program can
    answer what it reads."""
    import sys

    from simulator.cli.rows import ScriptRow, lines, parsed

    rows = (parsed(ScriptRow, line, number, name) for number, line in lines(source))
    if source is sys.stdin:
        return rows, None
    whole = list(rows)
    return iter(whole), len(whole)
