"""A voice without a language model: the caller says the persona's written lines only. For scripts, tests and demos."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.caller.choice import Refused
from simulator.caller.own_lines import written_line
from simulator.caller.situation import Situation
from simulator.caller.voice import Line, Saying


class WrittenVoice:
    """A `Speech` of the session that draws no candidates: every turn is a written line, told as such (`attempts` 0)."""

    name = "written lines"

    def say(self, situation: Situation) -> Iterator[Saying | Refused | Line]:
        """One `Saying`, then one `Line`."""
        text = written_line(situation, situation.plans[situation.transcript.turns[-1].index])
        yield Saying(text)
        yield Line(text, written=True, attempts=0, seconds=0.0)
