"""Where the shadow policy would have answered otherwise than the live one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from permissions.domain.policies import Disagreement, DisagreementKind

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

_KIND = "version, live_version, resource_type, action, live_answer, answer"
_ADD = f"""
insert into disagreements ({_KIND}, subject_id, resource_id, count, last_at)
select * from unnest(
  $1::integer[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
  $10::timestamptz[]
)
on conflict ({_KIND}) do update set
  count = disagreements.count + excluded.count, last_at = greatest(disagreements.last_at, excluded.last_at),
  subject_id = excluded.subject_id, resource_id = excluded.resource_id
"""
_LIST = f"""
select {_KIND}, subject_id, resource_id, count, last_at from disagreements where version = $1
order by count desc, {_KIND} limit $2
"""


async def add(raw: asyncpg.Connection, found: Collection[Disagreement]) -> None:
    """Adds to the counts, each kind once."""
    rows = sorted(
        (*each.kind, each.subject_id, each.resource_id, each.count, each.last_at) for each in found
    )
    if rows:
        await raw.execute(_ADD, *zip(*rows, strict=True))


async def of_version(raw: asyncpg.Connection, version: int, *, limit: int) -> list[Disagreement]:
    """The kinds of disagreement of a version with whatever was live, the most frequent first."""
    rows = await raw.fetch(_LIST, version, limit)
    return [Disagreement(DisagreementKind(*row[:6]), *row[6:]) for row in rows]
