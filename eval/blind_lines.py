"""Can a reader tell who wrote a line? `python -m eval.blind_lines --base standard --count 60 --out DIR`.

The places of `blind_pairs.py`, each with one line only, drawn by chance: the written caller's, or what the model says there.
A judge says of each who wrote it; half of the answers are right by guessing. DIR/alone.txt is for judges, DIR/alone.json for
afterwards. `--judged FILE` counts a filled-in sheet: one `number W|M` a line.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

from eval.blind_pairs import answers, drawn, moment, set_alike
from eval.intervals import wilson
from simulator.errors import DataError

INSTRUCTIONS = """\
Each piece below is a moment of a call or chat between a service agent and a difficult caller. The last line is what the caller
says next. In about half of the pieces it is the line that the author of the whole call wrote there (W); in the others a small
language model, which knew the call so far, was asked to speak for the caller (M). Which is it?

Write one line for each piece, its number and W or M, and nothing else:

0 W
1 M

Judge the words only. Lines may be short, rude, broken off or mistyped in both. Do not look for a pattern: each was dealt by
chance, each piece anew.
"""
WRITTEN, MODEL = "W", "M"


def draw(base: str, many: int, seed: int, out: Path) -> None:
    """Write the sheet and its key. A place in which every candidate was refused is left out."""
    some, ours = drawn(base, many, seed, out)
    rng, sheet, key = Random(seed), [INSTRUCTIONS], list[dict[str, str]]()
    for place in (place for place in some if set_alike(ours[place.key])):
        who = rng.choice((WRITTEN, MODEL))
        line = place.line.text if who == WRITTEN else ours[place.key]
        sheet.append(f"### {len(key)}\n{moment(place)}Caller: {set_alike(line)}\n")
        key.append({"place": place.key, "who": who})
    if not key:
        raise DataError("no candidate passed in any place", file=str(out))
    (out / "alone.txt").write_text("\n".join(sheet), "utf-8")
    (out / "alone.json").write_text(json.dumps(key) + "\n", "utf-8")
    print(f"{len(key)} lines in {out / 'alone.txt'}")


def told(judged: Path, key: list[dict[str, str]]) -> str:
    """How often a judge was right, with a 95 % interval (Wilson), and how often each sort was taken for written."""
    said = answers(judged)
    for number in range(len(key)):
        if said.get(str(number)) not in (WRITTEN, MODEL):
            raise DataError(f"says nothing of line {number} (W or M)", file=str(judged))
    right = sum(said[str(n)] == entry["who"] for n, entry in enumerate(key))
    low, high = wilson(right / len(key), len(key))
    taken = {
        who: [said[str(n)] == WRITTEN for n, entry in enumerate(key) if entry["who"] == who] for who in (WRITTEN, MODEL)
    }
    return (
        f"{len(key)} lines: right {right / len(key):.0%} ({low:.0%}-{high:.0%}); taken for written: "
        f"{sum(taken[WRITTEN])} of {len(taken[WRITTEN])} written, {sum(taken[MODEL])} of {len(taken[MODEL])} of the model's"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="small")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judged", type=Path)
    args = parser.parse_args()
    if args.judged:
        print(told(args.judged, json.loads((args.out / "alone.json").read_text("utf-8"))))
    else:
        draw(args.base, args.count, args.seed, args.out)


if __name__ == "__main__":
    main()
