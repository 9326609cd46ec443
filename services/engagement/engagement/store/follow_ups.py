"""Follow-ups and their evidence."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from engagement.domain.follow_ups import Box, Evidence, EvidenceKind, FollowUp, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from engagement.seals import Seals

_COLUMNS = """
  follow_up_id, lead_id, author_id, recorded_at, objection, response, next_action, due_at, sealed_details,
  is_contact, effective_at, policy_version, version, corrected_at
"""
_ADD = f"""
insert into follow_ups ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (follow_up_id) do nothing returning follow_up_id
"""
_ADD_EVIDENCE = """
insert into evidence
  (follow_up_id, evidence_no, kind, contact_id, seconds, message_count, reference, media_type, size_bytes, distance_m)
select $1, t.* from unnest($2::int2[], $3::int2[], $4::uuid[], $5::int4[], $6::int4[], $7::text[], $8::text[],
  $9::int8[], $10::float8[]) as t
"""
_GET = (
    f"select {_COLUMNS} from follow_ups where follow_up_id = any($1::uuid[]) order by follow_up_id"
)
_LIST = f"""
select {_COLUMNS} from follow_ups
where lead_id = $1 and ($2::timestamptz is null or (recorded_at, follow_up_id) < ($2, $3))
order by recorded_at desc, follow_up_id desc limit $4
"""
_EVIDENCE = """
select follow_up_id, kind, contact_id, seconds, message_count, reference, media_type, size_bytes, distance_m
from evidence where follow_up_id = any($1::uuid[]) order by follow_up_id, evidence_no
"""
_KEEP_WORDING = """
insert into follow_up_wordings
  (follow_up_id, version, objection, response, next_action, due_at, sealed_details, until)
select follow_up_id, version, objection, response, next_action, due_at, sealed_details, $2
from follow_ups where follow_up_id = $1
"""
_REWORD = """
update follow_ups set objection = $2, response = $3, next_action = $4, due_at = $5, sealed_details = $6,
  version = version + 1, corrected_at = $7
where follow_up_id = $1
"""
_CLAIMED = f"""
select e.follow_up_id, e.evidence_no, e.kind, f.recorded_at, o.golden_id
from opportunities o join follow_ups f using (lead_id) join evidence e using (follow_up_id)
where o.golden_id = any($1::text[]) and e.contact_id is null
  and e.kind in ({EvidenceKind.CALL:d}, {EvidenceKind.CHAT:d}, {EvidenceKind.MEETING:d})
order by f.recorded_at, e.follow_up_id, e.evidence_no
"""
_CONFIRM = """
update evidence set contact_id = t.contact_id, seconds = c.seconds, message_count = c.message_count
from unnest($1::uuid[], $2::int2[], $3::uuid[]) as t (follow_up_id, evidence_no, contact_id)
join contacts c on c.contact_id = t.contact_id
where evidence.follow_up_id = t.follow_up_id and evidence.evidence_no = t.evidence_no
"""
_RENEW = """
update evidence set seconds = c.seconds, message_count = c.message_count
from contacts c where c.contact_id = any($1::uuid[]) and evidence.contact_id = c.contact_id
"""
_JUDGE = """
update follow_ups set effective_at = $2, policy_version = $3 where follow_up_id = any($1::uuid[])
"""
_EFFORT = f"""
select author_id, count(*) as follow_up_count,
  count(*) filter (where kinds @> array[{EvidenceKind.ATTACHMENT:d}]) as attachment_count,
  count(*) filter (where kinds @> array[{EvidenceKind.CALL:d}]) as call_count,
  count(*) filter (where kinds @> array[{EvidenceKind.VISIT:d}]) as visit_count,
  count(effective_at) as effective_count
from follow_ups f cross join lateral (
  select array_agg(kind::int4) as kinds from evidence e
  where e.follow_up_id = f.follow_up_id and (e.kind <> {EvidenceKind.CALL:d} or e.contact_id is not null)
) e
where recorded_at >= $1 and recorded_at < $2 group by author_id order by author_id
"""


class Claimed(NamedTuple):
    """Evidence of a kind that systems report, which none has reported yet."""

    follow_up_id: UUID
    evidence_no: int
    kind: EvidenceKind
    recorded_at: datetime
    golden_id: str


async def add(raw: asyncpg.Connection, follow_up: FollowUp, seals: Seals) -> bool:
    """Records a follow-up with its evidence; False when one of its id is on record."""
    added = await raw.fetchval(
        _ADD,
        follow_up.follow_up_id,
        follow_up.lead_id,
        follow_up.author_id,
        follow_up.recorded_at,
        *_wording(follow_up.follow_up_id, follow_up.statement, seals),
        follow_up.is_contact,
        follow_up.effective_at,
        follow_up.policy_version,
        follow_up.version,
        follow_up.corrected_at,
    )
    if added is None:
        return False
    await _add_evidence(raw, follow_up)
    return True


async def get(
    raw: asyncpg.Connection, follow_up_ids: Sequence[UUID], seals: Seals
) -> dict[UUID, FollowUp]:
    """Those of the follow-ups that are on record."""
    rows = await raw.fetch(_GET, follow_up_ids)
    return {each.follow_up_id: each for each in await _with_evidence(raw, rows, seals)}


async def page(
    raw: asyncpg.Connection,
    lead_id: UUID,
    seals: Seals,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[FollowUp]:
    """A lead's follow-ups, newest first, from before the last one of another page."""
    recorded_at, follow_up_id = before or (None, None)
    rows = await raw.fetch(_LIST, lead_id, recorded_at, follow_up_id, limit)
    return await _with_evidence(raw, rows, seals)


