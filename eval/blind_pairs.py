"""A blind test of the caller's words: `python -m eval.blind_pairs --base small --count 100 --out DIR`.

For lines of held-out calls, what the written caller says and what the model says in the same place (`in_place.py`), side
by side in random order: DIR/sheet.txt for judges who do not know which is which, with all they have to know on top;
DIR/key.json for afterwards. `--against untuned` sets the tuned model beside the same model without its adapter, which
reads the same text: the call so far is its example. Both lines are set in the same type, so that only words can give one
away. Stopped and started again it goes on with the lines that DIR/lines.jsonl has. `--judged FILE` counts a filled-in
sheet: one `number A|B|=` a line.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np

from eval.in_place import Place, each, places, said
from eval.lines import split, written_calls
from simulator.caller.choice import tidy
from simulator.errors import DataError, ModelFormatError
from simulator.models.base import ManyVoiced
from simulator.models.choose import open_model
from simulator.models.local import LocalModel
from simulator.prompts import as_data
from simulator.settings import Settings, settings
from simulator.vocabulary import Register

SHOWN = 3
"""Exchanges before the pair that a judge reads."""
INSTRUCTIONS = """\
Each piece below is a moment of a call or chat between a service agent and a difficult caller. The last thing said is the
agent's. A and B are two versions of what the caller says next. Which one would you rather believe to come from this
caller, at this moment: it answers what was just said, fits what happened so far, and sounds like this person?

Write one line for each piece, its number and A, B or = (no difference), and nothing else:

0 A
1 =

Judge the words only. Lines may be short, rude, broken off or mistyped: people are. Do not look for a pattern; A and B
were dealt by chance, each piece anew.
"""


def set_alike(line: str) -> str:
    """`line` in the type that every line of the sheet is set in: straight quotes, single blanks, no brackets."""
    return tidy(as_data(line))


class Drawn:
    """The lines of one model, kept in a file of the folder as they are drawn."""

    def __init__(self, model: ManyVoiced, seed: int, file: Path) -> None:
        self._model, self._seed, self._file = model, seed, file
        self._name = f"{model.info.name} {model.info.digest} {model.info.tuned}"
        written = file.read_text("utf-8") if file.exists() else ""
        rows = [json.loads(row) for row in written.splitlines(keepends=True) if row.endswith("\n")]
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        self._kept = {r["place"]: r["text"] for r in rows if (r["model"], r["seed"]) == (self._name, seed)}

    def lines(self, some: list[Place]) -> dict[str, str]:
        """By place; '': every candidate was refused."""
        left = [place for place in some if place.key not in self._kept]
        with self._file.open("a", encoding="utf-8") as out:
            for n, (place, text) in enumerate(
                zip(left, each(lambda p: said(self._model, p, self._seed)[0], left), strict=True), 1
            ):
                self._kept[place.key] = text
                row = {"model": self._name, "seed": self._seed, "place": place.key, "text": text}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                out.flush()
                print(f"{self._name.split()[0]}: {n}/{len(left)}", end="\r", flush=True)
        print()
        return self._kept


def drawn(base: str, count: int, seed: int, out: Path) -> tuple[list[Place], dict[str, str]]:
    """Places of held-out calls, and what the tuned model says in each. Raises ModelFormatError if there is none."""
    out.mkdir(parents=True, exist_ok=True)
    model = open_model(base)
    if not isinstance(model, LocalModel) or not model.info.tuned:
        raise ModelFormatError(f"no adapter ships for {base}; train one: python -m eval.train_caller --base {base}")
    some = places(split(written_calls())[1], count, seed, model.info)
    said = Drawn(model, seed, out / "lines.jsonl").lines(some)
    model.close()
    return some, said


def draw(base: str, count: int, seed: int, out: Path, against: str) -> None:
    """Write the sheet and its key."""
    some, ours = drawn(base, count, seed, out)
    theirs = {place.key: place.line.text for place in some}
    if against:
        other = open_model(base, settings=Settings(tuned=False, cache_dir=settings().cache_dir))
        assert isinstance(other, ManyVoiced)
        theirs = Drawn(other, seed, out / "lines.jsonl").lines(some)
        other.close()
    rng, sheet, key = Random(seed), [INSTRUCTIONS], list[dict[str, object]]()
    for number, place in enumerate(some):
        one, two = set_alike(ours[place.key]), set_alike(theirs[place.key])
        first = rng.random() < 0.5
        key.append({"place": place.key, "ours": "A" if first else "B", "lost": not one, "won": not two})
        if one and two:  # whoever has nothing that may be said has lost
            sheet.append(piece(number, place, *((one, two) if first else (two, one))))
    (out / "sheet.txt").write_text("\n".join(sheet), "utf-8")
    (out / "key.json").write_text(json.dumps(key) + "\n", "utf-8")
    print(f"{len(sheet) - 1} pairs in {out / 'sheet.txt'}")


def piece(number: int, place: Place, a: str, b: str) -> str:
    """One moment as a judge reads it, and what may be said in it."""
    return f"### {number}\n{moment(place)}\nA: {a}\nB: {b}\n"


def moment(place: Place) -> str:
    """Who calls whom and why, and the talk up to the agent's last words."""
    part, before = place.call.part, place.call.lines[max(0, place.number - SHOWN) : place.number]
    medium = "Phone call" if part.medium is Register.PHONE else "Chat"
    head = f"{medium}. {part.business}: {part.issue}. The caller: {part.name}, {part.voice}\n"
    known = "".join(f"- {fact}\n" for fact in part.facts)
    talk = "".join(
        (f"Agent: {set_alike(x.heard)}\n" if x.heard else "") + f"Caller: {set_alike(x.text)}\n" for x in before
    )
    skipped = "[...]\n" if place.number > SHOWN else ""
    return f"{head}What the caller knows:\n{known}\n{skipped}{talk}Agent: {set_alike(place.line.heard)}\n"


def answers(judged: Path) -> dict[str, str]:
    """What a filled-in sheet says, by number; lines that are no answer do not count."""
    words = (line.split() for line in judged.read_text("utf-8").splitlines())
    return {line[0]: line[1] for line in words if len(line) > 1}


def count(judged: Path, out: Path) -> None:
    """Print how often ours was preferred, with a 95 % interval (pairs resampled)."""
    key = json.loads((out / "key.json").read_text("utf-8"))
    said = answers(judged)
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
