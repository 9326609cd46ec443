"""Taking items out of quarantine, to be mapped again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from lead_intake.domain.leads import ItemState
from lead_intake.domain.quarantine import RULES_DECIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from lead_intake.domain.leads import AccountId
    from lead_intake.store.quarantine import Wanted

BEGINNING = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))

_CURRENT = "unnest($5::integer[], $6::integer[]) as now (account_id, version)"
_MATCHES = """
state = 4 and ($1 = '' or channel = $1) and ($2 = '' or account = $2) and ($3 = '' or reason = $3)
  and ($4::uuid[] is null or lead_id = any($4))
"""
_IS_WORTH_IT = "($7 or reason <> all($8::text[]) or mapping_version is distinct from now.version)"
# A row of an imported file has no delivery: its chunk forgets what it held once it has its outcome.
_HAS_BODY = "exists (select from deliveries where deliveries.delivery_id = items.delivery_id)"
_COUNT = f"""
select count(*)::integer, (count(*) filter (where {_HAS_BODY} and {_IS_WORTH_IT}))::integer,
  (count(*) filter (where not {_HAS_BODY}))::integer
from items left join {_CURRENT} using (account_id) where {_MATCHES}
"""
_REPLAY = f"""
with chosen as (
  select lead_id, external_id is not null and account_id = any($12::integer[]) as is_fetched
  from items left join {_CURRENT} using (account_id)
  where {_MATCHES} and {_IS_WORTH_IT} and {_HAS_BODY} and (received_at, lead_id) > ($9, $10)
  order by received_at, lead_id limit $11 for update of items skip locked
)
update items set state = case when is_fetched then 1 else 5 end, reason = null, detail = null,
  attempt_count = 0, due_at = case when is_fetched then now() end
from chosen where items.lead_id = chosen.lead_id
returning items.lead_id, received_at, delivery_id, state
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which quarantined items to take; `lead_ids` None is any.

    Bodies of the accounts in `fetching` are fetched again, those of others are in their deliveries. What the rules of
    a version in `current` set aside themselves stays, unless `force`.
    """

    wanted: Wanted
    lead_ids: Sequence[UUID] | None
    current: Mapping[AccountId, int]
    fetching: Sequence[AccountId]
    force: bool = False


@dataclass(frozen=True, slots=True)
class Counted:
    """Items that match, those of them that would be taken, and those that have nothing left to be mapped from."""

    total: int
    worth_it: int
    without_body: int

    @property
    def unchanged(self) -> int:
        """Those that the rules in force would set aside again."""
        return self.total - self.worth_it - self.without_body


@dataclass(frozen=True, slots=True)
class Taken:
    """Items that were taken: how many, the deliveries to map again, and where to go on."""

    count: int
    delivery_ids: list[UUID]
    last: tuple[datetime, UUID]


async def count(raw: asyncpg.Connection, choice: Choice) -> Counted:
    """How many items match, and what would become of them."""
    return Counted(*await raw.fetchrow(_COUNT, *_arguments(choice)))


async def take(
    raw: asyncpg.Connection, choice: Choice, *, after: tuple[datetime, UUID], limit: int
) -> Taken:
    """Takes the oldest items that came after a place, at most `limit`."""
    rows = await raw.fetch(_REPLAY, *_arguments(choice), *after, limit, choice.fetching)
    again = {row[2] for row in rows if row[3] == ItemState.REPLAYING}
    last = max(((row[1], row[0]) for row in rows), default=after)
    return Taken(len(rows), sorted(again), last)


def _arguments(choice: Choice) -> tuple[object, ...]:
    wanted = choice.wanted
    return (
        wanted.channel,
        wanted.account,
        wanted.reason,
        choice.lead_ids,
        list(choice.current),
        list(choice.current.values()),
        choice.force,
        sorted(RULES_DECIDE),
    )
