"""The tables of other systems: what they said last, what could not be read, how late they are, what they are told."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base


class SystemRowRow(Base):
    """What a row of a system said last, in its own terms: read anew when its field map changes.

    `sealed_row` is a sealed JSON object; `problem` says why the whole row could not be read, and is empty for one that
    is in the crosswalk.
    """

    __tablename__ = "system_rows"
    system: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    entity: Mapped[str] = mapped_column(String(64))
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_row: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[str] = mapped_column(String(100))
    map_version: Mapped[int] = mapped_column(Integer)
    problem: Mapped[str] = mapped_column(String(64))
    is_deleted: Mapped[bool]
    modified_at: Mapped[datetime]
    received_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "ix_system_rows_problem",
            "system",
            "key_digest",
            postgresql_where=text("problem <> ''"),
        ),
    )


class SystemStateRow(Base):
    """How fresh a system is, and how far it was asked."""

    __tablename__ = "system_states"
    system: Mapped[str] = mapped_column(String(64), primary_key=True)
    watermark: Mapped[datetime | None]
    last_fact_at: Mapped[datetime | None]
    last_lag_s: Mapped[float] = mapped_column(Float)
    heard_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    stale_since: Mapped[datetime | None]
    asked_from: Mapped[str] = mapped_column(String(500))
    ask_due_at: Mapped[datetime | None]
    ask_failure_count: Mapped[int] = mapped_column(Integer)


class SystemLagRow(Base):
    """How many facts of a system in one hour were how late, by steps of `domain.freshness`."""

    __tablename__ = "system_lags"
    system: Mapped[str] = mapped_column(String(64), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    bucket: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    fact_count: Mapped[int] = mapped_column(Integer)


class SyncFailureRow(Base):
    """A field of a row that could not be read; never with its value. Resolved once it could be."""

    __tablename__ = "sync_failures"
    failure_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    system: Mapped[str] = mapped_column(String(64))
    entity: Mapped[str] = mapped_column(String(64))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    field: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(String(64))
    failed_at: Mapped[datetime] = mapped_column(index=True)
    last_at: Mapped[datetime]
    failure_count: Mapped[int] = mapped_column(Integer)
    resolved_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_sync_failures_open",
            "system",
            "key_digest",
            "field",
            unique=True,
            postgresql_where=text("resolved_at is null"),
        ),
    )


class UnmappedFieldRow(Base):
    """A field that a system sends and no map names."""

    __tablename__ = "unmapped_fields"
    system: Mapped[str] = mapped_column(String(64), primary_key=True)
    entity: Mapped[str] = mapped_column(String(64), primary_key=True)
    field: Mapped[str] = mapped_column(String(100), primary_key=True)
    row_count: Mapped[int] = mapped_column(BigInteger)
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class WriteBackRow(Base):
    """What a source has to be told, was told, or would not take; at most one of a source waits untried.

    `fields`, `field_digests` (keyed) and `winners`, the systems whose values they are, go together. `sealed_fields`
    opens as a statement's.
    """

    __tablename__ = "write_backs"
    write_back_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source_id: Mapped[int] = mapped_column(BigInteger)
    system: Mapped[str] = mapped_column(String(64))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    fields: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    field_digests: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary))
    winners: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    sealed_fields: Mapped[bytes] = mapped_column(LargeBinary)
    idempotency_key: Mapped[UUID] = mapped_column(unique=True)
    state: Mapped[int] = mapped_column(SmallInteger)  # see domain.write_backs
    reason: Mapped[str] = mapped_column(String(64))
    attempt_count: Mapped[int] = mapped_column(Integer)
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "cardinality(fields) = cardinality(field_digests)", name="digests_go_along"
        ),
        Index(
            "uq_write_backs_waiting",
            "source_id",
            unique=True,
            postgresql_where=text("state = 1 and attempt_count = 0"),
        ),
        Index("ix_write_backs_due", "due_at", postgresql_where=text("state in (1, 2)")),
        Index("ix_write_backs_source_id", "source_id"),
        Index("ix_write_backs_unsettled", "made_at", postgresql_where=text("state <> 3")),
    )


class ComparisonRow(Base):
    """One night's comparison, for all replicas together; it goes on behind `after_customer_id`."""

    __tablename__ = "comparisons"
    night: Mapped[date] = mapped_column(Date, primary_key=True)
    after_customer_id: Mapped[int] = mapped_column(BigInteger)
    customer_count: Mapped[int] = mapped_column(BigInteger)
    difference_count: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class DifferenceRow(Base):
    """A field in which one customer's sources differed in a night; who says what, without the values."""

    __tablename__ = "differences"
    night: Mapped[date] = mapped_column(Date, primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    field: Mapped[str] = mapped_column(String(64), primary_key=True)
    source_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    systems: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    parties: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    standing: Mapped[int] = mapped_column(SmallInteger)
