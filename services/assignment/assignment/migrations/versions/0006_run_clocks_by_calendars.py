"""Run clocks by calendars, and find who had a customer before."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNNING = sa.text("fired_at is null")


def upgrade() -> None:
    """Says by which calendar each clock was counted, and from when."""
    op.add_column("timers", sa.Column("started_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("timers", sa.Column("calendar", sa.String(64), nullable=False, server_default=""))
    op.add_column(
        "timers",
        sa.Column("roster_version", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.drop_index("ix_timers_due_at", table_name="timers")
    op.create_index("ix_timers_kind_due_at", "timers", ["kind", "due_at"], postgresql_where=RUNNING)
    op.add_column("leads", sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_leads_former_golden_id",
        "leads",
        ["golden_id"],
        postgresql_where=sa.text("state >= 3"),
    )


def downgrade() -> None:
    """Forgets it; clocks that run keep their ends."""
    op.drop_index("ix_leads_former_golden_id", table_name="leads")
    op.drop_column("leads", "effective_at")
    op.drop_index("ix_timers_kind_due_at", table_name="timers")
    op.create_index("ix_timers_due_at", "timers", ["due_at"], postgresql_where=RUNNING)
    for column in ("roster_version", "calendar", "started_at"):
        op.drop_column("timers", column)
