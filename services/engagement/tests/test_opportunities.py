"""Opportunities: opened by the first owner, and the same row whatever order their facts come in."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from engagement.domain.opportunities import State, UnknownOpportunity, serial_of
from engagement.queries.opportunities import get_opportunity
from leadchain.assignment.v1.events_pb2 import LeadContacted, LeadMerged, LeadWithdrawn
from leadchain.engagement.v1.opportunity_events_pb2 import OpportunityOpened
from leadchain.engagement.v1.privacy_events_pb2 import (
    SubjectErasedInEngagement,
    SubjectExportedFromEngagement,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged, CustomerSplit, SplitPart
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.permissions.v1.events_pb2 import CustomerReleased, OwnershipGranted
from servicekit.errors import Invalid
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.testing.hearing import Hearing


async def test_the_first_owner_opens_an_opportunity_and_the_next_one_takes_it_over(
    service: Hearing, build: Any
) -> None:
    first = build.assigned()
    second = build.assigned(lead_id=first.lead_id, assignee_id="rep-02", assignment_no=2)

    await service.hears(first)
    await service.hears(second)

    (event,) = await service.states(OpportunityOpened)
    assert (event.lead_id, event.owner_id) == (first.lead_id, "rep-01")
    found = await get_opportunity(service.database, UUID(first.lead_id))
    assert (found.owner_id, found.state) == ("rep-02", State.OPEN)
    assert found.number == event.opportunity_no
    assert serial_of(event.opportunity_no) == found.serial


async def test_every_order_of_its_facts_ends_in_the_same_opportunity(
    service: Hearing, build: Any
) -> None:
    seen = set()
    for order in itertools.permutations(range(4)):
        lead_id = new_id()
        facts = [
            build.assigned(lead_id=lead_id),
            build.assigned(lead_id=lead_id, assignee_id="rep-02", assignment_no=2),
            OwnershipGranted(lead_id=lead_id, owner_id="rep-03", audit_seq=7),
            LeadContacted(lead_id=lead_id, rep_id="rep-02"),
        ]
        for place in order:
            await service.hears(facts[place])
        found = await get_opportunity(service.database, UUID(lead_id))
        seen.add((found.owner_id, found.opened_at, found.contacted_at, found.state))

    assert len(seen) == 1
    assert {owner for owner, *_ in seen} == {"rep-03"}


async def test_what_fell_to_the_pool_is_nobodys_until_somebody_has_it_again(
    service: Hearing, build: Any
) -> None:
    event = build.assigned()
    await service.hears(event)
    released = CustomerReleased(previous_owner_id="rep-01", reason="lapsed", audit_seq=9)
    released.resource.type, released.resource.id = "lead", event.lead_id

    await service.hears(released)
    await service.hears(OwnershipGranted(lead_id=event.lead_id, owner_id="rep-01", audit_seq=8))

    assert (await get_opportunity(service.database, UUID(event.lead_id))).owner_id is None


async def test_a_lead_that_joined_another_or_was_none_is_no_open_opportunity(
    service: Hearing, build: Any
) -> None:
    joined, withdrawn, into = build.assigned(), build.assigned(), new_id()

    await service.hears(joined)
    await service.hears(LeadMerged(lead_id=joined.lead_id, into_lead_id=into))
    await service.hears(LeadWithdrawn(lead_id=withdrawn.lead_id))
    await service.hears(withdrawn)

    found = await get_opportunity(service.database, UUID(joined.lead_id))
    assert (found.state, str(found.into_lead_id)) == (State.JOINED, into)
    found = await get_opportunity(service.database, UUID(withdrawn.lead_id))
    assert found.state is State.WITHDRAWN


async def test_an_opportunity_follows_its_customer_through_merges_and_splits(
    service: Hearing, build: Any
) -> None:
    event, later = build.assigned(golden_id="b" * 64), build.assigned(golden_id="b" * 64)
    await service.hears(event)
    await service.hears(CustomerMerged(golden_id="a" * 64, merged_golden_ids=["b" * 64]))
    await service.hears(later)
    assert (await get_opportunity(service.database, UUID(later.lead_id))).golden_id == "a" * 64

    part = SplitPart(golden_id="b" * 64, lead_ids=[event.lead_id])
    await service.hears(CustomerSplit(golden_id="a" * 64, parts=[part]))

    assert (await get_opportunity(service.database, UUID(event.lead_id))).golden_id == "b" * 64
    assert (await get_opportunity(service.database, UUID(later.lead_id))).golden_id == "a" * 64


async def test_a_lead_without_an_owner_so_far_has_no_opportunity(service: Hearing) -> None:
    lead_id = new_id()
    await service.hears(OwnershipGranted(lead_id=lead_id, owner_id="rep-03", audit_seq=7))

    with pytest.raises(UnknownOpportunity, match=lead_id):
        await get_opportunity(service.database, UUID(lead_id))


@pytest.mark.parametrize("number", ["", "OPP-2026-1", "OPP-20260207-1", "CID-20260207-000001"])
def test_what_is_no_number_of_an_opportunity_is_refused(number: str) -> None:
    with pytest.raises(Invalid, match="OPP-"):
        serial_of(number)


async def test_requests_about_people_are_answered(service: Hearing, build: Any) -> None:
    event = build.assigned()
    await service.hears(event)

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[event.lead_id]))
    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    (part,) = await service.states(SubjectExportedFromEngagement)
    assert json.loads(part.records)[0]["owner_id"] == "rep-01"
    (answer,) = await service.states(SubjectErasedInEngagement)
    assert list(answer.holds)
