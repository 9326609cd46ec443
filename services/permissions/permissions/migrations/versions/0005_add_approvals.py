"""Add requests for sensitive actions and their votes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_requests()
    _create_votes()


def downgrade() -> None:
    for table in ("approval_votes", "access_requests"):
        op.drop_table(table)


def _name(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(200, collation="C"), nullable=False)


def _seconds(name: str, *, nullable: bool) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=nullable)


def _create_requests() -> None:
    op.create_table(
        "access_requests",
        _name("request_id"),
        sa.Column("template", sa.String(100), nullable=False),
        _name("requester_id"),
        sa.Column("requester_epoch", sa.Integer(), nullable=False),
        sa.Column("subject_epoch", sa.Integer(), nullable=False),
        _name("subject_id"),
        _name("action"),
        _name("resource_type"),
        _name("resource_id"),
        sa.Column("params_hash", sa.String(64), nullable=False),
        sa.Column("summary", sa.String(500), nullable=False),
        _seconds("requested_at_s", nullable=False),
        _seconds("expires_at_s", nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        _seconds("usable_until_s", nullable=True),
        _seconds("used_at_s", nullable=True),
        sa.Column("use_key", sa.String(200), nullable=False),
        _name("used_by"),
        sa.Column("notify_ids", sa.ARRAY(sa.String(200)), nullable=False),
        _seconds("review_by_s", nullable=True),
        _name("reviewed_by"),
        _seconds("reviewed_at_s", nullable=True),
        sa.Column("review", sa.String(20), nullable=True),
        sa.Column("is_sanctioned", sa.Boolean(), nullable=False),
        sa.Column("requested_seq", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status in ('pending', 'approved', 'denied', 'expired', 'cancelled', 'used')",
            name=op.f("ck_access_requests_status_is_known"),
        ),
        sa.CheckConstraint(
            "(status = 'used') = (used_at_s is not null)",
            name=op.f("ck_access_requests_used_once"),
        ),
        sa.CheckConstraint(
            "status not in ('approved', 'used') or usable_until_s is not null",
            name=op.f("ck_access_requests_approved_for_a_time"),
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_access_requests")),
    )
    op.create_index(
        "ix_access_requests_requester", "access_requests", ["requester_id", "request_id"]
    )
    op.create_index(
        "ix_access_requests_open",
        "access_requests",
        ["template", "request_id"],
        postgresql_where=sa.text("status in ('pending', 'approved')"),
    )
    op.create_index(
        "ix_access_requests_to_review",
        "access_requests",
        ["review_by_s"],
        postgresql_where=sa.text(
            "review_by_s is not null and review is null and not is_sanctioned"
        ),
    )


def _create_votes() -> None:
    op.create_table(
        "approval_votes",
        _name("request_id"),
        _name("approver_id"),
        sa.Column("step_group", sa.String(100), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        _seconds("voted_at_s", nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "verdict in ('approve', 'deny')", name=op.f("ck_approval_votes_verdict_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["access_requests.request_id"],
            name=op.f("fk_approval_votes_request_id"),
        ),
        sa.PrimaryKeyConstraint("request_id", "approver_id", name=op.f("pk_approval_votes")),
    )
    op.create_index("ix_approval_votes_approver", "approval_votes", ["approver_id"])
