"""What makes a caller's words better or worse: `python -m eval.compare_callers --base small|standard [--count N]`.

The same places of held-out calls (`in_place.py`), with and without the adapter, with the call so far or the cue alone, with and
without what the state decided (the cue's intent and facts), at several temperatures, one candidate or the best of four. One drawing
each, so that what the guard refuses can be seen. Printed: the perplexity of the written line there, whether the drawn line does
what it was to do (a reader that knows only lines, `listeners.py`), candidates that were refused and why, places where nothing
passed, how many lines were drawn word for word in another place, too, different pairs of words, and words a line; beside the
same for the written lines.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean, median

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from eval.fidelity import distinct
from eval.in_place import LONGEST, Place, each, places
from eval.lines import split, written_calls
from eval.listeners import Listeners, listeners
from simulator.caller.choice import CANDIDATES, best, drawing, ends_within, passable, tidy
from simulator.errors import ModelFormatError
from simulator.models import MODELS, ensure
from simulator.models.base import Candidate, ManyVoiced, ModelInfo, Source
from simulator.models.choose import ADAPTERS, open_model
from simulator.models.loading import load
from simulator.models.runner import Runner, Work
from simulator.models.tokens import TextTokens
from simulator.prompts import ANSWER, spoken
from simulator.settings import Settings, settings

Form = Callable[[Place], tuple[str, ...]]


def whole(place: Place) -> tuple[str, ...]:
    """The call so far, as at play."""
    return place.segments


def alone(place: Place) -> tuple[str, ...]:
    """Who is on the line, and the cue: nothing of the call so far."""
    return place.segments[0], place.call.segments[1 + 2 * place.number]


def blind(place: Place) -> tuple[str, ...]:
    """The call so far, and the trainee's words without what the caller is to do with them."""
    *before, last = place.segments
    return (*before, f"{last[: last.rindex(ANSWER[:-1])]}{ANSWER}")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to find a line. `temperature` 0: as at play."""

    name: str
    tuned: bool
    form: Form
    candidates: int = CANDIDATES
    temperature: float = 0.0


WAYS = (
    Way("prompt only", False, alone),
    Way("few-shot transcript", False, whole),
    Way("adapter, as at play", True, whole),
    Way("adapter, cue alone", True, alone),
    Way("adapter, cue without the state", True, blind),
    Way("adapter, one candidate", True, whole, candidates=1),
    Way("adapter, temperature .2", True, whole, temperature=0.2),
    Way("adapter, temperature .4", True, whole, temperature=0.4),
    Way("adapter, temperature 1", True, whole, temperature=1.0),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What one way made of one place: the line ('': nothing passed), candidates, and why some of them were refused."""

    text: str
    candidates: int
    refused: tuple[str, ...]


def found(model: ManyVoiced, way: Way, place: Place, seed: int) -> Found:
    """One drawing in one place."""
    sampling = drawing(LONGEST, 0, f"{seed}:{place.key}")
    drawn = model.several(
        way.form(place),
        replace(sampling, temperature=way.temperature or sampling.temperature),
        way.candidates,
        enough=lambda text: ends_within(text, LONGEST),
        least=max(1, way.candidates - 1),
        cache_key=f"{way.form.__name__}:{place.key}",
    )
    passed, why = list[Candidate](), list[str]()
    for one in drawn:
        text, refused = passable(tidy(one.text), place.listen, LONGEST, cut=one.cut)
        if text:
            passed.append(replace(one, text=text))
        elif refused:
            why.append(refused[1][0].kind.value)
    return Found(best(passed, place.incomplete) if passed else "", len(drawn), tuple(why))


def perplexity(runner: Runner, tokens: TextTokens, form: Form, some: Sequence[Place], *, tuned: bool) -> float:
    """exp of the mean loss of a token of the written lines after what the model reads in `form`."""
    total, count = 0.0, 0
    with torch.inference_mode():
        for place in some:
            tape, after = runner.tape(), torch.empty(0)
            for text in form(place):
                after = runner.scores([Work(tape, tokens.encode(text)[0])], adapted=tuned)[0][0]
            for token in tokens.encode(spoken(place.line.text))[0]:
                total, count = total - float(after.log_softmax(-1)[token]), count + 1
                after = runner.scores([Work(tape, [token])], adapted=tuned)[0][0]
    return math.exp(total / count)


