"""The tables, as the newest migration leaves them (a test holds the two together). No SQL dialect is assumed here.

`calls` holds what a listing shows, so that listing calls reads no event; `events` is the truth. `length` is the number
of events of a call, hence the `seq` its next event must have. The tables below them keep facilitators' ratings and the
scales that follow from them; there too nothing is changed but when a session was finished. Times are seconds since 1970.
"""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

calls = Table(
    "calls",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("persona_id", String(64), nullable=False),
    Column("persona_label", String(64), nullable=False),
    Column("caller_name", String(64), nullable=False),
    Column("scenario_id", String(64), nullable=False),
    Column("scenario_title", String(80), nullable=False),
    Column("difficulty", String(20), nullable=False),
    Column("medium", String(20), nullable=False),
    Column("ending", String(20)),
    Column("trainee_turns", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("parent_id", String(64)),
    Column("parent_turn", Integer),
    Index(None, "owner", "created_at", "id"),
)
"""`parent_id` is no foreign key: the call that this one was branched off may be deleted."""

events = Table(
    "events",
    metadata,
    Column("call_id", String(64), ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
)
"""`payload` is the whole event as JSON; `kind` and `at` repeat two of its fields for queries by hand."""

rating_sessions = Table(
    "rating_sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(255), nullable=False),
    Column("rater", String(60), nullable=False),
    Column("organisation", String(60), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("finished_at", Double),
    Column("turns", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "owner", "made_at", "id"),
)
"""`payload` is the whole session as it was begun, its turns included; `turns` is how many it shows."""

ratings = Table(
    "ratings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", String(64), ForeignKey("rating_sessions.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "session_id", "position"),
)
"""Of several ratings of one position the last counts."""

rating_grades = Table(
    "rating_grades",
    metadata,
    Column("session_id", String(64), ForeignKey("rating_sessions.id", ondelete="CASCADE"), primary_key=True),
    Column("turn_id", String(120), primary_key=True),
    Column("grader", String(255), primary_key=True),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
)
"""What the machine gave to the turns of a session, on its own scale."""

offset_maps = Table(
    "offset_maps",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("made_at", Double, nullable=False),
    Column("payload", Text, nullable=False),
)

offset_choices = Table(
    "offset_choices",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("by", String(60), nullable=False),
    Column("name", String(60)),
    Column("version", Integer),
)
"""Which scale was in use from when on; no name: the machine's own. The last row is in use now."""
