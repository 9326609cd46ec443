"""The tables. Accounts are few; deliveries and items are written in batches by hot statements."""

from datetime import datetime
from uuid import UUID

from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Tables of lead-intake, the kit's included."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


class AccountRow(Base):
    """One account of a channel: who may post, and where. `revision` grows with every change."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("channel", "account"),
        UniqueConstraint("key_hmac"),
    )

    account_id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    channel: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(String(100))
    key_hmac: Mapped[bytes]
    sealed_key: Mapped[bytes]
    sealed_secrets: Mapped[bytes]
    revision: Mapped[int] = mapped_column(BigInteger)
    last_delivery_at: Mapped[datetime | None]
    is_lead_channel: Mapped[bool] = mapped_column(server_default=text("true"))
    template: Mapped[str] = mapped_column(String(80), server_default=text("''"))
    rps: Mapped[float | None]
    closed_at: Mapped[datetime | None]


class DeliveryRow(Base):
    """One authentic delivery as it came, sealed."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("account_id", "dedupe_key"),
        CheckConstraint("state between 0 and 2", name="state"),
        Index("ix_deliveries_unmapped", "delivery_id", postgresql_where=text("state <> 1")),
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0.05"}},
    )

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(Integer)
    dedupe_key: Mapped[bytes]
    raw: Mapped[bytes | None]
    received_at: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    traceparent: Mapped[str | None] = mapped_column(String(64))
    attempt_count: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    last_attempt_at: Mapped[datetime | None]


class ItemRow(Base):
    """One lead of a delivery. `due_at` is when its body is fetched next; a lease moves it into the future."""

    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint("state between 1 and 5", name="state"),
        CheckConstraint("(state in (3, 4)) = (reason is not null)", name="reason"),
        CheckConstraint("state <> 2 or facts is not null", name="facts"),
        Index(
            "uq_items_account_id_external_id",
            "account_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id is not null"),
        ),
        Index("ix_items_due_at", "due_at", postgresql_where=text("state = 1")),
        Index("ix_items_quarantined", "received_at", "lead_id", postgresql_where=text("state = 4")),
        Index("ix_items_fanned_out", "delivery_id", postgresql_where=text("position > 0")),
        Index("ix_items_received_at", "received_at", postgresql_using="brin"),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(SmallInteger)
    account_id: Mapped[int] = mapped_column(Integer)
    account: Mapped[str] = mapped_column(String(100))
    channel: Mapped[str] = mapped_column(String(40))
    external_id: Mapped[str | None] = mapped_column(String(128))
    received_at: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str | None] = mapped_column(String(40))
    detail: Mapped[str | None] = mapped_column(String(200))
    facts: Mapped[bytes | None]
    mapping_version: Mapped[int] = mapped_column(Integer)
    attempt_count: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None]
    traceparent: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    repeats_lead_id: Mapped[UUID | None]
    repeat_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    last_repeated_at: Mapped[datetime | None]


class RecentInquiryRow(Base):
    """What was said lately by one account's customers, by which the second click of a double click is known."""

    __tablename__ = "recent_inquiries"
    __table_args__ = (Index("ix_recent_inquiries_expires_at", "expires_at"),)

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    said_at: Mapped[datetime]
    expires_at: Mapped[datetime]