async def reword(
    raw: asyncpg.Connection,
    follow_up_id: UUID,
    statement: Statement,
    seals: Seals,
    *,
    now: datetime,
) -> None:
    """Gives a follow-up other words and keeps those before."""
    await raw.execute(_KEEP_WORDING, follow_up_id, now)
    await raw.execute(_REWORD, follow_up_id, *_wording(follow_up_id, statement, seals), now)


async def claims(raw: asyncpg.Connection, golden_ids: Sequence[str]) -> list[Claimed]:
    """What reps claim about customers and no system has reported yet, oldest first."""
    rows = await raw.fetch(_CLAIMED, golden_ids)
    return [Claimed(**{**dict(row), "kind": EvidenceKind(row["kind"])}) for row in rows]


async def confirm(raw: asyncpg.Connection, pairs: Sequence[tuple[Claimed, UUID]]) -> None:
    """Lets contacts confirm claims."""
    await raw.execute(
        _CONFIRM,
        [claim.follow_up_id for claim, _ in pairs],
        [claim.evidence_no for claim, _ in pairs],
        [contact_id for _, contact_id in pairs],
    )


async def renew(raw: asyncpg.Connection, contact_ids: Sequence[UUID]) -> None:
    """Brings evidence in line with contacts of which more is known now."""
    await raw.execute(_RENEW, contact_ids)


async def judge(
    raw: asyncpg.Connection, follow_up_ids: Sequence[UUID], *, now: datetime, policy_version: int
) -> None:
    """Lets follow-ups count."""
    await raw.execute(_JUDGE, follow_up_ids, now, policy_version)


async def effort(raw: asyncpg.Connection, since: datetime, until: datetime) -> list[asyncpg.Record]:
    """What each rep recorded in a span: a row of counts for each."""
    return list(await raw.fetch(_EFFORT, since, until))


def _wording(follow_up_id: UUID, statement: Statement, seals: Seals) -> list[object]:
    boxes = (statement.objection, statement.response, statement.next_action)
    details = [box.details for box in boxes]
    sealed = seals.seal_details(follow_up_id, details)
    return [*(box.word for box in boxes), statement.due_at, sealed]


async def _add_evidence(raw: asyncpg.Connection, follow_up: FollowUp) -> None:
    evidence = follow_up.evidence
    await raw.execute(
        _ADD_EVIDENCE,
        follow_up.follow_up_id,
        list(range(1, len(evidence) + 1)),
        [each.kind for each in evidence],
        [each.contact_id for each in evidence],
        [each.seconds for each in evidence],
        [each.message_count for each in evidence],
        [each.reference for each in evidence],
        [each.media_type for each in evidence],
        [each.size_bytes for each in evidence],
        [each.distance_m for each in evidence],
    )


async def _with_evidence(
    raw: asyncpg.Connection, rows: Iterable[asyncpg.Record], seals: Seals
) -> list[FollowUp]:
    rows = list(rows)
    evidence: defaultdict[UUID, list[Evidence]] = defaultdict(list)
    for row in await raw.fetch(_EVIDENCE, [row["follow_up_id"] for row in rows]):
        said = dict(row)
        follow_up_id = said.pop("follow_up_id")
        evidence[follow_up_id].append(Evidence(**{**said, "kind": EvidenceKind(said["kind"])}))
    return [_follow_up(row, tuple(evidence[row["follow_up_id"]]), seals) for row in rows]


def _follow_up(row: asyncpg.Record, evidence: tuple[Evidence, ...], seals: Seals) -> FollowUp:
    said = dict(row)
    details = seals.open_details(said["follow_up_id"], said.pop("sealed_details"))
    words = [said.pop(box) for box in ("objection", "response", "next_action")]
    objection, response, next_action = map(Box, words, details)
    statement = Statement(objection, response, next_action, said.pop("due_at"))
    return FollowUp(**said, statement=statement, evidence=evidence)
