"""Create tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BOOK = """
create view book as
select lead_id as item_id, channel, received_at, 1::smallint as state -- every lead here was passed on
from leads
"""


def upgrade() -> None:
    _create_customers()
    _create_leads()
    _create_outbox()
    _create_inbox()
    _create_dead_letters()


def downgrade() -> None:
    op.execute("drop view book")
    op.execute("drop sequence master_id_numbers")
    for table in ("leads", "customer_keys", "customers"):
        op.drop_table(table)
    for table in ("dead_letters", "delivery_failures", "inbox", "outbox"):
        op.drop_table(table)


def _create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("master_id", sa.String(32), nullable=False),
        sa.Column("recipe_version", sa.SmallInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "golden_id ~ '^[0-9a-f]{64}$'", name=op.f("ck_customers_golden_id_is_hex")
        ),
        sa.PrimaryKeyConstraint("golden_id", name=op.f("pk_customers")),
        sa.UniqueConstraint("master_id", name=op.f("uq_customers_master_id")),
    )
    op.create_table(
        "customer_keys",
        sa.Column("phone_index", sa.LargeBinary(32), nullable=False),
        sa.Column("uscc_index", sa.LargeBinary(32), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "octet_length(phone_index) = 32", name=op.f("ck_customer_keys_has_a_phone")
        ),
        sa.PrimaryKeyConstraint("phone_index", "uscc_index", name=op.f("pk_customer_keys")),
    )
    op.execute("create sequence master_id_numbers as bigint")


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(100), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("match_basis", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "match_basis between 1 and 4", name=op.f("ck_leads_match_basis_is_known")
        ),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
    )
    op.create_index(op.f("ix_leads_golden_id"), "leads", ["golden_id"])
    op.create_index("ix_leads_received_at", "leads", ["received_at"], postgresql_using="brin")
    op.execute(BOOK)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("event_type", sa.String(200), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.01", "fillfactor": "80"},
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index("ix_outbox_occurred_at", "outbox", ["occurred_at"], postgresql_using="brin")


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(100), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "handled_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_index("ix_inbox_handled_at", "inbox", ["handled_at"], postgresql_using="brin")


def _create_dead_letters() -> None:
    op.create_table(
        "delivery_failures",
        sa.Column("consumer", sa.String(100), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_delivery_failures")),
    )
    op.create_table(
        "dead_letters",
        sa.Column("consumer", sa.String(100), nullable=False),
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("event_type", sa.String(200), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("first_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_quarantined_at", "dead_letters", ["quarantined_at"])
