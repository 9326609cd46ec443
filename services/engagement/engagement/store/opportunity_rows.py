"""The tables of opportunities."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from engagement.store.schema import Base


class OpportunityRow(Base):
    """The conversation about one lead. What only an owner's lead has is empty until `opened_at`."""

    __tablename__ = "opportunities"
    __table_args__ = (
        CheckConstraint("state between 1 and 5", name="state"),
        Index(
            "ix_opportunities_golden_id",
            "golden_id",
            postgresql_where=text("opened_at is not null"),
        ),
        Index(
            "ix_opportunities_owner_id", "owner_id", postgresql_where=text("owner_id is not null")
        ),
        Index(
            "ix_opportunities_untold",
            "last_touched_at",
            postgresql_where=text("state = 1 and opened_at is not null and not is_stale_told"),
        ),
    )

    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    golden_id: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    owner_id: Mapped[str | None] = mapped_column(String(64))
    assignment_no: Mapped[int] = mapped_column(server_default=text("0"))
    owner_audit_seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    channel: Mapped[str | None] = mapped_column(String(64))
    received_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    contacted_at: Mapped[datetime | None]
    into_lead_id: Mapped[UUID | None]
    last_touched_at: Mapped[datetime | None]
    is_stale_told: Mapped[bool] = mapped_column(server_default=text("false"))


class GoldenAliasRow(Base):
    """A Golden ID that stands for another customer since theirs was merged."""

    __tablename__ = "golden_aliases"

    golden_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    into_golden_id: Mapped[str] = mapped_column(String(64), index=True)
