"""The tables of backfills."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from identity.store.rows import Base


class BackfillRow(Base):
    """A backfill and its counts, of rows from 1 to `done_count`."""

    __tablename__ = "backfills"
    backfill_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    total_count: Mapped[int] = mapped_column(BigInteger)
    done_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    refused_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    new_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    joined_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    unchanged_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(String(200))
    done_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("system", "name", name="uq_backfills_system_name"),
        CheckConstraint(
            "done_count >= refused_count + new_count + joined_count + unchanged_count",
            name="counts_add_up",
        ),
    )


class RefusedRowRow(Base):
    """A row that cannot be a statement, and why."""

    __tablename__ = "refused_rows"
    backfill_id: Mapped[UUID] = mapped_column(primary_key=True)
    row_no: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    reason: Mapped[str] = mapped_column(String(400))
