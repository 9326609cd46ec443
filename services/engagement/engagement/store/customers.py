"""Whose opportunities are whose after customers merged and parted; and the Golden IDs that stand for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.store import standings
from engagement.store.watches import SPLIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

ABOUT_CUSTOMERS = [SPLIT, *standings.FINDS]
"""Rules whose finds are about customers, not about leads or reps."""

_UNALIAS = "delete from golden_aliases where golden_id = any($1::text[])"
_FOLLOW = "update golden_aliases set into_golden_id = $2 where into_golden_id = any($1::text[])"
_ALIAS = """
insert into golden_aliases (golden_id, into_golden_id) select golden_id, $2 from unnest($1::text[]) as golden_id
on conflict (golden_id) do update set into_golden_id = excluded.into_golden_id
"""
_REKEY = """
with contacts_follow as (update contacts set golden_id = $2 where golden_id = any($1::text[])),
transcripts_follow as (update transcripts set golden_id = $2 where golden_id = any($1::text[])),
behaviours_follow as (update behaviours set golden_id = $2 where golden_id = any($1::text[])),
contracts_follow as (update contracts set golden_id = $2 where golden_id = any($1::text[])),
payments_follow as (update payments set golden_id = $2 where golden_id = any($1::text[])),
tasks_follow as (update tasks set golden_id = $2 where golden_id = any($1::text[])),
tickets_follow as (update service_records set golden_id = $2 where golden_id = any($1::text[])),
risks_follow as (update company_risks set golden_id = $2 where golden_id = any($1::text[])),
finds_follow as (
  update watch_finds set subject = $2 where rule = any($3::text[]) and subject = any($1::text[])
),
banners_fall as (delete from banners where golden_id = any($1::text[])),
points as (
  delete from address_points where golden_id = any($1::text[]) returning lead_id, sealed_point, put_by, put_at
), point_follows as (
  insert into address_points (golden_id, lead_id, sealed_point, put_by, put_at)
  select $2, points.* from points order by put_at desc limit 1 on conflict (golden_id) do nothing
)
update opportunities set golden_id = $2 where golden_id = any($1::text[])
"""
_TAKE_ALONG = """
with tasks_follow as (update tasks set golden_id = $2 where lead_id = any($1::uuid[]))
update opportunities set golden_id = $2 where lead_id = any($1::uuid[])
"""


async def merge(raw: asyncpg.Connection, golden_ids: Sequence[str], into: str) -> None:
    """Makes all that is customers' another's, and lets whatever comes under their Golden IDs be that one's, too."""
    await raw.execute(_UNALIAS, [into])
    await raw.execute(_FOLLOW, golden_ids, into)
    await raw.execute(_ALIAS, golden_ids, into)
    await raw.execute(_REKEY, golden_ids, into, ABOUT_CUSTOMERS)
    await standings.merge(raw, golden_ids, into)


async def part(raw: asyncpg.Connection, golden_id: str, lead_ids: Sequence[UUID]) -> None:
    """Makes leads' opportunities those of a customer who turned out to be one of their own.

    What other systems reported stays with whom it was reported of.
    """
    await raw.execute(_UNALIAS, [golden_id])
    await raw.execute(_TAKE_ALONG, lead_ids, golden_id)
