"""The tables of the audit log's witness; what serves imports none of this."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from reporting.store.schema import Base


class AuditSealRow(Base):
    """A checkpoint of permissions' audit log that waits to be proved, or proved already, to be co-signed."""

    __tablename__ = "audit_seals"
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(Text)
    received_at: Mapped[datetime]
    is_proved: Mapped[bool] = mapped_column(server_default=text("false"))


class LastCheckpointRow(Base):
    """The largest checkpoint that was proved to continue those before; of each log followed there is one row.

    `public_key` is the log's key that was trusted when it was first seen; null where keys are given from outside.
    """

    __tablename__ = "last_checkpoints"
    followed: Mapped[str] = mapped_column(String(50), primary_key=True)
    origin: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary(32))
    note: Mapped[str] = mapped_column(Text)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    proved_at: Mapped[datetime]


class RefusedCheckpointRow(Base):
    """Evidence: a checkpoint that does not continue what was seen, kept until somebody has looked at it."""

    __tablename__ = "refused_checkpoints"
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(50))
    note: Mapped[str] = mapped_column(Text)
    seen_note: Mapped[str | None] = mapped_column(Text)
    refused_at: Mapped[datetime]
