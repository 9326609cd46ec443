"""Somebody whose only row was deleted, and who comes back, is who they were."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Office


async def test_whoever_comes_back_has_the_id_they_had(office: "Office") -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    other = await office.states("B", name="Li Na", phone="13800138001")
    before = await office.customers()
    assert await office.parts() == [[one], [other]]
    await office.goes("B")

    back = await office.states("B", name="Li Na", phone="13800138001")

    assert await office.parts() == [[one], [back]]
    assert {golden_id: row[0] for golden_id, row in (await office.customers()).items()} == {
        golden_id: row[0] for golden_id, row in before.items()
    }


async def test_whoever_comes_back_under_another_id_takes_the_former_one_along(
    office: "Office",
) -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    await office.states("B", name="Li Na", phone="13800138001")
    [former] = set(await office.customers()) - {await office.golden_id(one)}
    await office.goes("B")
    third = await office.states("C", name="Wu Ming", phone="13800138003", uscc="91A")

    back = await office.states("B", name="Li Na", phone="13800138001")
    await office.merge(back, third)

    named = dict(await office.rows("select golden_id, customer_id from aliases"))
    holder = dict(await office.rows("select record_id, customer_id from records"))
    assert named[former] == holder[back] == holder[third]
    assert (
        await office.rows(
            "select 1 from customers c join aliases a using (golden_id) where a.master_id <> c.master_id"
        )
        == []
    )


async def test_a_row_goes_as_often_as_it_comes(office: "Office") -> None:
    await office.goes("A")
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    assert await office.parts() == [[one]]

    await office.goes("A")
    assert await office.parts() == []
    again = await office.states("A", name="Zhang Wei", phone="13800138001")

    assert await office.parts() == [[again]]
