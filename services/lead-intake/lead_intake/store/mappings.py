"""Mappings of accounts: published, retired, tried out; and the deliveries that they are tried out on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.leads import AccountId, DeliveryId, ItemState, LeadId
from lead_intake.store.deliveries import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

ACCEPTED_WITHIN_DAYS = 90
VERSIONS_MAX = 1000

_NAMES = "version, document, sha256, published_by, approval_id, published_at, retired_at"
_VERSION = f"select {_NAMES} from mappings where account_id = $1 and version = $2"
_IN_FORCE = f"select {_NAMES} from mappings where account_id = $1 and retired_at is null"
_BY_APPROVAL = (
    "select version from mappings where account_id = $1 and approval_id = $2 and $2 <> ''"
)
_LIST = f"select {_NAMES} from mappings where account_id = $1 order by version desc limit $2"
_RETIRE = "update mappings set retired_at = $2 where account_id = $1 and retired_at is null"
_PUBLISH = """
insert into mappings (account_id, version, document, sha256, published_by, approval_id, published_at)
select $1, greatest(coalesce(max(version) + 1, $2), $2), $3, $4, $5, $6, $7 from mappings where account_id = $1
returning version
"""
_CHECKED = """
insert into mapping_checks
  (account_id, sha256, base_version, rescued_count, newly_quarantined_count, checked_by, checked_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (account_id, sha256) do update
set base_version = excluded.base_version, rescued_count = excluded.rescued_count,
    newly_quarantined_count = excluded.newly_quarantined_count, checked_by = excluded.checked_by,
    checked_at = excluded.checked_at
"""
_CHECK = """
select base_version, rescued_count, newly_quarantined_count, checked_by, checked_at
from mapping_checks where account_id = $1 and sha256 = $2 and checked_at > now() - interval '1 day'
"""
_QUARANTINED = """
select lead_id, delivery_id, position, state from items
where account_id = $1 and state = 4 order by received_at desc, lead_id desc limit $2
"""
# Ids are in the order of time, so the newest are found from the end of the primary key.
_ACCEPTED = f"""
select lead_id, delivery_id, position, state from items
where account_id = $1 and state = 2 and received_at > now() - interval '{ACCEPTED_WITHIN_DAYS} days'
order by lead_id desc limit $2
"""
_BODIES = """
select delivery_id, account_id, raw, received_at, traceparent, true
from deliveries where delivery_id = any($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class PublishedMapping:
    """One mapping of an account; `retired_at` is None for the one in force."""

    version: int
    document: str
    sha256: bytes
    published_by: str
    approval_id: str
    published_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewMapping:
    """A mapping that is put into force."""

    account_id: AccountId
    document: str
    sha256: bytes
    published_by: str
    approval_id: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """What a trial of a candidate found, against the rules of `base_version`."""

    base_version: int
    rescued_count: int
    newly_quarantined_count: int
    checked_by: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class TriedItem:
    """One item that a candidate is tried on."""

    lead_id: LeadId
    delivery_id: DeliveryId
    position: int
    state: ItemState


async def version_of(
    raw: asyncpg.Connection, account_id: AccountId, version: int
) -> PublishedMapping | None:
    """One mapping; None when there is none of this version."""
    row = await raw.fetchrow(_VERSION, account_id, version)
    return None if row is None else PublishedMapping(*row)


async def in_force(raw: asyncpg.Connection, account_id: AccountId) -> PublishedMapping | None:
    """The account's mapping; None when it is read as its channel says."""
    row = await raw.fetchrow(_IN_FORCE, account_id)
    return None if row is None else PublishedMapping(*row)


async def version_by(
    raw: asyncpg.Connection, account_id: AccountId, approval_id: str
) -> int | None:
    """The version that an approval has put into force already."""
    version: int | None = await raw.fetchval(_BY_APPROVAL, account_id, approval_id)
    return version


async def versions(raw: asyncpg.Connection, account_id: AccountId) -> list[PublishedMapping]:
    """The account's mappings, newest first, at most 1,000."""
    return [PublishedMapping(*row) for row in await raw.fetch(_LIST, account_id, VERSIONS_MAX)]


async def publish(raw: asyncpg.Connection, new: NewMapping, *, first_version: int) -> int:
    """Puts a mapping into force in place of the account's last; the account must be locked. Returns its version."""
    await raw.execute(_RETIRE, new.account_id, new.published_at)
    version: int = await raw.fetchval(
        _PUBLISH,
        new.account_id,
        first_version,
        new.document,
        new.sha256,
        new.published_by,
        new.approval_id,
        new.published_at,
    )
    return version


async def keep_check(
    raw: asyncpg.Connection, account_id: AccountId, sha256: bytes, check: KeptCheck
) -> None:
    """Remembers a trial in place of an earlier one of the same candidate."""
    await raw.execute(
        _CHECKED,
        account_id,
        sha256,
        check.base_version,
        check.rescued_count,
        check.newly_quarantined_count,
        check.checked_by,
        check.checked_at,
    )


async def check_of(
    raw: asyncpg.Connection, account_id: AccountId, sha256: bytes
) -> KeptCheck | None:
    """The last trial of a candidate; None when it was not tried within a day."""
    row = await raw.fetchrow(_CHECK, account_id, sha256)
    return None if row is None else KeptCheck(*row)


async def items_to_try(
    raw: asyncpg.Connection, account_id: AccountId, *, quarantined_max: int, accepted_max: int
) -> list[TriedItem]:
    """The account's newest items in quarantine, then those accepted last."""
    rows = [
        *await raw.fetch(_QUARANTINED, account_id, quarantined_max),
        *await raw.fetch(_ACCEPTED, account_id, accepted_max),
    ]
    return [TriedItem(row[0], row[1], row[2], ItemState(row[3])) for row in rows]


async def bodies(
    raw: asyncpg.Connection, delivery_ids: Sequence[UUID]
) -> dict[DeliveryId, Delivery]:
    """Deliveries by id, as they are kept."""
    rows = await raw.fetch(_BODIES, delivery_ids)
    return {row[0]: Delivery(*row) for row in rows}
