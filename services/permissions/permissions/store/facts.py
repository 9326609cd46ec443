"""Facts on record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from accesskit.changes import FactPut
from accesskit.facts import Fact

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg
    from accesskit.changes import Change

    from permissions.domain.facts import FactFilter, Key

_KEY = "resource_type, resource_id, relation, subject_type, subject_id, subject_relation"
_COLUMNS = f"{_KEY}, condition, context, until_s, seq"
_KEYS = "unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])"
_ALL = f"select {_COLUMNS} from facts order by {_KEY}"
_AFTER = f"select {_COLUMNS} from facts where seq > $1"
_OF_KEYS = f"select {_COLUMNS} from facts where ({_KEY}) in (select * from {_KEYS})"
_REMOVE = f"delete from facts where ({_KEY}) in (select * from {_KEYS})"
_PUT = f"""
insert into facts ({_COLUMNS})
select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[],
  $10::bigint[]
)
on conflict ({_KEY}) do update set
  condition = excluded.condition, context = excluded.context, until_s = excluded.until_s, seq = excluded.seq
"""
_PAGE = f"""
select {_COLUMNS} from facts
where ($1 = '' or resource_type = $1) and ($2 = '' or resource_id = $2) and ($3 = '' or relation = $3)
  and ($4 = '' or subject_type = $4) and ($5 = '' or subject_id = $5)
  and ({_KEY}) > ($6, $7, $8, $9, $10, $11)
order by {_KEY} limit $12
"""
# The superiors of the first people and the subordinates of the second, level by level; UNION ends at a cycle.
_ORG_AROUND = """
with recursive
up (subject_id, resource_id) as (
  select subject_id, resource_id from facts
  where resource_type = 'user' and relation = 'manager' and resource_id = any($1::text[])
  union
  select facts.subject_id, facts.resource_id from facts join up on facts.resource_id = up.subject_id
  where facts.resource_type = 'user' and facts.relation = 'manager'
),
down (subject_id, resource_id) as (
  select subject_id, resource_id from facts
  where subject_type = 'user' and relation = 'manager' and subject_id = any($2::text[])
  union
  select facts.subject_id, facts.resource_id from facts join down on facts.subject_id = down.resource_id
  where facts.subject_type = 'user' and facts.relation = 'manager'
)
select resource_id, subject_id from up union select resource_id, subject_id from down
"""


async def load(raw: asyncpg.Connection) -> list[Change]:
    """All of them, as the changes that state them."""
    return [FactPut(_fact(row)) for row in await raw.fetch(_ALL)]


async def stated_after(raw: asyncpg.Connection, seq: int) -> list[Fact]:
    """The facts that were stated after an entry; after 0 they are all."""
    return [_fact(row) for row in await raw.fetch(_AFTER, seq)]


async def of_keys(raw: asyncpg.Connection, keys: Collection[Key]) -> dict[Key, Fact]:
    """Those of the keys that are on record."""
    facts = [_fact(row) for row in await raw.fetch(_OF_KEYS, *_columns(keys, width=6))]
    return {fact.key: fact for fact in facts}


async def put(raw: asyncpg.Connection, facts: Collection[Fact]) -> None:
    """States facts, in place of those with the same keys."""
    rows = [
        (*fact.key, fact.condition, _stored(fact.context), fact.until_s, fact.seq) for fact in facts
    ]
    await raw.execute(_PUT, *_columns(rows, width=10))


async def remove(raw: asyncpg.Connection, keys: Collection[Key]) -> None:
    """Forgets facts."""
    await raw.execute(_REMOVE, *_columns(keys, width=6))


async def page(
    raw: asyncpg.Connection, wanted: FactFilter, *, after: Key, limit: int
) -> list[Fact]:
    """The next facts that match, ordered by their keys."""
    return [_fact(row) for row in await raw.fetch(_PAGE, *wanted, *after, limit)]


async def org_around(
    raw: asyncpg.Connection, *, above: Collection[str], below: Collection[str]
) -> dict[str, str]:
    """Each person's manager: of everybody `above` these people and `below` those, at any distance."""
    rows = await raw.fetch(_ORG_AROUND, list(above), list(below))
    return dict(rows)


def _columns(rows: Collection[tuple[Any, ...]], *, width: int) -> Sequence[Sequence[Any]]:
    """The rows as one array for each column."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _stored(context: dict[str, Any] | None) -> str | None:
    return None if context is None else json.dumps(context, ensure_ascii=False, sort_keys=True)


def _fact(row: asyncpg.Record) -> Fact:
    fields = dict(row)
    if fields["context"] is not None:
        fields["context"] = json.loads(fields["context"])
    return Fact(**fields)
