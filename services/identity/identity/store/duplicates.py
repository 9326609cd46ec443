"""Records that may be of whom somebody looks for, the checks that were made, and requests for access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from identity.domain.duplicates import AccessRequest, Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from identity.domain.duplicates import Check, Likeness

HOLDERS_MAX = 64
"""Records of one key that are compared: as many as it may have (`matchkit`)."""
COMPANY_HOLDERS_MAX = 20
"""Records of one company that are compared; more would tell no more."""
LEADS_MAX = 100

# As in `store.customer360`, look-ups that the planner may not turn into joins.
_CANDIDATES = f"""
with asked as materialized (
  select k from unnest($1::bigint[]) as k where not exists (select from generic_keys g where g.key = k offset 0)
), found as materialized (
  select x.record_id from asked cross join lateral (
    select record_id from record_keys where key = asked.k order by record_id limit {HOLDERS_MAX}
  ) x
  union
  select x.record_id from unnest($2::bigint[]) as token cross join lateral (
    select record_id from relation_keys where relation_keys.token = token order by record_id limit {COMPANY_HOLDERS_MAX}
  ) x
)
select r.record_id, r.customer_id, r.digest, r.sealed_features,
  array(select key from generic_keys where key = any($1::bigint[])) as hubs
from found cross join lateral (select * from records where records.record_id = found.record_id offset 0) r
"""
_LEADS = f"""
array(
  select s.lead_id from (select record_id from records where records.customer_id = c.customer_id offset 0) r
  cross join lateral (select lead_id from sources where sources.record_id = r.record_id offset 0) s
  where s.lead_id is not null order by s.lead_id desc limit {LEADS_MAX}
) as lead_ids
"""
_CUSTOMERS = f"""
select c.customer_id, c.golden_id, c.master_id, {_LEADS} from customers c where c.customer_id = any($1::bigint[])
"""
_TAKE_TURN = "select pg_advisory_xact_lock(hashtextextended('duplicate_checks/' || $1, 0))"
_RECENT = "select count(*) from duplicate_checks where actor_id = $1 and checked_at > $2"
_KEEP = """
insert into duplicate_checks (check_id, actor_id, checked_at, asked, outcome, golden_ids, walled)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_TOLD = """
select golden_ids[$4 + 1] as golden_id, walled[$4 + 1] as is_walled
from duplicate_checks where check_id = $1 and actor_id = $2 and checked_at > $3
"""
_OF_GOLDEN = f"""
select c.customer_id, c.golden_id, c.master_id, {_LEADS} from customers c
where c.customer_id = (select customer_id from aliases where golden_id = $1)
"""
_REQUEST = """
insert into access_requests
  (request_id, check_id, match_index, golden_id, requester_id, owner_id, manager_id, requested_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (check_id, match_index) do nothing
returning request_id
"""
_COLUMNS = (
    "request_id, check_id, match_index, golden_id, requester_id, owner_id, manager_id, requested_at"
)
_REQUESTED = f"select {_COLUMNS} from access_requests where check_id = $1 and match_index = $2"
_LISTED = f"""
select {_COLUMNS} from (
  (select {_COLUMNS} from access_requests
   where requester_id = $1 and ($2::uuid is null or request_id < $2) order by request_id desc limit $3)
  union
  (select {_COLUMNS} from access_requests
   where owner_id = $1 and ($2::uuid is null or request_id < $2) order by request_id desc limit $3)
) mine order by request_id desc limit $3
"""


class Found(msgspec.Struct, frozen=True):
    """A record that shares something with whom is looked for; `hubs` are those keys of theirs that say nothing."""

    record_id: int
    customer_id: int
    digest: bytes
    sealed_features: bytes
    hubs: list[int]


async def candidates(
    raw: asyncpg.Connection, keys: Iterable[int], company_tokens: Iterable[int]
) -> list[Found]:
    """The records that share a key that is not everybody's, or a company."""
    rows = await raw.fetch(_CANDIDATES, list(keys), list(company_tokens))
    return [Found(**dict(row)) for row in rows]


async def customers(raw: asyncpg.Connection, likenesses: Sequence[Likeness]) -> list[Candidate]:
    """The customers of records, in the order given, with their latest leads."""
    rows = await raw.fetch(_CUSTOMERS, [found.customer_id for found in likenesses])
    by_number = {row["customer_id"]: row for row in rows}
    return [
        _candidate(by_number[found.customer_id], found)
        for found in likenesses
        if found.customer_id in by_number
    ]


async def recent_checks(raw: asyncpg.Connection, actor_id: str, *, since: datetime) -> int:
    """How often somebody asked since then; their other questions wait until the transaction ends."""
    await raw.execute(_TAKE_TURN, actor_id)
    count: int = await raw.fetchval(_RECENT, actor_id, since)
    return count


async def keep_check(raw: asyncpg.Connection, check: Check) -> None:
    """Writes who asked and what they were told."""
    await raw.execute(
        _KEEP,
        check.check_id,
        check.actor_id,
        check.checked_at,
        list(check.asked),
        check.outcome,
        [match.candidate.golden_id for match in check.matches],
        [match.is_walled for match in check.matches],
    )


async def told(
    raw: asyncpg.Connection, check_id: UUID, *, actor_id: str, since: datetime, match_index: int
) -> tuple[str, bool] | None:
    """The Golden ID of one match and whether it was behind a wall; None without such a match of the actor's."""
    row = await raw.fetchrow(_TOLD, check_id, actor_id, since, match_index)
    return None if row is None or row["golden_id"] is None else (row["golden_id"], row["is_walled"])


async def customer_called(
    raw: asyncpg.Connection, golden_id: str
) -> tuple[int, str, list[UUID]] | None:
    """The number, the present Golden ID and the latest leads of a customer, by any Golden ID; None without one."""
    row = await raw.fetchrow(_OF_GOLDEN, golden_id)
    return None if row is None else (row["customer_id"], row["golden_id"], row["lead_ids"])


async def keep_request(raw: asyncpg.Connection, request: AccessRequest) -> AccessRequest | None:
    """Writes a request; the one that was made before for the same match, or None when this is the first."""
    written = await raw.fetchval(
        _REQUEST,
        request.request_id,
        request.check_id,
        request.match_index,
        request.golden_id,
        request.requester_id,
        request.owner_id,
        request.manager_id,
        request.requested_at,
    )
    if written is not None:
        return None
    row = await raw.fetchrow(_REQUESTED, request.check_id, request.match_index)
    return AccessRequest(**dict(row))


async def requests_of(
    raw: asyncpg.Connection, person_id: str, *, before: UUID | None, limit: int
) -> list[AccessRequest]:
    """Requests that a person made or that wait for them, newest first."""
    rows = await raw.fetch(_LISTED, person_id, before, limit)
    return [AccessRequest(**dict(row)) for row in rows]


def _candidate(row: asyncpg.Record, found: Likeness) -> Candidate:
    return Candidate(
        row["customer_id"],
        row["golden_id"],
        row["master_id"],
        tuple(row["lead_ids"]),
        found.outcome,
        found.agreeing,
    )
