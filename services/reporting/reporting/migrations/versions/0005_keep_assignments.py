"""Keep assignments and what became of them; tell leads of the public pool from assigned ones."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ASSIGNMENT_OUTCOMES = """
create view assignment_outcomes as
select lead_id, number, channel, rep_id, assigned_at, effective_at, due_24_at, due_48_at, due_72_at, newest_at,
       case
         when least(declined_at, withdrawn_at, merged_at) < coalesce(due_72_at, 'infinity')
              and not coalesce(effective_at <= least(declined_at, withdrawn_at, merged_at), false)
         then case least(declined_at, withdrawn_at, merged_at)
                when declined_at then 'declined' when withdrawn_at then 'withdrawn' else 'merged' end
       end as excluded_by
from (
  select a.lead_id, a.number, a.channel, a.rep_id, a.assigned_at, done.effective_at, a.declined_at,
         facts.withdrawn_at, facts.merged_at, greatest(a.newest_at, done.newest_at) as newest_at,
         coalesce(a.due_24_at, a.assigned_at + interval '24 hours') as due_24_at,
         coalesce(a.due_48_at, case
           when done.effective_at is not null then greatest(a.assigned_at + interval '48 hours', done.effective_at)
           when coalesce(following.assigned_at, a.pooled_at, a.declined_at) is not null
           then a.assigned_at + interval '48 hours'
         end) as due_48_at,
         coalesce(a.due_72_at, case
           when done.effective_at is not null then greatest(a.assigned_at + interval '72 hours', done.effective_at)
           when coalesce(following.assigned_at, a.pooled_at, a.declined_at) is not null
           then a.assigned_at + interval '72 hours'
         end) as due_72_at
  from assignments as a
  left join assignments as following on following.lead_id = a.lead_id and following.number = a.number + 1
  left join lead_facts as facts on facts.lead_id = a.lead_id
  left join lateral (
    select min(recorded_at) as effective_at, max(told_at) as newest_at from effective_follow_ups as e
    where e.lead_id = a.lead_id and e.author_id = a.rep_id and e.recorded_at >= a.assigned_at
      and e.recorded_at < coalesce(following.assigned_at, 'infinity')
  ) as done on true
  where a.assigned_at is not null
) as known
"""
POOLED = (
    "when pooled_at > coalesce(greatest(last_assigned_at, claimed_at), '-infinity') then 'pooled'"
)


def upgrade() -> None:
    for column in ("pooled_at", "claimed_at"):
        op.add_column("lead_facts", sa.Column(column, sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "assignments",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(50), nullable=False),
        sa.Column("rep_id", sa.String(100), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_24_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_48_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_72_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("declined_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pooled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("newest_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "number", name=op.f("pk_assignments")),
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index(
        "ix_assignments_assigned_at", "assignments", ["assigned_at"], postgresql_using="brin"
    )
    op.create_table(
        "effective_follow_ups",
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("follow_up_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.String(100), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "follow_up_id", name=op.f("pk_effective_follow_ups")),
    )
    op.execute(ASSIGNMENT_OUTCOMES)
    _create_views(outcome=POOLED, newest=", pooled_at, claimed_at", state="when 'pooled' then 7")


def downgrade() -> None:
    _create_views()
    op.execute("drop view assignment_outcomes")
    op.drop_table("effective_follow_ups")
    op.drop_index("ix_assignments_assigned_at", "assignments", postgresql_using="brin")
    op.drop_table("assignments")
    for column in ("claimed_at", "pooled_at"):
        op.drop_column("lead_facts", column)


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
         when withdrawn_at is not null then 'withdrawn'
         when merged_at is not null then 'merged'
         {outcome}
         when assigned_at is not null
              and (unassignable_at is null or last_assigned_at >= unassignable_at) then 'assigned'
         when unassignable_at is not null then 'waiting'
         else 'received'
       end as outcome,
       greatest(understood_at, rejected_at, quarantined_at, last_assigned_at, unassignable_at, merged_at, granted_at,
                reminded_at, reminder_failed_at, contacted_at, withdrawn_at{newest}) as newest_at
from lead_facts
"""
    )
    op.execute(
        f"""
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case outcome when 'quarantined' then 2 when 'rejected' then 3 when 'withdrawn' then 3 when 'assigned' then 4
                     when 'waiting' then 5 when 'merged' then 6 {state} else 1 end)::smallint as state
from lead_outcomes
"""
    )
