"""Who may read a customer follows from whose leads they made, through merges and splits."""

from collections.abc import Callable

import pytest
from accesskit.facts import Fact
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit, SplitPart
from permissions.commands import customers, leases
from permissions.store import facts
from permissions.wire import customers as wire
from permissions.wire import leases as leases_wire
from servicekit.database import Database
from servicekit.events import new_id

Assigned = Callable[..., LeadAssigned]
FIRST, SECOND = "a" * 64, "b" * 64


def asked(golden_id: str, lead_id: str) -> Fact:
    return Fact("customer", golden_id, "asked", "lead", lead_id)


async def stated(database: Database) -> set[tuple[str, ...]]:
    async with database.raw() as raw:
        return {put.fact.key for put in await facts.load(raw)}


@pytest.fixture
async def owned(database: Database, assigned: Assigned) -> list[str]:
    """The leads of two customers, one each, assigned."""
    events = [assigned(), assigned()]
    events[0].golden_id, events[1].golden_id = FIRST, SECOND
    async with database.unit_of_work() as uow:
        await leases.grant_ownerships(uow, [leases_wire.arrival(event) for event in events])
    return [event.lead_id for event in events]


async def test_an_assigned_lead_is_of_its_customer(database: Database, owned: list[str]) -> None:
    known = await stated(database)

    assert known == {asked(FIRST, owned[0]).key, asked(SECOND, owned[1]).key}


async def test_a_merged_customer_has_the_leads_of_both_and_the_old_id_keeps_its_own(
    database: Database, owned: list[str]
) -> None:
    event = CustomerMerged(
        event_id=new_id(), golden_id=FIRST, merged_golden_ids=[SECOND], lead_ids=[owned[1]]
    )

    for _ in range(2):
        async with database.unit_of_work() as uow:
            await customers.move_leads(uow, now=wire.merged_leads(event))

    expected = {asked(FIRST, owned[0]), asked(FIRST, owned[1]), asked(SECOND, owned[1])}
    assert await stated(database) == {fact.key for fact in expected}


async def test_who_leaves_a_customer_takes_their_leads_along(
    database: Database, owned: list[str]
) -> None:
    part = SplitPart(golden_id=SECOND, lead_ids=[owned[0]])
    event = CustomerSplit(event_id=new_id(), golden_id=FIRST, parts=[part])

    now, before = wire.parted_leads(event)
    async with database.unit_of_work() as uow:
        await customers.move_leads(uow, now=now, before=before)

    expected = {asked(SECOND, owned[0]), asked(SECOND, owned[1])}
    assert await stated(database) == {fact.key for fact in expected}
