"""`simulator bench caller`: do callers behave as their file says? Plays scripted trainees against personas.

For each persona it prints how the scripted trainees fare (share of calls won, satisfaction, turns), and checks three
promises: the excellent one wins every persona at the lowest difficulty, the hostile one loses every persona, and hollow
sympathy ends worse (mean satisfaction) than cold competence. Then what the words are worth (`eval.fidelity`), beside the
same figures for lines of the corpus. State does not depend on the caller's words except through what the grader reads
of them; `--model written` plays without a caller model and is quick. How the difficulty dial works: `simulator bench dial`.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from eval.fidelity import Said, across_calls, distinct, heard, own_voice, shares, softened, softened_early
from eval.intervals import mean as mean_of
from eval.intervals import share
from eval.listeners import GUESSES, Stated, listeners
from eval.playing import AT_ONCE, Setting, grid, is_won, play_many
from eval.trainees import Policy
from simulator.call import Call
from simulator.debrief import debrief
from simulator.events import CallerSpoke
from simulator.opening import open_parts
from simulator.persona import find_persona, personas
from simulator.vocabulary import Difficulty


def satisfaction(call: Call) -> float:
    """The caller's satisfaction 1-5, as the debrief computes it."""
    return next(f.value for f in debrief(call).outcome.figures if f.name.lower().startswith("satisfaction"))


def main(
    model: Annotated[
        str, typer.Option(help="whose words: a model, or `written` for the personas' own lines")
    ] = "written",
    evaluator: Annotated[str, typer.Option(help="standard or small")] = "small",
    difficulty: Annotated[Difficulty, typer.Option()] = Difficulty.EASY,
    seeds: Annotated[int, typer.Option(min=1, help="calls per persona and trainee")] = 5,
    persona: Annotated[list[str] | None, typer.Option(help="only these")] = None,
    policy: Annotated[list[Policy] | None, typer.Option(help="only these trainees")] = None,
    limit: Annotated[int, typer.Option(min=0, help="only so many of these calls, drawn by chance (0: all)")] = 0,
    at_once: Annotated[
        int, typer.Option(min=1, help="calls played at the same time; seconds a reply are told at 1")
    ] = AT_ONCE,
    errors: Annotated[int, typer.Option(min=0, help="print so many examples of each kind of error")] = 3,
    transcripts: Annotated[Path | None, typer.Option(help="write every call here as JSONL")] = None,
) -> None:
    """Play scripted trainees against personas and print who wins."""
    parts = open_parts(model, evaluator, written=model == "written")
    voice, grader = parts.voice, parts.evaluator
    chosen = {name: find_persona(name) for name in (persona or personas())}
    policies = policy or list(Policy)
    settings = grid(chosen.values(), (difficulty,), policies, seeds)
    if limit and limit < len(settings):
        settings = Random(0).sample(settings, limit)
    began, ended = time.perf_counter(), dict[int, Call]()
    with ExitStack() as files:
        out = files.enter_context(transcripts.open("w", encoding="utf-8")) if transcripts else None
        for place, call in play_many(settings, voice, grader, at_once=at_once):
            ended[place] = call
            print(f"{len(ended)}/{len(settings)} calls", end="\r", file=sys.stderr, flush=True)
            if out:
                out.write(json.dumps(_row(settings[place], call), ensure_ascii=False) + "\n")
                out.flush()
    seconds = time.perf_counter() - began
    calls: dict[tuple[str, Policy], list[Call]] = defaultdict(list)
    for place, setting in enumerate(settings):  # in the order of the settings, whichever ended first
        calls[setting.persona.id, setting.policy].append(ended[place])
    console = Console(width=150)
    console.print(_table(list(chosen), policies, calls, difficulty))
    for line in _promises(list(chosen), calls, difficulty):
        console.print(line)
    played = [call for some in calls.values() for call in some]
    console.print(f"{len(played)} calls in {seconds / 60:.1f} minutes, {at_once} at once; {voice.name}, {grader.name}")
    console.print(_words(played, timed=at_once == 1))
    ears, stated = listeners()
    said = heard(played, ears)
    console.print(_fidelity(said, stated))
    written = {p.id: list(p.written) for p in personas().values()}
    nearest, guessing = own_voice(said, written)
    lengths = [len(s.text.split()) for s in said]
    words = mean_of(lengths, [s.call for s in said])
    console.print(
        f"nearest to its own persona's written lines: {nearest.told('.0%')} of calls (guessing {guessing:.0%}); words a turn: "
        f"mean {words.told('.1f')}, median {median(lengths):.0f}; different pairs of words {distinct(s.text for s in said):.2f}; "
        f"said word for word in another call too {across_calls(said).told('.1%')}"
    )
    for line in _feelings(calls):
        console.print(line)
    console.print("How many right moves each difficulty asks for: simulator bench dial")
    for tag in ("role_flip", "assistant_tone", "invented", "repeats", "intent_missed"):
        for example in [s for s in said if tag in s.tags][:errors]:
            console.print(f"{tag}: {example.persona}, {example.intent.value}: {example.text}", markup=False)


