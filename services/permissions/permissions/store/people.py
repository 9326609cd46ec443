"""The people whom an approval concerns: who they are, for whom they act, and who is above them.

Read from the tables inside the transaction that decides, so that somebody who left a moment ago approves nothing.
A role counts only when it is held unconditionally;
what keeps somebody from approving counts whatever its condition. Nothing that has expired counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.approvers import People, Person

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

_LASTS = "(f.until_s is null or f.until_s > $2)"
_GRANTS = f"f.condition = '' and f.subject_relation = '' and {_LASTS}"
_PERSONS = f"""
select p.principal_id, p.type, p.status, p.epoch,
  array(
    select f.resource_id from facts f
    where f.subject_type = p.type and f.subject_id = p.principal_id and f.relation = 'member'
      and f.resource_type = 'role' and {_GRANTS}
  )
from principals p where p.principal_id = any($1::text[])
"""
_PARTIES = f"""
with recursive party (start_id, id) as (
  select id, id collate "C" from unnest($1::text[]) as start (id)
  union
  select party.start_id, case when f.resource_id = party.id then f.subject_id else f.resource_id end
  from party join facts f on f.relation = 'delegate' and f.resource_type = 'user' and f.subject_type = 'user'
    and (f.resource_id = party.id or f.subject_id = party.id) and {_LASTS}
)
select start_id, min(id) from party group by start_id
"""
_SUPERIORS = f"""
with recursive above (start_id, id) as (
  select id, id collate "C" from unnest($1::text[]) as start (id)
  union
  select above.start_id, f.subject_id
  from above join facts f on f.resource_type = 'user' and f.resource_id = above.id and f.relation = 'manager'
    and f.subject_type = 'user' and {_LASTS}
)
select start_id, array_agg(id) filter (where id <> start_id) from above group by start_id
"""
_HOLDERS = f"""
select distinct f.subject_id from facts f join principals p on p.principal_id = f.subject_id
where f.resource_type = 'role' and f.resource_id = any($1::text[]) and f.relation = 'member'
  and f.subject_type = 'user' and p.status = 'active' and p.type = 'user' and not p.is_test and {_GRANTS}
order by f.subject_id limit $3
"""


async def around(raw: asyncpg.Connection, ids: Collection[str], *, now_s: float) -> People:
    """Those of the ids that are known, with everybody who acts for them or is above them."""
    asked = sorted(set(ids))
    persons = await raw.fetch(_PERSONS, asked, now_s)
    parties = await raw.fetch(_PARTIES, asked, now_s)
    superiors = await raw.fetch(_SUPERIORS, asked, now_s)
    return People(
        persons={
            id_: Person(id_, type_, status, epoch, frozenset(roles))
            for id_, type_, status, epoch, roles in persons
        },
        parties={id_: party for id_, party in parties},  # noqa: C416 - rows are not tuples
        superiors={id_: frozenset(above or ()) for id_, above in superiors},
    )


async def holders(
    raw: asyncpg.Connection, roles: Collection[str], *, now_s: float, limit: int
) -> list[str]:
    """People at work who hold one of the roles; test accounts are left out."""
    return [row[0] for row in await raw.fetch(_HOLDERS, sorted(roles), now_s, limit)]
