"""Turns public sets of human ratings into rows that `simulator bench evaluator --ratings` reads; keeps no word of them here.

    python -m eval.public_ratings lend_an_ear CHECKOUT --out lend_an_ear.jsonl
    simulator bench evaluator --ratings lend_an_ear.jsonl --columns eval/public_data/lend_an_ear.yaml

CHECKOUT is a folder with the set's files at their places in its repository; which repository, under which licence, what was
rated by whom: the head of the map `eval/public_data/NAME.yaml`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.errors import DataError

Row = dict[str, Any]
EXPERTS = ("expert1", "expert2", "expert3")
_SPEAKER = re.compile(r"^(Seeker|Supporter):[ \t]*", re.MULTILINE)


def empathetic_dialogues(folder: Path) -> Iterator[Row]:
    """Every listener's turn, with what each expert gave the whole conversation."""
    given = {
        e: {r["conv_id"]: r for r in _rows(folder, f"annotations/empatheticdialogues/{e}_ratings.csv")} for e in EXPERTS
    }
    talks: dict[str, list[tuple[str, str]]] = {}
    for row in _rows(folder, "original_data/sample_empatheticdialogues.csv"):
        talks.setdefault(row["conv_id"], []).append((row["speaker_idx"], row["utterance"].replace("_comma_", ",")))
    for call, turns in talks.items():
        told = [("caller" if who == turns[0][0] else "trainee", text) for who, text in turns]
        yield from _turns(call, told, {f"{e} empathy": given[e][call]["empathy"] for e in EXPERTS})


def epitome(folder: Path) -> Iterator[Row]:
    """Every answer to a post, with what each expert gave it."""
    asked = ("level_emotional_reactions", "level_interpretations")
    given = {e: {r["rp_id"]: r for r in _rows(folder, f"annotations/epitome/{e}_ratings.csv")} for e in EXPERTS}
    for row in _rows(folder, "original_data/sample_epitome.csv"):
        ratings = {f"{e} {a}": given[e][row["rp_id"]][a] for e in EXPERTS for a in asked}
        told = [("caller", row["seeker_post"]), ("trainee", row["response_post"])]
        yield from _turns(row["rp_id"], told, ratings)


def lend_an_ear(folder: Path) -> Iterator[Row]:
    """Every supporter's turn, with what each expert gave the whole conversation."""
    asked = ("validating_emotions", "demonstrating_understanding", "dismissing_emotions", "advice_giving")
    given: dict[str, Row] = {}
    for row in _rows(folder, "annotations/combined_annotations_across_methods_and_datasets.csv"):
        if row["annotation_method"] in EXPERTS:
            told = {f"{row['annotation_method']} {a}": row[a] for a in asked}
            given.setdefault(row["lend_an_ear_conversation_id"], {}).update(told)
    for row in _rows(folder, "original_data/sample_lend_an_ear_conversations.csv"):
        _, *parts = _SPEAKER.split(row["full_conversation"])
        turns = [
            ("caller" if who == "Seeker" else "trainee", text.strip())
            for who, text in zip(parts[::2], parts[1::2], strict=True)
        ]
        yield from _turns(row["conversation_id"], turns, given[row["conversation_id"]])


def politeness(folder: Path) -> Iterator[Row]:
    """Every request, with the scores of its five raters; nothing is known of what was said before."""
    scores = tuple(f"Score{n}" for n in range(1, 6))
    for row in _rows(folder, "wikipedia.annotated.csv"):
        yield {"call": row["Id"], "before": "", "said": row["Request"], **{s: row[s] for s in scores}}


class Set(StrEnum):
    """The sets there is a map of."""

    EMPATHETIC_DIALOGUES = "empathetic_dialogues"
    EPITOME = "epitome"
    LEND_AN_EAR = "lend_an_ear"
    POLITENESS = "politeness"


READERS: dict[Set, Callable[[Path], Iterator[Row]]] = {
    Set.EMPATHETIC_DIALOGUES: empathetic_dialogues,
    Set.EPITOME: epitome,
    Set.LEND_AN_EAR: lend_an_ear,
    Set.POLITENESS: politeness,
}


def main(
    name: Annotated[Set, typer.Argument(help="which set")],
    folder: Annotated[Path, typer.Argument(help="its files, at their places in its repository")],
    out: Annotated[Path, typer.Option(help="where the rows go (JSONL)")],
    limit: Annotated[int | None, typer.Option(min=1, help="only so many rows, the first")] = None,
) -> None:
    """Write one row for every rated turn."""
    try:
        rows = list(READERS[name](folder))[:limit]
    except KeyError as error:
        raise DataError(
            f"lacks {error} that the others have: take all files of {name.value} at one commit", file=folder
        ) from error
    out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    print(f"{len(rows)} turns in {len({r['call'] for r in rows})} calls: {out}")


def _turns(call: str, told: list[tuple[str, str]], ratings: Row) -> Iterator[Row]:
    """A row for each of the trainee's turns: what was said before it, and the ratings."""
    before: list[str] = []
    for who, text in told:
        if who == "trainee":
            yield {"call": call, "before": "\n".join(before), "said": text, **ratings}
        before.append(f"{who}: {text}")


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    path = folder / name
    if not path.is_file():
        raise DataError(f"has no {name}; the map in eval/public_data says which repository it is from", file=folder)
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    typer.run(main)