def _table(
    names: list[str], policies: list[Policy], calls: dict[tuple[str, Policy], list[Call]], d: Difficulty
) -> Table:
    table = Table(title=f"won / satisfaction / trainee turns, difficulty {d.value}")
    table.add_column("persona")
    for policy in policies:
        table.add_column(policy.value)
    for name in names:
        cells = []
        for policy in policies:
            played = calls.get((name, policy), [])
            if not played:
                cells.append("")
                continue
            won = sum(map(is_won, played))
            turns = mean(len(c.grades) for c in played)
            cells.append(f"{won}/{len(played)}  {mean(map(satisfaction, played)):.1f}  {turns:.1f}")
        table.add_row(name, *cells)
    return table


def _promises(names: list[str], calls: dict[tuple[str, Policy], list[Call]], d: Difficulty) -> list[str]:
    def won(name: str, policy: Policy) -> list[bool]:
        return [is_won(c) for c in calls.get((name, policy), [])]

    def satisfied(name: str, policy: Policy) -> float:
        return mean(map(satisfaction, calls[name, policy]))

    checks: tuple[tuple[str, tuple[Policy, ...], Callable[[str], bool]], ...] = (
        ("excellent wins", (Policy.EXCELLENT,), lambda n: all(won(n, Policy.EXCELLENT))),
        ("hostile loses", (Policy.HOSTILE,), lambda n: not any(won(n, Policy.HOSTILE))),
        (
            "hollow ends worse than cold",
            (Policy.HOLLOW, Policy.COLD),
            lambda n: satisfied(n, Policy.HOLLOW) < satisfied(n, Policy.COLD),
        ),
    )
    lines = []
    for what, needs, holds in checks:
        met = [n for n in names if all(calls.get((n, policy)) for policy in needs)]
        if met:
            broken = [n for n in met if not holds(n)]
            lines.append(
                f"{what} ({d.value}): {len(met) - len(broken)}/{len(met)} personas"
                + (f"; not: {', '.join(broken)}" if broken else "")
            )
    return lines


def _words(played: list[Call], *, timed: bool) -> str:
    """How the words came about: what was refused, and if they were `timed`, how long they took."""
    spoken: list[CallerSpoke] = [s for call in played for s in call.spoken.values()]
    refused = Counter(v.kind.value for call in played for refusal in call.refused for v in refusal.violations)
    rates = ", ".join(f"{kind} {count}" for kind, count in refused.most_common()) or "none"
    took = f"seconds a reply (median) {median([s.seconds for s in spoken]):.2f}; " if timed else ""
    return f"{len(spoken)} caller turns; {took}candidates refused or cut short: {rates}"


def _fidelity(said: list[Said], stated: Stated) -> Table:
    """What is wrong with the words, beside the same measure on written lines of held-out calls of the corpus."""
    people = {
        "role_flip": f"{stated.flips:.1%}",
        "assistant_tone": f"{stated.assistant - stated.flips:.1%}",
        "intent_missed": f"{1 - stated.intent_likeliest:.1%}",
    }
    table = Table(title=f"{len(said)} caller turns, every one counted (share, 95 %)")
    for column in ("what", "these callers", "in the model's own words", "written callers"):
        table.add_column(column)
    own = shares([s for s in said if not s.written])
    for name, found in shares(said).items():
        of_its_own = "" if name.startswith(("written", "model recited")) else own[name].told(".1%")
        table.add_row(name.replace("_", " "), found.told(".1%"), of_its_own, people.get(name, ""))
    table.caption = (
        f"An intent is missed if it is not among the {GUESSES} likeliest of a reader that names {stated.intent:.0%} of written "
        f"lines' intents at once; the writer and the second reader of a line agree on {stated.readers_agree:.0%}."
    )
    return table


def _feelings(calls: dict[tuple[str, Policy], list[Call]]) -> list[str]:
    """Who softens for whom, how early, and how calls end."""
    lines = []
    for policy in Policy:
        who = [(persona, call) for (persona, pol), some in calls.items() for call in some if pol is policy]
        played, names = [call for _, call in who], [persona for persona, _ in who]
        if played:
            ends = Counter(c.ended.ending.value if c.ended else "cut off" for c in played)
            told = ", ".join(f"{name} {count / len(played):.0%}" for name, count in ends.most_common())
            soft, early = (share([test(c) for c in played], names) for test in (softened, softened_early))
            lines.append(
                f"{policy.value}: callers soften in {soft.told('.0%')} of {len(played)} calls, before anything was offered in "
                f"{early.told('.0%')}; endings: {told}"
            )
    return lines


def _row(setting: Setting, call: Call) -> dict[str, object]:
    return {
        "key": setting.key,
        "ending": call.ended.ending.value if call.ended else None,
        "turns": [
            {"speaker": t.speaker.value, "text": t.text}
            | (
                {
                    "levels": {d.value: v for d, v in call.grades[t.index].levels.items()},
                    "tags": sorted(x.value for x in call.grades[t.index].tags),
                    "intent": call.moves[t.index].plan.intent.value,
                    "state": {
                        k: getattr(call.moves[t.index].state, k) for k in ("agitation", "trust", "patience", "heard")
                    },
                }
                if t.index in call.grades
                else {"written": call.spoken[t.index].written}
            )
            for t in call.transcript
        ],
    }


if __name__ == "__main__":
    typer.run(main)
