"""Keep settled follow-up rates, which nobody can change."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REFUSE = """
create function refuse_change_of_settlements() returns trigger language plpgsql as $$
begin
  raise exception 'a settlement is never changed: a correction is another one';
end $$
"""
TABLES = ("settlements", "settled_rates")


def upgrade() -> None:
    op.create_table(
        "settlements",
        sa.Column("settlement_no", sa.Integer(), nullable=False),
        sa.Column("period", sa.String(7), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_by", sa.String(100), nullable=False),
        sa.Column("approval_id", sa.String(64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint(
            "settlement_no > 0 and revision > 0", name=op.f("ck_settlements_numbered")
        ),
        sa.PrimaryKeyConstraint("settlement_no", name=op.f("pk_settlements")),
        sa.UniqueConstraint("period", "revision", name="uq_settlements_period_revision"),
    )
    op.create_table(
        "settled_rates",
        sa.Column("settlement_no", sa.Integer(), nullable=False),
        sa.Column("rep_id", sa.String(100), nullable=False),
        sa.Column("given_count", sa.Integer(), nullable=False),
        sa.Column("excluded_count", sa.Integer(), nullable=False),
        sa.Column("due_count", sa.Integer(), nullable=False),
        sa.Column("within_72h_count", sa.Integer(), nullable=False),
        sa.Column("due_difference", sa.Integer(), nullable=False),
        sa.Column("within_72h_difference", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["settlement_no"],
            ["settlements.settlement_no"],
            name=op.f("fk_settled_rates_settlement_no_settlements"),
        ),
        sa.PrimaryKeyConstraint("settlement_no", "rep_id", name=op.f("pk_settled_rates")),
    )
    op.execute(REFUSE)
    for table in TABLES:
        op.execute(
            f"create trigger refuse_change before update or delete or truncate on {table} "
            "for each statement execute function refuse_change_of_settlements()"
        )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    op.execute("drop function refuse_change_of_settlements()")
