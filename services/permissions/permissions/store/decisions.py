"""Audited decisions: what was asked and answered, by the audit entry that vouches for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from accesskit.decisions import Outcome

from permissions.domain.decisions import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

_COLUMNS = """decision_id, asked_by, subject_id, resource, action, outcome, reason, question, answer, revision,
policy_version, decided_at, seq"""
_SAVE = f"""
insert into decisions ({_COLUMNS})
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[],
  $9::bytea[], $10::bigint[], $11::int[], $12::timestamptz[], $13::bigint[])
"""
_FIND = f"select {_COLUMNS} from decisions where decision_id = $1"
_LATEST = f"select {_COLUMNS} from decisions order by seq desc limit $1"
_KNOWN = "select decision_id from decisions where decision_id = any($1::uuid[])"


async def save(raw: asyncpg.Connection, records: Sequence[tuple[Record, int]]) -> None:
    """Writes records with their audit entries, in one statement."""
    rows = [
        (
            UUID(record.decision_id),
            record.asked_by,
            record.subject_id,
            record.resource,
            record.action,
            record.outcome.value,
            record.reason,
            record.question,
            record.answer,
            record.revision,
            record.policy_version,
            datetime.fromtimestamp(record.decided_at_s, UTC),
            seq,
        )
        for record, seq in records
    ]
    await raw.execute(_SAVE, *zip(*rows, strict=True))


async def find(raw: asyncpg.Connection, decision_id: UUID) -> tuple[Record, int] | None:
    """The record of a decision and its audit entry; None when there is none."""
    row = await raw.fetchrow(_FIND, decision_id)
    return None if row is None else _record(row)


async def latest(raw: asyncpg.Connection, *, limit: int) -> list[Record]:
    """The last recorded decisions, newest first."""
    return [_record(row)[0] for row in await raw.fetch(_LATEST, limit)]


async def known(raw: asyncpg.Connection, decision_ids: Sequence[str]) -> set[str]:
    """Which of these decisions are on record."""
    return {str(row[0]) for row in await raw.fetch(_KNOWN, decision_ids)}


def _record(row: asyncpg.Record) -> tuple[Record, int]:
    record = Record(
        decision_id=str(row["decision_id"]),
        asked_by=row["asked_by"],
        subject_id=row["subject_id"],
        resource=row["resource"],
        action=row["action"],
        outcome=Outcome(row["outcome"]),
        reason=row["reason"],
        question=row["question"],
        answer=row["answer"],
        revision=row["revision"],
        policy_version=row["policy_version"],
        decided_at_s=row["decided_at"].timestamp(),
    )
    return record, row["seq"]
