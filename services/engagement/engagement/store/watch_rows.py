"""The tables of what was found by watching, and of the tickets of support systems."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class WatchFindRow(Base):
    """Something that a rule found, once; `subject` is the lead, the customer or the rep it found it about."""

    __tablename__ = "watch_finds"
    __table_args__ = (Index("ix_watch_finds_subject", "rule", "subject", "until_at"),)

    rule: Mapped[str] = mapped_column(String(32), primary_key=True)
    stretch: Mapped[str] = mapped_column(String(100), primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    since_at: Mapped[datetime]
    until_at: Mapped[datetime]
    found_at: Mapped[datetime]


class ServiceRecordRow(Base):
    """A ticket as its system told last, in that system's words; what people wrote in it is not kept."""

    __tablename__ = "service_records"
    __table_args__ = (Index("ix_service_records_golden_id", "golden_id", "opened_at"),)

    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_no: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(64))
    golden_id: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(200))
    type: Mapped[str] = mapped_column(String(64))
    priority: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    told_at: Mapped[datetime]
    compensation_minor: Mapped[int | None] = mapped_column(BigInteger)
    compensation_currency: Mapped[str] = mapped_column(String(3), server_default="")


class CompanyRiskRow(Base):
    """A risk that a register told about a customer's company, in its words."""

    __tablename__ = "company_risks"
    __table_args__ = (
        Index("ix_company_risks_golden_id", "golden_id"),
        Index("ix_company_risks_untold", "detected_at", postgresql_where=text("not is_told")),
    )

    risk_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(64))
    case_count: Mapped[int | None] = mapped_column(BigInteger)
    detected_at: Mapped[datetime]
    told_at: Mapped[datetime]
    is_told: Mapped[bool] = mapped_column(server_default=text("false"))
