"""Turn ownerships into leases."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Fills in with the tables."""


def downgrade() -> None:
    """Undoes it."""
