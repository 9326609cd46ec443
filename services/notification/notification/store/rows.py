"""Reminders and recipients as tables, for the migrations; what serves speaks SQL and imports none of this."""

from datetime import datetime
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import (
    CheckConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from notification.store import DUE


class Base(DeclarativeBase):
    """The tables of notification."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


class ReminderRow(Base):
    """One reminder about one lead, and how far it got.

    Reminders that were sent together share `webhook_id`, the id of the first of them; from then on they are leased,
    tried and ended together.
    """

    __tablename__ = "reminders"
    reminder_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    recipient_id: Mapped[str] = mapped_column(String(100))
    kind: Mapped[int] = mapped_column(SmallInteger)
    assignment_no: Mapped[int]
    state: Mapped[int] = mapped_column(SmallInteger)
    attempt_count: Mapped[int]
    webhook_id: Mapped[UUID | None]
    next_attempt_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(200))
    card: Mapped[bytes] = mapped_column(LargeBinary)
    channel: Mapped[str] = mapped_column(String(50))
    received_at: Mapped[datetime]
    created_at: Mapped[datetime]
    traceparent: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        UniqueConstraint("lead_id", "kind", "assignment_no"),
        Index(
            "ix_reminders_unsent",
            "reminder_id",
            postgresql_where=text(f"{DUE} AND webhook_id IS NULL"),
        ),
        Index(
            "ix_reminders_retry",
            "next_attempt_at",
            postgresql_where=text(f"{DUE} AND webhook_id = reminder_id"),
        ),
        Index(
            "ix_reminders_webhook_id",
            "webhook_id",
            postgresql_where=text(f"{DUE} AND webhook_id IS NOT NULL"),
        ),
        CheckConstraint("state between 1 and 3", name="state"),
        CheckConstraint("kind between 1 and 2", name="kind"),
        CheckConstraint("attempt_count >= 0", name="attempt_count"),
        {"postgresql_with": {"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"}},
    )


class RecipientRow(Base):
    """Where a person's reminders go; `disabled_at` is set when their system said that it is gone."""

    __tablename__ = "recipients"
    recipient_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    webhook_url: Mapped[str] = mapped_column(String(2000))
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    disabled_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(index=True)
