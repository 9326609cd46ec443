"""Golden records behind the resolver itself: statements in, records out, and requests about people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from identity.commands.erasing import Erasing
from identity.commands.stewardship import Stewardship
from identity.domain.references import SourceNamed
from identity.domain.statements import Statement
from identity.domain.stewardship import Act
from identity.store.golden_values import canonical
from servicekit.events import new_id

if TYPE_CHECKING:
    from identity.commands.resolving import Resolver

PHONE = "+8613800138001"


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
    lead_id = UUID(key) if system == "lead" else None
    now = world.clock.passes()
    return Statement(system, key, fields, now - timedelta(minutes=1), now, lead_id=lead_id)


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


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0)], ids=str)
async def test_an_older_word_that_comes_late_tells_since_when_a_value_is_said(
    following: Any, order: tuple[int, ...]
) -> None:
    said = {"name": "张伟", "phone": PHONE}
    noon = following.clock.passes()
    first, early, between, late = (noon - timedelta(hours=hours) for hours in (4, 3, 2, 1))
    await state(following, Statement("wechat", "W-1", said, first, noon))
    words = [
        Statement("crm", "C-1", said | {"credit_grade": "A"}, early, noon),
        Statement("tickets", "T-9", said | {"credit_grade": "C"}, between, noon),
        Statement("crm", "C-1", said | {"credit_grade": "A", "credit_limit": "5"}, late, noon),
    ]

    for at in order:
        [golden_id] = await state(following, words[at])

    assert (await texts(following, golden_id))["credit_grade"] == "C"


async def test_a_stewards_merge_that_is_undone_leaves_the_same_bytes(following: Any) -> None:
    ours = statement(following, "crm", "C-1", name="张伟", phone=PHONE, credit_grade="A")
    theirs = statement(
        following, "kingdee", "K-1", name="李娜", phone="+8613800138002", city="深圳"
    )
    one, other = await state(following, ours, theirs)
    before = [canonical(await following.golden(int(each, 16))) for each in (one, other)]
    apart = following.clock.passes()
    stewardship = Stewardship(following.database, following.resolver)

    following.clock.passes()
    await stewardship.merge(Act("steward-1", "one person", "k1", b"1" * 16), [one, other])
    together = await texts(following, other)
    following.clock.passes()
    leaving = [SourceNamed("kingdee", "K-1")]
    await stewardship.split(Act("steward-1", "no", "k2", b"2" * 16), one, leaving)
    after = [canonical(await following.golden(int(each, 16))) for each in (one, other)]
    then = await following.texts(int(other, 16), at=apart)

    assert together == {
        "name": "李娜",
        "phone": "+8613800138002",
        "other_phones": PHONE,
        "credit_grade": "A",
        "city": "深圳",
    }
    assert after == before
    assert then == {"name": "李娜", "phone": "+8613800138002", "city": "深圳"}


async def test_an_erased_lead_is_gone_from_record_history_and_dump(following: Any) -> None:
    lead_id = new_id()
    lead = statement(following, "lead", lead_id, name="张伟", phone=PHONE, address="示例路1号")
    [golden_id] = await state(following, lead)
    await state(
        following, statement(following, "crm", "C-1", name="张伟", phone=PHONE, credit_grade="A")
    )
    await state(
        following,
        statement(following, "lead", lead_id, name="张伟", phone=PHONE, address="示例路2号"),
    )
    records = following.records
    erasing = Erasing(following.resolver, forget=[records.forget_leads], tell=[records.kept_about])

    following.clock.passes()
    async with following.database.unit_of_work() as uow:
        kept = await erasing.kept_about(uow, [UUID(lead_id)])
        await erasing.erase_leads(uow, [UUID(lead_id)])

    assert await texts(following, golden_id) == {
        "name": "张伟",
        "phone": PHONE,
        "credit_grade": "A",
    }
    history = await following.changes(int(golden_id, 16))
    assert [each for each in history if each[0] == "address"] == [
        ("address", "NEW_STATEMENT", None, None),
        ("address", "ERASED", None, None),
    ]
    assert kept[-1]["golden_changes_kept"] == 2
    assert kept[-1]["golden_record_version"] == 3
