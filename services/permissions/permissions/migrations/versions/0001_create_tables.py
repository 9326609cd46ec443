"""Create tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FIRST_HEAD = "insert into audit_head values (1, 0, decode(repeat('00', 32), 'hex'))"
REFUSE_CHANGE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log only grows' using errcode = 'restrict_violation';
end
$$
"""
GUARD_ENTRIES = """
create trigger audit_entries_only_grow before update or delete or truncate on audit_entries
for each statement execute function refuse_change()
"""


def upgrade() -> None:
    _create_ownerships()
    _create_audit_log()
    _create_outbox()
    _create_inbox()
    _create_dead_letters()


def downgrade() -> None:
    for table in ("ownerships", "audit_entries", "audit_head"):
        op.drop_table(table)
    op.execute("drop function refuse_change()")
    for table in ("dead_letters", "delivery_failures", "inbox", "outbox"):
        op.drop_table(table)


def _create_ownerships() -> None:
    op.create_table(
        "ownerships",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.String(200), nullable=False),
        sa.Column("assignment_no", sa.Integer(), nullable=False),
        sa.Column("audit_seq", sa.BigInteger(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("owner_id <> ''", name=op.f("ck_ownerships_has_an_owner")),
        sa.CheckConstraint(
            "assignment_no > 0", name=op.f("ck_ownerships_assignment_no_is_positive")
        ),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_ownerships")),
    )


def _create_audit_log() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fact", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("octet_length(hash) = 32", name=op.f("ck_audit_entries_hash_is_sha256")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
    )
    op.create_table(
        "audit_head",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_audit_head_there_is_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_audit_head")),
    )
    op.execute(FIRST_HEAD)
    op.execute(REFUSE_CHANGE)
    op.execute(GUARD_ENTRIES)


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
