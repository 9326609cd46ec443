"""Keep backfills."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNTS = ("done_count", "refused_count", "new_count", "joined_count", "unchanged_count")


def upgrade() -> None:
    """Creates backfills and the rows they refused."""
    op.create_table(
        "backfills",
        sa.Column("backfill_id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("total_count", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in COUNTS),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "done_count >= refused_count + new_count + joined_count + unchanged_count",
            name=op.f("ck_backfills_counts_add_up"),
        ),
        sa.PrimaryKeyConstraint("backfill_id", name=op.f("pk_backfills")),
        sa.UniqueConstraint("system", "name", name=op.f("uq_backfills_system_name")),
    )
    op.create_table(
        "refused_rows",
        sa.Column("backfill_id", sa.Uuid(), nullable=False),
        sa.Column("row_no", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.PrimaryKeyConstraint("backfill_id", "row_no", name=op.f("pk_refused_rows")),
    )


def downgrade() -> None:
    """Forgets how far backfills are; what they brought stays."""
    op.drop_table("refused_rows")
    op.drop_table("backfills")
