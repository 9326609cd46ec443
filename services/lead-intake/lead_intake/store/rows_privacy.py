"""The tables about people's rights: how they are named in leads, what they agreed to, what was asked and deleted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class ContactPointRow(Base):
    """One way in which an item names a person; an item whose contact is gone has none.

    Kind 0, with an empty index, stands for an item that names nobody by a complete phone, e-mail or WeChat id.
    """

    __tablename__ = "contact_points"
    __table_args__ = (
        CheckConstraint("kind between 0 and 3", name="kind"),
        CheckConstraint("(kind = 0) = (octet_length(index) = 0)", name="index"),
        Index("ix_contact_points_index", "index", postgresql_where=text("kind > 0")),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[bytes] = mapped_column(primary_key=True)
    received_at: Mapped[datetime]


class ConsentRow(Base):
    """One receipt under one name of its person. Nothing of it changes but `ended_at`; a trigger sees to that."""

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint("event between 1 and 2", name="event"),
        Index("ix_consents_ended_at", "ended_at", postgresql_where=text("ended_at is not null")),
    )

    subject_index: Mapped[bytes] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[int] = mapped_column(SmallInteger)
    lead_id: Mapped[UUID | None]
    notice_version: Mapped[str] = mapped_column(String(100))
    purposes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    basis: Mapped[str] = mapped_column(String(60))
    given_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]
    delivery_id: Mapped[UUID | None]
    form_version: Mapped[str] = mapped_column(String(100))
    recorded_by: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]


class SuppressionRow(Base):
    """A person who is left alone for a purpose; lifted entries stay as history."""

    __tablename__ = "suppressions"
    __table_args__ = (
        CheckConstraint("kind between 1 and 3", name="kind"),
        CheckConstraint("purpose between 1 and 3", name="purpose"),
        CheckConstraint("(lifted_at is null) = (lifted_by is null)", name="lifted"),
        UniqueConstraint("revision"),
    )

    index: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    kind: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str] = mapped_column(String(200))
    suppressed_by: Mapped[str] = mapped_column(String(200))
    suppressed_at: Mapped[datetime]
    request_id: Mapped[UUID | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(200))
    revision: Mapped[int] = mapped_column(BigInteger)


class SuppressionRevisionRow(Base):
    """The one row that every change of the list locks and counts, so that revisions are in the order of commits."""

    __tablename__ = "suppression_revision"
    __table_args__ = (CheckConstraint("only_row = 1", name="single"),)

    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    revision: Mapped[int] = mapped_column(BigInteger)


class SubjectRequestRow(Base):
    """A request about one person. `sealed_result` is a completed export until it is downloaded or too old."""

    __tablename__ = "subject_requests"
    __table_args__ = (
        CheckConstraint("kind between 1 and 2", name="kind"),
        CheckConstraint("state between 1 and 3", name="state"),
        CheckConstraint("(state = 3) = (completed_at is not null)", name="completed"),
        Index("ix_subject_requests_open", "due_at", postgresql_where=text("state < 3")),
        Index("ix_subject_requests_requested_at", "requested_at"),
        Index(
            "ix_subject_requests_result",
            "completed_at",
            postgresql_where=text("sealed_result is not null"),
        ),
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    subject_indexes: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    named_lead_id: Mapped[UUID | None]
    lead_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    requested_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(200))
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    overdue_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    downloaded_at: Mapped[datetime | None]
    sealed_result: Mapped[bytes | None]


class SubjectAnswerRow(Base):
    """One part of one service's answer to a request."""

    __tablename__ = "subject_answers"
    __table_args__ = (CheckConstraint("part between 1 and part_count", name="part"),)

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(String(50), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    part_count: Mapped[int] = mapped_column(Integer)
    record_count: Mapped[int] = mapped_column(Integer)
    holds: Mapped[list[str]] = mapped_column(ARRAY(String(200)))
    sealed_records: Mapped[bytes | None]
    answered_at: Mapped[datetime]


class DeletionCertificateRow(Base):
    """What one run deleted of one class: how much, how old, and a keyed digest over the ids."""

    __tablename__ = "deletion_certificates"
    __table_args__ = (
        UniqueConstraint("data_class", "run"),
        CheckConstraint("deleted_count > 0", name="deleted_count"),
    )

    certificate_id: Mapped[UUID] = mapped_column(primary_key=True)
    data_class: Mapped[str] = mapped_column(String(40))
    run: Mapped[str] = mapped_column(String(40))
    policy_version: Mapped[int] = mapped_column(Integer)
    deleted_count: Mapped[int] = mapped_column(BigInteger)
    oldest_at: Mapped[datetime]
    newest_at: Mapped[datetime]
    begun_at: Mapped[datetime]
    deleted_at: Mapped[datetime]
    digest: Mapped[bytes]


class RetentionMarkRow(Base):
    """Up to which id a class has been looked through."""

    __tablename__ = "retention_marks"

    data_class: Mapped[str] = mapped_column(String(40), primary_key=True)
    up_to: Mapped[UUID]


class RetentionHoldRow(Base):
    """A lead whose contact is kept beyond its time, such as a customer's."""

    __tablename__ = "retention_holds"

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    held_at: Mapped[datetime]
