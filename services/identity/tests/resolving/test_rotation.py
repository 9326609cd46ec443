"""Keys and recipes of Golden IDs change; everybody is still found by every id they ever had."""

from collections.abc import Callable
from typing import Any

import pytest
from identity.commands.aliases import Rotation
from identity.commands.reading import factors
from identity.commands.resolving import Resolver
from identity.domain.golden_ids import GoldenIdKeys, Recipe
from identity.domain.statements import Statement
from identity.store.customers import customer_of

A_Statement = Callable[..., Statement]
OLD, NEW = {"k1": b"g" * 32}, {"k2": b"n" * 32, "k1": b"g" * 32}
RESIDENT_ID = "11010519491231002X"


def rotated(door: Any, keys: GoldenIdKeys) -> Resolver:
    there = door.resolver
    return Resolver(there.model, there.seals, there.digests, keys)


async def found(door: Any, golden_id: str) -> str | None:
    async with door.database.raw() as raw:
        customer = await customer_of(raw, golden_id)
    return customer.golden_id if customer else None


async def rotate(door: Any, resolver: Resolver) -> None:
    rotation = Rotation(door.database, resolver)
    while await rotation.step():
        pass


@pytest.mark.parametrize(
    ("keys", "recipes"),
    [
        (NEW, (Recipe.PHONE_AND_USCC,)),
        (OLD, (Recipe.PHONE_AND_RESIDENT_ID, Recipe.PHONE_AND_USCC)),
        (NEW, (Recipe.PHONE_AND_RESIDENT_ID,)),
    ],
    ids=["key", "recipe", "both"],
)
async def test_old_ids_still_resolve_and_new_ones_too(
    door: Any, statement: A_Statement, keys: dict[str, bytes], recipes: tuple[Recipe, ...]
) -> None:
    statements = [
        statement(1, name="张伟", phone="13800138001", resident_id=RESIDENT_ID),
        statement(2, name="李娜", phone="13800138002"),
        statement(3, name="王芳", email="wang@example.com"),
    ]
    before = await door.golden_ids(*statements)
    resolver = rotated(door, GoldenIdKeys(keys, recipes))

    await rotate(door, resolver)

    after = [resolver.keys.mint(factors(each))[0].golden_id for each in statements]
    assert not set(before) & set(after)
    assert [await found(door, golden_id) for golden_id in before] == before
    assert [await found(door, golden_id) for golden_id in after] == before


async def test_a_rotation_goes_on_where_it_stopped_and_ends(
    door: Any, statement: A_Statement
) -> None:
    statements = [
        statement(number, name="张伟", email=f"n{number}@example.com") for number in range(130)
    ]
    await door.state(*statements)
    resolver = rotated(door, GoldenIdKeys(NEW))

    more = [await Rotation(door.database, resolver).step() for _ in range(3)]

    assert more == [True, False, False]
    rows = await door.rows("select key_id, count(*) from aliases group by 1 order by 1")
    assert dict(rows) == {"k1": 130, "k2": 130}
    assert await door.rows("select finished_at is not null from alias_rotations") == [(True,)]


async def test_a_lead_that_comes_after_a_rotation_joins_whoever_was_there(
    door: Any, statement: A_Statement
) -> None:
    (before,) = await door.state(statement(1))
    resolver = rotated(door, GoldenIdKeys({"k2": b"n" * 32}))

    async with door.database.unit_of_work() as uow:
        (after,) = await resolver.resolve(uow, [statement(2, minute=1)])

    assert (after.golden_id, after.master_id) == (before.golden_id, before.master_id)
