"""What a tuned model says: candidates drawn at once, the guard's word on each, and the choice among those that pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from simulator.caller.guard import Violation
from simulator.models.base import Candidate, ManyVoiced, ModelInfo, Sampling

ROUNDS = 3
"""Times that a tuned model draws its candidates before a written line is used."""
CANDIDATES = 4
"""Candidates that a tuned model draws at once; the last to end is not waited for."""
TEMPERATURE = 0.7
"""Temperature at which a tuned model draws first. At a lower one it says that it does not know, again and again."""
SENTENCES = 3
"""Most sentences of one turn."""
FEW_PARAMETERS = 500_000_000
"""A model smaller than this is tiny. It loses the thread easily: what matters is not left to it (`left_to_file` of the voice).
Untuned it is stopped after its first sentence."""
MARKS = ".!?…\"”'"
"""What a finished sentence ends with."""
Listener = Callable[[str], tuple[Violation, ...]]
"""What the guard says to a text."""
SENTENCE_END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?…]+[\"'”’)]*(?=\s)")


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate, or the rest of one (`trimmed`), that the guard refused."""

    attempt: int
    text: str
    violations: tuple[Violation, ...]
    trimmed: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The best of the candidates of one drawing, before anything is added."""

    text: str
    attempt: int


def chosen(
    model: ManyVoiced,
    segments: tuple[str, ...],
    listen: Listener,
    incomplete: Callable[[str], bool],
    *,
    longest: int,
    seed: str,
    rounds: int = ROUNDS,
    key: str = "",
    keeps: Callable[[str], float] = lambda _text: 1.0,
) -> Iterator[Refused | Chosen]:
    """What a tuned model says after `segments`: every candidate that was refused or cut short, then the best of those that
    pass; drawn again, a little bolder, when none does. No `Chosen` at the end: nothing passed. `keeps`: which share of the
    persona's principles a text keeps to."""
    for attempt in range(rounds):
        passed: list[Candidate] = []
        sampling = drawing(longest, attempt, seed)
        candidates = model.several(
            segments,
            sampling,
            CANDIDATES,
            enough=lambda text: ends_within(text, longest),
            least=CANDIDATES - 1,
            cache_key=key or None,
        )
        for drawn in candidates:
            text, refused = passable(tidy(drawn.text), listen, longest, cut=drawn.cut)
            if refused:
                yield Refused(attempt, refused[0], refused[1], trimmed=bool(text))
            if text:
                passed.append(Candidate(text, drawn.chance))
        if passed:
            yield Chosen(best(passed, incomplete, keeps), attempt)
            return


def drawing(longest: int, attempt: int, seed: str) -> Sampling:
    """How a tuned model draws its candidates for a line of at most about `longest` words, the first time (0) and later."""
    return Sampling(
        temperature=TEMPERATURE + 0.15 * attempt,
        top_p=0.9,
        repetition_penalty=1.1,
        max_tokens=int(1.6 * longest) + 12,
        seed=Random(f"{seed}:{attempt}").getrandbits(31),
        stop=("\n",),
    )


def is_tiny(info: ModelInfo) -> bool:
    """Whether a model is known to have few parameters."""
    return 0 < info.parameters < FEW_PARAMETERS


def ends_within(text: str, longest: int) -> bool:
    """Whether nothing that follows `text` could be said any more: it has all the sentences, or all the words, of a turn."""
    ends = [m.end() for m in SENTENCE_END.finditer(text)]
    return len(ends) >= SENTENCES or bool(ends and len(text[: ends[-1]].split()) >= longest)


def passable(
    text: str, listen: Listener, longest: int, *, cut: bool
) -> tuple[str, tuple[str, tuple[Violation, ...]] | None]:
    """The longest beginning of `text`, in whole sentences, that the guard lets pass ('': none), and what it refused. The end
    of what was not `cut` off ends a sentence, also without a mark: that is how people type."""
    whole = text[: whole_end(text)] if cut else text.rstrip()
    ends = [m.end() for m in SENTENCE_END.finditer(whole) if m.end() < len(whole)]
    allowed = ""
    for end in (*ends, len(whole))[:SENTENCES]:
        so_far = tidy(whole[:end])
        if violations := listen(so_far):
            return allowed, (so_far, violations)
        allowed = so_far
        if len(allowed.split()) >= longest:
            break
    return allowed, None


def best(
    passed: Sequence[Candidate],
    incomplete: Callable[[str], bool],
    keeps: Callable[[str], float] = lambda _text: 1.0,
) -> str:
    """Of those that say all that is due (of all, if none does) those that keep to most principles, and of these the
    likeliest. Raises ValueError where there is none."""
    whole = [c for c in passed if not incomplete(c.text)] or passed
    if len(whole) == 1:
        return whole[0].text  # nothing to choose: nobody is asked
    return max(whole, key=lambda c: (keeps(c.text), c.chance)).text


def tidy(text: str) -> str:
    """Quotes around the whole, blanks and stage directions in round brackets are no words."""
    bare = re.sub(r"\([^)]*\)", " ", text)
    bare = " ".join(bare.split()).strip()
    if len(bare) > 1 and bare[0] in '"“' and bare.count('"') + bare.count("“") + bare.count("”") <= 2:
        bare = bare.strip('"“”').strip()
    return bare


def last_end(text: str) -> int:
    """Where the last finished sentence of `text` ends (0: none yet). A sentence is finished once a blank follows it."""
    ends = [m.end() for m in SENTENCE_END.finditer(text)]
    return ends[-1] if ends else 0


def whole_end(text: str) -> int:
    """Where a finished candidate ends: at its end if that is a sentence's end, else at its last sentence, if it has one."""
    whole = text.rstrip()
    if not whole or whole[-1] in MARKS:
        return len(whole)
    return last_end(whole) or len(whole)  # a mark inside a word ends nothing: £103.50 stays whole
