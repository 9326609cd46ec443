"""Tags, the words that stand for them, of whom they were said, and who has them now.

`tag_grants` is the history, by the Golden ID that the customer had then; whichever customer that id stands for today
has the tag. `customer_tags` is what follows from it, kept for searching.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from identity.domain.tags import Computation, Definition, Metric, Tag, Tagged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import asyncpg

LISTED_MAX = 1000

_LOCK = "select pg_advisory_xact_lock(hashtextextended('identity/tags', 0))"
_COLUMNS = """
t.tag_id, t.name, t.dimension, t.rule, t.source, t.metric, t.within_days, t.at_least, t.is_closing, t.made_by,
t.made_at, t.retired_at, t.computed_at
"""
_BY_WORD = f"""
select {_COLUMNS}, 0::bigint as customer_count, array[]::text[] as synonyms
from tag_words w join tags t using (tag_id) where w.word = $1
"""
_BY_WORDS = (
    "select w.word, w.tag_id from tag_words w join tags t using (tag_id) where w.word = any($1)"
)
_ALL = f"""
select {_COLUMNS},
  (select count(*) from customer_tags c where c.tag_id = t.tag_id) as customer_count,
  array(select word from tag_words w where w.tag_id = t.tag_id and w.word <> t.name order by word) as synonyms
