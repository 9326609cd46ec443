"""Keep what other systems say, how late, and what they are told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _say_of_rows()
    _say_of_systems()
    _tell_systems()
    _compare()


def downgrade() -> None:
    for table in (
        "differences",
        "comparisons",
        "write_backs",
        "unmapped_fields",
        "sync_failures",
        "system_lags",
        "system_states",
        "system_rows",
    ):
        op.drop_table(table)


def _say_of_rows() -> None:
    op.create_table(
        "system_rows",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(16), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_row", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("map_version", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(64), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("modified_at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("system", "key_digest", name=op.f("pk_system_rows")),
    )
    op.create_index(
        "ix_system_rows_problem",
        "system_rows",
        ["system", "key_digest"],
        postgresql_where=sa.text("problem <> ''"),
    )
    op.create_table(
        "sync_failures",
        sa.Column("failure_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(16), nullable=False),
        sa.Column("field", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("failed_at", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("failure_id", name=op.f("pk_sync_failures")),
    )
    op.create_index(op.f("ix_sync_failures_failed_at"), "sync_failures", ["failed_at"])
    op.create_index(
        "uq_sync_failures_open",
        "sync_failures",
        ["system", "key_digest", "field"],
        unique=True,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "unmapped_fields",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("field", sa.String(100), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("system", "entity", "field", name=op.f("pk_unmapped_fields")),
    )


def _say_of_systems() -> None:
    op.create_table(
        "system_states",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("watermark", TIME, nullable=True),
        sa.Column("last_fact_at", TIME, nullable=True),
        sa.Column("last_lag_s", sa.Float(), nullable=False),
        sa.Column("heard_at", TIME, nullable=True),
        sa.Column("verified_at", TIME, nullable=True),
        sa.Column("stale_since", TIME, nullable=True),
        sa.Column("asked_from", sa.String(500), nullable=False),
        sa.Column("ask_due_at", TIME, nullable=True),
        sa.Column("ask_failure_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", name=op.f("pk_system_states")),
    )
    op.create_table(
        "system_lags",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.Column("fact_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", "hour", "bucket", name=op.f("pk_system_lags")),
    )


def _tell_systems() -> None:
    op.create_table(
        "write_backs",
        sa.Column("write_back_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(16), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.String(64)), nullable=False),
        sa.Column("field_digests", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("winners", postgresql.ARRAY(sa.String(64)), nullable=False),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.Column("idempotency_key", sa.Uuid(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.CheckConstraint(
            "cardinality(fields) = cardinality(field_digests)",
            name=op.f("ck_write_backs_digests_go_along"),
        ),
        sa.PrimaryKeyConstraint("write_back_id", name=op.f("pk_write_backs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_write_backs_idempotency_key")),
    )
    waiting, open_ones = sa.text("state = 1 and attempt_count = 0"), sa.text("state in (1, 2)")
    op.create_index(
        "uq_write_backs_waiting",
        "write_backs",
        ["source_id"],
        unique=True,
        postgresql_where=waiting,
    )
    op.create_index("ix_write_backs_due", "write_backs", ["due_at"], postgresql_where=open_ones)
    op.create_index("ix_write_backs_source_id", "write_backs", ["source_id"])
    op.create_index(
        "ix_write_backs_unsettled",
        "write_backs",
        ["made_at"],
        postgresql_where=sa.text("state <> 3"),
    )


def _compare() -> None:
    op.create_table(
        "comparisons",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("after_customer_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_count", sa.BigInteger(), nullable=False),
        sa.Column("difference_count", sa.BigInteger(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("night", name=op.f("pk_comparisons")),
    )
    op.create_table(
        "differences",
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("golden_id", sa.String(64), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("source_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("systems", postgresql.ARRAY(sa.String(64)), nullable=False),
        sa.Column("parties", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("standing", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("night", "golden_id", "field", name=op.f("pk_differences")),
    )
