"""Leave withdrawn leads to assignment."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Book states: 1 passed, 2 quarantined, 3 rejected, 5 waiting. Only leads are on the book. A lead that was handed on and
# is withdrawn has passed all the same: what becomes of it is for assignment to say, which may have to keep it. Facts
# tell it from an item that was withdrawn out of quarantine, and never left.
BOOK = """
create or replace view book as
select lead_id as item_id, channel::text as channel, received_at,
       (case when state = 3 and reason = 'withdrawn' and facts is not null then 1
             else case state when 2 then 1 when 3 then 3 when 4 then 2 else 5 end end)::smallint as state
from items where kind = 0
union all
select delivery_id, accounts.channel::text, received_at, 5::smallint
from deliveries join accounts using (account_id) where state = 0 and state <> 1 and accounts.is_lead_channel
"""
BOOK_BEFORE = """
create or replace view book as
select lead_id as item_id, channel::text as channel, received_at,
       (case state when 2 then 1 when 3 then 3 when 4 then 2 else 5 end)::smallint as state
from items where kind = 0
union all
select delivery_id, accounts.channel::text, received_at, 5::smallint
from deliveries join accounts using (account_id) where state = 0 and state <> 1 and accounts.is_lead_channel
"""


def upgrade() -> None:
    op.execute(BOOK)


def downgrade() -> None:
    op.execute(BOOK_BEFORE)
