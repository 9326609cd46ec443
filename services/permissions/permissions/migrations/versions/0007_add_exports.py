"""Add exports and their budgets."""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills in with the tables."""


def downgrade() -> None:
    """Undoes it."""
