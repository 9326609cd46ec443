"""The table of recordings."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class RecordingRow(Base):
    """A contact that was recorded; where it can be heard is sealed. It is due when a lease ends."""

    __tablename__ = "recordings"
    __table_args__ = (
        CheckConstraint("state between 1 and 3", name="state"),
        Index("ix_recordings_due", "due_at", postgresql_where=text("state = 1")),
        Index("ix_recordings_failed", "failed_at", postgresql_where=text("state = 3")),
    )

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed_url: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[int] = mapped_column(SmallInteger)
    queued_at: Mapped[datetime]
    due_at: Mapped[datetime]
    given_up_at: Mapped[datetime]
    attempt_count: Mapped[int]
    reason: Mapped[str] = mapped_column(String(64))
    failed_at: Mapped[datetime | None]
