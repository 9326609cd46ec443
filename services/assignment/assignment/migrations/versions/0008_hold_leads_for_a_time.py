"""Hold leads for a time, and tell the pool from what has an owner."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# The numbers are those of servicekit.v1.BookState: assigned, waiting, merged, pooled, rejected.
BOOK = """
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case state when 1 then 4 when 2 then 5 when 3 then 6 when 5 then 7 else 3 end)::smallint as state
from leads
"""
BOOK_BEFORE = """
create or replace view book as
select lead_id as item_id, channel, received_at,
       (case state when 1 then 4 when 2 then 5 when 3 then 6 when 5 then 4 else 3 end)::smallint as state
from leads
"""
# A clock that is due at once is set by the policy when it rings. Owners of now count from the lead's first assignment.
START = """
insert into timers (lead_id, kind, assignment_no, started_at, due_at)
select lead_id, 'hold', assignment_no, first_assigned_at, now() from leads
where state = 1 and not exists (
  select from timers where timers.lead_id = leads.lead_id and timers.assignment_no = leads.assignment_no
    and (timers.kind = 'hold' or (timers.kind = 'contact' and timers.fired_at is null)))
limit 20000
"""


def upgrade() -> None:
    """Starts the clocks of owners whose time to make contact is over, each statement within its timeout."""
    op.execute(BOOK)
    while op.get_bind().execute(sa.text(START)).rowcount:
        pass


def downgrade() -> None:
    """Forgets how long leads were held."""
    op.execute("delete from timers where kind = 'hold'")
    op.execute(BOOK_BEFORE)
