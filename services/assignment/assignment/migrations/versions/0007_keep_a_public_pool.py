"""Keep a public pool."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A lead in the pool was assigned, as far as the books go: 4 as in servicekit.v1.BookState.
BOOK = """
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case state when 1 then 4 when 2 then 5 when 3 then 6 when 5 then 4 else 3 end)::smallint as state
from leads
"""
BOOK_BEFORE = """
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case state when 1 then 4 when 2 then 5 when 3 then 6 else 3 end)::smallint as state
from leads
"""
POOLED = "(state = 5) = (pooled_at is not null) and (pooled_at is null) = (pooled_from is null)"


def upgrade() -> None:
    """Lets leads lie in the pool, and keeps who claimed them."""
    op.add_column("leads", sa.Column("pooled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("leads", sa.Column("pooled_from", sa.String(64), nullable=True))
    op.drop_constraint(op.f("ck_leads_state"), "leads", type_="check")
    op.create_check_constraint(op.f("ck_leads_state"), "leads", "state between 1 and 5")
    op.create_check_constraint(op.f("ck_leads_pooled"), "leads", POOLED)
    op.create_index(
        "ix_leads_pooled", "leads", ["pooled_at"], postgresql_where=sa.text("state = 5")
    )
    op.create_table(
        "pool_claims",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("assignment_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rep_id", sa.String(64), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "assignment_no", name="pk_pool_claims"),
    )
    op.create_index("ix_pool_claims_rep_id_claimed_at", "pool_claims", ["rep_id", "claimed_at"])
    op.execute(BOOK)


def downgrade() -> None:
    """Lets what lies in the pool wait for owners."""
    op.execute(BOOK_BEFORE)
    op.drop_table("pool_claims")
    op.drop_index("ix_leads_pooled", table_name="leads")
    op.drop_constraint(op.f("ck_leads_pooled"), "leads", type_="check")
    op.execute("delete from leads where state = 5")
    op.drop_constraint(op.f("ck_leads_state"), "leads", type_="check")
    op.create_check_constraint(op.f("ck_leads_state"), "leads", "state between 1 and 4")
    op.drop_column("leads", "pooled_from")
    op.drop_column("leads", "pooled_at")
