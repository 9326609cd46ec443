"""Add facts, principals and policies; number what changes state."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _extend_audit_log()
    _create_facts()
    _create_principals()
    _create_policies()
    _create_disagreements()
    _create_confirmations()


def downgrade() -> None:
    for table in ("confirmations", "disagreements", "policies", "principals", "facts"):
        op.drop_table(table)
    op.drop_index("ix_audit_entries_changing", "audit_entries")
    op.drop_column("audit_entries", "changes_state")
    op.drop_column("audit_head", "log_id")
    op.drop_column("audit_head", "revision")


def _extend_audit_log() -> None:
    op.add_column(
        "audit_entries",
        sa.Column("changes_state", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_index(
        "ix_audit_entries_changing",
        "audit_entries",
        ["seq"],
        postgresql_where=sa.text("changes_state"),
    )
    op.add_column(
        "audit_head",
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("audit_head", sa.Column("log_id", sa.String(40), nullable=True))
    op.execute("update audit_head set log_id = replace(gen_random_uuid()::text, '-', '')")
    op.alter_column("audit_head", "log_id", nullable=False)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(200, collation="C"), nullable=False)


def _create_facts() -> None:
    key = (
        "resource_type",
        "resource_id",
        "relation",
        "subject_type",
        "subject_id",
        "subject_relation",
    )
    op.create_table(
        "facts",
        *(_name(column) for column in key),
        sa.Column("condition", sa.String(200), nullable=False),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("until_s", sa.Double(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_facts")),
    )
    op.create_index("ix_facts_subject", "facts", ["subject_type", "subject_id", "relation"])


def _create_principals() -> None:
    op.create_table(
        "principals",
        _name("principal_id"),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status in ('active', 'suspended', 'departed')",
            name=op.f("ck_principals_status_is_known"),
        ),
        sa.CheckConstraint("type in ('user', 'service')", name=op.f("ck_principals_type_is_known")),
        sa.CheckConstraint("epoch > 0", name=op.f("ck_principals_epoch_is_positive")),
        sa.PrimaryKeyConstraint("principal_id", name=op.f("pk_principals")),
    )


def _create_policies() -> None:
    op.create_table(
        "policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("proposed_by", sa.String(200), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "stage in ('draft', 'shadow', 'live', 'retired')",
            name=op.f("ck_policies_stage_is_known"),
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policies")),
    )
    for stage in ("live", "shadow"):
        op.create_index(
            f"ix_policies_one_{stage}",
            "policies",
            ["stage"],
            unique=True,
            postgresql_where=sa.text(f"stage = '{stage}'"),
        )


def _create_disagreements() -> None:
    key = ("version", "live_version", "resource_type", "action", "live_answer", "answer")
    op.create_table(
        "disagreements",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("live_version", sa.Integer(), autoincrement=False, nullable=False),
        *(_name(column) for column in key[2:]),
        _name("subject_id"),
        _name("resource_id"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_disagreements")),
    )


def _create_confirmations() -> None:
    op.create_table(
        "confirmations",
        _name("service"),
        _name("instance_id"),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "service", "instance_id", "revision", name=op.f("pk_confirmations")
        ),
    )
    op.create_index("ix_confirmations_confirmed_at", "confirmations", ["confirmed_at"])
