"""The leads of an undone import: closed while nobody has done anything about them, in whatever order things come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from assignment import queries
from assignment.domain.contact import NotTheOwner

if TYPE_CHECKING:
    from uuid import UUID

    from assignment import commands
    from assignment.domain.leads import Lead

BOOK = "select item_id, state from book"
ASSIGNED, WAITING, MERGED, REJECTED = 4, 5, 6, 3


@pytest.fixture
def desk(build: Any) -> commands.Desk:
    made: commands.Desk = build.desk()
    return made


async def book(office: Any) -> dict[UUID, int]:
    return dict(await office.rows(BOOK))


async def withdrawn(office: Any) -> list[str]:
    """The leads that were said to be withdrawn, each as often as it was said."""
    events = await office.published()
    return [event.lead_id for event in events if type(event).__name__ == "LeadWithdrawn"]


async def test_a_lead_that_nobody_contacted_is_closed_and_its_rep_has_room_again(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana", capacity=1))
    lead, waiting = build.lead(), build.lead()
    await office.assign(desk, [lead])
    await office.assign(desk, [waiting])

    closed = await office.withdraw(desk, lead)

    assert closed == 1
    assert await office.loads() == {"ana": 0}
    assert await office.drain(desk) == 1
    assert await office.owners() == {waiting.lead_id: "ana"}
    assert await book(office) == {lead.lead_id: REJECTED, waiting.lead_id: ASSIGNED}
    [event] = [e for e in await office.published() if type(e).__name__ == "LeadWithdrawn"]
    assert (event.lead_id, event.assignee_id) == (str(lead.lead_id), "ana")
    assert event.received_at.ToDatetime() == lead.received_at.replace(tzinfo=None)


async def test_nobody_is_told_that_a_withdrawn_lead_is_overdue(
    office: Any, build: Any, desk: commands.Desk, clock: Any
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    lead = build.lead()
    await office.assign(desk, [lead])
    await office.withdraw(desk, lead)

    clock.forward(hours=1)

    assert await office.fire(desk) == 0
    assert await office.rows("select count(*) from timers where fired_at is null") == [(0,)]
    with pytest.raises(NotTheOwner):
        await office.contacted(lead, "ana")


async def test_a_withdrawn_lead_explains_itself(
    office: Any, build: Any, desk: commands.Desk, database: Any
) -> None:
    await office.put_reps(build.rep("ana"))
    lead, again = build.lead(golden_id="g"), build.lead(golden_id="g")
    await office.assign(desk, [lead, again])
    await office.withdraw(desk, lead, again)

    told = {
        each.lead_id: [
            (made.decision.outcome.name, made.inputs.get("import_id"), made.inputs.get("into_lead_id"))
            for made in await queries.explain_assignment(database, each.lead_id)
        ]
        for each in (lead, again)
    }  # fmt: skip
    stands = await queries.get_assignment(database, lead.lead_id)

    import_id = str(stands.standing.import_id)
    assert told == {
        lead.lead_id: [("ASSIGNED", None, None), ("WITHDRAWN", import_id, None)],
        again.lead_id: [("MERGED", None, str(lead.lead_id)), ("WITHDRAWN", import_id, None)],
    }
    assert stands.owned is None


async def test_a_contacted_lead_stays_with_its_owner(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    contacted, untouched = build.lead(), build.lead()
    await office.assign(desk, [contacted, untouched])
    await office.contacted(contacted, "ana")

    closed = await office.withdraw(desk, contacted, untouched)

    assert closed == 1
    assert await book(office) == {contacted.lead_id: ASSIGNED, untouched.lead_id: REJECTED}
    assert await office.loads() == {"ana": 1}
    assert await withdrawn(office) == [str(untouched.lead_id)]
    assert await office.rows("select * from withdrawals") == []


async def test_a_waiting_lead_is_closed_and_finds_no_owner_later(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    lead = build.lead()
    await office.assign(desk, [lead])
    await office.withdraw(desk, lead)

    await office.put_reps(build.rep("ana"))

    assert await office.drain(desk) == 0
    assert await book(office) == {lead.lead_id: REJECTED}


async def test_a_lead_that_comes_after_its_withdrawal_is_closed_at_once(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    late, other = build.lead(golden_id="g"), build.lead(golden_id="g")
    assert await office.withdraw(desk, late) == 0

    await office.assign(desk, [late, other, late])
    await office.assign(desk, [late])

    assert await book(office) == {late.lead_id: REJECTED, other.lead_id: ASSIGNED}
    assert await withdrawn(office) == [str(late.lead_id)]
    assert await office.loads() == {"ana": 1}
    assert await office.rows("select * from withdrawals") == []


async def test_a_withdrawal_that_comes_twice_closes_once(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    lead = build.lead()
    await office.assign(desk, [lead])

    closed = [await office.withdraw(desk, lead) for _ in range(3)]

    assert closed == [1, 0, 0]
    assert await withdrawn(office) == [str(lead.lead_id)]
    assert await office.loads() == {"ana": 0}


async def test_a_customer_who_asked_too_keeps_the_lead_that_their_inquiry_joined(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    imported, asked = build.lead(golden_id="g"), build.lead(golden_id="g")
    await office.assign(desk, [imported])
    await office.assign(desk, [asked])

    closed = await office.withdraw(desk, imported)

    assert closed == 0
    assert await book(office) == {imported.lead_id: ASSIGNED, asked.lead_id: MERGED}
    assert await office.loads() == {"ana": 1}


@pytest.mark.parametrize("together", [True, False], ids=["in one event", "in one event each"])
async def test_two_rows_of_one_customer_are_both_withdrawn(
    office: Any, build: Any, desk: commands.Desk, *, together: bool
) -> None:
    await office.put_reps(build.rep("ana"))
    first, second = build.lead(golden_id="g"), build.lead(golden_id="g")
    await office.assign(desk, [first, second])

    for leads in [(first, second)] if together else [(first,), (second,)]:
        await office.withdraw(desk, *leads)

    assert await book(office) == {first.lead_id: REJECTED, second.lead_id: REJECTED}
    assert await office.loads() == {"ana": 0}
    assert await office.rows("select * from withdrawals") == []


async def test_a_customer_whose_lead_was_withdrawn_gets_a_new_one(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"))
    imported, asked = build.lead(golden_id="g"), build.lead(golden_id="g")
    await office.assign(desk, [imported])
    await office.withdraw(desk, imported)

    await office.assign(desk, [asked])

    assert await office.owners() == {asked.lead_id: "ana"}
    assert await book(office) == {imported.lead_id: REJECTED, asked.lead_id: ASSIGNED}


async def test_arrivals_and_withdrawals_at_the_same_time_leave_every_lead_closed(
    office: Any, build: Any, desk: commands.Desk
) -> None:
    await office.put_reps(build.rep("ana"), build.rep("bo"))
    batches: list[list[Lead]] = [[build.lead() for _ in range(10)] for _ in range(12)]

    async with asyncio.TaskGroup() as group:
        for leads in batches:
            group.create_task(office.assign(build.desk(), leads))
            group.create_task(office.withdraw(build.desk(), *leads))

    assert set((await book(office)).values()) == {REJECTED}
    assert len(await withdrawn(office)) == len(set(await withdrawn(office))) == 120
    assert await office.loads() == {"ana": 0, "bo": 0}
    assert await office.rows("select * from withdrawals") == []
