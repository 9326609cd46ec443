"""Keep silences and pulls."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Subscription states: 0 not asked yet, 1 found, 2 lost, 3 unknown.


def upgrade() -> None:
    _create_traffic()
    _create_silences()
    _create_pulls()
    _create_subscriptions()


def downgrade() -> None:
    for table in ("subscriptions", "pulls", "silences", "watches", "traffic_counted"):
        op.drop_table(table)
    op.drop_table("traffic_hours")


def _account_id() -> sa.Column:
    return sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_traffic() -> None:
    op.create_table(
        "traffic_hours",
        _account_id(),
        _time("hour"),
        sa.Column("delivery_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hour", name=op.f("pk_traffic_hours")),
    )
    op.create_table(
        "traffic_counted",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        _time("counted_until"),
        sa.CheckConstraint("only_row = 1", name=op.f("ck_traffic_counted_one_row")),
        sa.PrimaryKeyConstraint("only_row", name=op.f("pk_traffic_counted")),
    )
    # What is stored already is counted too, as far back as it is looked at.
    op.execute(
        "insert into traffic_counted values (1, date_trunc('hour', now()) - interval '28 days')"
    )


def _create_silences() -> None:
    op.create_table(
        "watches",
        _account_id(),
        _time("watched_since"),
        sa.Column("silent_after_s", sa.Float(precision=53), nullable=True),
        _time("muted_until", nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_watches")),
    )
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        _time("last_delivery_at", nullable=True),
        _time("raised_at"),
        _time("ended_at", nullable=True),
        sa.Column("expected_gap_s", sa.Float(precision=53), nullable=False),
        sa.Column("probability", sa.Float(precision=53), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("pk_silences")),
    )
    op.create_index(
        "uq_silences_lasting",
        "silences",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_index("ix_silences_raised_at", "silences", ["raised_at"])


def _create_pulls() -> None:
    op.create_table(
        "pulls",
        _account_id(),
        _time("compared_until"),
        _time("due_at"),
        sa.Column("lease_id", sa.Uuid(), nullable=True),
        _time("leased_until", nullable=True),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column("failure", sa.String(length=60), nullable=True),
        sa.Column("is_permanent", sa.Boolean(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("seen_count", sa.BigInteger(), nullable=False),
        sa.Column("backfilled_count", sa.BigInteger(), nullable=False),
        sa.Column("missed_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _time("missed_since", nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_pulls")),
    )
    op.create_index("ix_pulls_due_at", "pulls", ["due_at"])


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        _account_id(),
        _time("due_at"),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("is_lost", sa.Boolean(), nullable=False),
        _time("checked_at", nullable=True),
        sa.CheckConstraint("state between 0 and 3", name=op.f("ck_subscriptions_state")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_subscriptions")),
    )
    op.create_index("ix_subscriptions_due_at", "subscriptions", ["due_at"])
