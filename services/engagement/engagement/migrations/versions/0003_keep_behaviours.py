"""Keep behaviours."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "transcripts",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("happened_at", WHEN, nullable=False),
        sa.Column("sealed_lines", sa.LargeBinary(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_transcripts")),
    )
    op.create_index("ix_transcripts_golden_id", "transcripts", ["golden_id", "happened_at"])
    op.create_table(
        "behaviours",
        sa.Column("behaviour_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=32), nullable=False),
        sa.Column("rule_id", sa.String(length=32), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("happened_at", WHEN, nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("marked_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("behaviour_id", name=op.f("pk_behaviours")),
    )
    op.create_index("ix_behaviours_golden_id", "behaviours", ["golden_id", "happened_at"])
    op.create_table(
        "banners",
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("banner_id", sa.String(length=32), nullable=False),
        sa.Column("since", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("golden_id", "banner_id", name=op.f("pk_banners")),
    )


def downgrade() -> None:
    for table in ("transcripts", "behaviours", "banners"):
        op.drop_table(table)
