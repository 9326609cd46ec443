"""The tables of offline sync: records of people's devices as they are now, and how they came to be so."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lead_intake.store.rows import Base


class SyncOwnerRow(Base):
    """Whose records; each change of them locks and counts this row, so that cursors are in the order of commits."""

    __tablename__ = "sync_owners"

    owner_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class SyncedRecordRow(Base):
    """One record as it is now; `sealed_fields` holds each field's value and when and where it was written."""

    __tablename__ = "synced_records"
    __table_args__ = (UniqueConstraint("owner_id", "position"),)

    owner_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    collection: Mapped[str] = mapped_column(String(40), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    is_deleted: Mapped[bool] = mapped_column(Boolean)
    sealed_fields: Mapped[bytes]


class SyncedChangeRow(Base):
    """One change as it came, kept for as long as a device may repeat it."""

    __tablename__ = "synced_changes"

    owner_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    change_id: Mapped[UUID] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(100))
    client_id: Mapped[str] = mapped_column(String(100))
    base_version: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(index=True)
    is_deleted: Mapped[bool] = mapped_column(Boolean)
    sealed_fields: Mapped[bytes]
    sealed_conflicts: Mapped[bytes]
