"""Keep what kind of fact an item is, how often it was repeated, and how an account is read."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Book states: 1 passed, 2 quarantined, 3 rejected, 5 waiting. Only leads are on the book.
BOOK = """
create view book as
select lead_id as item_id, channel::text as channel, received_at,
       (case state when 2 then 1 when 3 then 3 when 4 then 2 else 5 end)::smallint as state
from items where kind = 0
union all
select delivery_id, accounts.channel::text, received_at, 5::smallint
from deliveries join accounts using (account_id) where state = 0 and state <> 1 and accounts.is_lead_channel
"""
BOOK_BEFORE = """
create view book as
select lead_id as item_id, channel::text as channel, received_at,
       (case state when 2 then 1 when 3 then 3 when 4 then 2 else 5 end)::smallint as state
from items
union all
select delivery_id, accounts.channel::text, received_at, 5::smallint
from deliveries join accounts using (account_id) where state = 0 and state <> 1
"""


def upgrade() -> None:
    op.execute("drop view book")
    op.add_column(
        "accounts",
        sa.Column("is_lead_channel", sa.Boolean(), server_default=sa.text("true"), nullable=False),
    )
    op.add_column(
        "accounts",
        sa.Column("template", sa.String(length=80), server_default=sa.text("''"), nullable=False),
    )
    op.add_column("accounts", sa.Column("rps", sa.Double(), nullable=True))
    op.add_column("accounts", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "deliveries",
        sa.Column("attempt_count", sa.Integer(), server_default=sa.text("1"), nullable=False),
    )
    op.add_column(
        "deliveries", sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "items", sa.Column("kind", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("items", sa.Column("repeats_lead_id", sa.Uuid(), nullable=True))
    op.add_column(
        "items",
        sa.Column("repeat_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column("items", sa.Column("last_repeated_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "recent_inquiries",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "digest", name=op.f("pk_recent_inquiries")),
    )
    op.create_index(
        "ix_recent_inquiries_expires_at", "recent_inquiries", ["expires_at"], unique=False
    )
    op.execute(BOOK)


def downgrade() -> None:
    op.execute("drop view book")
    op.drop_table("recent_inquiries")
    for column in ("last_repeated_at", "repeat_count", "repeats_lead_id", "kind"):
        op.drop_column("items", column)
    op.drop_column("deliveries", "last_attempt_at")
    op.drop_column("deliveries", "attempt_count")
    for column in ("closed_at", "rps", "template", "is_lead_channel"):
        op.drop_column("accounts", column)
    op.execute(BOOK_BEFORE)
