"""Keep mappings and shapes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("mappings", "mapping_checks", "configuration_changes", "shapes", "drifts", "quarantine_alarms")  # fmt: skip


def upgrade() -> None:
    _create_mappings()
    _create_configuration_changes()
    _create_shapes()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _account_id() -> sa.Column[int]:
    return sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False)


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), autoincrement=False, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_mappings() -> None:
    op.create_table(
        "mappings",
        _account_id(),
        _number("version"),
        sa.Column("document", sa.Text(), nullable=False),
        _bytes("sha256"),
        _text("published_by", 200),
        _text("approval_id", 200),
        _time("published_at"),
        _time("retired_at", nullable=True),
        sa.CheckConstraint("version >= 1000", name=op.f("ck_mappings_version")),
        sa.PrimaryKeyConstraint("account_id", "version", name=op.f("pk_mappings")),
    )
    op.create_index(
        "uq_mappings_in_force",
        "mappings",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("retired_at is null"),
    )
    op.create_table(
        "mapping_checks",
        _account_id(),
        _bytes("sha256"),
        _number("base_version"),
        _number("rescued_count"),
        _number("newly_quarantined_count"),
        _text("checked_by", 200),
        _time("checked_at"),
        sa.PrimaryKeyConstraint("account_id", "sha256", name=op.f("pk_mapping_checks")),
    )


def _create_configuration_changes() -> None:
    op.create_table(
        "configuration_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        _text("kind", 40),
        _text("resource_id", 200),
        _text("actor_id", 200),
        _text("approval_id", 200),
        sa.Column("old_json", sa.Text(), nullable=False),
        sa.Column("new_json", sa.Text(), nullable=False),
        _time("changed_at"),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_configuration_changes")),
    )
    op.create_index(
        "uq_configuration_changes_approval_id",
        "configuration_changes",
        ["approval_id"],
        unique=True,
        postgresql_where=sa.text("approval_id <> ''"),
    )
    op.create_index(
        "ix_configuration_changes_resource",
        "configuration_changes",
        ["kind", "resource_id", "change_id"],
    )


def _create_shapes() -> None:
    op.create_table(
        "shapes",
        _account_id(),
        _bytes("learnt"),
        _time("noticed_at"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_shapes")),
    )
    op.create_table(
        "drifts",
        sa.Column("drift_id", sa.Uuid(), nullable=False),
        _account_id(),
        _text("channel", 40),
        _text("account", 100),
        _bytes("event"),
        _time("noticed_at"),
        sa.PrimaryKeyConstraint("drift_id", name=op.f("pk_drifts")),
    )
    op.create_index("ix_drifts_noticed_at", "drifts", ["noticed_at"])
    op.create_table(
        "quarantine_alarms",
        _account_id(),
        _time("raised_at"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_quarantine_alarms")),
    )
