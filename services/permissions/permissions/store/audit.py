"""The audit log's entries, and the one row that says where it ends and is locked by whoever appends."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from permissions.domain.audit import AuditEntry, AuditHead
from permissions.store.tables import Base

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

_HEAD = "select seq, hash, revision, log_id from audit_head"
_LOCK_HEAD = f"{_HEAD} for update"
_APPEND = """
with entries as (
  insert into audit_entries (seq, recorded_at, fact, hash, changes_state)
  select * from unnest($1::bigint[], $2::timestamptz[], $3::bytea[], $4::bytea[], $5::boolean[])
)
update audit_head set seq = $6, hash = $7, revision = $8
"""
_ENTRIES = """
select seq, recorded_at, fact, hash, changes_state from audit_entries where seq > $1 order by seq limit $2
"""
_CHANGING = """
select seq, recorded_at, fact, hash, changes_state from audit_entries
where seq > $1 and changes_state order by seq limit $2
"""


class AuditEntryRow(Base):
    """One entry of the audit log; a trigger refuses to change or delete it."""

    __tablename__ = "audit_entries"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]
    fact: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    changes_state: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (
        CheckConstraint("octet_length(hash) = 32", name="hash_is_sha256"),
        Index("ix_audit_entries_changing", "seq", postgresql_where=text("changes_state")),
    )


class AuditHeadRow(Base):
    """The one row that says where the audit log ends; whoever appends holds its lock."""

    __tablename__ = "audit_head"
    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    revision: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    log_id: Mapped[str] = mapped_column(String(40))

    __table_args__ = (CheckConstraint("only_row = 1", name="there_is_one_row"),)


async def lock_head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends; nobody else appends until this transaction ends."""
    return AuditHead(*await raw.fetchrow(_LOCK_HEAD))


async def head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends now."""
    return AuditHead(*await raw.fetchrow(_HEAD))


async def append(raw: asyncpg.Connection, entries: Sequence[AuditEntry], end: AuditHead) -> None:
    """Writes new entries and the log's new end, which must be locked, in one statement."""
    await raw.execute(
        _APPEND,
        [entry.seq for entry in entries],
        [entry.recorded_at for entry in entries],
        [entry.fact for entry in entries],
        [entry.hash for entry in entries],
        [entry.changes_state for entry in entries],
        end.seq,
        end.hash,
        end.revision,
    )


async def entries_after(raw: asyncpg.Connection, seq: int, *, limit: int) -> list[AuditEntry]:
    """The entries after a number, oldest first, at most `limit`."""
    return [AuditEntry(*row) for row in await raw.fetch(_ENTRIES, seq, limit)]


async def changing_entries_after(
    raw: asyncpg.Connection, seq: int, *, limit: int
) -> list[AuditEntry]:
    """The entries after a number that changed state, oldest first, at most `limit`."""
    return [AuditEntry(*row) for row in await raw.fetch(_CHANGING, seq, limit)]
