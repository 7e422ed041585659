"""`simulator bench caller`: do callers behave as their file says? Plays scripted trainees against personas.

For each persona it prints how the four scripted trainees fare (share of calls won, satisfaction, turns), and checks three
promises: the excellent one wins every persona at the lowest difficulty, the hostile one loses every persona, and hollow
sympathy ends worse (mean satisfaction) than cold competence. State does not depend on the caller's words except through
what the grader reads of them; `--words written` plays without a caller model and is quick.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.playing import Setting, play
from eval.trainees import Policy
from simulator.call import Call
from simulator.debrief import debrief
from simulator.events import CallerSpoke
from simulator.opening import open_parts
from simulator.persona import find_persona, personas
from simulator.scenario import scenarios
from simulator.vocabulary import Difficulty, Ending


def is_won(call: Call) -> bool:
    """Whether the call ended resolved."""
    return call.ended is not None and call.ended.ending is Ending.RESOLVED


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
    transcripts: Annotated[Path | None, typer.Option(help="write every call here as JSONL")] = None,
) -> None:
    """Play scripted trainees against personas and print who wins."""
    parts = open_parts(model, evaluator, written=model == "written")
    voice, grader = parts.voice, parts.evaluator
    situations = list(scenarios().values())
    chosen = {name: find_persona(name) for name in (persona or personas())}
    policies = policy or list(Policy)
    # Each persona meets another scenario with each seed; persona n starts at scenario n, so that all pairs come up.
    settings = [
        Setting(one, situations[(n + seed) % len(situations)], difficulty, pol, seed)
        for n, one in enumerate(chosen.values())
        for pol in policies
        for seed in range(seeds)
    ]
    calls: dict[tuple[str, Policy], list[Call]] = defaultdict(list)
    out = transcripts.open("w", encoding="utf-8") if transcripts else None
    for setting in track(settings, description="playing calls"):
        call = play(setting, voice, grader)
        calls[setting.persona.id, setting.policy].append(call)
        if out:
            out.write(json.dumps(_row(setting, call), ensure_ascii=False) + "\n")
            out.flush()
    if out:
        out.close()
    console = Console(width=150)
    console.print(_table(list(chosen), policies, calls, difficulty))
    for line in _promises(list(chosen), calls, difficulty):
        console.print(line)
    console.print(_words(calls))


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
            played = calls[name, policy]
            won = sum(map(is_won, played))
            turns = mean(len(c.grades) for c in played)
            cells.append(f"{won}/{len(played)}  {mean(map(satisfaction, played)):.1f}  {turns:.1f}")
        table.add_row(name, *cells)
    return table


def _promises(names: list[str], calls: dict[tuple[str, Policy], list[Call]], d: Difficulty) -> list[str]:
    def won(name: str, policy: Policy) -> list[bool]:
        return [is_won(c) for c in calls.get((name, policy), [])]

    lines = []
    checks = (
        ("excellent wins", Policy.EXCELLENT, lambda n: all(won(n, Policy.EXCELLENT))),
        ("hostile loses", Policy.HOSTILE, lambda n: not any(won(n, Policy.HOSTILE))),
        (
            "hollow ends worse than cold",
            Policy.HOLLOW,
            lambda n: mean(map(satisfaction, calls[n, Policy.HOLLOW])) < mean(map(satisfaction, calls[n, Policy.COLD])),
        ),
    )
    for what, needs, holds in checks:
        if any((n, needs) in calls for n in names) and (needs is not Policy.HOLLOW or (names[0], Policy.COLD) in calls):
            broken = [n for n in names if not holds(n)]
            lines.append(
                f"{what} ({d.value}): {len(names) - len(broken)}/{len(names)} personas"
                + (f"; not: {', '.join(broken)}" if broken else "")
            )
    return lines


def _words(calls: dict[tuple[str, Policy], list[Call]]) -> str:
    """How the words came about: first try, resampled, cut, or a written line."""
    spoken: list[CallerSpoke] = [s for played in calls.values() for c in played for s in c.spoken.values()]
    refused: dict[str, int] = defaultdict(int)
    for played in calls.values():
        for call in played:
            for refusal in call.refused:
                for violation in refusal.violations:
                    refused[violation.kind.value] += 1
    n = max(1, len(spoken))
    rates = ", ".join(f"{k} {v}" for k, v in sorted(refused.items(), key=lambda kv: -kv[1])) or "none"
    return (
        f"{len(spoken)} caller turns: written lines {sum(s.written for s in spoken) / n:.1%}, "
        f"resampled {sum(s.attempts > 1 and not s.written for s in spoken) / n:.1%}; refusals: {rates}"
    )


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
