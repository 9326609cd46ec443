"""Keep synced records."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sync_owners",
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_sync_owners")),
    )
    op.create_table(
        "synced_records",
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("collection", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "owner_id", "collection", "record_id", name=op.f("pk_synced_records")
        ),
        sa.UniqueConstraint(
            "owner_id", "position", name=op.f("uq_synced_records_owner_id_position")
        ),
    )
    op.create_index(
        op.f("ix_synced_records_changed_at"), "synced_records", ["changed_at"], unique=False
    )
    op.create_table(
        "synced_changes",
        sa.Column("owner_id", sa.String(length=200), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("collection", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=100), nullable=False),
        sa.Column("client_id", sa.String(length=100), nullable=False),
        sa.Column("base_version", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_conflicts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "change_id", name=op.f("pk_synced_changes")),
    )
    op.create_index(
        op.f("ix_synced_changes_received_at"), "synced_changes", ["received_at"], unique=False
    )


def downgrade() -> None:
    op.drop_table("synced_changes")
    op.drop_table("synced_records")
    op.drop_table("sync_owners")
