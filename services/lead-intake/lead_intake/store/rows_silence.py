"""The tables of watching: what came by the hour, who is silent, what is pulled, which subscriptions stand."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Float,
    Index,
    Integer,
    SmallInteger,
    String,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class TrafficHourRow(Base):
    """How many deliveries an account sent by itself in one hour; hours without any have no row."""

    __tablename__ = "traffic_hours"

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    delivery_count: Mapped[int] = mapped_column(Integer)


class TrafficCountedRow(Base):
    """Up to when deliveries are counted; the only row, locked by whoever counts and judges."""

    __tablename__ = "traffic_counted"
    __table_args__ = (CheckConstraint("only_row = 1", name="one_row"),)

    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    counted_until: Mapped[datetime]


class WatchRow(Base):
    """Since when an account is watched, and what an operator expects of it."""

    __tablename__ = "watches"

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    watched_since: Mapped[datetime]
    silent_after_s: Mapped[float | None] = mapped_column(Float(53))
    muted_until: Mapped[datetime | None]


class SilenceRow(Base):
    """One silence of one account; it lasts while `ended_at` is empty."""

    __tablename__ = "silences"
    __table_args__ = (
        Index(
            "uq_silences_lasting",
            "account_id",
            unique=True,
            postgresql_where=text("ended_at is null"),
        ),
        Index("ix_silences_raised_at", "raised_at"),
    )

    silence_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(Integer)
    channel: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(String(100))
    last_delivery_at: Mapped[datetime | None]
    raised_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    expected_gap_s: Mapped[float] = mapped_column(Float(53))
    probability: Mapped[float] = mapped_column(Float(53))
    reason: Mapped[str] = mapped_column(String(20))


class PullRow(Base):
    """How far an account is compared with what its sender has; `lease_id` is whoever compares it now."""

    __tablename__ = "pulls"
    __table_args__ = (Index("ix_pulls_due_at", "due_at"),)

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    compared_until: Mapped[datetime]
    due_at: Mapped[datetime]
    lease_id: Mapped[UUID | None]
    leased_until: Mapped[datetime | None]
    failure_count: Mapped[int] = mapped_column(Integer)
    failure: Mapped[str | None] = mapped_column(String(60))
    is_permanent: Mapped[bool] = mapped_column(Boolean)
    is_told: Mapped[bool] = mapped_column(Boolean)
    seen_count: Mapped[int] = mapped_column(BigInteger)
    backfilled_count: Mapped[int] = mapped_column(BigInteger)
    missed_count: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    missed_since: Mapped[datetime | None]


class SubscriptionRow(Base):
    """How an account's subscription stood when its sender was last asked."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("state between 0 and 3", name="state"),
        Index("ix_subscriptions_due_at", "due_at"),
    )

    account_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    due_at: Mapped[datetime]
    state: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[str | None] = mapped_column(String(60))
    is_lost: Mapped[bool] = mapped_column(Boolean)
    checked_at: Mapped[datetime | None]
