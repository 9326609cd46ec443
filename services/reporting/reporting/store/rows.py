"""The tables of reporting, for the migrations; what serves speaks SQL and imports none of this."""

from datetime import datetime
from uuid import UUID

from servicekit.erasures import erasures_table
from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import BigInteger, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of reporting."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


erasures_table(Base.metadata)


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


class AuditSealRow(Base):
    """A checkpoint of permissions' audit log that waits to be proved, or proved already, to be co-signed."""

    __tablename__ = "audit_seals"
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    is_proved: Mapped[bool] = mapped_column(server_default=text("false"))


class LastCheckpointRow(Base):
    """The largest checkpoint that was proved to continue those before; of each log followed there is one row.

    `public_key` is the log's key that was trusted when it was first seen; null where keys are given from outside.
    """

    __tablename__ = "last_checkpoints"
    followed: Mapped[str] = mapped_column(String(50), primary_key=True)
    origin: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    note: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    proved_at: Mapped[datetime]


class RefusedCheckpointRow(Base):
    """Evidence: a checkpoint that does not continue what was seen, kept until somebody has looked at it."""

    __tablename__ = "refused_checkpoints"
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(50))
    note: Mapped[str] = mapped_column(Text)
    seen_note: Mapped[str | None] = mapped_column(Text)
    refused_at: Mapped[datetime]
