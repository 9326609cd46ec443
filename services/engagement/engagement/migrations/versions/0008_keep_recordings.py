"""Keep recordings until they are written down."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_url", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("queued_at", WHEN, nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.Column("given_up_at", WHEN, nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("failed_at", WHEN, nullable=True),
        sa.CheckConstraint("state between 1 and 3", name=op.f("ck_recordings_state")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_recordings")),
    )
    due, failed = sa.text("state = 1"), sa.text("state = 3")
    op.create_index("ix_recordings_due", "recordings", ["due_at"], postgresql_where=due)
    op.create_index("ix_recordings_failed", "recordings", ["failed_at"], postgresql_where=failed)


def downgrade() -> None:
    op.drop_table("recordings")
