"""Backfills on a real database: each row once, from where the last batch ended, the same customers in any order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from identity.commands import backfills as commands
from identity.domain.backfills import (
    BackfillClosed,
    BackfillNotFound,
    MalformedBackfill,
    Row,
    RowsMissing,
)
from identity.queries import backfills as queries
from servicekit.events import new_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from identity.commands.resolving import Resolver
    from identity.domain.backfills import Backfill
    from servicekit.database import Database

SYSTEM = "kingdee"
USCC = "91440300708461136T"


def a_row(key: int, phone: int, name: str = "", **fields: str) -> Row:
    given = {"phone": f"+86138001{phone:05d}", "name": name or f"张{chr(0x4E00 + phone)}"}
    modified_at = datetime(2026, 2, 7, tzinfo=UTC) + timedelta(minutes=key)
    return Row(f"K{key}", {**given, **fields}, modified_at, "")


def some_rows(count: int) -> list[Row]:
    """Rows of which every third repeats an earlier person."""
    return [a_row(key, key // 3 if key % 3 == 0 else key) for key in range(count)]


async def opened(database: Database, name: str = "customers.csv", *, total: int = 0) -> Backfill:
    async with database.unit_of_work() as uow:
        return await commands.open_backfill(uow, SYSTEM, name, total_count=total, actor="leadctl")


async def put(
    database: Database,
    resolver: Resolver,
    backfill: Backfill,
    rows: Sequence[Row],
    *,
    first_row: int = 1,
) -> Backfill:
    async with database.unit_of_work() as uow:
        of = (SYSTEM, backfill.backfill_id)
        return await commands.put_rows(uow, resolver, of, rows, first_row=first_row)


async def partition(database: Database) -> set[tuple[str, int]]:
    """Each customer by Golden ID with how many sources they have."""
    async with database.raw() as raw:
        rows = await raw.fetch(
            "select c.golden_id, count(*) as n from sources s join records r using (record_id)"
            " join customers c using (customer_id) group by 1"
        )
    return {(row["golden_id"], row["n"]) for row in rows}


async def test_rows_become_customers_and_are_counted(
    database: Database, resolver: Resolver
) -> None:
    backfill = await opened(database, total=3)
    rows = [a_row(1, 1), a_row(2, 1), a_row(3, 2)]

    done = await put(database, resolver, backfill, rows)

    counts = done.counts
    assert (counts.done, counts.new, counts.joined, counts.unchanged) == (3, 2, 1, 0)
    assert sorted(n for _, n in await partition(database)) == [1, 2]


async def test_a_batch_that_is_repeated_or_overlaps_is_done_once(
    database: Database, resolver: Resolver
) -> None:
    backfill = await opened(database)
    rows = some_rows(30)
    await put(database, resolver, backfill, rows[:20])
    before = await partition(database)

    again = await put(database, resolver, backfill, rows[:20])
    assert (again.counts.done, await partition(database)) == (20, before)
    done = await put(database, resolver, backfill, rows[10:], first_row=11)

    assert done.counts.done == 30
    assert sum(n for _, n in await partition(database)) == 30


async def test_opening_again_finds_how_far_it_is(database: Database, resolver: Resolver) -> None:
    backfill = await opened(database)
    await put(database, resolver, backfill, some_rows(5))

    found = await opened(database, total=9)

    assert (found.backfill_id, found.counts.done, found.total_count) == (backfill.backfill_id, 5, 9)
    other = await opened(database, "other.csv")
    assert other.backfill_id != backfill.backfill_id


async def test_rows_are_not_passed_over(database: Database, resolver: Resolver) -> None:
    backfill = await opened(database)

    with pytest.raises(RowsMissing) as missing:
        await put(database, resolver, backfill, some_rows(1), first_row=2)

    assert missing.value.next_row == 1


async def test_rows_that_say_nothing_usable_are_refused_one_by_one(
    database: Database, resolver: Resolver
) -> None:
    backfill = await opened(database)
    rows = [
        a_row(1, 1),
        Row("", {"name": "无名"}, None, ""),
        Row("K3", {}, None, ""),
        Row("K4", {"Name!": "x"}, None, ""),
        Row("K5", {"name": "长" * 2001}, None, ""),
        Row("K" * 201, {"name": "x"}, None, ""),
        a_row(7, 2),
    ]

    done = await put(database, resolver, backfill, rows)

    refused = await queries.list_refused(database, backfill.backfill_id, after=0, count=10)
    assert (done.counts.done, done.counts.refused, done.counts.new) == (7, 5, 2)
    assert [number for number, _ in refused] == [2, 3, 4, 5, 6]
    assert not any("长" in reason or "无名" in reason for _, reason in refused)


async def test_a_closed_backfill_and_that_of_another_system_take_no_rows(
    database: Database, resolver: Resolver
) -> None:
    backfill = await opened(database)
    async with database.unit_of_work() as uow:
        with pytest.raises(BackfillNotFound):
            await commands.close_backfill(uow, "sap", backfill.backfill_id)
        await commands.close_backfill(uow, SYSTEM, backfill.backfill_id)

    with pytest.raises(BackfillClosed):
        await put(database, resolver, backfill, some_rows(1))
    stranger = replace(backfill, backfill_id=UUID(new_id()))
    with pytest.raises(BackfillNotFound):
        await put(database, resolver, stranger, some_rows(1))


@pytest.mark.parametrize("system", ["lead", "", "Kingdee", "k" * 65, "a;b"])
async def test_a_system_has_a_plain_name_and_is_not_our_own_leads(
    database: Database, system: str
) -> None:
    async with database.unit_of_work() as uow:
        with pytest.raises(MalformedBackfill):
            await commands.open_backfill(uow, system, "x", total_count=0, actor="leadctl")


async def test_two_programs_with_the_same_file_bring_each_row_once(
    database: Database, resolver: Resolver
) -> None:
    backfill = await opened(database)
    rows = some_rows(60)

    async def program() -> None:
        for first in range(0, 60, 20):
            await put(database, resolver, backfill, rows[first : first + 20], first_row=first + 1)

    await asyncio.gather(program(), program())

    found = await queries.get_backfill(database, backfill.backfill_id)
    assert found.counts.done == 60
    assert sum(n for _, n in await partition(database)) == 60


async def test_the_same_rows_in_another_order_and_other_batches_are_the_same_customers(
    database: Database, resolver: Resolver
) -> None:
    rows = [*some_rows(90), a_row(200, 7, uscc=USCC), a_row(201, 7, company="示例科技有限公司")]
    ordered = await opened(database, "ordered")
    await put(database, resolver, ordered, rows)
    expected = await partition(database)
    await forget(database)

    shuffled = rows[:]
    random.Random(3).shuffle(shuffled)
    backfill = await opened(database, "shuffled")
    for first in range(0, len(shuffled), 17):
        await put(database, resolver, backfill, shuffled[first : first + 17], first_row=first + 1)

    assert await partition(database) == expected


async def forget(database: Database) -> None:
    """Empties every table of who is who."""
    async with database.raw() as raw:
        await raw.execute(
            "truncate customers, aliases, alias_supports, sources, statements, records, record_keys, generic_keys,"
            " links, judgements, regroupings, moves"
        )
