"""Keep tasks, and what was found by watching."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_tasks()
    _index_tasks()
    _create_watches()
    signed = sa.text("state = 2")
    op.create_index("ix_contracts_signed", "contracts", ["reported_at"], postgresql_where=signed)
    op.create_index("ix_follow_ups_response", "follow_ups", ["response", "recorded_at"])


def downgrade() -> None:
    op.drop_index("ix_follow_ups_response", table_name="follow_ups")
    op.drop_index("ix_contracts_signed", table_name="contracts")
    for table in ("service_records", "watch_finds", "tasks"):
        op.drop_table(table)


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("stretch", sa.String(length=100), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("lead_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("assignee_id", sa.String(length=64), nullable=False),
        sa.Column("approver_id", sa.String(length=64), nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.String(length=32)), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("opened_at", WHEN, nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.Column("due_in_s", sa.Integer(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("is_overdue_told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("sealed_answers", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", WHEN, nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=False),
        sa.Column("closed_at", WHEN, nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=False),
        sa.CheckConstraint("state between 1 and 3", name=op.f("ck_tasks_state")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_tasks")),
    )


def _index_tasks() -> None:
    op.create_index("uq_tasks_kind", "tasks", ["kind", "subject", "stretch"], unique=True)
    op.create_index("ix_tasks_assignee_id", "tasks", ["assignee_id", "due_at"])
    answered = sa.text("state = 2")
    op.create_index("ix_tasks_approver_id", "tasks", ["approver_id"], postgresql_where=answered)
    op.create_index("ix_tasks_owner_id", "tasks", ["owner_id", "due_at"])
    op.create_index("ix_tasks_golden_id", "tasks", ["golden_id"])
    named = sa.text("lead_id is not null")
    op.create_index("ix_tasks_lead_id", "tasks", ["lead_id"], postgresql_where=named)
    untold = sa.text("state = 1 and not is_overdue_told")
    op.create_index("ix_tasks_untold", "tasks", ["due_at"], postgresql_where=untold)


def _create_watches() -> None:
    op.create_table(
        "watch_finds",
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("stretch", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("since_at", WHEN, nullable=False),
        sa.Column("until_at", WHEN, nullable=False),
        sa.Column("found_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("rule", "stretch", name=op.f("pk_watch_finds")),
    )
    op.create_index("ix_watch_finds_subject", "watch_finds", ["rule", "subject", "until_at"])
    op.create_table(
        "service_records",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_no", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("golden_id", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("opened_at", WHEN, nullable=False),
        sa.Column("closed_at", WHEN, nullable=True),
        sa.Column("told_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_service_records")),
    )
    op.create_index("ix_service_records_golden_id", "service_records", ["golden_id", "opened_at"])
