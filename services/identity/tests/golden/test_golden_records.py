"""Golden records follow what happens to customers, in the same transaction, and keep their history."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from identity.commands.golden import GoldenRecords
from identity.commands.golden_pins import pin_value, release_pin, restore_value
from identity.commands.golden_policies import PolicyOffice
from identity.domain.customers import CustomerNotFound
from identity.domain.golden_changes import (
    NoSuchChange,
    NoSuchPin,
    NothingToRestore,
    NotKnownThen,
)
from identity.domain.survivorship import FieldIsLocked
from identity.policies.survivorship import packaged_document
from identity.queries import golden as queries
from identity.store.golden_history import Sought
from identity.store.golden_pins import NewPin
from identity.store.golden_values import canonical
from identity.workers.golden import PolicyFollower
from servicekit.errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime

PHONE = "+8613800138001"


def gid(number: int) -> str:
    return f"{number:064x}"


async def pin(world: Any, number: int, field: str, text: str, actor: str = "steward-1") -> int:
    async with world.database.unit_of_work() as uow:
        new = NewPin(field, text, actor, "asked on the phone")
        return await pin_value(uow, world.records, gid(number), new)


async def test_a_first_record_costs_no_history(world: Any) -> None:
    await world.states(1, "lead", name="示例", phone=PHONE)

    assert await world.texts(1) == {"name": "示例", "phone": PHONE}
    assert await world.changes(1) == []
    assert world.events == []


async def test_a_customer_whom_no_lead_tells_of_is_told_by_name_of_field_only(world: Any) -> None:
    await world.states(1, "kingdee", name="示例", phone=PHONE)

    (event,) = world.events
    assert (event.golden_id, list(event.fields), event.system) == (
        gid(1),
        ["name", "phone"],
        "kingdee",
    )
    assert PHONE.encode() not in event.SerializeToString()


async def test_a_grade_that_after_sales_lowers_is_traced_to_them(world: Any) -> None:
    await world.states(1, "crm", credit_grade="A", name="示例", actor="wang")
    modified_at = world.clock.passes()
    received_at = world.clock.passes()
    await world.states(1, "tickets", credit_grade="C", actor="after-sales-3", at=modified_at)

    page = await queries.list_changes(
        world.records.archive, gid(1), field="credit_grade", page_size=0, page_token=""
    )

    (change,) = page.changes
    assert (change.old.text, change.new.text) == ("A", "C")
    assert (change.system, change.actor) == ("tickets", "after-sales-3")
    assert (change.modified_at, change.received_at) == (modified_at, received_at)
    assert page.keys[change.new.source_id] == "key-2"
    event = world.events[-1]
    assert (list(event.fields), event.actor) == (["credit_grade"], "after-sales-3")
    assert event.modified_at.ToDatetime(tzinfo=modified_at.tzinfo) == modified_at


async def test_whatever_changes_of_a_customer_comes_in_one_stream(world: Any) -> None:
    source_id = await world.states(1, "crm", name="示例", phone=PHONE, company="示例科技")
    world.clock.passes()
    await world.restates(1, source_id, name="示例", phone="+8613800138002", company="示例集团")

    assert list(world.events[-1].fields) == ["company", "phone"]
    assert world.events[-1].version == 2


async def test_the_same_again_is_no_change_and_no_write(world: Any) -> None:
    source_id = await world.states(1, "crm", name="示例")
    before = await world.rows("select refreshed_at, version from golden_records")
    world.clock.passes()
    await world.restates(1, source_id, name="示例")

    assert await world.rows("select refreshed_at, version from golden_records") == before
    assert len(world.events) == 1


async def test_values_are_not_at_rest_in_the_clear(world: Any) -> None:
    source_id = await world.states(1, "crm", name="示例甲乙", phone=PHONE)
    await world.restates(1, source_id, name="示例丙丁", phone=PHONE)
    await pin(world, 1, "name", "示例戊己")

    for table in ("golden_records", "golden_changes", "golden_pins", "statements", "outbox"):
        rows = await world.rows(f"select {table}::text from {table}")
        for word in ("示例", "13800138001"):
            assert all(word not in row[0] and word.encode().hex() not in row[0] for row in rows)


async def test_a_merge_that_is_undone_gives_both_records_back_byte_by_byte(world: Any) -> None:
    await world.states(1, "crm", name="示例", phone=PHONE, credit_grade="A")
    world.clock.passes()
    theirs = await world.states(2, "kingdee", name="示例二", phone=PHONE, company="示例科技")
    await pin(world, 2, "city", "深圳")
    before = [canonical(await world.golden(number)) for number in (1, 2)]
    world.clock.passes()

    await world.merges(2, into=1)
    merged = await world.texts(2)
    world.clock.passes()
    await world.parts(1, former=2, number=3, source_ids=[theirs])

    assert merged == {
        "name": "示例二",
        "phone": PHONE,
        "credit_grade": "A",
        "company": "示例科技",
        "city": "深圳",
    }
    assert [canonical(await world.golden(number)) for number in (1, 2)] == before
    assert await world.changes(1) == [
        ("city", "MERGED", None, "深圳"),
        ("company", "MERGED", None, "示例科技"),
        ("name", "MERGED", "示例", "示例二"),
        ("city", "SPLIT", "深圳", None),
        ("company", "SPLIT", "示例科技", None),
        ("name", "SPLIT", "示例二", "示例"),
    ]
    actors = await world.rows("select distinct actor from golden_changes where cause in (2, 3)")
    assert actors == [("steward-1",)]


async def test_any_earlier_state_is_had_back_under_any_id(world: Any) -> None:
    first = await world.states(1, "crm", name="示例")
    world.clock.passes()
    theirs = await world.states(2, "kingdee", name="示例二", city="广州")
    apart = world.clock.passes()
    await world.restates(2, theirs, name="示例二", city="深圳")
    moved = world.clock.passes()
    await world.merges(2, into=1)
    together = world.clock.passes()
    await world.restates(1, first, name="示例三")
    renamed = world.clock.passes()
    await world.parts(1, former=2, number=3, source_ids=[theirs])

    async def then(number: int, at: datetime) -> dict[str, str]:
        # A state lasts from its transaction on; half an hour later it holds.
        found: dict[str, str] = await world.texts(number, at=at - (moved - apart) / 2)
        return found

    assert await then(1, apart) == {"name": "示例"}
    assert await then(2, apart) == {"name": "示例二", "city": "广州"}
    assert await then(2, moved) == {"name": "示例二", "city": "深圳"}
    assert await then(2, together) == await then(1, together) == {"name": "示例二", "city": "深圳"}
    assert await then(2, renamed) == {"name": "示例三", "city": "深圳"}
    assert await world.texts(1, at=world.clock.passes()) == {"name": "示例三"}
    assert await world.texts(2, at=world.clock.passes()) == {"name": "示例二", "city": "深圳"}
    with pytest.raises(NotKnownThen):
        await world.texts(2, at=apart - (moved - apart) * 3)


async def test_a_pinned_value_stands_until_it_is_released(world: Any) -> None:
    source_id = await world.states(1, "crm", name="示例")
    version = await pin(world, 1, "name", "示例甲")
    world.clock.passes()
    await world.restates(1, source_id, name="示例乙")

    pinned = (await world.golden(1)).values["name"]
    async with world.database.unit_of_work() as uow:
        await release_pin(uow, world.records, gid(1), field="name", actor="steward-2")

    assert (version, pinned.text, pinned.actor, pinned.loser_count) == (2, "示例甲", "steward-1", 1)
    assert await world.texts(1) == {"name": "示例乙"}
    assert await world.changes(1) == [
        ("name", "PINNED", "示例", "示例甲"),
        ("name", "RELEASED", "示例甲", "示例乙"),
    ]
    async with world.database.unit_of_work() as uow:
        with pytest.raises(NoSuchPin):
            await release_pin(uow, world.records, gid(1), field="name", actor="steward-2")


async def test_the_last_of_two_pins_of_merged_customers_counts(world: Any) -> None:
    await world.states(1, "crm", name="示例")
    await world.states(2, "crm", name="示例二")
    await pin(world, 2, "name", "示例乙")
    world.clock.passes()
    await pin(world, 1, "name", "示例甲")

    await world.merges(1, into=2)

    assert await world.texts(1) == {"name": "示例甲"}
    await pin(world, 1, "name", "示例丙")
    assert await world.texts(2) == {"name": "示例丙"}
    standing = "select count(*) from golden_pins where released_at is null"
    assert await world.rows(standing) == [(1,)]


async def test_whoever_writes_back_hears_of_a_stewards_act_in_its_transaction(world: Any) -> None:
    await world.states(1, "crm", name="示例")
    heard: list[list[int]] = []

    async def listen(_uow: Any, customer_ids: Any) -> None:
        heard.append(list(customer_ids))

    world.records.listeners.append(listen)
    await pin(world, 1, "name", "示例甲")
    await world.states(1, "kingdee", name="示例乙")

    assert heard == [[1]]


async def test_a_field_with_owners_is_read_only_for_stewards(world: Any) -> None:
    await world.states(1, "finance", deal_amount="100")
    await world.states(1, "crm", deal_amount="900")

    with pytest.raises(FieldIsLocked):
        await pin(world, 1, "deal_amount", "1")

    assert await world.texts(1) == {"deal_amount": "100"}
    with pytest.raises(CustomerNotFound):
        await pin(world, 9, "name", "示例")


async def test_an_old_value_is_put_back_with_a_reference(world: Any) -> None:
    source_id = await world.states(1, "crm", credit_grade="A")
    world.clock.passes()
    await world.restates(1, source_id, credit_grade="C", city="深圳")
    page = await queries.list_changes(
        world.records.archive, gid(1), field="", page_size=0, page_token=""
    )
    grade, city = (
        next(each for each in page.changes if each.field == name)
        for name in ("credit_grade", "city")
    )

    async def restore(change_id: int) -> tuple[int, str]:
        async with world.database.unit_of_work() as uow:
            return await restore_value(
                uow, world.records, gid(1), change_id, actor="steward-1", reason="a mistake"
            )

    assert await restore(grade.change_id) == (3, "credit_grade")
    assert (await world.texts(1))["credit_grade"] == "A"
    assert (await world.changes(1))[-1] == ("credit_grade", "RESTORED", "C", "A")
    reference = "select restored_change_id, actor, reason from golden_pins"
    assert await world.rows(reference) == [(grade.change_id, "steward-1", "a mistake")]
    with pytest.raises(NothingToRestore):
        await restore(city.change_id)
    with pytest.raises(NoSuchChange):
        await restore(10_000)


async def test_changes_are_found_by_what_they_have_in_common(world: Any) -> None:
    one = await world.states(1, "crm", name="a", city="x")
    two = await world.states(2, "sap", name="b", city="x")
    noon = world.clock.passes()
    await world.restates(1, one, name="aa", city="x", actor="wang")
    await world.restates(2, two, name="bb", city="x")
    later = world.clock.passes()
    await world.restates(1, one, name="aa", city="y", actor="wang")

    async def found(**named: Any) -> list[tuple[str, str]]:
        sought = Sought(**named)
        page = await queries.search_changes(
            world.records.archive, sought, page_size=0, page_token=""
        )
        return [(each.golden_id, each.field) for each in page.changes]

    city, names = (gid(1), "city"), [(gid(2), "name"), (gid(1), "name")]
    assert await found() == [city, *names]
    assert await found(field="name") == names
    assert await found(actor="wang") == [city, (gid(1), "name")]
    assert await found(system="sap") == [(gid(2), "name")]
    assert await found(since=later) == [city]
    assert await found(since=noon, until=later) == names


async def test_changes_come_in_pages(world: Any) -> None:
    source_id = await world.states(1, "crm", name="0")
    for number in range(1, 6):
        world.clock.passes()
        await world.restates(1, source_id, name=str(number))
    archive, texts, token = world.records.archive, [], ""

    for _ in range(3):
        page = await queries.list_changes(archive, gid(1), field="", page_size=2, page_token=token)
        token = page.next_page_token
        texts.append([each.new.text for each in page.changes])

    assert (texts, token) == ([["5", "4"], ["3", "2"], ["1"]], "")
    with pytest.raises(Invalid):
        await queries.list_changes(archive, gid(1), field="", page_size=2, page_token="²")


async def test_what_is_forgotten_is_gone_from_the_record_and_its_history(world: Any) -> None:
    lead = await world.states(1, "lead", name="示例", phone=PHONE)
    world.clock.passes()
    erp = await world.states(1, "kingdee", name="示例二", company="示例科技")
    world.clock.passes()
    await world.restates(1, lead, name="示例三", phone=PHONE)
    await pin(world, 1, "city", "深圳")

    async with world.database.unit_of_work() as uow:
        erased_count = await world.records.forget(uow, [lead], [1])
        await uow.raw.execute("delete from statements where source_id = $1", lead)
        await uow.raw.execute(
            "update sources set record_id = null, deleted_at = now() where source_id = $1", lead
        )
        await world.followed(uow, touched=[1])

    assert erased_count == 3
    assert await world.texts(1) == {"name": "示例二", "company": "示例科技"}
    assert await world.changes(1) == [
        ("company", "NEW_STATEMENT", None, "示例科技"),
        ("name", "NEW_STATEMENT", None, "示例二"),
        ("name", "NEW_STATEMENT", "示例二", None),
        ("city", "PINNED", None, None),
        *((name, "ERASED", None, None) for name in ("city", "name", "phone")),
        ("name", "NEW_STATEMENT", None, "示例二"),
    ]
    assert list(world.events[-2].fields) == ["city", "name", "phone"]
    assert await world.rows("select count(*) from golden_pins where sealed_text is not null") == [
        (0,)
    ]
    assert erp == 2


async def test_what_a_merged_customer_was_is_forgotten_too(world: Any) -> None:
    lead = await world.states(2, "lead", name="示例", phone=PHONE)
    await world.states(2, "crm", company="示例科技")
    await world.states(1, "crm", city="深圳")
    apart = world.clock.passes()
    await world.merges(2, into=1)

    async with world.database.unit_of_work() as uow:
        await world.records.forget(uow, [lead], [1])

    assert await world.texts(2, at=apart) == {"company": "示例科技", "city": "深圳"}
    between = apart - (apart - world.clock.now) - (world.clock.passes() - apart) / 2
    assert await world.texts(2, at=between) == {"company": "示例科技"}


async def test_a_customer_of_whom_nothing_is_left_has_an_empty_record(world: Any) -> None:
    lead = await world.states(1, "lead", name="示例", phone=PHONE)

    async with world.database.unit_of_work() as uow:
        await uow.raw.execute(
            "update sources set record_id = null, deleted_at = now() where source_id = $1", lead
        )
        await world.followed(uow, touched=[1])

    assert await world.texts(1) == {}
    assert await world.changes(1) == [
        ("name", "NEW_STATEMENT", "示例", None),
        ("phone", "NEW_STATEMENT", PHONE, None),
    ]
    assert list(world.events[-1].fields) == ["name", "phone"]


async def test_acts_and_statements_at_once_leave_one_unbroken_history(world: Any) -> None:
    source_id = await world.states(1, "crm", name="0", city="x")

    for number in range(1, 6):
        world.clock.passes()
        await asyncio.gather(
            pin(world, 1, "name", f"pinned {number}"),
            world.restates(1, source_id, name=str(number), city=f"x{number}"),
        )

    history = await world.changes(1)
    for name, first in (("name", "0"), ("city", "x")):
        mine = [(old, new) for field, _, old, new in history if field == name]
        assert [old for old, _ in mine] == [first, *(new for _, new in mine[:-1])]
    assert await world.texts(1) == {"name": "pinned 5", "city": "x5"}
    assert await world.rows("select version from golden_records") == [(11,)]


async def test_processes_share_the_work_after_a_policy_came_into_force(world: Any) -> None:
    for number in range(1, 8):
        await world.states(number, "crm", name="示例")
        await world.states(number, "sap", name="示例二")
    async with world.database.unit_of_work() as uow:
        office = PolicyOffice(world.records.archive)
        document = packaged_document()
        await office.publish(uow, document, base_version=1, actor="governor-1", reason="again")
    others = GoldenRecords(world.records.archive)

    await asyncio.gather(*(PolicyFollower(each).step() for each in (world.records, others)))

    behind = "select count(*) from golden_records where policy_version < 1000"
    assert await world.rows(behind) == [(0,)]
    assert await world.changes(7) == []
