"""Create tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# States: items 1 awaiting body, 2 accepted, 3 rejected, 4 quarantined, 5 replaying; deliveries 0 received.
# Book states: 1 passed, 2 quarantined, 3 rejected, 5 waiting.
BOOK = """
create view book as
select lead_id as item_id, channel::text as channel, received_at,
       (case state when 2 then 1 when 3 then 3 when 4 then 2 else 5 end)::smallint as state
from items
union all
select delivery_id, accounts.channel::text, received_at, 5::smallint
from deliveries join accounts using (account_id) where state = 0 and state <> 1
"""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("key_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_secrets", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_delivery_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("channel", "account", name=op.f("uq_accounts_channel_account")),
        sa.UniqueConstraint("key_hmac", name=op.f("uq_accounts_key_hmac")),
    )
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
        "deliveries",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("dedupe_key", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.CheckConstraint("state between 0 and 2", name=op.f("ck_deliveries_state")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "account_id", "dedupe_key", name=op.f("uq_deliveries_account_id_dedupe_key")
        ),
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.05"},
    )
    op.create_index(
        "ix_deliveries_unmapped",
        "deliveries",
        ["delivery_id"],
        unique=False,
        postgresql_where=sa.text("state <> 1"),
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
        "items",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.Column("facts", sa.LargeBinary(), nullable=True),
        sa.Column("mapping_version", sa.Integer(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(state in (3, 4)) = (reason is not null)", name=op.f("ck_items_reason")
        ),
        sa.CheckConstraint("state <> 2 or facts is not null", name=op.f("ck_items_facts")),
        sa.CheckConstraint("state between 1 and 5", name=op.f("ck_items_state")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_items")),
    )
    op.create_index(
        "ix_items_due_at", "items", ["due_at"], unique=False, postgresql_where=sa.text("state = 1")
    )
    op.create_index(
        "ix_items_fanned_out",
        "items",
        ["delivery_id"],
        unique=False,
        postgresql_where=sa.text("position > 0"),
    )
    op.create_index(
        "ix_items_quarantined",
        "items",
        ["received_at", "lead_id"],
        unique=False,
        postgresql_where=sa.text("state = 4"),
    )
    op.create_index(
        "ix_items_received_at", "items", ["received_at"], unique=False, postgresql_using="brin"
    )
    op.create_index(
        "uq_items_account_id_external_id",
        "items",
        ["account_id", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
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

    op.execute(BOOK)


def downgrade() -> None:
    op.execute("drop view book")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_outbox_occurred_at", table_name="outbox", postgresql_using="brin")
    op.drop_table("outbox")
    op.drop_index(
        "uq_items_account_id_external_id",
        table_name="items",
        postgresql_where=sa.text("external_id is not null"),
    )
    op.drop_index("ix_items_received_at", table_name="items", postgresql_using="brin")
    op.drop_index("ix_items_quarantined", table_name="items", postgresql_where=sa.text("state = 4"))
    op.drop_index(
        "ix_items_fanned_out", table_name="items", postgresql_where=sa.text("position > 0")
    )
    op.drop_index("ix_items_due_at", table_name="items", postgresql_where=sa.text("state = 1"))
    op.drop_table("items")
    op.drop_index("ix_inbox_handled_at", table_name="inbox", postgresql_using="brin")
    op.drop_table("inbox")
    op.drop_table("delivery_failures")
    op.drop_index(
        "ix_deliveries_unmapped", table_name="deliveries", postgresql_where=sa.text("state <> 1")
    )
    op.drop_table("deliveries")
    op.drop_index("ix_dead_letters_quarantined_at", table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_table("accounts")
