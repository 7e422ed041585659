"""Ratings and scales.

Why: a facilitator's ratings are made over days and must survive every interruption, and a scale that grades were moved by
must stay readable for as long as those grades are; so both are kept beside the calls, and rows are only ever added.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rating_sessions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("rater", sa.String(60), nullable=False),
        sa.Column("organisation", sa.String(60), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.Column("turns", sa.Integer, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rating_sessions"),
    )
    op.create_index("ix_rating_sessions_owner_made_at_id", "rating_sessions", ["owner", "made_at", "id"])
    op.create_table(
        "ratings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ratings"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["rating_sessions.id"], name="fk_ratings_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_ratings_session_id_position", "ratings", ["session_id", "position"])
    op.create_table(
        "rating_grades",
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("turn_id", sa.String(120), nullable=False),
        sa.Column("grader", sa.String(255), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("session_id", "turn_id", "grader", name="pk_rating_grades"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["rating_sessions.id"], name="fk_rating_grades_session_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "offset_maps",
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_offset_maps"),
    )
    op.create_table(
        "offset_choices",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("by", sa.String(60), nullable=False),
        sa.Column("name", sa.String(60)),
        sa.Column("version", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_offset_choices"),
    )
