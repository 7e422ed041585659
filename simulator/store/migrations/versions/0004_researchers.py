"""What somebody who logs in may do.

Why: researchers log in like facilitators, and must never be taken for one; whoever was there before is a facilitator.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("facilitators", sa.Column("role", sa.String(20), nullable=False, server_default="facilitator"))
