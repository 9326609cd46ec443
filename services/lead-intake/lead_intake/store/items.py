"""Items: what became of each lead of each delivery."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from lead_intake.domain.leads import AccountId, DeliveryId, ItemState, LeadId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    import asyncpg

_COLUMNS = """$1::uuid[], $2::uuid[], $3::text::smallint[], $4::text::integer[], $5::text[], $6::text[], $7::text[],
  $8::timestamptz[], $9::text::smallint[], $10::text[], $11::text[], $12::bytea[], $13::text::integer[], $14::text[],
  $15::text::smallint[], $16::uuid[]"""
_NAMES = """lead_id, delivery_id, position, account_id, account, channel, external_id,
  received_at, state, reason, detail, facts, mapping_version, traceparent, kind, repeats_lead_id"""
_INSERT = f"""
insert into items ({_NAMES}, attempt_count, due_at)
select new.*, 0, case when new.state = 1 then now() end
from unnest({_COLUMNS}) as new ({_NAMES})
on conflict do nothing
returning lead_id
"""
_SETTLE = f"""
update items set state = new.state, reason = new.reason, detail = new.detail, facts = new.facts,
  external_id = coalesce(items.external_id, new.external_id), mapping_version = new.mapping_version,
  kind = new.kind, repeats_lead_id = new.repeats_lead_id,
  attempt_count = 0, due_at = case when new.state = 1 then now() end
from unnest({_COLUMNS}) as new ({_NAMES})
where items.lead_id = new.lead_id and items.state in (1, 5)
returning items.lead_id
"""
_RESCUE = _SETTLE.replace("items.state in (1, 5)", "items.state = 4")
_QUARANTINED_PLACES = """
select account_id, external_id, lead_id, received_at from items
join unnest($1::integer[], $2::text[]) as asked (account_id, external_id) using (account_id, external_id)
where state = 4
"""
_IS_DUE = "select exists(select from items where state = 1 and due_at <= now())"
_LEASE = """
update items set due_at = now() + $2::interval
where lead_id in (
  select lead_id from items where state = 1 and due_at <= now() order by due_at limit $1 for update skip locked
)
returning lead_id, delivery_id, position, account_id, external_id, received_at, attempt_count, traceparent
"""
_POSTPONE = """
update items set attempt_count = late.attempt_count, due_at = now() + late.delay_s * interval '1 second'
from unnest($1::uuid[], $2::integer[], $3::float8[]) as late (lead_id, attempt_count, delay_s)
where items.lead_id = late.lead_id and items.state = 1
"""
_PLACES = """
select delivery_id, position, lead_id, state from items where lead_id = any($1::uuid[]) and position = 0
union all
select delivery_id, position, lead_id, state from items where delivery_id = any($1::uuid[]) and position > 0
"""
_KNOWN = """
select account_id, external_id, lead_id from items
join unnest($1::integer[], $2::text[]) as asked (account_id, external_id) using (account_id, external_id)
"""
_REPEATED = """
update items set repeat_count = repeat_count + asked.times, last_repeated_at = now()
from (
  select * from unnest($1::integer[], $2::text[], $3::integer[]) as a (account_id, external_id, times)
  order by account_id, external_id
) as asked
where items.account_id = asked.account_id and items.external_id = asked.external_id
"""
_FIELDS = (
    "lead_id", "delivery_id", "position", "account_id", "account", "channel", "external_id", "received_at", "state",
    "reason", "detail", "facts", "mapping_version", "traceparent", "kind", "repeats_lead_id",
)  # fmt: skip
_NUMBERS = frozenset({"position", "account_id", "state", "mapping_version", "kind"})
_VALUES = attrgetter(*_FIELDS)
_GET = "select lead_id, state, reason, facts, traceparent from items where lead_id = $1"


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item as it is kept."""

    lead_id: LeadId
    delivery_id: DeliveryId
    position: int
    account_id: AccountId
    account: str
    channel: str
    external_id: str | None
    received_at: datetime
    state: ItemState
    reason: str | None
    detail: str | None
    facts: bytes | None
    mapping_version: int
    traceparent: str | None
    kind: int
    repeats_lead_id: LeadId | None


@dataclass(frozen=True, slots=True)
class LeasedItem:
    """An item whose body is to be fetched; nobody else fetches it until the lease ends."""

    lead_id: LeadId
    delivery_id: DeliveryId
    position: int
    account_id: AccountId
    external_id: str
    received_at: datetime
    attempt_count: int
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Postponement:
    """A fetch that failed and is tried again after `delay_s`."""

    lead_id: LeadId
    attempt_count: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class KeptPlace:
    """The item at one position of a delivery."""

    lead_id: LeadId
    state: ItemState


