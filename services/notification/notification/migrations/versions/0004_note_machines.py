"""Note openings by machines."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_receipts_kind"), "receipts", type_="check")
    op.create_check_constraint(op.f("ck_receipts_kind"), "receipts", "kind between 1 and 5")


def downgrade() -> None:
    op.execute("delete from receipts where kind = 5")
    op.drop_constraint(op.f("ck_receipts_kind"), "receipts", type_="check")
    op.create_check_constraint(op.f("ck_receipts_kind"), "receipts", "kind between 1 and 4")
