"""Routes, receipts, owners, addresses and accounts: a reminder is found a recipient and a way when it is due."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT_COLUMNS = (
    ("kind_name", 60, "case kind when 2 then 'contact_overdue' else 'lead_assigned' end"),
    ("dedupe_key", 300, "lead_id::text || '/' || assignment_no"),
    ("resource_type", 20, "''"),
    ("resource_id", 100, "''"),
    ("person_id", 100, "recipient_id"),
    ("manager_id", 100, "''"),
    ("owner_id", 100, "''"),
    ("last_reason", 20, "''"),
)


def upgrade() -> None:
    for name in ("ix_reminders_retry", "ix_reminders_unsent", "ix_reminders_webhook_id"):
        op.drop_index(name, table_name="reminders")
    _widen_reminders()
    _create_sends()
    _create_people()


def _widen_reminders() -> None:
    for name, length, _ in TEXT_COLUMNS:
        op.add_column("reminders", sa.Column(name, sa.String(length=length)))
    op.add_column("reminders", sa.Column("target", sa.SmallInteger()))
    op.add_column("reminders", sa.Column("step", sa.SmallInteger()))
    for name in ("accepted_at", "reached_at", "interacted_at"):
        op.add_column("reminders", sa.Column(name, sa.DateTime(timezone=True)))
    filled = ", ".join(f"{name} = {value}" for name, _, value in TEXT_COLUMNS)
    op.execute(
        f"update reminders set {filled}, target = 3, step = 0,"
        " accepted_at = case state when 2 then last_attempt_at end,"
        " reached_at = case state when 2 then last_attempt_at end"
    )
    for name in (*(column for column, _, _ in TEXT_COLUMNS), "target", "step"):
        op.alter_column("reminders", name, nullable=False)
    op.alter_column("reminders", "lead_id", nullable=True)
    op.alter_column("reminders", "received_at", nullable=True)
    op.drop_constraint(op.f("uq_reminders_lead_id_kind_assignment_no"), "reminders", type_="unique")
    op.drop_constraint(op.f("ck_reminders_kind"), "reminders", type_="check")
    op.drop_constraint(op.f("ck_reminders_state"), "reminders", type_="check")
    for name in ("kind", "webhook_id", "leased_until"):
        op.drop_column("reminders", name)
    op.create_unique_constraint(
        op.f("uq_reminders_kind_name_dedupe_key"), "reminders", ["kind_name", "dedupe_key"]
    )
    op.create_check_constraint(op.f("ck_reminders_state"), "reminders", "state between 1 and 6")
    op.create_check_constraint(op.f("ck_reminders_target"), "reminders", "target between 1 and 4")
    op.create_index(
        "ix_reminders_due",
        "reminders",
        ["next_attempt_at"],
        postgresql_where=sa.text("state in (1, 4, 5)"),
    )
    op.create_index("ix_reminders_lead_id", "reminders", ["lead_id"])
    op.create_index("ix_reminders_created_at", "reminders", ["created_at"], postgresql_using="brin")


def _create_sends() -> None:
    op.create_table(
        "sends",
        sa.Column("send_id", sa.Uuid(), nullable=False),
        sa.Column("reminder_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("medium", sa.String(length=20), nullable=False),
        sa.Column("device", sa.String(length=10), nullable=False),
        sa.Column("recipient_id", sa.String(length=100), nullable=False),
        sa.Column("lane", sa.String(length=140), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=True),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_reason", sa.String(length=20), nullable=False),
        sa.Column("last_error", sa.String(length=200), nullable=False),
        sa.Column("provider_message_id", sa.String(length=200), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state between 1 and 4", name=op.f("ck_sends_state")),
        sa.ForeignKeyConstraint(
            ["reminder_id"],
            ["reminders.reminder_id"],
            name=op.f("fk_sends_reminder_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("send_id", name=op.f("pk_sends")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(op.f("ix_sends_reminder_id"), "sends", ["reminder_id"])
    for name, column, where in (
        ("ix_sends_unsent", "send_id", "state = 1 AND bundle_id IS NULL"),
        ("ix_sends_retry", "next_attempt_at", "state = 1 AND bundle_id = send_id"),
        ("ix_sends_bundle_id", "bundle_id", "state = 1 AND bundle_id IS NOT NULL"),
        ("ix_sends_provider_message_id", "provider_message_id", "provider_message_id <> ''"),
    ):
        op.create_index(name, "sends", [column], postgresql_where=sa.text(where))
    op.create_table(
        "receipts",
        sa.Column("send_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.CheckConstraint("kind between 1 and 4", name=op.f("ck_receipts_kind")),
        sa.ForeignKeyConstraint(
            ["send_id"], ["sends.send_id"], name=op.f("fk_receipts_send_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("send_id", "kind", name=op.f("pk_receipts")),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("bucket", sa.String(length=140), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_rate_buckets")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_table(
        "kind_health",
        sa.Column("kind_name", sa.String(length=60), nullable=False),
        sa.Column("low", sa.String(length=60), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind_name", name=op.f("pk_kind_health")),
    )


def _create_people() -> None:
    op.create_table(
        "owners",
        sa.Column("resource_type", sa.String(length=20), nullable=False),
        sa.Column("resource_id", sa.String(length=100), nullable=False),
        sa.Column("owner_id", sa.String(length=100), nullable=False),
        sa.Column("assignment_no", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("resource_type", "resource_id", name=op.f("pk_owners")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.alter_column("recipients", "webhook_url", nullable=True)
    op.alter_column("recipients", "sealed_secret", nullable=True)
    op.add_column(
        "recipients", sa.Column("locale", sa.String(length=10), nullable=False, server_default="zh")
    )
    op.add_column(
        "recipients", sa.Column("zone", sa.String(length=40), nullable=False, server_default="")
    )
    op.create_table(
        "addresses",
        sa.Column("recipient_id", sa.String(length=100), nullable=False),
        sa.Column("medium", sa.String(length=20), nullable=False),
        sa.Column("device", sa.String(length=10), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["recipients.recipient_id"],
            name=op.f("fk_addresses_recipient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recipient_id", "medium", "device", name=op.f("pk_addresses")),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("medium", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("sealed_settings", sa.LargeBinary(), nullable=False),
        sa.Column("messages_per_min", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "presences",
        sa.Column("recipient_id", sa.String(length=100), nullable=False),
        sa.Column("device", sa.String(length=10), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "device", name=op.f("pk_presences")),
    )
    op.create_index(op.f("ix_presences_changed_at"), "presences", ["changed_at"])


def downgrade() -> None:
    for table in ("presences", "accounts", "addresses", "owners", "kind_health", "rate_buckets"):
        op.drop_table(table)
    op.drop_table("receipts")
    op.drop_table("sends")
    op.execute("delete from recipients where webhook_url is null")
    op.alter_column("recipients", "webhook_url", nullable=False)
    op.alter_column("recipients", "sealed_secret", nullable=False)
    op.drop_column("recipients", "locale")
    op.drop_column("recipients", "zone")
    _narrow_reminders()


def _narrow_reminders() -> None:
    for name in ("ix_reminders_due", "ix_reminders_lead_id", "ix_reminders_created_at"):
        op.drop_index(name, table_name="reminders")
    op.execute("delete from reminders where kind_name not in ('lead_assigned', 'contact_overdue')")
    op.execute("update reminders set state = 1 where state > 3")
    op.add_column("reminders", sa.Column("kind", sa.SmallInteger()))
    op.execute("update reminders set kind = case kind_name when 'lead_assigned' then 1 else 2 end")
    op.alter_column("reminders", "kind", nullable=False)
    op.alter_column("reminders", "lead_id", nullable=False)
    op.alter_column("reminders", "received_at", nullable=False)
    op.add_column("reminders", sa.Column("webhook_id", sa.Uuid()))
    op.add_column("reminders", sa.Column("leased_until", sa.DateTime(timezone=True)))
    op.drop_constraint(op.f("uq_reminders_kind_name_dedupe_key"), "reminders", type_="unique")
    op.drop_constraint(op.f("ck_reminders_state"), "reminders", type_="check")
    op.drop_constraint(op.f("ck_reminders_target"), "reminders", type_="check")
    for name, _, _ in TEXT_COLUMNS:
        op.drop_column("reminders", name)
    for name in ("target", "step", "accepted_at", "reached_at", "interacted_at"):
        op.drop_column("reminders", name)
    op.create_unique_constraint(
        op.f("uq_reminders_lead_id_kind_assignment_no"),
        "reminders",
        ["lead_id", "kind", "assignment_no"],
    )
    op.create_check_constraint(op.f("ck_reminders_state"), "reminders", "state between 1 and 3")
    op.create_check_constraint(op.f("ck_reminders_kind"), "reminders", "kind between 1 and 2")
    for name, column, where in (
        ("ix_reminders_retry", "next_attempt_at", "state = 1 AND webhook_id = reminder_id"),
        ("ix_reminders_unsent", "reminder_id", "state = 1 AND webhook_id IS NULL"),
        ("ix_reminders_webhook_id", "webhook_id", "state = 1 AND webhook_id IS NOT NULL"),
    ):
        op.create_index(name, "reminders", [column], postgresql_where=sa.text(where))
