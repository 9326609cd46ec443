"""Follow customers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keeps which Golden IDs stand for another customer."""
    op.create_table(
        "golden_aliases",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("into_golden_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_golden_aliases")),
    )
    op.create_index(op.f("ix_golden_aliases_into_golden_id"), "golden_aliases", ["into_golden_id"])


def downgrade() -> None:
    """Forgets them."""
    op.drop_table("golden_aliases")
