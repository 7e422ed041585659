"""A blind test of the caller's words: `python -m eval.blind_pairs --base small --count 100 --out DIR`.

For lines of held-out calls, what the written caller says and what the model says in the same place (same call so far and
cue; drawn, guarded and chosen as at play), side by side in random order: DIR/sheet.txt for judges who do not know which is
which, DIR/key.json for afterwards. `--against untuned` sets the tuned model beside the same model without its adapter,
which reads the same text: the call so far is its example. `--judged FILE` counts a filled-in sheet: one `number A|B|=` a
line.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np

from eval.lines import WrittenCall, split, written_calls
from simulator.caller.choice import Chosen, chosen
from simulator.caller.guard import Violation, check
from simulator.caller.voice import carries
from simulator.errors import DataError, ModelFormatError
from simulator.models.choose import open_model
from simulator.models.local import LocalModel
from simulator.settings import Settings, settings

EARLIEST = 2
"""Caller lines that come before the one that is judged: the judge, and a model without adapter, hear the voice first."""
LONGEST = 40
"""Words of a reply at most."""


def places(count: int, seed: int) -> list[tuple[WrittenCall, int]]:
    """`count` held-out calls and the number of one line of each."""
    rng = Random(seed)
    long_enough = [c for c in split(written_calls())[1] if len(c.lines) > EARLIEST + 1]
    return [(c, rng.randrange(EARLIEST, len(c.lines))) for c in rng.sample(long_enough, min(count, len(long_enough)))]


def spoken(model: LocalModel, call: WrittenCall, number: int, seed: int) -> str:
    """What `model` says in that place ('': every candidate was refused)."""
    preface, *rest = call.segments[: 2 + 2 * number]
    # The same cuts as at play: each line goes with the cue of the next.
    joined = (preface, rest[0], *(f"{rest[n]}{rest[n + 1]}" for n in range(1, len(rest) - 1, 2)))
    line, own = call.lines[number], [x.text for x in call.lines[:number]]
    known = [preface, *rest, *(fact for x in call.lines[: number + 1] for fact in x.facts)]

    def listen(text: str) -> tuple[Violation, ...]:
        return check(text, known=known, own_lines=own, heard=line.heard)

    def incomplete(text: str) -> bool:
        return not all(carries(text, fact) for fact in line.facts)

    said = chosen(model, joined, listen, incomplete, longest=LONGEST, seed=f"{seed}:{call.id}:{number}")
    return next((part.text for part in said if isinstance(part, Chosen)), "")


def draw(base: str, count: int, seed: int, out: Path, against: str) -> None:
    """Write the sheet and its key."""
    model = open_model(base)
    if not isinstance(model, LocalModel) or not model.info.tuned:
        raise ModelFormatError(f"no adapter ships for {base}; train one: python -m eval.train_caller --base {base}")
    other = open_model(base, settings=Settings(tuned=False, cache_dir=settings().cache_dir)) if against else None
    out.mkdir(parents=True, exist_ok=True)
    rng, sheet, key = Random(seed), list[str](), list[dict[str, object]]()
    for call, number in places(count, seed):
        ours = spoken(model, call, number, seed)
        theirs = call.lines[number].text
        if isinstance(other, LocalModel):
            theirs = spoken(other, call, number, seed)
        first = rng.random() < 0.5
        key.append(
            {"call": call.id, "line": number, "ours": "A" if first else "B", "lost": not ours, "won": not theirs}
        )
        if not ours or not theirs:
            continue  # whoever has nothing that may be said has lost
        before = "\n".join(f"Agent: {x.heard}\nCaller: {x.text}" for x in call.lines[max(0, number - 3) : number])
        a, b = (ours, theirs) if first else (theirs, ours)
        sheet.append(
            f"### {len(key) - 1}\n{call.part.business}: {call.part.issue}. Caller: {call.part.name}, {call.part.voice}\n"
            f"{before}\nAgent: {call.lines[number].heard}\nA: {a}\nB: {b}\n"
        )
        print(f"{len(key)}/{count}", end="\r", flush=True)
    (out / "sheet.txt").write_text("\n".join(sheet), "utf-8")
    (out / "key.json").write_text(json.dumps(key) + "\n", "utf-8")


def count(judged: Path, out: Path) -> None:
    """Print how often ours was preferred, with a 95 % interval (pairs resampled)."""
    key = json.loads((out / "key.json").read_text("utf-8"))
    said = dict(line.split()[:2] for line in judged.read_text("utf-8").splitlines() if line.strip())
    points, ties = list[float](), 0
    for number, entry in enumerate(key):
        if entry["lost"] or entry["won"]:
            points.append(float(entry["won"]))
            continue
        if (choice := said.get(str(number))) not in ("A", "B", "="):
            raise DataError(f"says nothing of pair {number} (A, B or =)", file=str(judged))
        ties += choice == "="
        points.append(float(choice in (entry["ours"], "=")))
    drawn = np.random.default_rng(0).choice(points, size=(2000, len(points))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    refused = sum(bool(e["lost"]) for e in key)
    print(
        f"{len(points)} pairs: ours preferred or tied {np.mean(points):.0%} ({low:.0%}-{high:.0%}), ties {ties}; in {refused} ours was refused"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="small")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--against", choices=("untuned",), default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judged", type=Path)
    args = parser.parse_args()
    if args.judged:
        count(args.judged, args.out)
    else:
        draw(args.base, args.count, args.seed, args.out, args.against)


if __name__ == "__main__":
    main()
