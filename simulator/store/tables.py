"""The tables, as the newest migration leaves them (a test holds the two together). No SQL dialect is assumed here.

`calls` holds what a listing shows, so that listing calls reads no event; `events` is the truth. `length` is the number
of events of a call, hence the `seq` its next event must have. The tables below them keep facilitators' ratings and the
scales that follow from them; there too nothing is changed but when a session was finished. Below these, the workshops.
Times are seconds since 1970.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, String, Table, Text

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

facilitators = Table(
    "facilitators",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(40), nullable=False),
    Column("name_key", String(120), nullable=False),
    Column("password", String(255), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("role", String(20), nullable=False, server_default="facilitator"),
    Index(None, "name_key", unique=True),
)
"""Everybody who logs in: `role` is facilitator or researcher. `name_key` is the name without regard to upper and lower case;
`password` is an argon2 hash."""

logins = Table(
    "logins",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("facilitator_id", String(64), ForeignKey("facilitators.id", ondelete="CASCADE"), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""Browsers in which a facilitator is logged in; `key_hash` is the SHA-256 of what the browser keeps."""

guesses = Table(
    "guesses",
    metadata,
    Column("what", String(120), primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("next_at", Double, nullable=False),
)
"""Wrong guesses of passwords and codes, by the name or address that they were made with."""

workshops = Table(
    "workshops",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("facilitator_id", String(64), ForeignKey("facilitators.id", ondelete="CASCADE"), nullable=False),
    Column("join_code", String(16), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("opened_at", Double),
    Column("ended_at", Double),
    Column("paused_at", Double),
    Column("message", String(500), nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "facilitator_id", "made_at", "id"),
    Index(None, "join_code", unique=True),
)
"""`payload` is the `WorkshopSettings`."""

members = Table(
    "members",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("workshop_id", String(64), ForeignKey("workshops.id", ondelete="CASCADE"), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("name", String(40), nullable=False),
    Column("joined_at", Double, nullable=False),
    Column("shares", Boolean, nullable=False),
    Column("return_hash", String(64), nullable=False),
    Index(None, "workshop_id", "joined_at", "id"),
    Index(None, "owner", unique=True),
    Index(None, "return_hash", unique=True),
)
"""`owner` is what the member's rows in `calls` are kept under."""

seats = Table(
    "seats",
    metadata,
    Column("key_hash", String(64), primary_key=True),
    Column("member_id", String(64), ForeignKey("members.id", ondelete="CASCADE"), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)
"""Browsers in which a trainee has joined; as `logins`."""

attempts = Table(
    "attempts",
    metadata,
    Column("member_id", String(64), ForeignKey("members.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("call_id", String(64), nullable=False),
    Column("at", Double, nullable=False),
)
"""Calls that count, from 1 on; the row stays when the trainee deletes the call, so that nobody wins attempts by that."""

regrades = Table(
    "regrades",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", String(64), ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False),
    Index(None, "call_id", "turn"),
)
"""People's grades beside the machine's. Rows are only added; of several for one turn the last counts."""

readings = Table(
    "readings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workshop_id", String(64), ForeignKey("workshops.id", ondelete="CASCADE"), nullable=False),
    Column("at", Double, nullable=False),
    Column("who", String(40), nullable=False),
    Column("what", String(80), nullable=False),
    Column("member_id", String(64), nullable=False),
    Column("call_id", String(64), nullable=False),
    Index(None, "workshop_id"),
)
"""The audit log: who has looked at what. Neither id is a foreign key: that something was read stays known."""
