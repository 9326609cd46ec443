"""Keep what stewards did, and what they are asked about."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables."""
    op.create_table(
        "steward_acts",
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("idempotency_key", sa.String(100), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("actor", "idempotency_key", name=op.f("pk_steward_acts")),
    )
    op.create_index("ix_steward_acts_made_at", "steward_acts", ["made_at"])
    op.create_table(
        "suspicions",
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("a < b", name=op.f("ck_suspicions_a_is_smaller")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_suspicions")),
    )
    op.create_index(
        "ix_suspicions_open",
        "suspicions",
        ["made_at"],
        postgresql_where=sa.text("decided_at is null"),
    )
    op.create_index(
        "ix_links_barely_accepted",
        "links",
        ["a", "b"],
        postgresql_where=sa.text("outcome = 1 and kind = 1 and posterior < 0.9"),
    )
    op.create_index(
        "ix_customers_large",
        "customers",
        ["customer_id"],
        postgresql_where=sa.text("record_count >= 20"),
    )


def downgrade() -> None:
    """Removes the tables."""
    op.drop_index("ix_customers_large", "customers")
    op.drop_index("ix_links_barely_accepted", "links")
    op.drop_table("suspicions")
    op.drop_table("steward_acts")
