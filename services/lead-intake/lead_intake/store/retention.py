"""What is deleted when its time has come, in bounded batches that pass over what others hold; and the certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from lead_intake.domain.retention import Certificate, Deleted, first_id_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

NOTHING_YET = UUID(int=0)

_MARK_ADD = "insert into retention_marks (data_class, up_to) values ($1, $2) on conflict do nothing"
_MARK_LOCK = "select up_to from retention_marks where data_class = $1 for update skip locked"
_MARK_MOVE = "update retention_marks set up_to = $2 where data_class = $1"
_OLD_DELIVERIES = """
select delivery_id, raw is not null and ($4 or state = 1 and not exists (
  select from items where items.delivery_id = deliveries.delivery_id and items.state in (1, 4, 5)
))
from deliveries where delivery_id > $1 and delivery_id < $2 order by delivery_id limit $3
"""
_DROP_RAWS = """
update deliveries set raw = null where delivery_id in (
  select delivery_id from deliveries where delivery_id = any($1::uuid[]) order by delivery_id for update skip locked
) returning delivery_id, received_at
"""
_DROP_SETTLED_RAWS = """
update deliveries set raw = null where delivery_id = any($1::uuid[]) and raw is not null and not exists (
  select from items where items.delivery_id = deliveries.delivery_id and items.state in (1, 4, 5)
)
"""
_OLD_CONTACTS = """
select lead_id from contact_points
where lead_id < $1 and not exists (select from retention_holds h where h.lead_id = contact_points.lead_id)
order by lead_id limit $2 for update skip locked
"""
_HOLD = """
insert into retention_holds (lead_id, reason, held_at) select lead_id, $2, $3 from unnest($1::uuid[]) as lead_id
on conflict do nothing
"""
_DROP_RESULTS = """
update subject_requests set sealed_result = null where request_id in (
  select request_id from subject_requests where sealed_result is not null and completed_at < $1
  order by completed_at limit $2 for update skip locked
) returning request_id, requested_at
"""
_CERTIFICATE = """
  certificate_id, data_class, run, policy_version, deleted_count, oldest_at, newest_at, begun_at, deleted_at, digest
"""
_LOCK_CLASS = "select pg_advisory_xact_lock(hashtextextended('certificate/' || $1, 0))"
_OF_RUN = f"select {_CERTIFICATE} from deletion_certificates where data_class = $1 and run = $2"
_LAST = "select digest from deletion_certificates where data_class = $1 order by certificate_id desc limit 1"
_PUT = f"""
insert into deletion_certificates as c ({_CERTIFICATE}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (data_class, run) do update
set deleted_count = excluded.deleted_count, oldest_at = excluded.oldest_at, newest_at = excluded.newest_at,
    deleted_at = excluded.deleted_at, digest = excluded.digest, policy_version = excluded.policy_version
"""
_PAGE = f"""
select {_CERTIFICATE} from deletion_certificates where certificate_id < $1 order by certificate_id desc limit $2
"""


class Passed(NamedTuple):
    """A part of the deliveries that was looked through; `is_full` when there may be more."""

    deleted: list[Deleted]
    is_full: bool


async def drop_raws(
    raw: asyncpg.Connection, data_class: str, *, before: datetime, limit: int, even_waiting: bool
) -> Passed:
    """Takes the bodies of deliveries away that were received before a time; those of waiting items only if so told.

    Looks on where the class was left; what another transaction holds is come back to.
    """
    await raw.execute(_MARK_ADD, data_class, NOTHING_YET)
    mark = await raw.fetchval(_MARK_LOCK, data_class)
    if mark is None:
        return Passed([], is_full=False)
    seen = await raw.fetch(_OLD_DELIVERIES, mark, first_id_at(before), limit, even_waiting)
    due = [row[0] for row in seen if row[1]]
    deleted = [Deleted(*row) for row in await raw.fetch(_DROP_RAWS, due)] if due else []
    held = set(due) - {each.record_id for each in deleted}
    passed = [row[0] for row in seen if not held or row[0] < min(held)]
    if passed:
        await raw.execute(_MARK_MOVE, data_class, passed[-1])
    return Passed(sorted(deleted), is_full=len(seen) == limit and not held)


async def drop_settled_raws(raw: asyncpg.Connection, delivery_ids: Sequence[UUID]) -> None:
    """Takes the bodies of these deliveries away unless an item of theirs still needs it."""
    await raw.execute(_DROP_SETTLED_RAWS, delivery_ids)


async def old_contacts(raw: asyncpg.Connection, *, before: datetime, limit: int) -> list[UUID]:
    """Leads received before a time whose contact is kept and need not be; locked until the transaction ends."""
    rows = await raw.fetch(_OLD_CONTACTS, first_id_at(before), limit)
    return sorted({row[0] for row in rows})


async def hold(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], *, reason: str, now: datetime
) -> None:
    """Keeps the contact of these leads beyond its time."""
    await raw.execute(_HOLD, lead_ids, reason, now)


async def drop_results(raw: asyncpg.Connection, *, before: datetime, limit: int) -> list[Deleted]:
    """Takes exports away that were completed before a time and not downloaded."""
    return [Deleted(*row) for row in await raw.fetch(_DROP_RESULTS, before, limit)]


async def lock_certificates(
    raw: asyncpg.Connection, data_class: str, run: str
) -> tuple[Certificate | None, bytes]:
    """The certificate of a run, if it was begun, and the class's last digest, empty before the first.

    Nobody else certifies for the class until the transaction ends.
    """
    await raw.execute(_LOCK_CLASS, data_class)
    row = await raw.fetchrow(_OF_RUN, data_class, run)
    last = await raw.fetchval(_LAST, data_class)
    return (None if row is None else Certificate(*row)), last or b""


async def put_certificate(raw: asyncpg.Connection, certificate: Certificate) -> None:
    """Writes a run's certificate, or what was added to it."""
    await raw.execute(
        _PUT,
        certificate.certificate_id,
        certificate.data_class,
        certificate.run,
        certificate.policy_version,
        certificate.deleted_count,
        certificate.oldest_at,
        certificate.newest_at,
        certificate.begun_at,
        certificate.deleted_at,
        certificate.digest,
    )


async def certificates(raw: asyncpg.Connection, *, before: UUID, limit: int) -> list[Certificate]:
    """Certificates with ids below one, newest first."""
    return [Certificate(*row) for row in await raw.fetch(_PAGE, before, limit)]
