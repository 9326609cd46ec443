"""Add requests for sensitive actions and their votes."""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills in with the tables."""


def downgrade() -> None:
    """Undoes it."""
