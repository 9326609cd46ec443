"""Who owns each lead, and the audit log of how that came to be.

Every statement works on a whole batch. The one row of `audit_head` is locked by whoever appends to the log, so grants
are made one transaction after another and the log has no gaps.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.schema import TYPES, kit_metadata
from sqlalchemy import BigInteger, CheckConstraint, Integer, LargeBinary, SmallInteger, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from permissions.domain import AuditEntry, AuditHead, LeadId, Ownership, SubjectId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import asyncpg

_LOCK_HEAD = "select seq, hash from audit_head for update"
_HEAD = "select seq, hash from audit_head"
_OWNERSHIPS = """
select o.* from unnest($1::uuid[]) as asked (lead_id)
cross join lateral (
  select lead_id, owner_id, assignment_no, audit_seq, granted_at
  from ownerships where lead_id = asked.lead_id
  offset 0  -- keeps the planner at one index look-up per lead, also while the table is young
) o
"""
_SAVE = """
with entries as (
  insert into audit_entries (seq, recorded_at, fact, hash)
  select * from unnest($1::bigint[], $2::timestamptz[], $3::bytea[], $4::bytea[])
), head as (
  update audit_head set seq = $5, hash = $6
)
insert into ownerships (lead_id, owner_id, assignment_no, audit_seq, granted_at)
select * from unnest($7::uuid[], $8::text[], $9::integer[], $10::bigint[], $11::timestamptz[])
on conflict (lead_id) do update set
  owner_id = excluded.owner_id, assignment_no = excluded.assignment_no,
  audit_seq = excluded.audit_seq, granted_at = excluded.granted_at
where ownerships.assignment_no < excluded.assignment_no
"""
_ENTRIES = """
select seq, recorded_at, fact, hash from audit_entries where seq > $1 order by seq limit $2
"""


class Base(DeclarativeBase):
    """The service's tables and the kit's."""

    metadata = kit_metadata()
    type_annotation_map = TYPES


class OwnershipRow(Base):
    """The one owner of a lead."""

    __tablename__ = "ownerships"
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(200))
    assignment_no: Mapped[int] = mapped_column(Integer)
    audit_seq: Mapped[int] = mapped_column(BigInteger)
    granted_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("owner_id <> ''", name="has_an_owner"),
        CheckConstraint("assignment_no > 0", name="assignment_no_is_positive"),
    )


class AuditEntryRow(Base):
    """One entry of the audit log; a trigger refuses to change or remove it."""

    __tablename__ = "audit_entries"
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]
    fact: Mapped[bytes]
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (CheckConstraint("octet_length(hash) = 32", name="hash_is_sha256"),)


class AuditHeadRow(Base):
    """The one row that says where the audit log ends; whoever appends holds its lock."""

    __tablename__ = "audit_head"
    only_row: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))

    __table_args__ = (CheckConstraint("only_row = 1", name="there_is_one_row"),)


async def lock_head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends; nobody else appends until this transaction ends."""
    return AuditHead(*await raw.fetchrow(_LOCK_HEAD))


async def head(raw: asyncpg.Connection) -> AuditHead:
    """Where the audit log ends now."""
    return AuditHead(*await raw.fetchrow(_HEAD))


async def ownerships_of(
    raw: asyncpg.Connection, lead_ids: Iterable[LeadId]
) -> dict[LeadId, Ownership]:
    """Who owns each of these leads; without those that nobody ever owned."""
    rows = await raw.fetch(_OWNERSHIPS, list(lead_ids))
    return {LeadId(row[0]): _ownership(row) for row in rows}


async def save(
    raw: asyncpg.Connection,
    ownerships: Sequence[Ownership],
    entries: Sequence[AuditEntry],
    new_head: AuditHead,
) -> None:
    """Writes the last owner of each lead and what is new in the audit log; the head must be locked."""
    await raw.execute(
        _SAVE,
        [entry.seq for entry in entries],
        [entry.recorded_at for entry in entries],
        [entry.fact for entry in entries],
        [entry.hash for entry in entries],
        new_head.seq,
        new_head.hash,
        [ownership.lead_id for ownership in ownerships],
        [ownership.owner_id for ownership in ownerships],
        [ownership.assignment_no for ownership in ownerships],
        [ownership.audit_seq for ownership in ownerships],
        [ownership.granted_at for ownership in ownerships],
    )


async def audit_entries(raw: asyncpg.Connection, *, after_seq: int, limit: int) -> list[AuditEntry]:
    """The entries after a number, oldest first, at most `limit`."""
    rows = await raw.fetch(_ENTRIES, after_seq, limit)
    return [AuditEntry(*row) for row in rows]


def _ownership(row: asyncpg.Record) -> Ownership:
    lead_id, owner_id, assignment_no, audit_seq, granted_at = row
    return Ownership(LeadId(lead_id), SubjectId(owner_id), assignment_no, audit_seq, granted_at)
