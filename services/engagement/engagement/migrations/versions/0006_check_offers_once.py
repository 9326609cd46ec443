"""Check once whether an offer was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "follow_ups",
        sa.Column(
            "is_answer_checked", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
    )
    op.drop_index("ix_follow_ups_response", table_name="follow_ups")
    op.create_index(
        "ix_follow_ups_unchecked",
        "follow_ups",
        ["response", "recorded_at"],
        postgresql_where=sa.text("not is_answer_checked"),
    )


def downgrade() -> None:
    op.drop_index("ix_follow_ups_unchecked", table_name="follow_ups")
    op.create_index("ix_follow_ups_response", "follow_ups", ["response", "recorded_at"])
    op.drop_column("follow_ups", "is_answer_checked")
