"""Consent receipts: written once, under each name of their person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lead_intake.domain.consents import Consent, ConsentEvent, Receipt
from lead_intake.domain.retention import Deleted
from lead_intake.store.items import written_array

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

RECEIPTS_MAX = 1000

_ADD = """
insert into consents (subject_index, consent_id, event, lead_id, notice_version, purposes, basis, given_at, recorded_at,
                      delivery_id, form_version, recorded_by, ended_at)
select subject_index, consent_id, event, lead_id, notice_version, string_to_array(purposes, ','), basis, given_at,
       recorded_at, delivery_id, form_version, recorded_by, ended_at
from unnest($1::uuid[], $2::text::smallint[], $3::uuid[], $4::text[], $5::text[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::text[], $11::text[], $12::timestamptz[])
  with ordinality
  as receipt (consent_id, event, lead_id, notice_version, purposes, basis, given_at, recorded_at, delivery_id,
              form_version, recorded_by, ended_at, number)
join unnest($13::text::integer[], $14::bytea[]) as subject (number, subject_index) using (number)
on conflict do nothing
"""
_OF_SUBJECT = """
select distinct on (recorded_at, consent_id) consent_id, event, notice_version, purposes, basis, given_at, recorded_at,
       recorded_by, lead_id, delivery_id, form_version, ended_at
from consents where subject_index = any($1::bytea[]) order by recorded_at, consent_id limit $2
"""
_END = """
update consents set ended_at = $3
where subject_index = any($1::bytea[]) and ended_at is null and event = 1
  and (cardinality($2::text[]) = 0 or purposes::text[] <@ $2::text[])
returning consent_id
"""
_EXPIRED = """
delete from consents where (subject_index, consent_id) in (
  select subject_index, consent_id from consents where ended_at < $1
  order by ended_at limit $2 for update skip locked
) returning consent_id, recorded_at
"""


async def add(raw: asyncpg.Connection, receipts: Sequence[tuple[Receipt, Sequence[bytes]]]) -> None:
    """Writes receipts, at least one, each under every name of its person."""
    columns: list[Any] = list(zip(*(_columns(receipt) for receipt, _ in receipts), strict=True))
    columns[_EVENT] = written_array(columns[_EVENT])
    names = [
        (number, digest)
        for number, (_, digests) in enumerate(receipts, start=1)
        for digest in digests
    ]
    numbers = written_array(number for number, _ in names)
    await raw.execute(_ADD, *columns, numbers, [digest for _, digest in names])


async def of_subject(raw: asyncpg.Connection, digests: Sequence[bytes]) -> list[Receipt]:
    """The receipts of a person, oldest first, at most 1,000."""
    return [_receipt(row) for row in await raw.fetch(_OF_SUBJECT, digests, RECEIPTS_MAX)]


async def end(
    raw: asyncpg.Connection, digests: Sequence[bytes], *, purposes: Sequence[str], now: datetime
) -> int:
    """Ends the consents in force for these purposes only, or all; returns how many."""
    rows = await raw.fetch(_END, digests, list(purposes), now)
    return len({row[0] for row in rows})


async def drop_ended(raw: asyncpg.Connection, *, before: datetime, limit: int) -> list[Deleted]:
    """Deletes receipts that ended before a time, at most `limit`."""
    return [Deleted(*row) for row in await raw.fetch(_EXPIRED, before, limit)]


_EVENT = 1
"""Which of the columns holds the event."""


def _columns(receipt: Receipt) -> tuple[object, ...]:
    consent = receipt.consent
    return (
        receipt.consent_id,
        receipt.event,
        receipt.lead_id,
        consent.notice_version,
        ",".join(consent.purposes),
        consent.basis,
        consent.at,
        receipt.recorded_at,
        receipt.delivery_id,
        receipt.form_version,
        receipt.recorded_by,
        receipt.ended_at,
    )


def _receipt(row: Any) -> Receipt:
    return Receipt(
        consent_id=row["consent_id"],
        event=ConsentEvent(row["event"]),
        consent=Consent(
            row["notice_version"], tuple(row["purposes"]), row["basis"], row["given_at"]
        ),
        recorded_at=row["recorded_at"],
        recorded_by=row["recorded_by"],
        lead_id=row["lead_id"],
        delivery_id=row["delivery_id"],
        form_version=row["form_version"],
        ended_at=row["ended_at"],
    )