def perplexities(base: str, some: Sequence[Place]) -> dict[tuple[Form, bool], float]:
    """By form and whether the adapter is on."""
    loaded = load(ensure(base), adapter=ADAPTERS / base)
    tokens = TextTokens(loaded.tokenizer, base)
    asked = list(dict.fromkeys((way.form, way.tuned) for way in WAYS))
    return {
        (form, tuned): perplexity(loaded.runner, tokens, form, some, tuned=tuned)
        for form, tuned in track(asked, description="reading written lines")
    }


def drawn_lines(base: str, some: Sequence[Place], seed: int) -> dict[Way, list[Found]]:
    """Every way in every place; of one place one way after the other, so that what they read alike is read once."""
    lines: dict[Way, list[Found]] = {}
    for tuned in (True, False):
        model = open_model(base, settings=Settings(tuned=tuned, cache_dir=settings().cache_dir))
        if not isinstance(model, ManyVoiced) or bool(model.info.tuned) is not tuned:
            raise ModelFormatError(f"no adapter ships for {base}; train one: python -m eval.train_caller --base {base}")
        ways = [way for way in WAYS if way.tuned is tuned]

        def here(place: Place, model: ManyVoiced = model, ways: list[Way] = ways) -> list[Found]:
            return [found(model, way, place, seed) for way in ways]

        rows = list(track(each(here, some), total=len(some), description="tuned" if tuned else "untuned"))
        lines |= {way: [row[n] for row in rows] for n, way in enumerate(ways)}
        model.close()
    return lines


def row(name: str, some: Sequence[Place], lines: Sequence[Found], ears: Listeners, read: str) -> list[str]:
    """The cells of one way."""
    there = [(place, line.text) for place, line in zip(some, lines, strict=True) if line.text]
    texts = [text for _, text in there]
    guesses = ears.likeliest(texts) if texts else []
    realised = [place.line.intent in guess for (place, _), guess in zip(there, guesses, strict=True)]
    told = [not place.incomplete(text) for place, text in there if place.line.facts]
    often = Counter(text.lower() for text in texts)
    why = Counter(kind for line in lines for kind in line.refused).most_common(3)
    candidates = sum(line.candidates for line in lines)
    return [
        name,
        read,
        f"{mean(realised):.0%}" if realised else "",
        f"{mean(told):.0%}" if told else "",
        f"{sum(len(line.refused) for line in lines) / candidates:.0%}" if candidates else "",
        ", ".join(f"{kind.replace('_', ' ')} {n}" for kind, n in why),
        f"{1 - len(there) / len(lines):.0%}" if candidates else "",
        f"{sum(n for n in often.values() if n > 1) / max(1, len(texts)):.0%}",
        f"{distinct(texts):.2f}",
        f"{median(len(t.split()) for t in texts):.0f}" if texts else "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, choices=("small", "standard"))
    parser.add_argument("--count", type=int, default=40, help="places, one a held-out call")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print the lines of so many places")
    args = parser.parse_args()
    known = ModelInfo(args.base, Source.EMBEDDED, MODELS[args.base].parameters)
    some = places(split(written_calls())[1], args.count, args.seed, known)
    read = perplexities(args.base, some)
    lines = drawn_lines(args.base, some, args.seed)
    ears, _ = listeners()
    table = Table(title=f"{args.base}: {len(some)} places of held-out calls")
    for column in (
        "way", "perplexity", "does what it was to do", "facts told", "refused", "why, most often", "nothing passed",
        "same as elsewhere", "different pairs", "words",
    ):  # fmt: skip
        table.add_column(column)
    table.add_row(*row("written lines", some, [Found(p.line.text, 0, ()) for p in some], ears, ""))
    for way in WAYS:
        table.add_row(*row(way.name, some, lines[way], ears, f"{read[way.form, way.tuned]:.1f}"))
    console = Console(width=200)
    console.print(table)
    for n, place in enumerate(some[: args.show]):
        console.print(
            f"\nAgent: {place.line.heard}\n  ({place.line.intent.value}) written: {place.line.text}", markup=False
        )
        for way in WAYS:
            console.print(f"  {way.name}: {lines[way][n].text}", markup=False)


if __name__ == "__main__":
    main()
