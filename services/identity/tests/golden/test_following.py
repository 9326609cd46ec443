"""Golden records behind the resolver itself: statements in, records out, and requests about people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from identity.commands.erasing import Erasing
from identity.domain.statements import Statement
from servicekit.events import new_id

if TYPE_CHECKING:
    from identity.commands.resolving import Resolver

PHONE = "+8613800138001"
USCC = "91440300MA5EXAMP1X"


@pytest.fixture
def following(world: Any, resolver: Resolver) -> Any:
    """The world whose statements a resolver takes."""
    resolver.followers.append(world.records.follow)
    world.resolver = resolver
    return world


async def state(world: Any, *statements: Statement) -> list[str]:
    async with world.database.unit_of_work() as uow:
        resolved = await world.resolver.resolve(uow, statements)
    return [each.golden_id for each in resolved]


def statement(world: Any, system: str, key: str, **fields: str) -> Statement:
    lead_id = {"lead_id": key} if system == "lead" else {}
    now = world.clock.passes()
    return Statement(system, key, fields, now - timedelta(minutes=1), now, **lead_id)


async def texts(world: Any, golden_id: str) -> dict[str, str]:
    return await world.texts(int(golden_id, 16))


async def test_what_systems_say_of_one_person_becomes_one_record(following: Any) -> None:
    crm = statement(following, "crm", "C-1", name="张伟", phone=PHONE, credit_grade="A")
    after_sales = statement(following, "tickets", "T-9", name="张伟", phone=PHONE, credit_grade="C")

    one, other = await state(following, crm, after_sales)

    assert one == other
    found = await texts(following, one)
    assert (found["name"], found["phone"], found["credit_grade"]) == ("张伟", PHONE, "C")


async def test_a_later_change_of_business_only_is_followed(following: Any) -> None:
    [golden_id] = await state(
        following, statement(following, "crm", "C-1", name="张伟", phone=PHONE, credit_grade="A")
    )
    await state(
        following, statement(following, "crm", "C-1", name="张伟", phone=PHONE, credit_grade="C")
    )

    assert (await texts(following, golden_id))["credit_grade"] == "C"
    assert await following.changes(int(golden_id, 16)) == [
        ("credit_grade", "NEW_STATEMENT", "A", "C")
    ]