from tags t where $1 or t.retired_at is null order by t.name limit {LISTED_MAX}
"""
_ADD = """
with added as (
  insert into tags (name, dimension, rule, source, metric, within_days, at_least, is_closing, made_by, made_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning tag_id
)
insert into tag_words (word, tag_id) select $1, tag_id from added returning tag_id
"""
_ADD_WORD = "insert into tag_words (word, tag_id) values ($1, $2)"
_RETIRE = "update tags set retired_at = coalesce(retired_at, $2) where tag_id = $1"
_CLEAR = "delete from customer_tags where tag_id = $1"
_END_DOUBLES = """
update tag_grants g set until = $3 where tag_id = $1 and until is null and exists (
  select from tag_grants o where o.tag_id = $2 and o.golden_id = g.golden_id and o.until is null
)
"""
_MOVE_GRANTS = "update tag_grants set tag_id = $2 where tag_id = $1"
_MOVE_WORDS = "update tag_words set tag_id = $2 where tag_id = $1"
_MOVE_MEMBERS = """
with moved as (delete from customer_tags where tag_id = $1 returning customer_id),
given as (insert into customer_tags (tag_id, customer_id) select $2, customer_id from moved on conflict do nothing)
select count(*) from moved
"""
_END = """
update tag_grants g set until = $3 from aliases a
where a.golden_id = g.golden_id and a.customer_id = $1 and g.tag_id = any($2::int[]) and g.until is null
"""
_TAKE = "delete from customer_tags where customer_id = $1 and tag_id = any($2::int[])"
_GRANT = """
insert into tag_grants (tag_id, golden_id, evidence, actor, since) values ($1, $2, $3, $4, $5)
on conflict (tag_id, golden_id) where until is null do nothing
"""
_GIVE = "insert into customer_tags (tag_id, customer_id) values ($1, $2) on conflict do nothing"
_OF_DIMENSION = """
select t.tag_id, t.name from customer_tags c join tags t using (tag_id)
where c.customer_id = $1 and t.dimension = $2 and t.dimension <> '' and t.tag_id <> $3
"""
_OF_CUSTOMER = f"""
select {_COLUMNS}, g.evidence, g.actor, g.since, g.until
from aliases a join tag_grants g using (golden_id) join tags t using (tag_id)
where a.customer_id = $1 and ($2 or g.until is null) order by g.since desc, t.name limit {LISTED_MAX}
"""
_UNFOLLOW = "delete from customer_tags where customer_id = any($1::bigint[])"
_FOLLOW = """
insert into customer_tags (tag_id, customer_id)
select distinct on (a.customer_id, case t.dimension when '' then t.name else t.dimension end) t.tag_id, a.customer_id
from aliases a join tag_grants g using (golden_id) join tags t using (tag_id)
where a.customer_id = any($1::bigint[]) and g.until is null and t.retired_at is null
order by a.customer_id, case t.dimension when '' then t.name else t.dimension end, g.since desc, t.tag_id
on conflict do nothing
"""


async def lock_words(raw: asyncpg.Connection) -> None:
    """Waits until nobody else makes tags or words; there are few, made by few."""
    await raw.execute(_LOCK)


async def tag_of(raw: asyncpg.Connection, word: str) -> Tag | None:
    """The tag that a word stands for, without its counts; None when it stands for none."""
    row = await raw.fetchrow(_BY_WORD, word)
    return None if row is None else _tag(row)


async def tag_ids_of(raw: asyncpg.Connection, words: Collection[str]) -> dict[str, int]:
    """Tag ids by the words that stand for a tag; other words are absent."""
    return dict(await raw.fetch(_BY_WORDS, list(words)))


async def every_tag(raw: asyncpg.Connection, *, with_retired: bool) -> list[Tag]:
    """All tags by name, with how many customers have each."""
    return [_tag(row) for row in await raw.fetch(_ALL, with_retired)]


async def add_tag(
    raw: asyncpg.Connection, definition: Definition, *, made_by: str, made_at: datetime
) -> int:
    """Adds a tag whose name no word takes yet; returns its id."""
    computed = definition.computed_by
    tag_id: int = await raw.fetchval(
        _ADD,
        definition.name,
        definition.dimension,
        definition.rule,
        definition.source,
        computed and computed.metric,
        computed and computed.within_days,
        computed and computed.at_least,
        definition.is_closing,
        made_by,
        made_at,
    )
    return tag_id


async def add_word(raw: asyncpg.Connection, word: str, tag_id: int) -> None:
    """Makes a word that stands for nothing yet stand for a tag."""
    await raw.execute(_ADD_WORD, word, tag_id)


async def rename(raw: asyncpg.Connection, tag_id: int, *, into: int, at: datetime) -> int:
    """Makes a tag's words, history and members another's and takes it out of use; returns how many members it had."""
    await raw.execute(_END_DOUBLES, tag_id, into, at)
    await raw.execute(_MOVE_GRANTS, tag_id, into)
    await raw.execute(_MOVE_WORDS, tag_id, into)
    moved_count: int = await raw.fetchval(_MOVE_MEMBERS, tag_id, into)
    await raw.execute(_RETIRE, tag_id, at)
    return moved_count


async def retire(raw: asyncpg.Connection, tag_id: int, *, at: datetime) -> None:
    """Takes a tag out of use; nobody has it any more, its history stays."""
    await raw.execute(_RETIRE, tag_id, at)
    await raw.execute(_CLEAR, tag_id)


async def give(
    raw: asyncpg.Connection, tag: Tag, customer: tuple[int, str], tagged: Tagged
) -> list[str]:
    """Gives a customer (id and Golden ID) a tag; returns the tags of its dimension that it takes the place of."""
    customer_id, golden_id = customer
    others = await raw.fetch(_OF_DIMENSION, customer_id, tag.definition.dimension, tag.tag_id)
    if others:
        await take(raw, [row["tag_id"] for row in others], customer_id, at=tagged.since)
    await raw.execute(_GRANT, tag.tag_id, golden_id, tagged.evidence, tagged.actor, tagged.since)
    await raw.execute(_GIVE, tag.tag_id, customer_id)
    return [row["name"] for row in others]


async def take(
    raw: asyncpg.Connection, tag_ids: Sequence[int], customer_id: int, *, at: datetime
) -> None:
    """Takes tags from a customer, whichever of their Golden IDs they were said of."""
    await raw.execute(_END, customer_id, tag_ids, at)
    await raw.execute(_TAKE, customer_id, tag_ids)


async def tags_of(raw: asyncpg.Connection, customer_id: int, *, with_former: bool) -> list[Tagged]:
    """A customer's tags, newest first."""
    rows = await raw.fetch(_OF_CUSTOMER, customer_id, with_former)
    return [
        Tagged(_definition(row), row["evidence"], row["actor"], row["since"], row["until"])
        for row in rows
    ]


async def follow(raw: asyncpg.Connection, living: Sequence[int], gone: Sequence[int]) -> None:
    """Works out again who has which tag, after Golden IDs changed hands among these customers.

    Of two tags of one dimension the later one stands; the other comes back with whoever had it.
    """
    await raw.execute(_UNFOLLOW, [*living, *gone])
    await raw.execute(_FOLLOW, list(living))


async def find(
    raw: asyncpg.Connection,
    all_of: Sequence[int],
    none_of: Sequence[int],
    *,
    after: int,
    count: int,
) -> list[Any]:
    """Customers who have all of the tags and none of the others, in order of their ids, from behind `after`."""
    return list(await raw.fetch(_find(len(all_of)), after, list(none_of), count, *all_of))


async def closing_tags(raw: asyncpg.Connection) -> list[int]:
    """The tags of customers who are gone."""
    rows = await raw.fetch("select tag_id from tags where is_closing and retired_at is null")
    return [row["tag_id"] for row in rows]


def _find(tag_count: int) -> str:
    joined = "".join(
        f" join customer_tags t{number} on t{number}.customer_id = t1.customer_id and t{number}.tag_id = ${number + 3}"
        for number in range(2, tag_count + 1)
    )
    return f"""
    select c.customer_id, c.golden_id, c.master_id
    from customer_tags t1{joined} join customers c on c.customer_id = t1.customer_id
    where t1.tag_id = $4 and t1.customer_id > $1 and not exists (
      select from customer_tags x where x.customer_id = t1.customer_id and x.tag_id = any($2::int[])
    )
    order by t1.customer_id limit $3
    """


def _tag(row: Any) -> Tag:
    return Tag(
        row["tag_id"],
        _definition(row),
        tuple(row["synonyms"]),
        row["customer_count"],
        row["made_by"],
        row["made_at"],
        row["retired_at"],
        row["computed_at"],
    )


def _definition(row: Any) -> Definition:
    computed_by = (
        Computation(Metric(row["metric"]), row["within_days"], row["at_least"])
        if row["metric"] is not None
        else None
    )
    return Definition(
        row["name"],
        row["dimension"],
        row["rule"],
        row["source"],
        computed_by,
        row["is_closing"],
    )
