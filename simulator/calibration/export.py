"""A rating session as JSON lines (`formats.md`, "Ratings"): one row for the set, one for every rating."""

from __future__ import annotations

import json
from collections.abc import Mapping

from simulator.assessment import Assessment
from simulator.calibration.records import Rating, RatingSession

FORMAT = 1
"""Version of these rows; raised when an old reader would read them wrongly."""


def ratings_jsonl(
    session: RatingSession, ratings: Mapping[int, Rating], grades: Mapping[str, Assessment] | None = None
) -> str:
    """The rows. `grades` by turn id; they are left out as long as the session is not finished, so that whoever rates
    stays blind."""
    head = {
        "kind": "rating_set",
        "format": FORMAT,
        "id": session.id,
        "rater": session.rater,
        "organisation": session.organisation,
        "source": session.source.value,
        "seed": session.seed,
        "made_at": session.made_at,
        "finished_at": session.finished_at,
        "turns": len(session.turns),
    }
    known = (grades or {}) if session.finished_at is not None else {}
    rows: list[dict[str, object]] = [head]
    for position, rating in sorted(ratings.items()):
        turn = session.turns[position]
        machine = known.get(turn.id)
        rows.append(
            {
                "kind": "rating",
                "position": position,
                "turn_id": turn.id,
                "at": rating.at,
                "business": turn.business,
                "issue": turn.issue,
                "before": [{"role": said.speaker.value, "text": said.text} for said in turn.before],
                "turn": turn.turn,
                "levels": {d.value: level for d, level in rating.levels.items()},
                "machine": None if machine is None else {d.value: s.level for d, s in machine.scores.items()},
                "values": None if machine is None else {d.value: s.value for d, s in machine.scores.items()},
                "grader": None if machine is None else machine.grader,
                "reference": None if turn.reference is None else {d.value: v for d, v in turn.reference.items()},
            }
        )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
