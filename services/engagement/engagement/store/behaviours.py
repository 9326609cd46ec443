"""What customers said, the behaviours in it, and the banners that are up."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from engagement.domain.behaviours import BY_HAND, Behaviour, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import asyncpg

    from engagement.seals import Seals

LISTED_MAX = 200
_BEHAVIOURS = UUID("7d1c2f5e-8a54-5e0a-9a43-6f2b0c1d4e87")

_GET = """
select contact_id, golden_id, happened_at, sealed_lines, policy_version from transcripts
where contact_id = any($1::uuid[])
"""
_KEEP = """
insert into transcripts (contact_id, golden_id, happened_at, sealed_lines, tags, policy_version)
select t.contact_id, coalesce(a.into_golden_id, t.golden_id), t.happened_at, t.sealed_lines,
       coalesce(string_to_array(nullif(t.tags, ''), ','), '{}'), t.policy_version
from (select $1::uuid as contact_id, $2::text as golden_id, $3::timestamptz as happened_at, $4::bytea as sealed_lines,
             $5::text as tags, $6::int4 as policy_version) t
left join golden_aliases a on a.golden_id = t.golden_id
on conflict (contact_id) do update set sealed_lines = excluded.sealed_lines,
  tags = excluded.tags, policy_version = excluded.policy_version
returning golden_id
"""
_ADD = """
insert into behaviours (behaviour_id, golden_id, tag, rule_id, policy_version, happened_at, contact_id, marked_by)
select t.behaviour_id, $2, t.tag, t.rule_id, t.policy_version, t.happened_at, t.contact_id, t.marked_by
from unnest($1::uuid[], $3::text[], $4::text[], $5::int4[], $6::timestamptz[], $7::uuid[], $8::text[])
  as t (behaviour_id, tag, rule_id, policy_version, happened_at, contact_id, marked_by)
on conflict (behaviour_id) do nothing returning behaviour_id
"""
_LIST = f"""
select tag, rule_id, policy_version, happened_at, contact_id, marked_by from behaviours
where golden_id = $1 order by happened_at desc, behaviour_id limit {LISTED_MAX}
"""
_NEWEST_TAGS = """
select tags from transcripts where golden_id = $1 order by happened_at desc, contact_id limit $2
"""
_RAISE = "insert into banners (golden_id, banner_id, since) values ($1, $2, $3) on conflict do nothing returning 1"
_LOWER = "delete from banners where golden_id = $1 and banner_id = $2"
_BANNERS = "select banner_id, since from banners where golden_id = $1 order by since, banner_id"


async def get(
    raw: asyncpg.Connection, contact_ids: Sequence[UUID], seals: Seals
) -> dict[UUID, Transcript]:
    """What is on record of what was said in contacts."""
    found = {}
    for row in await raw.fetch(_GET, contact_ids):
        said = dict(row)
        lines, marks = seals.open_transcript(row["contact_id"], said.pop("sealed_lines"))
        found[row["contact_id"]] = Transcript(**said, lines=lines, marks=marks)
    return found


async def keep(raw: asyncpg.Connection, transcript: Transcript, seals: Seals) -> str:
    """Keeps what was said, in place of what was on record; returns the Golden ID under which that is."""
    golden_id: str = await raw.fetchval(
        _KEEP,
        transcript.contact_id,
        transcript.golden_id,
        transcript.happened_at,
        seals.seal_transcript(transcript.contact_id, transcript.lines, transcript.marks),
        ",".join(sorted(transcript.tags)),
        transcript.policy_version,
    )
    return golden_id


async def add(
    raw: asyncpg.Connection, golden_id: str, behaviours: Sequence[Behaviour]
) -> list[Behaviour]:
    """Keeps behaviours of a customer; returns those that were not on record."""
    ids = {_id_of(golden_id, each): each for each in behaviours}
    listed = list(ids.values())
    rows = await raw.fetch(
        _ADD,
        list(ids),
        golden_id,
        [each.tag for each in listed],
        [each.rule_id for each in listed],
        [each.policy_version for each in listed],
        [each.happened_at for each in listed],
        [each.contact_id for each in listed],
        [each.marked_by for each in listed],
    )
    return [ids[row["behaviour_id"]] for row in rows]


async def newest(raw: asyncpg.Connection, golden_id: str) -> list[Behaviour]:
    """A customer's behaviours, newest first, at most `LISTED_MAX`."""
    return [Behaviour(**dict(row)) for row in await raw.fetch(_LIST, golden_id)]


async def newest_tags(raw: asyncpg.Connection, golden_id: str, limit: int) -> list[frozenset[str]]:
    """The tags of each of a customer's newest contacts in which something was said, newest first."""
    rows = await raw.fetch(_NEWEST_TAGS, golden_id, limit)
    return [frozenset(row["tags"] or ()) for row in rows]


async def raise_banner(
    raw: asyncpg.Connection, golden_id: str, banner_id: str, *, now: datetime
) -> bool:
    """Puts a banner up; False when it is up already."""
    return await raw.fetchval(_RAISE, golden_id, banner_id, now) is not None


async def lower_banners(raw: asyncpg.Connection, golden_id: str, banner_ids: Iterable[str]) -> None:
    """Takes banners down."""
    for banner_id in banner_ids:
        await raw.execute(_LOWER, golden_id, banner_id)


async def banners(raw: asyncpg.Connection, golden_id: str) -> dict[str, datetime]:
    """The banners that are up, and since when."""
    return dict(await raw.fetch(_BANNERS, golden_id))


def _id_of(golden_id: str, behaviour: Behaviour) -> UUID:
    """One id for each tag of a contact, and for each mark of one person on one day."""
    if behaviour.rule_id == BY_HAND:
        day = behaviour.happened_at.date().isoformat()
        return uuid5(_BEHAVIOURS, f"{golden_id}|{behaviour.tag}|{behaviour.marked_by}|{day}")
    return uuid5(_BEHAVIOURS, f"{behaviour.contact_id}|{behaviour.tag}")
