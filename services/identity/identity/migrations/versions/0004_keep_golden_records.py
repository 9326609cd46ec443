"""Keep golden records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "golden_records",
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("sealed_record", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("has_pins", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_golden_records")),
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index(
        op.f("ix_golden_records_policy_version"), "golden_records", ["policy_version"], unique=False
    )
    op.create_table(
        "golden_changes",
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_old", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_new", sa.LargeBinary(), nullable=True),
        sa.Column("source_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cause between 1 and 8", name=op.f("ck_golden_changes_cause_is_known")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_golden_changes")),
    )
    for name, columns in (
        ("customer_id", ["customer_id", "change_id"]),
        ("golden_id", ["golden_id", "change_id"]),
        ("field", ["field", "change_id"]),
        ("system", ["system", "change_id"]),
    ):
        op.create_index(f"ix_golden_changes_{name}", "golden_changes", columns, unique=False)
    op.create_index(
        "ix_golden_changes_actor",
        "golden_changes",
        ["actor", "change_id"],
        unique=False,
        postgresql_where=sa.text("actor <> ''"),
    )
    op.create_index(
        "ix_golden_changes_changed_at",
        "golden_changes",
        ["changed_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_index(
        "ix_golden_changes_source_ids",
        "golden_changes",
        ["source_ids"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "golden_pins",
        sa.Column("pin_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("restored_change_id", sa.BigInteger(), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "sealed_text is not null or released_at is not null",
            name=op.f("ck_golden_pins_standing_has_a_text"),
        ),
        sa.PrimaryKeyConstraint("pin_id", name=op.f("pk_golden_pins")),
    )
    op.create_index("ix_golden_pins_golden_id", "golden_pins", ["golden_id"], unique=False)
    op.create_index(
        "uq_golden_pins_standing",
        "golden_pins",
        ["golden_id", "field"],
        unique=True,
        postgresql_where=sa.text("released_at is null"),
    )
    op.create_table(
        "golden_policies",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("replaced_version", sa.Integer(), nullable=False),
        sa.Column("published_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version >= 1000", name=op.f("ck_golden_policies_version_is_published")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_golden_policies")),
    )


def downgrade() -> None:
    op.drop_table("golden_policies")
    op.drop_table("golden_pins")
    op.drop_table("golden_changes")
    op.drop_table("golden_records")
