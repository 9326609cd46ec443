"""What assignment takes back, and whose time with a lead is over: both lie in the pool."""

from datetime import UTC

import grpc
import pytest
from accesskit.policy import DAY_S
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.assignment.v1.pool_events_pb2 import LeadHoldExpired, LeadPooled
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import leases_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import CustomerReleased
from permissions import subscribers
from permissions.commands import privacy
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.errors import InvalidMessage
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing

CUSTOMER = "c" * 64


@pytest.fixture
def hearing(office) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=office.database)
    erasures = Erasures(office.database, privacy.erase_leads, spared=[])
    subscribers.subscribe(bus, office.live, erasures)
    return Hearing("permissions", office.database, bus)


def a_lead() -> changes_pb2.Entity:
    return changes_pb2.Entity(type="lead", id=new_id())


def assigned(lead: changes_pb2.Entity, owner_id: str, number: int = 1) -> LeadAssigned:
    event = LeadAssigned(lead_id=lead.id, assignee_id=owner_id, assignment_no=number)
    event.golden_id = CUSTOMER
    event.received_at.GetCurrentTime()
    return event


def pooled(lead: changes_pb2.Entity, owner_id: str, number: int = 1, **named) -> LeadPooled:
    event = LeadPooled(lead_id=lead.id, previous_owner_id=owner_id, assignment_no=number)
    event.golden_id, event.reason = CUSTOMER, named.get("reason", "contact_overdue")
    event.received_at.GetCurrentTime()
    return event


def expired(lead: changes_pb2.Entity, owner_id: str, number: int = 1) -> LeadHoldExpired:
    event = LeadHoldExpired(lead_id=lead.id, owner_id=owner_id, assignment_no=number)
    event.golden_id, event.clock = CUSTOMER, "default"
    event.received_at.GetCurrentTime()
    return event


async def released(office) -> list[tuple[str, str]]:
    return [(e.previous_owner_id, e.reason) for e in await office.published(CustomerReleased)]


async def test_whoever_made_no_contact_has_no_lease_and_cools_down(office, hearing) -> None:
    lead = a_lead()
    await hearing.hears(assigned(lead, "rep-ana"))

    for _ in range(2):
        await hearing.hears(pooled(lead, "rep-ana"))

    assert await released(office) == [("rep-ana", "contact_overdue")]
    await office.live.catch_up()
    lease = await office.lease(lead)
    assert (lease.owner_id, lease.state) == ("", pb.LEASE_STATE_POOL)
    assert not await office.may_edit("rep-ana", lead)
    assert lease.cool_until.ToDatetime(UTC).timestamp() == office.noon_s + 7 * DAY_S


async def test_a_loss_that_comes_before_its_assignment_is_not_undone_by_it(office, hearing) -> None:
    lead = a_lead()
    await hearing.hears(assigned(lead, "rep-ana"))

    await hearing.hears(pooled(lead, "rep-bo", 2))
    await hearing.hears(assigned(lead, "rep-bo", 2))

    assert await released(office) == [("rep-bo", "contact_overdue")]
    assert (await office.lease(lead)).owner_id == ""
    await hearing.hears(assigned(lead, "rep-cai", 3))
    await hearing.hears(pooled(lead, "rep-bo", 2))
    assert (await office.lease(lead)).owner_id == "rep-cai"


async def test_what_permissions_released_itself_changes_nothing_when_it_is_pooled(
    office, hearing
) -> None:
    lead = a_lead()
    await hearing.hears(assigned(lead, "rep-ana"))

    for reason in ("lapsed", "released", "offboarded", "recycled"):
        await hearing.hears(pooled(lead, "rep-ana", reason=reason))

    assert await released(office) == []


async def test_whose_time_is_over_loses_the_lead_once(office, hearing) -> None:
    lead, other = a_lead(), a_lead()
    for each in (lead, other):
        await hearing.hears(assigned(each, "rep-ana"))

    for event in (expired(lead, "rep-ana"), expired(lead, "rep-ana"), expired(other, "rep-bo")):
        await hearing.hears(event)

    assert await released(office) == [("rep-ana", "recycled")]


@pytest.mark.parametrize("kept", ["protected", "exempt"])
async def test_protection_and_exemption_keep_what_its_owner_contacted(
    office, hearing, kept: str
) -> None:
    lead = a_lead()
    await hearing.hears(assigned(lead, "rep-ana"))
    await office.live.catch_up()
    version = (await office.lease(lead)).version
    if kept == "protected":
        wanted = pb.ProtectLeaseRequest(resource=lead, version=version, days=5)
        await (await office.by("rep-ana")).ProtectLease(wanted)
    else:
        exempt = pb.ExemptLeaseRequest(resource=lead, reason="contract_signed")
        await (await office.by("engagement")).ExemptLease(exempt)

    await hearing.hears(expired(lead, "rep-ana"))

    assert await released(office) == []
    await hearing.hears(pooled(lead, "rep-ana"))
    assert await released(office) == [("rep-ana", "contact_overdue")]


async def test_a_loss_of_nothing_or_nobody_is_invalid(office, hearing) -> None:
    nothing, nobody, numberless = (expired(a_lead(), "rep-ana") for _ in range(3))
    nothing.lead_id, nobody.owner_id, numberless.assignment_no = "x", "", 0

    for event in (nothing, nobody, numberless):
        with pytest.raises(InvalidMessage):
            await hearing.hears(event)


async def test_a_lead_is_not_claimed_here_and_the_refusal_says_where(office, hearing) -> None:
    lead = a_lead()
    await hearing.hears(assigned(lead, "rep-ana"))
    await hearing.hears(pooled(lead, "rep-ana"))

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await office.claim("rep-bo", lead, version=2)

    assert office.refused(refusal) == (grpc.StatusCode.FAILED_PRECONDITION, "claimed_elsewhere")
    assert "PoolService/ClaimLead" in (refusal.value.details() or "")
