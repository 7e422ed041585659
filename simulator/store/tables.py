"""The two tables, as the newest migration leaves them (a test holds the two together). No SQL dialect is assumed here.

`calls` holds what a listing shows, so that listing calls reads no event; `events` is the truth. `length` is the number
of events of a call, hence the `seq` its next event must have. Times are seconds since 1970.
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
