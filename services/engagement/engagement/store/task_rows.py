"""The table of tasks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class TaskRow(Base):
    """One task; what people answered, and why it came back, is sealed."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("state between 1 and 3", name="state"),
        Index("uq_tasks_kind", "kind", "subject", "stretch", unique=True),
        Index("ix_tasks_assignee_id", "assignee_id", "due_at"),
        Index("ix_tasks_approver_id", "approver_id", postgresql_where=text("state = 2")),
        Index("ix_tasks_owner_id", "owner_id", "due_at"),
        Index("ix_tasks_golden_id", "golden_id"),
        Index("ix_tasks_lead_id", "lead_id", postgresql_where=text("lead_id is not null")),
        Index(
            "ix_tasks_untold",
            "due_at",
            postgresql_where=text("state = 1 and not is_overdue_told"),
        ),
    )

    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(100))
    stretch: Mapped[str] = mapped_column(String(100))
    golden_id: Mapped[str] = mapped_column(String(64))
    lead_id: Mapped[UUID | None]
    owner_id: Mapped[str] = mapped_column(String(64))
    assignee_id: Mapped[str] = mapped_column(String(64))
    approver_id: Mapped[str] = mapped_column(String(64))
    needs: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    needs_approval: Mapped[bool]
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    due_in_s: Mapped[int]
    policy_version: Mapped[int]
    state: Mapped[int] = mapped_column(SmallInteger)
    is_overdue_told: Mapped[bool] = mapped_column(server_default=text("false"))
    sealed_answers: Mapped[bytes] = mapped_column(LargeBinary)
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(String(64))
