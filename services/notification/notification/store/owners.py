"""Who owns what now, as events tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notification.domain.reminders import Resource
from notification.store.columns import columns

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg

    from notification.domain.reminders import Ownership

# Events come late and out of order; the newest word stays, and an assignment's number never falls.
_TAKE_OVER = """
insert into owners as o (resource_type, resource_id, owner_id, assignment_no, since)
select distinct on (t.resource_type, t.resource_id) t.*
from unnest($1::text[], $2::text[], $3::text[], $4::int4[], $5::timestamptz[])
     as t(resource_type, resource_id, owner_id, assignment_no, since)
where t.resource_id <> ''
order by t.resource_type, t.resource_id, t.assignment_no desc, t.since desc
on conflict (resource_type, resource_id) do update
set owner_id = excluded.owner_id, since = excluded.since,
    assignment_no = greatest(o.assignment_no, excluded.assignment_no)
where excluded.since >= o.since and (excluded.assignment_no = 0 or excluded.assignment_no >= o.assignment_no)
"""
_OF = """
select resource_type, resource_id, owner_id, assignment_no from owners
join unnest($1::text[], $2::text[]) as t(resource_type, resource_id) using (resource_type, resource_id)
"""


async def take_over(raw: asyncpg.Connection, ownerships: Sequence[Ownership]) -> None:
    """Writes who owns what; an older word does not replace a newer one."""
    if ownerships:
        records = [
            (o.resource.type, o.resource.id, o.owner_id, o.assignment_no, o.since)
            for o in ownerships
        ]
        await raw.execute(_TAKE_OVER, *columns(records))


async def of(
    raw: asyncpg.Connection, resources: Collection[Resource]
) -> dict[Resource, tuple[str, int]]:
    """Who owns these, and the number of the assignment; those of which nobody ever told are left out."""
    if not resources:
        return {}
    rows = await raw.fetch(_OF, *columns([(each.type, each.id) for each in resources]))
    return {Resource(type_, id_): (owner_id, number) for type_, id_, owner_id, number in rows}
