"""What tests of studies share: a grader that reads words without a model, a small study, and its calls, played once."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import builders

from eval import study_players, study_run
from eval.study import Study
from eval.study_rows import CallRow, read_calls
from simulator.assessment import Assessment
from simulator.caller.written import WrittenVoice
from simulator.opening import Parts
from simulator.scenario import Brief
from simulator.transcript import Transcript, Turn
from simulator.vocabulary import Fault, Tag, Technique
from simulator.yamlfile import parse_model

TEXT = """
name: small study
personas: [abusive, anxious, talkative]
trainees: [excellent, hostile]
difficulties: [easy, hard]
seeds: 2
"""


class WordGrader:
    """Levels and tags from a few words of the turn. `pause`: seconds it takes over each."""

    name = "words 1, rubric 2"

    def __init__(self, pause: float = 0.0) -> None:
        self._pause = pause

    def grade(self, turn: Turn, transcript: Transcript, scenario: Brief, *, cache_key: str | None = None) -> Assessment:
        time.sleep(self._pause)
        text = turn.text.lower()
        kind = any(w in text for w in ("sorry", "understand", "must be", "hear"))
        does = any(w in text for w in ("i'll", "i can", "i've", "i have", "today", "by "))
        rude = any(w in text for w in ("your problem", "calm down", "listen", "not my", "whatever", "stop"))
        said: dict[Tag, bool] = {
            Technique.APOLOGISES: "sorry" in text,
            Technique.ASKS_CLARIFYING_QUESTION: "?" in text,
            Technique.GIVES_TIMEFRAME: "today" in text or "by " in text,
            Fault.TELLS_TO_CALM_DOWN: "calm down" in text,
        }
        return builders.assessment(
            tags=[tag for tag, given in said.items() if given],
            grader=self.name,
            calmness=1 if rude else 4,
            empathy=4 if kind else 2 if rude else None,
            solution=4 if does and not rude else 2 if rude else None,
            closing=4 if "thank" in text else None,
        )


def parts(*_: object, pause: float = 0.0, **__: object) -> Parts:
    """A written voice and the grader above: what a study is played with in tests."""
    return Parts(WrittenVoice(), WordGrader(pause))


def study(text: str = TEXT) -> Study:
    """That YAML as a study."""
    return parse_model(Study, text, "study.yaml")


@lru_cache
def played(text: str = TEXT) -> tuple[CallRow, ...]:
    """Every call of that study, played with `parts`."""
    before, study_players.open_parts = study_players.open_parts, parts
    try:
        out = Path(mkdtemp()) / "out"
        study_run.run(study(text), out)
        return tuple(read_calls(out))
    finally:
        study_players.open_parts = before
