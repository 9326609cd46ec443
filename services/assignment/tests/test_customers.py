"""Customers who merge keep one owner and one conversation; whoever is parted again gets one of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from assignment import commands, queries

if TYPE_CHECKING:
    from uuid import UUID

    from assignment.domain.leads import Lead

FIRST, SECOND = "a" * 64, "b" * 64
BOOK = "select item_id, state from book"
ASSIGNED, WAITING, MERGED = 4, 5, 6


@pytest.fixture
def desk(build: Any) -> commands.Desk:
    made: commands.Desk = build.desk()
    return made


async def merge(office: Any, desk: commands.Desk, golden_id: str, *, into: str) -> None:
    async with office.database.unit_of_work() as uow:
        await commands.merge_customers(uow, desk, [golden_id], into=into)


async def part(office: Any, golden_id: str, *leads: Lead) -> bool:
    async with office.database.unit_of_work() as uow:
        return await commands.part_customers(uow, {golden_id: [lead.lead_id for lead in leads]})


async def book(office: Any) -> dict[UUID, int]:
    return dict(await office.rows(BOOK))


async def merged(office: Any) -> list[tuple[str, str, str]]:
    events = [e for e in await office.published() if type(e).__name__ == "LeadMerged"]
    return [(event.lead_id, event.into_lead_id, event.assignee_id) for event in events]


async def test_of_two_open_leads_the_older_ones_owner_goes_on_and_the_other_has_room_again(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    older, newer = build.lead(golden_id=FIRST), build.lead(golden_id=SECOND)
    await office.assign(desk, [older])
    await office.assign(desk, [newer])
    owner = (await office.owners())[older.lead_id]

    for _ in range(2):
        await merge(office, desk, FIRST, into=SECOND)

    assert await book(office) == {older.lead_id: ASSIGNED, newer.lead_id: MERGED}
    assert await office.owners() == {older.lead_id: owner}
    assert sum((await office.loads()).values()) == 1
    assert await merged(office) == [(str(newer.lead_id), str(older.lead_id), owner)]
    assert await office.rows("select count(*) from timers where fired_at is null") == [(1,)]


async def test_the_lead_whose_owner_made_contact_goes_on(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    older, newer = build.lead(golden_id=FIRST), build.lead(golden_id=SECOND)
    await office.assign(desk, [older])
    await office.assign(desk, [newer])
    await office.contacted(newer, (await office.owners())[newer.lead_id])

    await merge(office, desk, SECOND, into=FIRST)

    assert await book(office) == {older.lead_id: MERGED, newer.lead_id: ASSIGNED}


async def test_leads_that_had_joined_follow_into_the_conversation_that_goes_on(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    older = build.lead(golden_id=FIRST)
    newer, again = build.lead(golden_id=SECOND), build.lead(golden_id=SECOND)
    await office.assign(desk, [older])
    await office.assign(desk, [newer, again])

    await merge(office, desk, SECOND, into=FIRST)

    joined = dict(await office.rows("select lead_id, into_lead_id from leads"))
    assert joined == {
        older.lead_id: None,
        newer.lead_id: older.lead_id,
        again.lead_id: older.lead_id,
    }


async def test_a_lead_that_was_identified_before_the_merge_and_arrives_after_it_joins_the_survivor(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    open_lead, late = build.lead(golden_id=FIRST), build.lead(golden_id=SECOND)
    await office.assign(desk, [open_lead])

    await merge(office, desk, SECOND, into=FIRST)
    await office.assign(desk, [late])

    assert await book(office) == {open_lead.lead_id: ASSIGNED, late.lead_id: MERGED}


async def test_old_ids_stand_for_the_last_of_a_chain_of_survivors(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    third = "c" * 64
    await office.put_reps(build.rep("ana"))
    open_lead, late = build.lead(golden_id=third), build.lead(golden_id=FIRST)
    await office.assign(desk, [open_lead])

    await merge(office, desk, FIRST, into=SECOND)
    await merge(office, desk, SECOND, into=third)
    await office.assign(desk, [late])

    assert (await book(office))[late.lead_id] == MERGED


async def test_whoever_had_only_joined_another_waits_for_an_owner_once_they_are_parted(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana", capacity=9))
    one = build.lead(golden_id=FIRST)
    other, again = build.lead(golden_id=SECOND), build.lead(golden_id=SECOND)
    await office.assign(desk, [one])
    await merge(office, desk, SECOND, into=FIRST)
    await office.assign(desk, [other, again])

    assert await part(office, SECOND, other, again)

    assert (await book(office))[other.lead_id] == WAITING
    assert await office.drain(desk) == 1
    assert await book(office) == {
        one.lead_id: ASSIGNED,
        other.lead_id: ASSIGNED,
        again.lead_id: MERGED,
    }
    assert not await part(office, SECOND, other, again)


async def test_a_merged_lead_explains_itself(office: Any, build: Any, desk: commands.Desk) -> None:
    await office.put_reps(build.rep("ana"))
    older, newer = build.lead(golden_id=FIRST), build.lead(golden_id=SECOND)
    await office.assign(desk, [older])
    await office.assign(desk, [newer])

    await merge(office, desk, SECOND, into=FIRST)

    found = await queries.explain_assignment(office.database, newer.lead_id)
    assert [each.decision.cause.name for each in found] == ["FIRST", "CUSTOMERS_MERGED"]
