"""Creates the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
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
    op.create_table(
        "recipients",
        sa.Column("recipient_id", sa.String(length=100), nullable=False),
        sa.Column("webhook_url", sa.String(length=2000), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", name=op.f("pk_recipients")),
    )
    op.create_index(op.f("ix_recipients_changed_at"), "recipients", ["changed_at"], unique=False)
    op.create_table(
        "reminders",
        sa.Column("reminder_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("assignment_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(length=64), nullable=True),
        sa.CheckConstraint("attempt_count >= 0", name=op.f("ck_reminders_attempt_count")),
        sa.CheckConstraint("kind between 1 and 2", name=op.f("ck_reminders_kind")),
        sa.CheckConstraint("state between 1 and 3", name=op.f("ck_reminders_state")),
        sa.PrimaryKeyConstraint("reminder_id", name=op.f("pk_reminders")),
        sa.UniqueConstraint(
            "lead_id", "kind", "assignment_no", name=op.f("uq_reminders_lead_id_kind_assignment_no")
        ),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_reminders_retry",
        "reminders",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state = 1 AND webhook_id = reminder_id"),
    )
    op.create_index(
        "ix_reminders_unsent",
        "reminders",
        ["reminder_id"],
        unique=False,
        postgresql_where=sa.text("state = 1 AND webhook_id IS NULL"),
    )
    op.create_index(
        "ix_reminders_webhook_id",
        "reminders",
        ["webhook_id"],
        unique=False,
        postgresql_where=sa.text("state = 1 AND webhook_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_reminders_webhook_id",
        table_name="reminders",
        postgresql_where=sa.text("state = 1 AND webhook_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_reminders_unsent",
        table_name="reminders",
        postgresql_where=sa.text("state = 1 AND webhook_id IS NULL"),
    )
    op.drop_index(
        "ix_reminders_retry",
        table_name="reminders",
        postgresql_where=sa.text("state = 1 AND webhook_id = reminder_id"),
    )
    op.drop_table("reminders")
    op.drop_index(op.f("ix_recipients_changed_at"), table_name="recipients")
    op.drop_table("recipients")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_outbox_occurred_at", table_name="outbox", postgresql_using="brin")
    op.drop_table("outbox")
    op.drop_index("ix_inbox_handled_at", table_name="inbox", postgresql_using="brin")
    op.drop_table("inbox")
    op.drop_table("delivery_failures")
    op.drop_index("ix_dead_letters_quarantined_at", table_name="dead_letters")
    op.drop_table("dead_letters")
