"""What can be asked about tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from identity.domain.pages import page_size
from identity.domain.tags import MalformedTag, TagNotFound, word
from identity.store import customers as customer_store
from identity.store import tags as store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import asyncpg
    from servicekit.database import Database

    from identity.domain.tags import Tag, Tagged

WORDS_MAX = 10
PAGES_LOOKED_AT_MAX = 20
"""How many pages are looked through for customers whom the caller may read, before the page is handed out short."""


@dataclass(frozen=True, slots=True)
class Search:
    """Customers wanted: all of some tags, none of others, from behind the customer id `after`."""

    all_of: Sequence[str]
    none_of: Sequence[str]
    with_closed: bool
    page_size: int
    after: int


@dataclass(frozen=True, slots=True)
class Found:
    """Golden and master ids in a steady order, and where to go on; None at the end."""

    customers: Sequence[tuple[str, str]]
    next_after: int | None


async def list_tags(database: Database, *, with_retired: bool) -> list[Tag]:
    """Every tag by name with its members counted."""
    async with database.raw() as raw:
        return await store.every_tag(raw, with_retired=with_retired)


async def tags_of_customer(
    database: Database, customer_id: str, *, with_former: bool
) -> list[Tagged]:
    """A customer's tags, newest first; raises `CustomerNotFound`."""
    async with database.raw() as raw:
        customer = await customer_store.customer_named(raw, customer_id)
        return await store.tags_of(raw, customer.customer_id, with_former=with_former)


async def find_customers(
    database: Database, search: Search, *, may_read: Callable[[Sequence[str]], set[str]]
) -> Found:
    """A page of the customers wanted whom the caller may read; `may_read` keeps the readable of some Golden IDs.

    Raises `MalformedTag` without a tag or with more than ten, and `TagNotFound`.
    """
    if not 1 <= len(search.all_of) <= WORDS_MAX or len(search.none_of) > WORDS_MAX:
        raise MalformedTag(f"name 1 to {WORDS_MAX} tags")
    size = page_size(search.page_size)
    async with database.raw() as raw:
        all_of = await _tag_ids(raw, search.all_of)
        none_of = await _tag_ids(raw, search.none_of)
        if not search.with_closed:
            none_of += [tag for tag in await store.closing_tags(raw) if tag not in all_of]
        return await _readable(raw, (all_of, none_of), may_read, after=search.after, size=size)


async def _readable(
    raw: asyncpg.Connection,
    tags: tuple[list[int], list[int]],
    may_read: Callable[[Sequence[str]], set[str]],
    *,
    after: int,
    size: int,
) -> Found:
    kept: list[tuple[str, str]] = []
    for _ in range(PAGES_LOOKED_AT_MAX):
        rows = await store.find(raw, *tags, after=after, count=size)
        readable = may_read([row["golden_id"] for row in rows])
        for row in rows:
            after = row["customer_id"]
            if row["golden_id"] in readable:
                kept.append((row["golden_id"], row["master_id"]))
                if len(kept) == size:
                    return Found(kept, after)
        if len(rows) < size:
            return Found(kept, None)
    return Found(kept, after)


async def _tag_ids(raw: asyncpg.Connection, words: Sequence[str]) -> list[int]:
    wanted = {word(text) for text in words}
    known = await store.tag_ids_of(raw, wanted)
    if missing := wanted - known.keys():
        raise TagNotFound(f"no such tag: {', '.join(sorted(missing))}")
    return sorted(set(known.values()))
