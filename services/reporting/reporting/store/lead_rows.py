"""The tables of what happened to leads, and of what was found missing; what serves imports none of this."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from reporting.store.schema import Base


class LeadFactRow(Base):
    """One lead (or item) and when each thing happened to it; a time is null until its event came.

    Bit n of `overdue_assignments` is set when assignment n (62 at most) ran out.
    """

    __tablename__ = "lead_facts"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(50))
    received_at: Mapped[datetime]
    understood_at: Mapped[datetime | None]
    rejected_at: Mapped[datetime | None]
    quarantined_at: Mapped[datetime | None]
    assigned_at: Mapped[datetime | None]
    last_assigned_at: Mapped[datetime | None]
    unassignable_at: Mapped[datetime | None]
    merged_at: Mapped[datetime | None]
    granted_at: Mapped[datetime | None]
    reminded_at: Mapped[datetime | None]
    reminder_failed_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    pooled_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    overdue_assignments: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        Index("ix_lead_facts_received_at", "received_at", postgresql_using="brin"),
        {"postgresql_with": {"fillfactor": "60", "autovacuum_vacuum_scale_factor": "0.02"}},
    )


class TimelineRow(Base):
    """One event about a lead; `summary` names no customer. `trace_id` is that of the event's message."""

    __tablename__ = "timeline"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    occurred_at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(60))
    summary: Mapped[str] = mapped_column(Text)
    trace_id: Mapped[str | None] = mapped_column(String(32))


class DiscrepancyRow(Base):
    """A lead that was found missing at a hop, reported once."""

    __tablename__ = "ledger_discrepancies"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    present_in: Mapped[str] = mapped_column(String(50), primary_key=True)
    missing_in: Mapped[str] = mapped_column(String(50), primary_key=True)
    channel: Mapped[str] = mapped_column(String(50))
    hour: Mapped[datetime]
    found_at: Mapped[datetime]
