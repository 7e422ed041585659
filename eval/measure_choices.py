"""Which written line suits what the trainee just said? Measured on the rated lines of data/choices.jsonl.

    python -m eval.measure_choices

Each of 69 places of played calls has up to six lines that were laid before standard, what blind readers thought of each (0: absurd
there, 3: just right), and how likely the model found its beginning after the trainee's words and after "Hm." The table says how
good the chosen line is on average by log p after these words less so many times log p after "Hm." Intervals: places drawn anew.
"""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import combinations

import numpy as np

from eval.intervals import mean

WEIGHTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)


def main() -> None:
    places = [json.loads(row) for row in (files("eval") / "data/choices.jsonl").read_text("utf-8").splitlines()]
    ratings = [np.array([np.mean(line["ratings"]) for line in place["lines"]]) for place in places]
    drawn = [float(each.mean()) for each in ratings]
    _print("any of them", drawn, drawn)
    for weight in WEIGHTS:
        chosen = []
        for place, each in zip(places, ratings, strict=True):
            gains = [line["after"] - weight * line["unheard"] for line in place["lines"]]
            chosen.append(float(each[int(np.argmax(gains))]))
        _print(f"less {weight:.1f} x 'Hm.'", chosen, drawn)
    for few in (2, 3, 4, 5):
        chosen = []
        for place, each in zip(places, ratings, strict=True):
            gains = [line["after"] - line["unheard"] for line in place["lines"]]
            some = combinations(range(len(gains)), min(few, len(gains)))
            chosen.append(float(np.mean([each[max(drawn_few, key=gains.__getitem__)] for drawn_few in some])))
        _print(f"so, of {few} drawn", chosen, drawn)
    _print("the best rated", [float(each.max()) for each in ratings], drawn)


def _print(how: str, chosen: list[float], drawn: list[float]) -> None:
    more = mean([a - b for a, b in zip(chosen, drawn, strict=True)], range(len(chosen)))
    print(f"{how:18} {np.mean(chosen):.2f}  beside any of them {more.told('+.2f')}")


if __name__ == "__main__":
    main()