@dataclass(frozen=True, slots=True)
class QuarantinedPlace:
    """A quarantined item, and when its delivery was stored."""

    lead_id: LeadId
    received_at: datetime


@dataclass(frozen=True, slots=True)
class KeptLead:
    """One lead as a question finds it."""

    lead_id: LeadId
    state: ItemState
    reason: str | None
    facts: bytes | None
    traceparent: str | None


async def insert(raw: asyncpg.Connection, records: Sequence[ItemRecord]) -> set[UUID]:
    """Adds new items; returns the ids of those whose sender's id was not there yet."""
    rows = await raw.fetch(_INSERT, *_arrays(records))
    return {row[0] for row in rows}


async def settle(raw: asyncpg.Connection, records: Sequence[ItemRecord]) -> set[UUID]:
    """Writes what was found about items that waited for it; returns those that still did."""
    rows = await raw.fetch(_SETTLE, *_arrays(records))
    return {row[0] for row in rows}


async def rescue(raw: asyncpg.Connection, records: Sequence[ItemRecord]) -> set[UUID]:
    """Writes what was found about items that were quarantined; returns those that still were."""
    rows = await raw.fetch(_RESCUE, *_arrays(records))
    return {row[0] for row in rows}


async def quarantined_places(
    raw: asyncpg.Connection, asked: Sequence[tuple[AccountId, str]]
) -> dict[tuple[AccountId, str], QuarantinedPlace]:
    """The quarantined items among these accounts' external ids."""
    rows = await raw.fetch(
        _QUARANTINED_PLACES, [each[0] for each in asked], [each[1] for each in asked]
    )
    return {(row[0], row[1]): QuarantinedPlace(row[2], row[3]) for row in rows}


async def is_any_due(raw: asyncpg.Connection) -> bool:
    """Whether a body is to be fetched now."""
    return bool(await raw.fetchval(_IS_DUE))


async def lease(raw: asyncpg.Connection, *, limit: int, duration: timedelta) -> list[LeasedItem]:
    """Takes items whose body is due; after `duration` others may take them."""
    return [LeasedItem(*row) for row in await raw.fetch(_LEASE, limit, duration)]


async def postpone(raw: asyncpg.Connection, failures: Sequence[Postponement]) -> None:
    """Lets failed fetches be tried again later."""
    await raw.execute(
        _POSTPONE,
        [failure.lead_id for failure in failures],
        [failure.attempt_count for failure in failures],
        [failure.delay_s for failure in failures],
    )


async def places(
    raw: asyncpg.Connection, delivery_ids: Sequence[DeliveryId]
) -> dict[tuple[UUID, int], KeptPlace]:
    """The items that deliveries have already, by delivery and position."""
    rows = await raw.fetch(_PLACES, delivery_ids)
    return {(row[0], row[1]): KeptPlace(row[2], ItemState(row[3])) for row in rows}


async def known_external_ids(
    raw: asyncpg.Connection, asked: Sequence[tuple[AccountId, str]]
) -> dict[tuple[AccountId, str | None], LeadId]:
    """The items that these accounts' external ids have already."""
    rows = await raw.fetch(_KNOWN, [each[0] for each in asked], [each[1] for each in asked])
    return {(row[0], row[1]): LeadId(row[2]) for row in rows}


async def count_repetitions(
    raw: asyncpg.Connection, repeated: Mapping[tuple[AccountId, str], int]
) -> None:
    """Remembers that senders' ids came again, and how many times."""
    places = sorted(repeated)
    await raw.execute(
        _REPEATED,
        [account_id for account_id, _ in places],
        [external_id for _, external_id in places],
        [repeated[place] for place in places],
    )


async def get(raw: asyncpg.Connection, lead_id: LeadId) -> KeptLead | None:
    """One item; None when there is none."""
    row = await raw.fetchrow(_GET, lead_id)
    return None if row is None else KeptLead(row[0], ItemState(row[1]), *row[2:])


def _arrays(records: Sequence[ItemRecord]) -> list[object]:
    """The columns of records, one array each, as `_COLUMNS` takes them."""
    return [
        written_array(column) if name in _NUMBERS else _short(column)
        for name, column in zip(_FIELDS, zip(*map(_VALUES, records), strict=True), strict=True)
    ]


def written_array(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL writes an array of them: the driver would look at each one of a list for what it is."""
    return f"{{{','.join(map(int.__repr__, numbers))}}}"


def _short(column: Sequence[object]) -> Sequence[object]:
    """A column; of one that is null throughout nothing is sent, for `unnest` fills a short array up with nulls."""
    return () if column[0] is None and column.count(None) == len(column) else column
