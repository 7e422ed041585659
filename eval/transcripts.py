"""Ten whole calls to read, drawn by a seed and not by taste: `python -m eval.transcripts --seed 0 --model standard --out personas/transcripts.md`.

The seed decides personas, situations, difficulties, registers and who plays the trainee (`CAST`); what they say to each other is
printed as it was said, every call to its end, with the grade of each turn, how the caller felt and what they did. Lines of the
files that stood in for the model's are marked. Same seed, model and program: same page.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Annotated

import typer

from eval.playing import Setting, is_won, play_many
from eval.trainees import Policy
from simulator import __version__
from simulator.call import Call
from simulator.cards import anchor
from simulator.opening import open_parts
from simulator.persona import personas
from simulator.prompts import as_data
from simulator.scenario import scenarios
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty, Register

CAST = (
    *(Policy.EXCELLENT,) * 3,
    *(Policy.GOOD,) * 4,
    Policy.COLD,
    Policy.CLUMSY,
    Policy.HOSTILE,
)
"""Scripted trainees of ten calls: mostly such as are worth listening to."""
APART = 10_000
"""Seeds of these calls begin here times one more than the page's seed, so that no bench has played them."""
COMPLETED = "scenario's sentence added"
CHOSEN = "written, the model's choice"


def drawn(seed: int, count: int = len(CAST)) -> list[Setting]:
    """The calls of this seed: another persona and, as far as they last, another situation each."""
    rng = Random(seed)
    callers, situations = list(personas().values()), list(scenarios().values())
    who, where = rng.sample(callers, len(callers)), rng.sample(situations, len(situations))
    cast = rng.sample(CAST, len(CAST))
    return [
        Setting(
            who[n % len(who)],
            where[n % len(where)],
            rng.choice(list(Difficulty)),
            cast[n % len(cast)],
            APART * (seed + 1) + n,
            rng.choice(list(Register)),
        )
        for n in range(count)
    ]


def page(played: list[tuple[Setting, Call]], seed: int, made_by: str) -> str:
    """The page, in Markdown."""
    first = played[0][1].start
    written = sum(s.written for _, call in played for s in call.spoken.values())
    turns = sum(len(call.spoken) for _, call in played)
    head = (
        f"# {len(played)} calls, unedited\n\n"
        f"Drawn by seed {seed}, not by taste, and printed as they were said. Callers speak with {first.model}; grades are by "
        f"{first.grader}; simulator {__version__}. Trainees are scripted and read from a page, so they cannot follow up. Of {turns} caller "
        f"turns {written} are lines of the persona's or the scenario's file (marked *written*). After each trainee turn in small print: the grades (calmness, empathy, "
        "solution, closing; 1-5, a dash where one does not apply), how the caller felt then (agitation, trust, patience, being heard; "
        f"0-10), and what they did.\n\nMade by `{made_by}`.\n"
    )
    return "\n".join([head, *(_call(n, setting, call) for n, (setting, call) in enumerate(played, 1))])


def _call(number: int, setting: Setting, call: Call) -> str:
    ending = call.ended.ending.value.replace("_", " ") if call.ended else "left"
    medium = "phone" if setting.medium is Register.PHONE else "chat"
    lines = [
        f"{anchor(setting.persona.id)}\n\n## {number}. {setting.persona.label}: {setting.scenario.title}\n",
        f"<sub>{setting.persona.name}, {setting.difficulty.value}, {medium}; trainee: {setting.trainee}; "
        f"{'won' if is_won(call) else 'not won'} ({ending}); seed {setting.seed}</sub>\n",
    ]
    for turn in call.transcript:
        text = as_data(turn.text).translate(_PLAIN)
        if turn.speaker is Speaker.TRAINEE:
            lines.append(f"**Trainee:** {text}<br><sub>{_small(call, turn.index)}</sub>\n")
        else:
            said = call.spoken[turn.index]
            sorts = (said.chosen, CHOSEN), (said.written, "written"), (said.completed, COMPLETED)
            how = next((f"*{name}*" for true, name in sorts if true), "")
            lines.append(f"**{setting.persona.called}:** {text}" + (f" <sub>{how}</sub>" if how else "") + "\n")
    return "\n".join(lines)


_PLAIN = str.maketrans({c: f"\\{c}" for c in "\\`*_<>[]|~"})
"""Words are words, whatever Markdown would make of them."""


def _small(call: Call, turn: int) -> str:
    """Grades, feelings and intent of a trainee turn."""
    levels = " ".join("-" if level is None else str(level) for level in call.grades[turn].levels.values())
    move = call.moves[turn]
    state = move.state
    feelings = " ".join(f"{value:.0f}" for value in (state.agitation, state.trust, state.patience, state.heard))
    return f"grades {levels} · felt {feelings}, {state.mood.value} · {move.plan.intent.value.replace('_', ' ')}"


def main(
    model: Annotated[
        str, typer.Option(help="whose words: a model, or `written` for the personas' own lines")
    ] = "standard",
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    count: Annotated[int, typer.Option(min=1, help="calls")] = len(CAST),
    out: Annotated[Path, typer.Option(help="the page")] = Path("personas/transcripts.md"),
) -> None:
    """Play the calls and write the page."""
    parts = open_parts(model, evaluator, written=model == "written")
    settings = drawn(seed, count)
    calls: dict[int, Call] = {}
    for place, call in play_many(settings, parts.voice, parts.evaluator):
        calls[place] = call
        print(f"{len(calls)}/{len(settings)}", end="\r", flush=True)
    made_by = (
        f"python -m eval.transcripts --seed {seed} --model {model} --evaluator {evaluator} --count {count} --out {out}"
    )
    out.write_text(page([(s, calls[n]) for n, s in enumerate(settings)], seed, made_by), "utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    typer.run(main)
