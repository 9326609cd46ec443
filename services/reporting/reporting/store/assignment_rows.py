"""The tables of who was given which lead, and of what was done that counts; what serves imports none of this."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from reporting.store.schema import Base


class AssignmentRow(Base):
    """One owner's time with a lead; a time is null until its event came.

    `due_..._at` are deadlines as assignment stated them, by the team's calendar or the clock on the wall.
    """

    __tablename__ = "assignments"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(50))
    rep_id: Mapped[str] = mapped_column(String(100))
    assigned_at: Mapped[datetime | None]
    due_24_at: Mapped[datetime | None]
    due_48_at: Mapped[datetime | None]
    due_72_at: Mapped[datetime | None]
    declined_at: Mapped[datetime | None]
    pooled_at: Mapped[datetime | None]
    newest_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_assignments_assigned_at", "assigned_at", postgresql_using="brin"),
        {"postgresql_with": {"fillfactor": "80"}},
    )


class EffectiveFollowUpRow(Base):
    """One follow-up that counts: when it was recorded, and when that it counts was stated."""

    __tablename__ = "effective_follow_ups"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    follow_up_id: Mapped[UUID] = mapped_column(primary_key=True)
    author_id: Mapped[str] = mapped_column(String(100))
    recorded_at: Mapped[datetime]
    told_at: Mapped[datetime]
