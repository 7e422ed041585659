"""What a trainee is told of each intensity, and has to agree to before a call with a harsh caller."""

from __future__ import annotations

from simulator.errors import CallError
from simulator.vocabulary import Intensity

MEANS = {
    Intensity.MILD: "no swearing and no personal insults; threats are rare",
    Intensity.REALISTIC: "as in real life: some callers insult, threaten to complain, and say damn or crap",
    Intensity.HARSH: "the caller may swear at you, insult you personally and threaten you with complaints; "
    "never slurs, sexual content or threats of violence",
}


def ask_first(intensity: Intensity, consented: bool, how: str) -> None:
    """Raises CallError where the trainee has to agree before such a call, and has not. `how`: what to do then."""
    if intensity is Intensity.HARSH and not consented:
        raise CallError(f"a harsh caller needs your consent first: {MEANS[intensity]}. {how}")
