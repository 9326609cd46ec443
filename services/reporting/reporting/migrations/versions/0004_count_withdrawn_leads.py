"""Count withdrawn leads."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lead_facts", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True)
    )
    _create_views(
        outcome="when withdrawn_at is not null then 'withdrawn'",
        newest=", withdrawn_at",
        state="when 'withdrawn' then 3",
    )


def downgrade() -> None:
    _create_views()
    op.drop_column("lead_facts", "withdrawn_at")


def _create_views(*, outcome: str = "", newest: str = "", state: str = "") -> None:
    """Puts the views in the place of those that are there, each with a part more or less."""
    op.execute(
        f"""
create or replace view lead_outcomes as
select lead_id, channel, received_at, granted_at, reminded_at, contacted_at,
       case
         when rejected_at is not null then 'rejected'
         when quarantined_at is not null
              and coalesce(understood_at, merged_at, assigned_at, unassignable_at) is null then 'quarantined'
         {outcome}
         when merged_at is not null then 'merged'
         when assigned_at is not null
              and (unassignable_at is null or last_assigned_at >= unassignable_at) then 'assigned'
         when unassignable_at is not null then 'waiting'
         else 'received'
       end as outcome,
       greatest(understood_at, rejected_at, quarantined_at, last_assigned_at, unassignable_at, merged_at, granted_at,
                reminded_at, reminder_failed_at, contacted_at{newest}) as newest_at
from lead_facts
"""
    )
    op.execute(
        f"""
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case outcome when 'quarantined' then 2 when 'rejected' then 3 {state} when 'assigned' then 4
                     when 'waiting' then 5 when 'merged' then 6 else 1 end)::smallint as state
from lead_outcomes
"""
    )
