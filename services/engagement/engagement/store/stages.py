"""How far opportunities are, their moves, and the documents about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engagement.domain.opportunities import State
from engagement.domain.stages import Cause, Deal, Document, Move, Standing, Stay

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    import asyncpg

_BEGIN = """
insert into stages (lead_id, stage, since, move_count, is_overdue_told, currency, contract_no, done)
select lead_id, $2, $3, 0, false, 'CNY', '', '{}' from unnest($1::uuid[]) as lead_id on conflict do nothing
"""
_GET = """
select lead_id, stage, since, move_count, amount_minor, currency, contract_no, closes_on, done
from stages where lead_id = $1
"""
_LOCK = f"{_GET} for update"
_DOCUMENTS = (
    "select kind, roles, sha256 from documents where lead_id = $1 order by added_at, kind, sha256"
)
_MOVE = """
update stages set stage = $2, since = $3, move_count = $4, is_overdue_told = false where lead_id = $1
"""
_ADD_MOVE = """
insert into moves (lead_id, move_no, origin, destination, cause, moved_at, moved_by, machine_version, evidence)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_MOVES = """
select lead_id, move_no, origin, destination as to, cause, moved_at, moved_by, machine_version, evidence
from moves where lead_id = $1 order by move_no
"""
_ENTERED = "select moved_at from moves where lead_id = $1 and destination = $2 order by move_no"
_DONE = """
update stages set done = array_append(done, $2) where lead_id = $1 and not done @> array[$2]::varchar[]
"""
_ADD_DOCUMENT = """
insert into documents (lead_id, kind, sha256, roles, added_by, added_at) values ($1, $2, $3, $4, $5, $6)
on conflict (lead_id, kind, sha256) do update
set roles = array(select distinct unnest(documents.roles || excluded.roles) order by 1)
"""
_SET_DEAL = """
update stages set amount_minor = $2, currency = $3, contract_no = $4, closes_on = $5 where lead_id = $1
"""
_SAID_SINCE = f"""
select exists (
  select from opportunities o join moves m using (lead_id)
  where o.golden_id = $1 and m.cause = {Cause.SAID:d} and m.moved_at > $2
)
"""
_TAKE_OVERDUE = f"""
with due as (
  select s.lead_id from stages s join opportunities o using (lead_id)
  where not s.is_overdue_told and s.since <= $1 and o.state = {State.OPEN} and s.stage <> $3
  order by s.since limit $2 for update of s skip locked
), told as (
  update stages s set is_overdue_told = true from due where s.lead_id = due.lead_id
  returning s.lead_id, s.stage, s.since
)
select told.lead_id, o.golden_id, o.owner_id, told.stage, told.since from told join opportunities o using (lead_id)
order by told.since, told.lead_id
"""


async def begin(
    raw: asyncpg.Connection, lead_ids: Sequence[UUID], stage: str, *, now: datetime
) -> None:
    """Puts new opportunities at the first stage."""
    await raw.execute(_BEGIN, lead_ids, stage, now)


async def get(raw: asyncpg.Connection, lead_id: UUID) -> Standing | None:
    """How far an opportunity is."""
    return await _standing(raw, await raw.fetchrow(_GET, lead_id))


async def lock(raw: asyncpg.Connection, lead_id: UUID) -> Standing | None:
    """How far an opportunity is; nobody else moves it until the transaction ends."""
    return await _standing(raw, await raw.fetchrow(_LOCK, lead_id))


async def move(raw: asyncpg.Connection, made: Move) -> None:
    """Moves an opportunity."""
    await raw.execute(_MOVE, made.lead_id, made.to, made.moved_at, made.move_no)
    await raw.execute(
        _ADD_MOVE,
        made.lead_id,
        made.move_no,
        made.origin,
        made.to,
        made.cause,
        made.moved_at,
        made.moved_by,
        made.machine_version,
        list(made.evidence),
    )


async def moves(raw: asyncpg.Connection, lead_id: UUID) -> list[Move]:
    """Every move of an opportunity, oldest first."""
    return [
        Move(**{**dict(row), "cause": Cause(row["cause"]), "evidence": tuple(row["evidence"])})
        for row in await raw.fetch(_MOVES, lead_id)
    ]


async def entered(raw: asyncpg.Connection, lead_id: UUID, stage: str) -> list[datetime]:
    """When an opportunity came to a stage, each time."""
    return [row[0] for row in await raw.fetch(_ENTERED, lead_id, stage)]


async def complete(raw: asyncpg.Connection, lead_id: UUID, action: str) -> None:
    """Takes note that an action was done."""
    await raw.execute(_DONE, lead_id, action)


async def add_document(
    raw: asyncpg.Connection, lead_id: UUID, document: Document, *, by: str, now: datetime
) -> None:
    """Puts a document on record; of one that is, the people in it add up."""
    roles = sorted(document.roles)
    await raw.execute(_ADD_DOCUMENT, lead_id, document.kind, document.sha256, roles, by, now)


async def set_deal(raw: asyncpg.Connection, lead_id: UUID, deal: Deal) -> None:
    """Keeps what a deal is about."""
    await raw.execute(
        _SET_DEAL, lead_id, deal.amount_minor, deal.currency, deal.contract_no, deal.closes_on
    )


async def was_moved_by_words(raw: asyncpg.Connection, golden_id: str, since: datetime) -> bool:
    """Whether a customer's words moved an opportunity of theirs after a time."""
    moved: bool = await raw.fetchval(_SAID_SINCE, golden_id, since)
    return moved


async def take_overdue(
    raw: asyncpg.Connection, *, entered_until: datetime, last_stage: str, limit: int
) -> list[Stay]:
    """Open opportunities that came to their stage so long ago, each once for a stay."""
    rows = await raw.fetch(_TAKE_OVERDUE, entered_until, limit, last_stage)
    return [Stay(*row) for row in rows]


async def _standing(raw: asyncpg.Connection, row: asyncpg.Record | None) -> Standing | None:
    if row is None:
        return None
    documents = await raw.fetch(_DOCUMENTS, row["lead_id"])
    return Standing(
        lead_id=row["lead_id"],
        stage=row["stage"],
        since=row["since"],
        move_count=row["move_count"],
        deal=Deal(row["amount_minor"], row["currency"], row["contract_no"], row["closes_on"]),
        done=frozenset(row["done"]),
        documents=tuple(
            Document(each["kind"], frozenset(each["roles"]), each["sha256"]) for each in documents
        ),
    )
