"""The way back to any earlier state, and the way back from there."""

from typing import TYPE_CHECKING

import pytest
from identity.domain.customers import CustomerNotFound
from identity.domain.stewardship import CannotHold
from identity.queries import stewardship as queries
from identity.queries.restoring import ForeignRegrouping

if TYPE_CHECKING:
    from conftest import Office
    from identity.domain.stewardship import Outcome


async def restore(
    office: "Office", record: int, regrouping_id: int, *, is_before: bool = True
) -> "Outcome":
    return await office.stewardship.restore(
        office.act(), await office.golden_id(record), regrouping_id, is_before=is_before
    )


async def two_people(office: "Office") -> tuple[list[int], list[int]]:
    ones = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    return ones, others


async def test_a_merge_is_undone_and_leaves_no_judgement(office: "Office") -> None:
    ones, others = await two_people(office)
    before = await office.customers()
    merged = await office.merge(ones[0], others[0])

    done = await restore(office, ones[0], merged.regrouping_id)

    assert await office.customers() == before
    assert done.revoked_ids == merged.judgement_ids
    assert done.judgement_ids == ()


async def test_an_undo_is_undone(office: "Office") -> None:
    ones, others = await two_people(office)
    merged = await office.merge(ones[0], others[0])
    together = await office.customers()
    undone = await restore(office, ones[0], merged.regrouping_id)

    await restore(office, others[0], undone.regrouping_id)

    assert await office.customers() == together


async def test_a_split_is_undone(office: "Office") -> None:
    ones, _ = await two_people(office)
    before = await office.customers()
    split = await office.split(ones[0], ones[1])

    await restore(office, ones[1], split.regrouping_id)

    assert await office.customers() == before


async def test_any_earlier_state_can_be_had(office: "Office") -> None:
    ones, others = await two_people(office)
    third = await office.states("C", name="Wu Ming", phone="13800138003")
    first = await office.merge(ones[0], others[0])
    after_first = await office.customers()
    await office.merge(ones[0], third)
    await office.split(ones[0], *ones)

    await restore(office, ones[0], first.regrouping_id, is_before=False)

    assert await office.customers() == after_first


async def test_what_evidence_joined_is_parted_again(office: "Office") -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    other = await office.states("B", name="Zhang Wei", company="Acme")
    bridge = await office.states("C", name="Zhang Wei", phone="13800138001", company="Acme")
    split = await office.split(one, bridge)
    log = await queries.list_regroupings(
        office.database, await office.golden_id(one), page_size=0, page_token=""
    )

    done = await restore(office, one, split.regrouping_id)

    assert [each.regrouping_id for each in log.entries] == [split.regrouping_id]
    assert [one, bridge] in await office.parts()
    assert [other] in await office.parts()
    assert done.revoked_ids == split.judgement_ids


async def test_a_foreign_regrouping_is_refused(office: "Office") -> None:
    ones, others = await two_people(office)
    merged = await office.merge(ones[0], others[0])
    stranger = await office.states("C", name="Wu Ming", phone="13800138003")

    with pytest.raises(ForeignRegrouping):
        await restore(office, stranger, merged.regrouping_id)
    with pytest.raises(ForeignRegrouping):
        await restore(office, ones[0], 10**12)
    with pytest.raises(CustomerNotFound):
        await office.stewardship.restore(
            office.act(), "f" * 64, merged.regrouping_id, is_before=True
        )


async def test_what_would_contradict_now_is_not_restored(office: "Office") -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001")
    other = await office.states("B", name="Zhang Wei", phone="13800138001")
    third = await office.states("C", name="Li Na", phone="13800138003", uscc="91A")
    merged = await office.merge(one, third)
    undone = await restore(office, one, merged.regrouping_id)
    assert one == other
    await office.states("A", name="Zhang Wei", phone="13800138001", uscc="91B")
    await office.states("B", name="Zhang Wei", phone="13800138001", uscc="91B")

    after = await office.parts()
    with pytest.raises(CannotHold):
        await restore(office, third, merged.regrouping_id, is_before=False)

    assert undone.regrouping_id > merged.regrouping_id
    assert await office.parts() == after
