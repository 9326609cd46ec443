"""What is kept about leads that says, or helps to say, whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg

    from engagement.seals import Seals

_KEPT = """
select lead_id, channel, received_at, opened_at, owner_id, contacted_at
from opportunities where lead_id = any($1::uuid[]) order by lead_id
"""


_FOLLOW_UPS = """
select follow_up_id, lead_id, author_id, recorded_at, objection, response, next_action, due_at, sealed_details
from follow_ups where lead_id = any($1::uuid[]) order by recorded_at, follow_up_id
"""
_THEIRS = "select golden_id from opportunities where lead_id = any($1::uuid[])"
_SAID = f"""
select contact_id, happened_at, sealed_lines, tags from transcripts where golden_id in ({_THEIRS})
order by happened_at, contact_id
"""
_RECORDED = f"""
select c.happened_at, r.queued_at as recorded_told_at, r.reason from recordings r join contacts c using (contact_id)
where c.golden_id in ({_THEIRS}) and r.sealed_url <> '' order by c.happened_at, c.contact_id
"""
_DONE = f"""
select tag, rule_id, happened_at, marked_by from behaviours where golden_id in ({_THEIRS})
order by happened_at, behaviour_id
"""
_TASKS = f"""
select task_id, kind, needs, sealed_answers, opened_at, answered_at, answered_by, closed_at from tasks
where lead_id = any($1::uuid[]) or golden_id in ({_THEIRS}) order by opened_at, task_id
"""
_HELPED = f"""
select ticket_no, channel, type, status, opened_at, closed_at from service_records where golden_id in ({_THEIRS})
order by opened_at, record_id
"""
_STOOD = f"""
select name, number, moment, word, measured_at from standing_figures where golden_id in ({_THEIRS})
order by golden_id, name
"""
_FORGET = """
with words as (
  update follow_ups set sealed_details = '' where lead_id = any($1::uuid[]) and sealed_details <> '' returning 1
), earlier as (
  update follow_up_wordings w set sealed_details = '' from follow_ups f
  where w.follow_up_id = f.follow_up_id and f.lead_id = any($1::uuid[]) and w.sealed_details <> '' returning 1
), points as (
  delete from address_points where lead_id = any($1::uuid[]) returning 1
), theirs as (
  select distinct golden_id from opportunities where lead_id = any($1::uuid[]) and golden_id is not null
), said as (
  delete from transcripts where golden_id in (select golden_id from theirs) returning 1
), done as (
  delete from behaviours where golden_id in (select golden_id from theirs) returning 1
), shown as (
  delete from banners where golden_id in (select golden_id from theirs) returning 1
), answered as (
  update tasks set sealed_answers = ''
  where (lead_id = any($1::uuid[]) or golden_id in (select golden_id from theirs)) and sealed_answers <> '' returning 1
), helped as (
  delete from service_records where golden_id in (select golden_id from theirs) returning 1
), checked as (
  delete from standings where golden_id in (select golden_id from theirs)
), stood as (
  delete from standing_figures where golden_id in (select golden_id from theirs) returning 1
), scored as (
  delete from health_weeks where golden_id in (select golden_id from theirs) returning 1
), risked as (
  delete from company_risks where golden_id in (select golden_id from theirs) returning 1
), unheard as (
  update recordings r set sealed_url = '', state = 2, reason = '', failed_at = null from contacts c
  where c.contact_id = r.contact_id and c.golden_id in (select golden_id from theirs) and r.sealed_url <> '' returning 1
)
select (select count(*) from unheard)
  + (select count(*) from words) + (select count(*) from earlier) + (select count(*) from points)
  + (select count(*) from said) + (select count(*) from done) + (select count(*) from shown)
  + (select count(*) from answered) + (select count(*) from helped) + (select count(*) from stood)
  + (select count(*) from scored) + (select count(*) from risked)
"""


async def forget(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> int:
    """Forgets what was written about whoever these leads are, what they said and did, and where they are.

    Returns how many rows that were.
    """
    count: int = await raw.fetchval(_FORGET, lead_ids)
    return count


async def follow_ups_about(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], seals: Seals
) -> list[dict[str, Any]]:
    """What was written about these leads."""
    rows = [dict(row) for row in await raw.fetch(_FOLLOW_UPS, lead_ids)]
    for row in rows:
        details = seals.open_details(row["follow_up_id"], row.pop("sealed_details"))
        row["details"] = [told for told in details if told]
    return rows


async def said_by(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], seals: Seals
) -> list[dict[str, Any]]:
    """What whoever these leads are said, and the behaviours found in it or marked."""
    said = []
    for row in await raw.fetch(_SAID, lead_ids):
        lines, _ = seals.open_transcript(row["contact_id"], row["sealed_lines"])
        words = [line.text for line in lines]
        said.append({"happened_at": row["happened_at"], "said": words, "tags": row["tags"]})
    return said + [dict(row) for row in await raw.fetch(_DONE, lead_ids)]


async def recorded_of(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The recordings of whoever these leads are that wait to be written down, or cannot be."""
    return [dict(row) for row in await raw.fetch(_RECORDED, lead_ids)]


async def tasks_about(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], seals: Seals
) -> list[dict[str, Any]]:
    """What people answered about these leads, and the tickets and figures of whoever they are."""
    rows = [dict(row) for row in await raw.fetch(_TASKS, lead_ids)]
    for row in rows:
        answers, reason = seals.open_answers(row["task_id"], row.pop("sealed_answers"))
        row["answers"] = dict(zip(row.pop("needs"), answers, strict=False))
        row["return_reason"] = reason
    rows += [dict(row) for row in await raw.fetch(_HELPED, lead_ids)]
    return rows + [dict(row) for row in await raw.fetch(_STOOD, lead_ids)]


async def kept_about(raw: asyncpg.Connection, lead_ids: Sequence[UUID]) -> list[Any]:
    """What is on record about these leads."""
    return list(await raw.fetch(_KEPT, lead_ids))
