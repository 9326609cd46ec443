"""Keep what stewards did, and the bridges that they are asked about."""

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
        "weak_bridges",
        sa.Column("a", sa.BigInteger(), nullable=False),
        sa.Column("b", sa.BigInteger(), nullable=False),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("a < b", name=op.f("ck_weak_bridges_a_is_smaller")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_weak_bridges")),
    )
    op.create_index(
        "ix_weak_bridges_open",
        "weak_bridges",
        ["made_at"],
        postgresql_where=sa.text("decided_at is null"),
    )


def downgrade() -> None:
    """Removes the tables."""
    op.drop_table("weak_bridges")
    op.drop_table("steward_acts")
