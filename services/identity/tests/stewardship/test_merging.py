"""Stewards merge and split customers; what they undo is as it was."""

from typing import TYPE_CHECKING

import pytest
from identity.domain.customers import CustomerNotFound
from identity.domain.judgements import Contradicted
from identity.domain.references import RecordNamed, RecordNotFound, SourceNamed
from identity.domain.stewardship import (
    CannotHold,
    ForeignRecord,
    KeyReused,
    NothingToMerge,
    NothingToSplit,
)

if TYPE_CHECKING:
    from conftest import Office


async def two_people(office: "Office") -> tuple[list[int], list[int]]:
    """Two customers of two records each."""
    ones = await office.person("A", rows=2, name="Zhang Wei", phone="13800138001")
    others = await office.person("B", rows=2, name="Li Na", phone="13800138002")
    return ones, others


async def test_merged_customers_are_one_under_the_older_id(office: "Office") -> None:
    ones, others = await two_people(office)
    older = await office.golden_id(ones[0])

    done = await office.merge(others[0], ones[0])

    assert await office.parts() == [[*ones, *others]]
    assert [each.golden_id for each in done.customers] == [older]
    assert done.customers[0].record_count == 4
    assert len(done.judgement_ids) == 1
    assert await office.events("CustomerMerged") == 1


async def test_merge_then_split_gives_back_what_was(office: "Office") -> None:
    ones, others = await two_people(office)
    before = await office.customers()

    await office.merge(ones[0], others[0])
    done = await office.split(ones[0], *others)

    assert await office.customers() == before
    assert {each.golden_id for each in done.customers} == set(before)
    assert await office.events("CustomerSplit") == 1


async def test_a_split_lasts_though_evidence_joins_the_two_sides(office: "Office") -> None:
    ones, _ = await two_people(office)

    await office.split(ones[0], ones[1])
    later = await office.states("A-9", name="Zhang Wei", phone="13800138001", company="A 9")

    parts = await office.parts()
    assert not any(set(ones) <= set(part) for part in parts)
    assert any(later in part and len(part) == 2 for part in parts)


async def test_a_row_can_leave_by_its_own_name(office: "Office") -> None:
    ones, _ = await two_people(office)
    named = await office.golden_id(ones[0])

    await office.stewardship.split(office.act(), named, [SourceNamed("kingdee", "A-2")])

    assert [ones[0]] in await office.parts()
    assert [ones[1]] in await office.parts()


async def test_a_former_id_names_the_customer_that_took_it_in(office: "Office") -> None:
    ones, others = await two_people(office)
    former = await office.golden_id(others[0])
    await office.merge(ones[0], others[0])

    done = await office.stewardship.split(office.act(), former, [RecordNamed(at) for at in others])

    assert former in {each.golden_id for each in done.customers}


async def test_a_customer_is_not_merged_with_itself_under_two_ids(office: "Office") -> None:
    ones, others = await two_people(office)
    former = await office.golden_id(others[0])
    await office.merge(ones[0], others[0])

    with pytest.raises(NothingToMerge):
        await office.stewardship.merge(office.act(), [await office.golden_id(ones[0]), former])


async def test_a_foreign_record_does_not_leave(office: "Office") -> None:
    ones, others = await two_people(office)

    with pytest.raises(ForeignRecord):
        await office.split(ones[0], ones[1], others[0])

    assert len(await office.parts()) == 2


async def test_somebody_must_stay(office: "Office") -> None:
    ones, _ = await two_people(office)

    with pytest.raises(NothingToSplit):
        await office.split(ones[0], *ones)


async def test_nobody_is_merged_with_nobody(office: "Office") -> None:
    ones, _ = await two_people(office)
    named = await office.golden_id(ones[0])

    with pytest.raises(CustomerNotFound):
        await office.stewardship.merge(office.act(), [named, "f" * 64])
    with pytest.raises(RecordNotFound):
        await office.stewardship.split(office.act(), named, [SourceNamed("kingdee", "nobody")])


async def test_what_was_split_for_good_is_merged_only_after_a_revocation(
    office: "Office",
) -> None:
    ones, _ = await two_people(office)
    done = await office.split(ones[0], ones[1])
    named = [each.golden_id for each in done.customers]

    with pytest.raises(Contradicted, match=str(done.judgement_ids[0])):
        await office.stewardship.merge(office.act(), named)
    await office.stewardship.revoke(office.act(), done.judgement_ids[0])

    assert ones in await office.parts()


async def test_two_companies_are_not_merged(office: "Office") -> None:
    one = await office.states("A", name="Zhang Wei", phone="13800138001", uscc="91A")
    other = await office.states("B", name="Zhang Wei", phone="13800138001", uscc="91B")

    with pytest.raises(CannotHold, match="they differ in uscc; nothing was changed"):
        await office.merge(one, other)

    assert await office.parts() == [[one], [other]]
    assert await office.rows("select 1 from judgements") == []


async def test_a_repeated_request_is_answered_and_not_done_again(office: "Office") -> None:
    ones, others = await two_people(office)
    act = office.act("once")
    named = [await office.golden_id(ones[0]), await office.golden_id(others[0])]

    first = await office.stewardship.merge(act, named)
    again = await office.stewardship.merge(act, named)

    assert again.is_repeated
    assert again.customers == first.customers
    assert await office.events("CustomerMerged") == 1


async def test_a_key_is_not_used_for_another_request(office: "Office") -> None:
    ones, others = await two_people(office)
    named = [await office.golden_id(ones[0]), await office.golden_id(others[0])]
    await office.stewardship.merge(office.act("once"), named)

    with pytest.raises(KeyReused):
        await office.stewardship.merge(office.act("once", digest=b"e" * 16), named)
