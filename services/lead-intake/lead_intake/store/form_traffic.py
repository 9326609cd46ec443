"""Who fills forms in: client versions in use, posts that the guard objects to, and stored deliveries to be replayed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lead_intake.domain.csrf_reports import OTHER_HOST, ROWS_PER_FORM_MAX, Caller, Cause

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from lead_intake.domain.forms import FormId
    from lead_intake.domain.leads import AccountId

CLIENTS_PER_FORM_MAX = 200
REPLAY_PAGE_SIZE = 500

_CLIENTS = f"""
insert into form_clients (form_id, client_version, delivery_count, first_seen_at, last_seen_at)
select form_id, client_version, said_count, $4, $4 from (
  select new.*, known.form_id is not null as is_known,
    (select count(*) from form_clients as c where c.form_id = new.form_id)
      + row_number() over (partition by new.form_id order by new.client_version) as place
  from unnest($1::integer[], $2::text[], $3::bigint[]) as new (form_id, client_version, said_count)
  left join form_clients as known using (form_id, client_version)
) as placed
where is_known or place <= {CLIENTS_PER_FORM_MAX}
order by form_id, client_version
on conflict (form_id, client_version) do update
set delivery_count = form_clients.delivery_count + excluded.delivery_count, last_seen_at = excluded.last_seen_at
"""
_IN_USE = """
select client_version from form_clients where form_id = $1 and last_seen_at >= $2 order by client_version
"""
_CALLERS = f"""
insert into form_callers
  (form_id, origin_host, client_version, agent_family, cause, post_count, first_seen_at, last_seen_at)
select form_id, case when fits then origin_host else '{OTHER_HOST}' end, case when fits then client_version else '' end,
  case when fits then agent_family else 'other' end, cause, sum(said_count), $7, $7
from (
  select new.*, known.form_id is not null or (select count(*) from form_callers as c where c.form_id = new.form_id)
      + row_number() over (partition by new.form_id order by new.origin_host) <= {ROWS_PER_FORM_MAX} as fits
  from unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
    as new (form_id, origin_host, client_version, agent_family, cause, said_count)
  left join form_callers as known using (form_id, origin_host, client_version, agent_family, cause)
) as placed
group by 1, 2, 3, 4, 5
order by 1, 2, 3, 4, 5
on conflict (form_id, origin_host, client_version, agent_family, cause) do update
set post_count = form_callers.post_count + excluded.post_count, last_seen_at = excluded.last_seen_at
"""
_LIST_CALLERS = """
select name, origin_host, client_version, agent_family, cause, post_count, first_seen_at, last_seen_at
from form_callers join forms using (form_id)
where ($1 = '' or name = $1) and last_seen_at >= $2
order by post_count desc, name, origin_host, client_version, agent_family, cause limit 1000
"""
_STORED = """
select delivery_id, raw from deliveries where account_id = $1 and delivery_id < $2 and raw is not null
order by delivery_id desc limit $3
"""


@dataclass(frozen=True, slots=True)
class CountedCaller:
    """One kind of caller and how often it posted."""

    caller: Caller
    count: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class SealedDelivery:
    """One stored delivery, sealed."""

    delivery_id: UUID
    raw: bytes


async def count_clients(
    raw: asyncpg.Connection, counted: Mapping[tuple[FormId, str], int], *, at: datetime
) -> None:
    """Remembers client versions; beyond the bound of a form, new ones are not."""
    keys = sorted(counted)
    await raw.execute(
        _CLIENTS, [key[0] for key in keys], [key[1] for key in keys], [counted[k] for k in keys], at
    )


async def clients_in_use(raw: asyncpg.Connection, form_id: FormId, *, since: datetime) -> list[str]:
    """The client versions that filled a form in since then."""
    return [row[0] for row in await raw.fetch(_IN_USE, form_id, since)]


async def count_callers(
    raw: asyncpg.Connection, counted: Mapping[tuple[FormId, Caller], int], *, at: datetime
) -> None:
    """Counts posts that the guard objects to; beyond the bound of a form, as `(other)`."""
    keys = list(counted)
    await raw.execute(
        _CALLERS,
        [form_id for form_id, _ in keys],
        [caller.origin_host for _, caller in keys],
        [caller.client_version for _, caller in keys],
        [caller.agent_family for _, caller in keys],
        [caller.cause.value for _, caller in keys],
        [counted[key] for key in keys],
        at,
    )


async def callers(raw: asyncpg.Connection, form: str, *, since: datetime) -> list[CountedCaller]:
    """Whose posts the guard objected to, most frequent first, at most 1,000; `form` may be empty."""
    return [
        CountedCaller(Caller(row[0], row[1], row[2], row[3], Cause(row[4])), *row[5:8])
        for row in await raw.fetch(_LIST_CALLERS, form, since)
    ]


async def stored_before(
    raw: asyncpg.Connection, account_id: AccountId, before: UUID, *, limit: int
) -> list[SealedDelivery]:
    """An account's deliveries older than one, newest first."""
    return [SealedDelivery(*row) for row in await raw.fetch(_STORED, account_id, before, limit)]
