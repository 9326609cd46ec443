"""Withdraw leads."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The numbers are those of servicekit.v1.BookState: assigned, waiting, merged, rejected.
BOOK = """
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case state when 1 then 4 when 2 then 5 when 3 then 6 else 3 end)::smallint as state
from leads
"""
BOOK_BEFORE = """
create or replace view book as
select lead_id as item_id, channel, received_at, (case state when 1 then 4 when 2 then 5 else 6 end)::smallint as state
from leads
"""


def upgrade() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_withdrawals")),
    )
    op.add_column("leads", sa.Column("withdrawn_import_id", sa.Uuid(), nullable=True))
    _check("merged", "state = 4 or (state = 3) = (into_lead_id is not null)")
    _check("state", "state between 1 and 4")
    op.create_check_constraint(
        op.f("ck_leads_withdrawn"), "leads", "(state = 4) = (withdrawn_import_id is not null)"
    )
    op.create_index(
        "ix_leads_into_lead_id",
        "leads",
        ["into_lead_id"],
        unique=False,
        postgresql_where=sa.text("into_lead_id is not null"),
    )
    _open_leads("state < 3")
    op.execute(BOOK)


def downgrade() -> None:
    """Withdrawn leads have no state to go back to: as nobody acts on them, they are gone."""
    op.execute(BOOK_BEFORE)
    op.execute("delete from leads where state = 4")
    _open_leads("into_lead_id is null")
    op.drop_index("ix_leads_into_lead_id", table_name="leads")
    op.drop_constraint(op.f("ck_leads_withdrawn"), "leads")
    _check("state", "state between 1 and 3")
    _check("merged", "(state = 3) = (into_lead_id is not null)")
    op.drop_column("leads", "withdrawn_import_id")
    op.drop_table("withdrawals")


def _check(name: str, condition: str) -> None:
    """Puts a check in the place of the one with the same name."""
    op.drop_constraint(op.f(f"ck_leads_{name}"), "leads")
    op.create_check_constraint(op.f(f"ck_leads_{name}"), "leads", condition)


def _open_leads(condition: str) -> None:
    """Says which leads are open, of which a customer has one."""
    op.drop_index("uq_leads_open_golden_id", table_name="leads")
    op.create_index(
        "uq_leads_open_golden_id",
        "leads",
        ["golden_id"],
        unique=True,
        postgresql_where=sa.text(condition),
    )
