"""Leases by the state they are in at a time: which are due to be demoted, which are listed, how many there are.

The state is derived here as `accesskit.leases` derives it, by the same deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accesskit.policy import DAY_S

from permissions.store.leases import COLUMNS, lease_of

if TYPE_CHECKING:
    import asyncpg
    from accesskit.facts import Entity
    from accesskit.policy import LeaseTerms

    from permissions.domain.leases import Lease

_DUE_OF_STATE = """
  (select * from leases
   where owner_id <> '' and not is_exempt and noticed_state = '{state}' and clock_s <= {cut}
     and resource_type = any($1::text[])
   order by clock_s limit $5)
"""
_DUE = f"""
select {COLUMNS} from (
  {_DUE_OF_STATE.format(state="", cut="$2")} union all
  {_DUE_OF_STATE.format(state="notice", cut="$3")} union all
  {_DUE_OF_STATE.format(state="readonly", cut="$4")}
) due limit $5
"""
_STATE = """
case when owner_id = '' then 'pool'
  when not (resource_type = any($1::text[])) or is_exempt then
    case when is_exempt then 'exempt' when suspended_until_s > $5 then 'protected' else 'active' end
  when clock_s <= $4 then 'pool'
  when suspended_until_s > $5 then 'protected'
  when clock_s <= $3 then 'readonly'
  when clock_s <= $2 then 'notice'
  else 'active' end
"""
_LIST = f"""
select {COLUMNS} from leases
where (resource_type, resource_id) > ($6, $7) and ($8 = '' or owner_id = $8) and ($9 = '' or {_STATE} = $9)
order by resource_type, resource_id limit $10
"""
_COUNTS = f"select {_STATE} as state, count(*) from leases group by state"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leases to list: of an owner and in a state, or of any where empty; after a resource, at most `limit`."""

    owner_id: str
    state: str
    after: Entity
    limit: int


async def due(
    raw: asyncpg.Connection, terms: LeaseTerms, *, now_s: float, limit: int
) -> list[Lease]:
    """Leases whose next state has begun but was not acted on, the longest overdue first; at most `limit`."""
    rows = await raw.fetch(_DUE, *_cuts(terms, now_s), limit)
    return [lease_of(row) for row in rows]


async def listed(
    raw: asyncpg.Connection, wanted: Wanted, terms: LeaseTerms, *, now_s: float
) -> list[Lease]:
    """Leases in order of type and id."""
    after = wanted.after
    rows = await raw.fetch(
        _LIST,
        *_cuts(terms, now_s),
        now_s,
        after.type,
        after.id,
        wanted.owner_id,
        wanted.state,
        wanted.limit,
    )
    return [lease_of(row) for row in rows]


async def counts(raw: asyncpg.Connection, terms: LeaseTerms, *, now_s: float) -> dict[str, int]:
    """How many leases are in each state that any is in."""
    return dict(await raw.fetch(_COUNTS, *_cuts(terms, now_s), now_s))


def _cuts(terms: LeaseTerms, now_s: float) -> tuple[list[str], float, float, float]:
    """The types with leases, and where clocks started that reach notice, read-only and pool now."""
    return (
        sorted(terms.on),
        now_s - terms.notice_days * DAY_S,
        now_s - terms.readonly_days * DAY_S,
        now_s - terms.pool_days * DAY_S,
    )
