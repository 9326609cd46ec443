"""Add when a replica was last heard of."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "confirmations",
        sa.Column(
            "heard_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
    )
    op.create_index("ix_confirmations_heard_at", "confirmations", ["heard_at"])
    op.drop_index("ix_confirmations_confirmed_at", "confirmations")


def downgrade() -> None:
    op.create_index("ix_confirmations_confirmed_at", "confirmations", ["confirmed_at"])
    op.drop_index("ix_confirmations_heard_at", "confirmations")
    op.drop_column("confirmations", "heard_at")
