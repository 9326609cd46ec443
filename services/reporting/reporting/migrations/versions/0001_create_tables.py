"""Creates the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OUTCOMES = """
create view lead_outcomes as
select lead_id, channel, received_at, granted_at, reminded_at, contacted_at,
       case
         when rejected_at is not null then 'rejected'
         when quarantined_at is not null
              and coalesce(understood_at, merged_at, assigned_at, unassignable_at) is null then 'quarantined'
         when merged_at is not null then 'merged'
         when assigned_at is not null
              and (unassignable_at is null or last_assigned_at >= unassignable_at) then 'assigned'
         when unassignable_at is not null then 'waiting'
         else 'received'
       end as outcome,
       greatest(understood_at, rejected_at, quarantined_at, last_assigned_at, unassignable_at, merged_at, granted_at,
                reminded_at, reminder_failed_at, contacted_at) as newest_at
from lead_facts
"""
BOOK = """
create view book as
select lead_id as item_id, channel, received_at,
       (case outcome when 'quarantined' then 2 when 'rejected' then 3 when 'assigned' then 4 when 'waiting' then 5
                     when 'merged' then 6 else 1 end)::smallint as state
from lead_outcomes
"""


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
        "lead_facts",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("understood_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unassignable_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminder_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contacted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("overdue_assignments", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead_facts")),
        postgresql_with={"fillfactor": "60", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_lead_facts_received_at",
        "lead_facts",
        ["received_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "ledger_discrepancies",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("present_in", sa.String(length=50), nullable=False),
        sa.Column("missing_in", sa.String(length=50), nullable=False),
        sa.Column("channel", sa.String(length=50), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "lead_id", "present_in", "missing_in", name=op.f("pk_ledger_discrepancies")
        ),
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
        "timeline",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "event_id", name=op.f("pk_timeline")),
    )
    op.execute(OUTCOMES)
    op.execute(BOOK)


def downgrade() -> None:
    op.execute("drop view book")
    op.execute("drop view lead_outcomes")
    op.drop_table("timeline")
    op.drop_index(
        "ix_outbox_unpublished",
        table_name="outbox",
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_outbox_occurred_at", table_name="outbox", postgresql_using="brin")
    op.drop_table("outbox")
    op.drop_table("ledger_discrepancies")
    op.drop_index("ix_lead_facts_received_at", table_name="lead_facts", postgresql_using="brin")
    op.drop_table("lead_facts")
    op.drop_index("ix_inbox_handled_at", table_name="inbox", postgresql_using="brin")
    op.drop_table("inbox")
    op.drop_table("delivery_failures")
    op.drop_index("ix_dead_letters_quarantined_at", table_name="dead_letters")
    op.drop_table("dead_letters")
