"""The tables of what stewards asked for, and of customers who may be too many people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base, CustomerRow, LinkRow


class StewardActRow(Base):
    """A decision that was carried out; `digest` is keyed and stands for the request, `outcome` holds ids only."""

    __tablename__ = "steward_acts"
    actor: Mapped[str] = mapped_column(String(200), primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(String(100), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16))
    outcome: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime]

    __table_args__ = (Index("ix_steward_acts_made_at", "made_at"),)


class SuspicionRow(Base):
    """A pair of which something is suspected (see `ReviewKind`); found once, asked once."""

    __tablename__ = "suspicions"
    a: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    b: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    record_count: Mapped[int]  # that would leave, or that are there
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]  # when a person answered

    __table_args__ = (
        CheckConstraint("a < b", name="a_is_smaller"),
        Index("ix_suspicions_open", "made_at", postgresql_where=text("decided_at is null")),
    )


Index(
    "ix_links_barely_accepted",
    LinkRow.a,
    LinkRow.b,
    postgresql_where=text("outcome = 1 and kind = 1 and posterior < 0.9"),
)
Index(
    "ix_customers_large",
    CustomerRow.customer_id,
    postgresql_where=text("record_count >= 20"),
)
