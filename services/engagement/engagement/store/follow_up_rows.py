"""The tables of follow-ups, their evidence, and the contacts that other systems report."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class FollowUpRow(Base):
    """One follow-up in its newest wording; `sealed_details` are the rep's own words."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        Index("ix_follow_ups_lead_id", "lead_id", text("recorded_at desc"), "follow_up_id"),
        Index("ix_follow_ups_author_id", "author_id", "recorded_at"),
        Index(
            "ix_follow_ups_unchecked",
            "response",
            "recorded_at",
            postgresql_where=text("not is_answer_checked"),
        ),
    )

    follow_up_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    author_id: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]
    objection: Mapped[str] = mapped_column(String(32))
    response: Mapped[str] = mapped_column(String(32))
    next_action: Mapped[str] = mapped_column(String(32))
    due_at: Mapped[datetime]
    sealed_details: Mapped[bytes] = mapped_column(LargeBinary)
    is_contact: Mapped[bool]
    effective_at: Mapped[datetime | None]
    policy_version: Mapped[int]
    version: Mapped[int]
    corrected_at: Mapped[datetime | None]
    is_answer_checked: Mapped[bool] = mapped_column(server_default=text("false"))


class FollowUpWordingRow(Base):
    """A wording that was corrected."""

    __tablename__ = "follow_up_wordings"

    follow_up_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    objection: Mapped[str] = mapped_column(String(32))
    response: Mapped[str] = mapped_column(String(32))
    next_action: Mapped[str] = mapped_column(String(32))
    due_at: Mapped[datetime]
    sealed_details: Mapped[bytes] = mapped_column(LargeBinary)
    until: Mapped[datetime]


class EvidenceRow(Base):
    """One piece of evidence; a claim of a kind that systems report has no `contact_id` until one has."""

    __tablename__ = "evidence"
    __table_args__ = (Index("uq_evidence_contact_id", "contact_id", unique=True),)

    follow_up_id: Mapped[UUID] = mapped_column(primary_key=True)
    evidence_no: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(SmallInteger)
    contact_id: Mapped[UUID | None]
    seconds: Mapped[int | None]
    message_count: Mapped[int | None]
    reference: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(100))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    distance_m: Mapped[float | None]


class ContactRow(Base):
    """A call, chat, meeting or e-mail that a system told of, and the follow-up that it proves."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_golden_id", "golden_id", "happened_at"),)

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[int | None] = mapped_column(SmallInteger)
    happened_at: Mapped[datetime]
    person: Mapped[str] = mapped_column(String(200))
    seconds: Mapped[int | None]
    message_count: Mapped[int | None]
    follow_up_id: Mapped[UUID | None]


class AddressPointRow(Base):
    """Where a customer's address is, sealed for the lead by which it was told."""

    __tablename__ = "address_points"

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    lead_id: Mapped[UUID]
    sealed_point: Mapped[bytes] = mapped_column(LargeBinary)
    put_by: Mapped[str] = mapped_column(String(64))
    put_at: Mapped[datetime]
