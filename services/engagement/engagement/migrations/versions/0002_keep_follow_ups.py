"""Keep follow-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
TABLES = ("follow_ups", "follow_up_wordings", "evidence", "contacts", "address_points")


def upgrade() -> None:
    _touch_opportunities()
    _create_follow_ups()
    _create_evidence()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    op.drop_index("ix_opportunities_untold", "opportunities")
    op.drop_column("opportunities", "is_stale_told")
    op.drop_column("opportunities", "last_touched_at")


def _touch_opportunities() -> None:
    op.add_column("opportunities", sa.Column("last_touched_at", WHEN, nullable=True))
    told = sa.Column("is_stale_told", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    op.add_column("opportunities", told)
    op.execute("update opportunities set last_touched_at = greatest(opened_at, contacted_at)")
    op.create_index(
        "ix_opportunities_untold",
        "opportunities",
        ["last_touched_at"],
        postgresql_where=sa.text("state = 1 and opened_at is not null and not is_stale_told"),
    )


def _create_follow_ups() -> None:
    op.create_table(
        "follow_ups",
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", WHEN, nullable=False),
        *_wording(),
        sa.Column("is_contact", sa.Boolean(), nullable=False),
        sa.Column("effective_at", WHEN, nullable=True),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("corrected_at", WHEN, nullable=True),
        sa.PrimaryKeyConstraint("follow_up_id", name=op.f("pk_follow_ups")),
    )
    op.create_index(
        "ix_follow_ups_lead_id",
        "follow_ups",
        ["lead_id", sa.text("recorded_at desc"), "follow_up_id"],
    )
    op.create_index("ix_follow_ups_author_id", "follow_ups", ["author_id", "recorded_at"])
    op.create_table(
        "follow_up_wordings",
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        *_wording(),
        sa.Column("until", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("follow_up_id", "version", name=op.f("pk_follow_up_wordings")),
    )


def _wording() -> list[sa.Column]:
    return [
        sa.Column("objection", sa.String(length=32), nullable=False),
        sa.Column("response", sa.String(length=32), nullable=False),
        sa.Column("next_action", sa.String(length=32), nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.Column("sealed_details", sa.LargeBinary(), nullable=False),
    ]


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("evidence_no", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("message_count", sa.Integer(), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("follow_up_id", "evidence_no", name=op.f("pk_evidence")),
    )
    op.create_index("uq_evidence_contact_id", "evidence", ["contact_id"], unique=True)
    op.create_table(
        "contacts",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=True),
        sa.Column("happened_at", WHEN, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("message_count", sa.Integer(), nullable=True),
        sa.Column("follow_up_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_golden_id", "contacts", ["golden_id", "happened_at"])
    op.create_table(
        "address_points",
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_point", sa.LargeBinary(), nullable=False),
        sa.Column("put_by", sa.String(length=64), nullable=False),
        sa.Column("put_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_address_points")),
    )
