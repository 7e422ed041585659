"""`simulator bench turn`: how long a trainee waits, from sending a turn to the full reply, and where the time goes.

Every call is played twice, turn by turn in alternation: as if the trainee answered at once, and as if they thought for a
while, so that the models have read ahead. The words are the same, so the two times make pairs. Then (`--growth`) what a
turn takes late in a long call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from statistics import median
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.playing import Setting, started, words
from eval.trainees import Policy, scripts
from simulator.call import Call
from simulator.caller.choice import CANDIDATES
from simulator.events import CallerSaying, CallerSpoke, TurnGraded
from simulator.models.base import ManyVoiced, Sampling
from simulator.opening import Parts, open_parts
from simulator.persona import personas
from simulator.plan import Plan
from simulator.prompts import caller_segments, tuned_segments
from simulator.scenario import scenarios
from simulator.session import Session, situation
from simulator.transcript import Speaker
from simulator.vocabulary import Difficulty, Intent

PARTS = ("grade", "first words", "reply", "whole turn")
LATE = (2, 3, 10, 20, 40)
"""Trainee turns, counted from 1, that `growth` times: more than a call may have."""
DRAWN = 24
"""Tokens of each candidate there: a usual line."""
Row = dict[str, float]


def main(
    model: Annotated[str, typer.Option(help="standard, small, or any other model")] = "small",
    evaluator: Annotated[str, typer.Option(help="auto, standard or small")] = "auto",
    calls: Annotated[int, typer.Option(min=1)] = 4,
    turns: Annotated[int, typer.Option(min=2, help="trainee turns of each call")] = 6,
    growth: Annotated[int, typer.Option(min=0, help="long calls in which late turns are timed (0: none)")] = 0,
) -> None:
    """Play calls and print turn times; the first turn of the process is left out (it warms up)."""
    console, parts = Console(), open_parts(model, evaluator)
    parts.warm_up()
    pairs = [p for n in track(range(calls), description="playing calls") for p in both(parts, setting(n), turns)][1:]
    console.print(waits(f"{parts.voice.name}, {parts.evaluator.name}: {len(pairs)} turns", pairs))
    rows = [at_once for at_once, _ in pairs]
    console.print(
        f"times drawn per turn {sum(r['attempts'] for r in rows) / len(rows):.2f}, written lines "
        f"{sum(r['written'] for r in rows):.0f}, words per reply {median(r['words'] for r in rows):.0f}"
    )
    if growth:
        late = [list(grown(parts, setting(n))) for n in track(range(growth), description="long calls")]
        console.print(growth_table(late))
    parts.close()


def setting(n: int) -> Setting:
    """Call number `n` of the benchmark."""
    who, what = list(personas().values()), list(scenarios().values())
    return Setting(who[5 * n % len(who)], what[n % len(what)], Difficulty.MEDIUM, Policy.EXCELLENT, n)


def both(parts: Parts, call: Setting, turns: int) -> Iterator[tuple[Row, Row]]:
    """Every turn of that call, said at once and after thinking. Raises AssertionError if the words differ."""
    at_once = started(call, parts.voice, parts.evaluator)
    thinking = started(replace(call, condition="thinking"), parts.voice, parts.evaluator)
    for number, said in enumerate(islice(words(at_once, call), turns)):
        keys = call.key, replace(call, condition="thinking").key
        if number == 0:
            parts.read_ahead(at_once.call, keys[0])  # nobody begins a call without a look at it
        parts.read_ahead(thinking.call, keys[1])
        rows = [_timed(session, said) for session in (at_once, thinking)[:: -1 if number % 2 else 1]]
        assert at_once.call.transcript == thinking.call.transcript, "reading ahead changed the words"
        yield (rows[1], rows[0]) if number % 2 else (rows[0], rows[1])


def waits(title: str, pairs: Sequence[tuple[Row, Row]]) -> Table:
    """Seconds of each part of a turn, at once and after thinking, and the median ratio of the pairs."""
    table = Table(title=title)
    for column in (
        "seconds",
        "at once: median",
        "95th percentile",
        "after thinking: median",
        "95th percentile",
        "ratio",
    ):
        table.add_column(column)
    for part in PARTS:
        cells = []
        for rows in zip(*pairs, strict=True):
            values = [row[part] for row in rows]
            cells += [f"{median(values):.2f}", f"{np.quantile(values, 0.95):.2f}"]
        ratio = median(after[part] / before[part] for before, after in pairs if before[part])
        table.add_row(part, *cells, f"{ratio:.2f}")
    return table


def grown(parts: Parts, call: Setting) -> Iterator[Row]:
    """The turns `LATE` of a long call in which everything has been read ahead. The caller vents in each of them, and draws
    `DRAWN` tokens whatever they say: as much to say in every turn."""
    model = parts.model
    if not isinstance(model, ManyVoiced):
        raise typer.BadParameter("only a model on this machine has a cache that grows: use small or standard")
    form = tuned_segments if model.info.tuned else caller_segments
    session = started(call, parts.voice, parts.evaluator)
    scenario, persona, key = call.scenario, call.persona, f"{call.key}/long"
    said = cycle(
        [s for p in (Policy.EXCELLENT, Policy.COLD, Policy.CLUMSY) for s in scripts()[scenario.id].scripts[p].steps]
    )
    answers = cycle([line for i in (Intent.DOUBT, Intent.DEMAND, Intent.QUESTION) for line in persona.lines[i]])
    for _ in session.submit("Good morning, how can I help you?"):
        pass
    now, vent = session.call, Plan(intent=Intent.VENT)
    for number in range(2, max(LATE) + 1):
        if number in LATE:
            parts.read_ahead(now, key)
        before, now = now, _said(now, next(said), vent)
        if number in LATE:
            turn = now.transcript.turns[-1]
            began = time.perf_counter()
            parts.evaluator.grade(turn, before.transcript, scenario.brief, cache_key=key)
            graded = time.perf_counter()
            s = situation(now, key)
            segments = form(s.persona, s.scenario, s.medium, s.transcript, s.plans)
            model.several(segments, Sampling(max_tokens=DRAWN, stop=()), CANDIDATES, cache_key=key)
            done = time.perf_counter()
            yield {"grade": graded - began, "reply": done - graded, "whole turn": done - began}
        now = replace(now, transcript=now.transcript.plus(Speaker.CALLER, next(answers)))


def growth_table(calls: Sequence[Sequence[Row]]) -> Table:
    """Medians over the long calls, turn by turn, and how much longer a turn takes than the third, call by call."""
    table = Table(title=f"as a call grows: {len(calls)} long calls, {DRAWN} tokens drawn, seconds (median)")
    for column in ("turn", "grade", "reply", "whole turn", "x turn 3"):
        table.add_column(column)
    third = [call[LATE.index(3)]["whole turn"] for call in calls]
    for place, number in enumerate(LATE):
        rows = [call[place] for call in calls]
        ratio = median(row["whole turn"] / base for row, base in zip(rows, third, strict=True))
        cells = [f"{median(r[part] for r in rows):.2f}" for part in ("grade", "reply", "whole turn")]
        table.add_row(str(number), *cells, f"{ratio:.2f}")
    return table


def _said(call: Call, text: str, plan: Plan) -> Call:
    """The call after the trainee has said `text`, with `plan` for the answer."""
    turn, last = len(call.transcript), call.last_move
    assert last is not None
    move = last.model_copy(update={"turn": turn, "plan": plan})
    return replace(call, transcript=call.transcript.plus(Speaker.TRAINEE, text), moves={**call.moves, turn: move})


def _timed(session: Session, said: str) -> Row:
    """One turn, in seconds: until the grade, from there to the first words, to the full reply; and the whole."""
    began = time.perf_counter()
    graded = first = done = 0.0
    row: Row = {}
    for event in session.submit(said):
        now = time.perf_counter() - began
        if isinstance(event, TurnGraded):
            graded = now
        elif isinstance(event, CallerSaying) and not first:
            first = now
        elif isinstance(event, CallerSpoke):
            done = now
            row = {"attempts": event.attempts, "written": event.written, "words": len(event.text.split())}
    return row | {"grade": graded, "first words": first - graded, "reply": done - graded, "whole turn": done}


if __name__ == "__main__":
    typer.run(main)
