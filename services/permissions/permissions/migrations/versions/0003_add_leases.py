"""Turn ownerships into leases."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COPY_OWNERSHIPS = """
insert into leases (
  resource_type, resource_id, owner_id, touched_at_s, version, suspended_until_s, is_exempt,
  former_owner_id, cool_until_s, seq, assignment_no, granted_at_s, noticed_state, episode, channel, received_at_s
)
select 'lead', lead_id::text, owner_id, extract(epoch from granted_at), 0, 0, false,
  '', 0, audit_seq, assignment_no, extract(epoch from granted_at), '', 1, '', 0
from ownerships
"""
COPY_BACK = """
insert into ownerships (lead_id, owner_id, assignment_no, audit_seq, granted_at)
select resource_id::uuid, owner_id, assignment_no, seq, to_timestamp(granted_at_s)
from leases where resource_type = 'lead' and owner_id <> '' and assignment_no > 0
"""


def upgrade() -> None:
    _create_leases()
    _create_claims()
    op.execute(COPY_OWNERSHIPS)
    op.drop_table("ownerships")


def downgrade() -> None:
    _create_ownerships()
    op.execute(COPY_BACK)
    for table in ("lease_clock", "claims", "leases"):
        op.drop_table(table)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(200, collation="C"), nullable=False)


def _seconds(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=False)


def _create_leases() -> None:
    op.create_table(
        "leases",
        _name("resource_type"),
        _name("resource_id"),
        _name("owner_id"),
        _seconds("touched_at_s"),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _seconds("suspended_until_s"),
        sa.Column("is_exempt", sa.Boolean(), nullable=False),
        _name("former_owner_id"),
        _seconds("cool_until_s"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("assignment_no", sa.Integer(), nullable=False),
        _seconds("granted_at_s"),
        sa.Column("noticed_state", sa.String(20), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(100), nullable=False),
        _seconds("received_at_s"),
        sa.Column(
            "clock_s",
            sa.Double(),
            sa.Computed("GREATEST(touched_at_s, suspended_until_s)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("version >= 0", name=op.f("ck_leases_version_is_not_negative")),
        sa.CheckConstraint(
            "assignment_no >= 0", name=op.f("ck_leases_assignment_no_is_not_negative")
        ),
        sa.CheckConstraint(
            "noticed_state in ('', 'notice', 'readonly')",
            name=op.f("ck_leases_noticed_state_is_known"),
        ),
        sa.PrimaryKeyConstraint("resource_type", "resource_id", name=op.f("pk_leases")),
    )
    _index_leases()


def _index_leases() -> None:
    op.create_index("ix_leases_owner", "leases", ["owner_id", "resource_type", "resource_id"])
    op.create_index(
        "ix_leases_due",
        "leases",
        ["noticed_state", "clock_s"],
        postgresql_where=sa.text("owner_id <> '' and not is_exempt"),
    )
    op.create_index(
        "ix_leases_unlogged", "leases", ["resource_id"], postgresql_where=sa.text("version = 0")
    )


def _create_claims() -> None:
    op.create_table(
        "claims",
        _name("principal_id"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("principal_id", "day", name=op.f("pk_claims")),
    )
    op.create_table(
        "lease_clock",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        _seconds("reached_s"),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_lease_clock_there_is_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_lease_clock")),
    )
    op.execute("insert into lease_clock values (1, 0)")


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
