"""The tables of golden records: what stands, how it changed, what stewards set, and by which policy.

Sealed values are JSON of `domain.golden.Value` (a whole record: of values by field); their context is the table, the
customer or Golden ID, and the field.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base


class GoldenRecordRow(Base):
    """What stands about one living customer; `version` grows with every change of a value."""

    __tablename__ = "golden_records"
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    golden_id: Mapped[str] = mapped_column(String(64))
    sealed_record: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int]
    policy_version: Mapped[int] = mapped_column(index=True)
    has_pins: Mapped[bool]
    created_at: Mapped[datetime]
    refreshed_at: Mapped[datetime]

    __table_args__ = ({"postgresql_with": {"fillfactor": "85"}},)


class GoldenChangeRow(Base):
    """A field whose value changed; `golden_id` is what the customer was called then, `customer_id` the number then.

    An empty `field` closes the record of a customer who went into another. `source_ids` are those that the values are
    from; when one is erased, the values go and `erased_at` says so.
    """

    __tablename__ = "golden_changes"
    change_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger)
    golden_id: Mapped[str] = mapped_column(String(64))
    field: Mapped[str] = mapped_column(String(64))
    cause: Mapped[int] = mapped_column(SmallInteger)
    system: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(200))
    modified_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    sealed_old: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_new: Mapped[bytes | None] = mapped_column(LargeBinary)
    source_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    is_pinned: Mapped[bool]  # whether a steward's text is among the values
    erased_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("cause between 1 and 8", name="cause_is_known"),
        Index("ix_golden_changes_customer_id", "customer_id", "change_id"),
        Index("ix_golden_changes_golden_id", "golden_id", "change_id"),
        Index(
            "ix_golden_changes_sought",
            "changed_at",
            "field",
            "system",
            "actor",
            postgresql_using="brin",
            postgresql_ops={
                "field": "text_bloom_ops(n_distinct_per_range=64)",
                "system": "text_bloom_ops(n_distinct_per_range=64)",
                "actor": "text_bloom_ops(n_distinct_per_range=256)",
            },
        ),
        Index("ix_golden_changes_source_ids", "source_ids", postgresql_using="gin"),
    )


class GoldenPinRow(Base):
    """A value that a steward set for whoever the Golden ID stands for; it goes where the id goes."""

    __tablename__ = "golden_pins"
    pin_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    golden_id: Mapped[str] = mapped_column(String(64))
    field: Mapped[str] = mapped_column(String(64))
    sealed_text: Mapped[bytes | None] = mapped_column(LargeBinary)  # None once erased
    actor: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    restored_change_id: Mapped[int | None] = mapped_column(BigInteger)
    pinned_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None] = mapped_column(String(200))

    __table_args__ = (
        CheckConstraint(
            "sealed_text is not null or released_at is not null", name="standing_has_a_text"
        ),
        Index("ix_golden_pins_golden_id", "golden_id"),
        Index(
            "uq_golden_pins_standing",
            "golden_id",
            "field",
            unique=True,
            postgresql_where=text("released_at is null"),
        ),
    )


class GoldenPolicyRow(Base):
    """A published policy of survivorship; the newest is in force, and the packaged one where there is none."""

    __tablename__ = "golden_policies"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(Text)
    replaced_version: Mapped[int]
    published_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    published_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("version >= 1000", name="version_is_published"),)
