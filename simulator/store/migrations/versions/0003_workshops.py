"""Workshops: facilitators, rooms, members, and who graded and read what.

Why: a group's calls are kept beside everybody else's, and what is added to them (who may see them, what a person thought of
a grade, who has read them) must survive a restart in the middle of a session; wrong guesses too, or a restart would let
somebody guess on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "facilitators",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("name_key", sa.String(120), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_facilitators"),
    )
    op.create_index("ix_facilitators_name_key", "facilitators", ["name_key"], unique=True)
    op.create_table(
        "logins",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("facilitator_id", sa.String(64), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_logins"),
        sa.ForeignKeyConstraint(
            ["facilitator_id"], ["facilitators.id"], name="fk_logins_facilitator_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "guesses",
        sa.Column("what", sa.String(120), nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("next_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("what", name="pk_guesses"),
    )
    op.create_table(
        "workshops",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("facilitator_id", sa.String(64), nullable=False),
        sa.Column("join_code", sa.String(16), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("opened_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("paused_at", sa.Double),
        sa.Column("message", sa.String(500), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workshops"),
        sa.ForeignKeyConstraint(
            ["facilitator_id"], ["facilitators.id"], name="fk_workshops_facilitator_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_workshops_facilitator_id_made_at_id", "workshops", ["facilitator_id", "made_at", "id"])
    op.create_index("ix_workshops_join_code", "workshops", ["join_code"], unique=True)
    op.create_table(
        "members",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("workshop_id", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("joined_at", sa.Double, nullable=False),
        sa.Column("shares", sa.Boolean, nullable=False),
        sa.Column("return_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_members"),
        sa.ForeignKeyConstraint(["workshop_id"], ["workshops.id"], name="fk_members_workshop_id", ondelete="CASCADE"),
    )
    op.create_index("ix_members_workshop_id_joined_at_id", "members", ["workshop_id", "joined_at", "id"])
    op.create_index("ix_members_owner", "members", ["owner"], unique=True)
    op.create_index("ix_members_return_hash", "members", ["return_hash"], unique=True)
    op.create_table(
        "seats",
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("member_id", sa.String(64), nullable=False),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("key_hash", name="pk_seats"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_seats_member_id", ondelete="CASCADE"),
    )
    op.create_table(
        "attempts",
        sa.Column("member_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("member_id", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name="fk_attempts_member_id", ondelete="CASCADE"),
    )
    op.create_table(
        "regrades",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_regrades"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_regrades_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_regrades_call_id_turn", "regrades", ["call_id", "turn"])
    op.create_table(
        "readings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("workshop_id", sa.String(64), nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", sa.String(40), nullable=False),
        sa.Column("what", sa.String(80), nullable=False),
        sa.Column("member_id", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_readings"),
        sa.ForeignKeyConstraint(["workshop_id"], ["workshops.id"], name="fk_readings_workshop_id", ondelete="CASCADE"),
    )
    op.create_index("ix_readings_workshop_id", "readings", ["workshop_id"])
