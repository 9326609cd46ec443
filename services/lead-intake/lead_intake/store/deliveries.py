"""Deliveries: stored by the group commit, claimed by the mapper."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.leads import AccountId, DeliveryId

STORE_TIMEOUT_S = 5.0
LOOKUP_TIMEOUT_S = 5.0

_STORE = """
insert into deliveries (delivery_id, account_id, dedupe_key, raw, traceparent, received_at, state)
select arrived.*, $6, 0
from unnest($1::uuid[], $2::integer[], $3::bytea[], $4::bytea[], $5::text[]) as arrived
on conflict (account_id, dedupe_key) do nothing
"""
_STORED_IDS = """
select asked.place, deliveries.delivery_id
from unnest($1::integer[], $2::bytea[]) with ordinality as asked (account_id, dedupe_key, place)
join deliveries using (account_id, dedupe_key)
"""
_COUNT_ATTEMPTS = """
with repeated as (
  select deliveries.delivery_id, asked.times
  from unnest($1::uuid[], $2::integer[]) as asked (delivery_id, times)
  join deliveries using (delivery_id)
  order by deliveries.delivery_id for update of deliveries
)
update deliveries set attempt_count = attempt_count + repeated.times, last_attempt_at = $3
from repeated where deliveries.delivery_id = repeated.delivery_id
"""
_CLAIM = """
with claimed as (
  select delivery_id, state from deliveries where state <> 1 order by delivery_id limit $1 for update skip locked
)
update deliveries set state = 1 from claimed
where deliveries.delivery_id = claimed.delivery_id
returning deliveries.delivery_id, account_id, raw, received_at, traceparent, claimed.state = 2
"""
_RECEIVE_AGAIN = "update deliveries set state = 2 where delivery_id = any($1::uuid[]) and state = 1"
_RECEIVED_AT = "select received_at, traceparent from deliveries where delivery_id = $1"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One authentic delivery that is to be stored; `raw` is sealed, its context the delivery id."""

    delivery_id: UUID
    account_id: AccountId
    dedupe_key: bytes
    raw: bytes
    traceparent: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One stored delivery, claimed.

    `raw` is None after its retention; `is_replayed` when items of it are to be mapped again.
    """

    delivery_id: DeliveryId
    account_id: AccountId
    raw: bytes | None
    received_at: datetime
    traceparent: str | None
    is_replayed: bool


async def store(
    raw: asyncpg.Connection, arrivals: Sequence[Arrival], *, received_at: datetime
) -> list[UUID]:
    """Stores arrivals in one statement and commit; gives each the id under which it is stored.

    A repeated one gets the id of the first, whose attempts are counted. Arrivals must come ordered by account and
    dedupe key, so that replicas that store the same ones at once wait for each other in one order.
    """
    account_ids = [arrival.account_id for arrival in arrivals]
    dedupe_keys = [arrival.dedupe_key for arrival in arrivals]
    ids = [arrival.delivery_id for arrival in arrivals]
    status = await raw.execute(
        _STORE,
        ids,
        account_ids,
        dedupe_keys,
        [arrival.raw for arrival in arrivals],
        [arrival.traceparent for arrival in arrivals],
        received_at,
        timeout=STORE_TIMEOUT_S,
    )
    if status == f"INSERT 0 {len(ids)}":
        return ids
    rows = await raw.fetch(_STORED_IDS, account_ids, dedupe_keys, timeout=LOOKUP_TIMEOUT_S)
    places = dict(rows)
    stored = [places[place] for place in range(1, len(ids) + 1)]
    await _count_attempts(raw, ids, stored, at=received_at)
    return stored


async def _count_attempts(
    raw: asyncpg.Connection, ids: Sequence[UUID], stored: Sequence[UUID], *, at: datetime
) -> None:
    """Counts those of the arrivals that are stored under another's id; repeatable, for it only tells how often."""
    repeated = Counter(
        known for asked, known in zip(ids, stored, strict=True) if known.bytes != asked.bytes
    )
    if repeated:
        await raw.execute(
            _COUNT_ATTEMPTS, list(repeated), list(repeated.values()), at, timeout=STORE_TIMEOUT_S
        )


async def claim(raw: asyncpg.Connection, *, limit: int) -> list[Delivery]:
    """Takes the oldest deliveries that are not mapped, for this transaction; others skip them."""
    return [Delivery(*row) for row in await raw.fetch(_CLAIM, limit)]


async def receive_again(raw: asyncpg.Connection, delivery_ids: Sequence[UUID]) -> None:
    """Lets the mapper take these deliveries once more."""
    await raw.execute(_RECEIVE_AGAIN, delivery_ids)


async def origin_of(
    raw: asyncpg.Connection, delivery_id: UUID
) -> tuple[datetime, str | None] | None:
    """When a delivery was stored and its traceparent; None when there is no such delivery."""
    row = await raw.fetchrow(_RECEIVED_AT, delivery_id)
    return None if row is None else (row[0], row[1])
