"""Create tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "opportunities",
    "golden_aliases",
    "erasures",
    "inbox",
    "outbox",
    "dead_letters",
    "delivery_failures",
)


def upgrade() -> None:
    _create_opportunities()
    _create_erasures()
    _create_bus_tables()
    _create_dead_letters()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_opportunities() -> None:
    op.create_table(
        "opportunities",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=True),
        sa.Column("assignment_no", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner_audit_seq", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("into_lead_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("state between 1 and 5", name=op.f("ck_opportunities_state")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_opportunities")),
        sa.UniqueConstraint("serial", name=op.f("uq_opportunities_serial")),
    )
    op.create_index(
        "ix_opportunities_golden_id",
        "opportunities",
        ["golden_id"],
        postgresql_where=sa.text("opened_at is not null"),
    )
    op.create_index(
        "ix_opportunities_owner_id",
        "opportunities",
        ["owner_id"],
        postgresql_where=sa.text("owner_id is not null"),
    )
    op.create_table(
        "golden_aliases",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("into_golden_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_golden_aliases")),
    )
    op.create_index(op.f("ix_golden_aliases_into_golden_id"), "golden_aliases", ["into_golden_id"])


def _create_erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repeat_no", sa.SmallInteger(), nullable=False),
        sa.Column("repeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_erasures")),
    )
    op.create_index(
        "ix_erasures_repeat_at",
        "erasures",
        ["repeat_at"],
        unique=False,
        postgresql_where=sa.text("repeat_at is not null"),
    )


def _create_bus_tables() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "handled_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_handled_at", "inbox", ["handled_at"], unique=False, postgresql_using="brin"
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "fillfactor": "80"},
    )
    op.create_index(
        "ix_outbox_occurred_at", "outbox", ["occurred_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_dead_letters")),
    )
    op.create_index(
        "ix_dead_letters_quarantined_at", "dead_letters", ["quarantined_at"], unique=False
    )
    op.create_table(
        "delivery_failures",
        sa.Column("consumer", sa.String(length=100), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_delivery_failures")),
    )
