"""Keep stages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)
TABLES = ("stages", "moves", "documents", "contracts", "payments", "payments_due")
# Opportunities of before begin where all begin.
BEGIN = """
insert into stages (lead_id, stage, since, move_count, is_overdue_told, currency, contract_no, done)
select lead_id, 'first_contact', opened_at, 0, false, 'CNY', '', '{}' from opportunities where opened_at is not null
"""


def upgrade() -> None:
    _create_stages()
    _create_documents()
    _create_money()
    op.execute(BEGIN)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _create_stages() -> None:
    op.create_table(
        "stages",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("since", WHEN, nullable=False),
        sa.Column("move_count", sa.Integer(), nullable=False),
        sa.Column("is_overdue_told", sa.Boolean(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("contract_no", sa.String(length=64), nullable=False),
        sa.Column("closes_on", sa.Date(), nullable=True),
        sa.Column("done", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.CheckConstraint(
            "amount_minor is null or amount_minor > 0", name=op.f("ck_stages_amount")
        ),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_stages")),
    )
    op.create_index(
        "ix_stages_untold", "stages", ["since"], postgresql_where=sa.text("not is_overdue_told")
    )
    op.create_index(
        "ix_stages_contract_no",
        "stages",
        ["contract_no"],
        postgresql_where=sa.text("contract_no <> ''"),
    )
    op.create_table(
        "moves",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("move_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("destination", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.SmallInteger(), nullable=False),
        sa.Column("moved_at", WHEN, nullable=False),
        sa.Column("moved_by", sa.String(length=64), nullable=False),
        sa.Column("machine_version", sa.Integer(), nullable=False),
        sa.Column("evidence", postgresql.ARRAY(sa.String(length=200)), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "move_no", name=op.f("pk_moves")),
    )


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("added_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "kind", "sha256", name=op.f("pk_documents")),
    )


def _create_money() -> None:
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("reported_at", WHEN, nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("contract_id", name=op.f("pk_contracts")),
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("voucher_no", sa.String(length=200), nullable=False),
        sa.Column("order_no", sa.String(length=200), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("paid_at", WHEN, nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("problem", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("pk_payments")),
    )
    for table in ("contracts", "payments"):
        owned = sa.text("lead_id is not null")
        op.create_index(f"ix_{table}_lead_id", table, ["lead_id"], postgresql_where=owned)
    nobodys = sa.text("lead_id is null")
    op.create_index("ix_contracts_golden_id", "contracts", ["golden_id"], postgresql_where=nobodys)
    unmatched = sa.text("problem <> ''")
    op.create_index("ix_payments_unmatched", "payments", ["paid_at"], postgresql_where=unmatched)
    op.create_table(
        "payments_due",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("part_no", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "part_no", name=op.f("pk_payments_due")),
    )
