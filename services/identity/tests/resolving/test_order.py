"""Whoever comes first, alone or in a batch: the same customers under the same Golden IDs."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from identity.commands.reading import with_id
from identity.commands.resolving import Resolver
from identity.domain.regroupings import Alias, Belonging, regroup
from identity.domain.statements import Statement
from matchkit.linker import Linker

A_Statement = Callable[..., Statement]
NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
NAMES = ["张伟", "张先生", "Zhang Wei", "李娜", "王芳", "欧阳娜娜", "陈总"]
PHONES = [f"1380013800{digit}" for digit in range(1, 7)]
USCCS = ["91440300MA5EXAMP1F", "91110108551385082Q", ""]
MAILS = ["a@example.com", "b@example.com", "", "", ""]


def some_statements(seed: int, count: int, statement: A_Statement) -> list[Statement]:
    """Sources that share phones, companies and addresses, some of them contradicting each other."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        fields = {
            "name": chance.choice(NAMES),
            "phone": chance.choice([*PHONES, "", "138****8001"]),
            "uscc": chance.choice(USCCS),
            "email": chance.choice(MAILS),
            "city": chance.choice(["深圳", "广州", ""]),
        }
        found.append(statement(number, minute=chance.randrange(20), **fields))
    return found


def in_memory(resolver: Resolver, statements: Sequence[Statement]) -> dict[str, str]:
    """The Golden ID of every source, by one linker that has seen everything, and one look at the whole."""
    linker = Linker(resolver.model, resolver.digests.hasher)
    numbers: dict[bytes, int] = {}
    belongings: dict[int, Belonging] = {}
    aliases: dict[str, Alias] = {}
    at: dict[str, int] = {}
    for statement in statements:
        reading = resolver.reader.read(statement)
        digest = reading.record.digest
        if digest not in numbers:
            numbers[digest] = len(numbers) + 1
            linker.place(with_id(reading.record, numbers[digest], is_current=True))
            belongings[numbers[digest]] = Belonging(digest, 0)
        at[statement.source_key] = number = numbers[digest]
        supports = belongings[number].supports
        for minted in reading.minted:
            since = min(
                supports.get(minted.golden_id, statement.modified_at), statement.modified_at
            )
            supports[minted.golden_id] = since
            known = aliases.get(minted.golden_id)
            if known is None or since < known.first_seen_at:
                aliases[minted.golden_id] = Alias(minted, since)
    grouping = regroup(linker.partition(), belongings, aliases, {}, resolver.keys)
    called = {record_id: each.golden_id for each in grouping.named for record_id in each.part}
    return {source: called[number] for source, number in at.items()}


def batches(statements: Sequence[Statement], size: int) -> Iterable[Sequence[Statement]]:
    for start in range(0, len(statements), size):
        yield statements[start : start + size]


async def as_stored(door: Any) -> dict[str, str]:
    """The Golden ID of every source on record."""
    rows = await door.rows(
        """
        select s.key_digest, s.sealed_key, c.golden_id
        from sources s join records r using (record_id) join customers c using (customer_id)
        """
    )
    open_key = door.resolver.seals.open_key
    return {open_key(digest, sealed): golden_id for digest, sealed, golden_id in rows}


@pytest.mark.parametrize(("seed", "size"), [(1, 1), (2, 7), (3, 100), (4, 7), (5, 13)])
async def test_any_order_and_batching_gives_what_one_look_at_everything_gives(
    door: Any, statement: A_Statement, seed: int, size: int
) -> None:
    statements = some_statements(seed, 60, statement)
    expected = in_memory(door.resolver, statements)
    shuffled = random.Random(seed * 31).sample(statements, len(statements))

    for batch in batches(shuffled, size):
        await door.state(*batch)

    assert await as_stored(door) == expected
    assert len(set(expected.values())) > 3


@pytest.mark.parametrize(("seed", "size"), [(1, 1), (2, 9), (3, 40), (4, 17)])
async def test_sources_that_change_their_mind_may_be_heard_in_any_order(
    door: Any, statement: A_Statement, seed: int, size: int
) -> None:
    chance = random.Random(seed)
    statements = [
        replace(
            each, source_key=f"C-{chance.randrange(15)}", modified_at=NOON + timedelta(minutes=at)
        )
        for at, each in enumerate(some_statements(seed, 40, statement))
    ]
    for batch in batches(statements, size):
        await door.state(*batch)
    in_turn = await as_stored(door)
    await door.empty()

    for batch in batches(random.Random(seed * 17).sample(statements, len(statements)), size):
        await door.state(*batch)

    assert await as_stored(door) == in_turn
    assert len(in_turn) == len({each.source_key for each in statements})


async def test_no_customer_lacks_a_record_and_no_record_a_customer(
    door: Any, statement: A_Statement
) -> None:
    for batch in batches(some_statements(9, 60, statement), 6):
        await door.state(*batch)

    counted = await door.rows(
        """
        select count(*) from customers c
        where c.record_count <> (select count(*) from records r where r.customer_id = c.customer_id)
        """
    )
    astray = await door.rows(
        "select count(*) from records r where not exists (select from customers c where c.customer_id = r.customer_id)"
    )
    unheard = await door.rows(
        """
        select count(*) from aliases a
        where not exists (select from customers c where c.customer_id = a.customer_id)
        """
    )
    assert [counted, astray, unheard] == [[(0,)]] * 3
