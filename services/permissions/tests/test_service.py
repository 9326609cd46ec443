"""The whole service on real servers: events in, events and answers out."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.permissions.v1 import changes_pb2, leases_service_pb2
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import OwnershipDemoted, OwnershipGranted
from leadchain.permissions.v1.leases_service_pb2_grpc import LeasesServiceStub
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from nats.aio.client import Client
from permissions.app import build
from permissions.settings import Settings
from servicekit.auth import mint_token
from servicekit.database import Database
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually
from servicekit.v1 import operations_service_pb2
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

Assigned = Callable[..., LeadAssigned]
STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
FOUNDATION = """
principals:
  - {id: engagement, type: service}
  - {id: leadctl, type: service}
  - {id: rep-ana}
  - {id: rep-bo}
facts:
  - role:operator#member@service:leadctl
  - role:salesperson#member@user:rep-ana
  - role:salesperson#member@user:rep-bo
networks:
  - {cidr: 127.0.0.0/8, name: office}
"""
OLD_OWNERSHIP = """
insert into leases (
  resource_type, resource_id, owner_id, touched_at_s, version, suspended_until_s, is_exempt,
  former_owner_id, cool_until_s, seq, assignment_no, granted_at_s, noticed_state, episode, channel, received_at_s
) values ('lead', $1, 'rep-ana', $2, 0, 0, false, '', 0, 1, 1, $2, '', 1, '', 0)
"""


@dataclass
class Running:
    """The running service, seen from outside."""

    bus: Client
    key: dict[str, Any]
    port: int
    channels: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def channel(self, subject: str) -> grpc.aio.Channel:
        """A connection of somebody's."""
        token = mint_token(
            self.key,
            subject=subject,
            scopes=[],
            audience="leadchain",
            lifetime_s=600,
            now=datetime.now(UTC),
        )
        opened = connect(f"127.0.0.1:{self.port}", token=lambda: token)
        return await self.channels.enter_async_context(opened)

    async def deliver(self, event: LeadAssigned) -> None:
        """Publishes an event as assignment would; each delivery under a message id of its own."""
        subject = subject_of(LeadAssigned.DESCRIPTOR.full_name, event.lead_id)
        await self.bus.jetstream().publish(
            subject, event.SerializeToString(), headers={"Nats-Msg-Id": new_id()}
        )

    async def published(self, kind: type[Any], count: int) -> list[Any]:
        """The events of a kind on permissions' stream, once there are `count`."""
        wanted = kind.DESCRIPTOR.full_name

        async def found() -> list[Any]:
            events = [
                kind.FromString(data) for subject, data in await self._stored() if wanted in subject
            ]
            return events if len(events) >= count else []

        return await eventually(found, what=f"{count} of {wanted}")

    async def may(self, subject_id: str, action: str, lead_id: str) -> pb.CheckResponse:
        """Whether a subject may do something to a lead, by the newest state."""
        stub = PermissionsServiceStub(await self.channel("leadctl"))
        consistency = pb.Consistency(latest=True)
        return await stub.Check(
            pb.CheckRequest(
                subject_id=subject_id, action=action, lead_id=lead_id, consistency=consistency
            )
        )

    async def _stored(self) -> list[tuple[str, bytes]]:
        jetstream = self.bus.jetstream()
        state = (await jetstream.stream_info("PERMISSIONS")).state
        sequences = range(1, state.messages + 1)
        messages = [await jetstream.get_msg("PERMISSIONS", seq) for seq in sequences]
        return [(message.subject or "", message.data or b"") for message in messages]


@pytest.fixture
def founded(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of an installation that begins with a few people."""
    path = tmp_path / "bootstrap.yaml"
    path.write_text(FOUNDATION, "utf-8")
    return settings.model_copy(update={"bootstrap_file": path})


@asynccontextmanager
async def running(settings: Settings, key: dict[str, Any]) -> AsyncIterator[Running]:
    streams = [
        replace(definition, max_size_bytes=2**24)
        for definition in load_definitions(STREAMS)
        if definition.name in {"INTAKE", "IDENTITY", "ASSIGNMENT", "ENGAGEMENT", "PERMISSIONS"}
    ]
    await apply_streams(settings.nats_url, streams)
    chassis = build(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    seen = Running(bus, key, chassis.grpc.port)
    try:
        yield seen
    finally:
        await seen.channels.aclose()
        await bus.close()
        assert await service.stop() == 0


@pytest.fixture
async def permissions(founded: Settings, signing_key: dict[str, Any]) -> AsyncIterator[Running]:
    async with running(founded, signing_key) as service:
        yield service


async def test_an_assigned_lead_can_be_edited_by_its_owner_only(
    permissions: Running, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")

    await permissions.deliver(event)

    [granted] = await permissions.published(OwnershipGranted, 1)
    owner = await permissions.may("rep-ana", "edit", event.lead_id)
    other = await permissions.may("rep-bo", "edit", event.lead_id)
    assert (granted.lead_id, granted.owner_id) == (event.lead_id, "rep-ana")
    assert (owner.allowed, owner.audit_seq) == (True, granted.audit_seq)
    assert not other.allowed
    assert other.remedies


async def test_a_reassigned_lead_passes_to_its_new_owner(
    permissions: Running, assigned: Assigned
) -> None:
    first = assigned(assignee_id="rep-ana")
    await permissions.deliver(first)
    await permissions.published(OwnershipGranted, 1)

    await permissions.deliver(
        assigned(lead_id=first.lead_id, assignee_id="rep-bo", assignment_no=2)
    )

    [_, granted] = await permissions.published(OwnershipGranted, 2)
    assert (granted.previous_owner_id, granted.owner_id) == ("rep-ana", "rep-bo")
    assert not (await permissions.may("rep-ana", "edit", first.lead_id)).allowed
    assert (await permissions.may("rep-bo", "edit", first.lead_id)).allowed


async def test_a_duplicate_delivery_has_one_effect(
    permissions: Running, assigned: Assigned
) -> None:
    twice, once = assigned(), assigned()

    await permissions.deliver(twice)
    await permissions.deliver(twice)
    await permissions.deliver(once)

    granted = await permissions.published(OwnershipGranted, 2)
    stub = PermissionsServiceStub(await permissions.channel("leadctl"))
    verdict = await stub.VerifyAudit(pb.VerifyAuditRequest())
    assert [each.lead_id for each in granted] == [twice.lead_id, once.lead_id]
    assert (verdict.intact, verdict.first_bad_seq) == (True, 0)


async def test_an_assignment_to_nobody_is_set_aside(
    permissions: Running, assigned: Assigned
) -> None:
    operations = OperationsServiceStub(await permissions.channel("leadctl"))
    events = [assigned(assignee_id=""), assigned(assignment_no=0), assigned(lead_id="lead-1")]

    async def letters() -> bool:
        request = operations_service_pb2.ListDeadLettersRequest()
        found = (await operations.ListDeadLetters(request)).letters
        return {letter.event_id for letter in found} == {event.event_id for event in events}

    for event in events:
        await permissions.deliver(event)

    assert await eventually(letters)


async def test_a_lease_tells_its_story_to_whom_the_gateway_acts_for(
    permissions: Running, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")
    await permissions.deliver(event)
    await permissions.published(OwnershipGranted, 1)
    stub = LeasesServiceStub(await permissions.channel("engagement"))
    resource = changes_pb2.Entity(type="lead", id=event.lead_id)

    answer = await stub.GetLease(
        leases_service_pb2.GetLeaseRequest(resource=resource, actor_id="rep-ana")
    )

    assert answer.lease.owner_id == "rep-ana"
    assert answer.lease.state == leases_service_pb2.LEASE_STATE_ACTIVE
    assert [each.action for each in answer.history] == ["ownership_granted"]


async def test_an_ownership_from_before_the_log_held_changes_goes_on_as_a_lease(
    founded: Settings, database: Database, signing_key: dict[str, Any]
) -> None:
    lead_id, granted_at_s = new_id(), time.time() - 25 * 86_400
    async with database.raw() as raw:
        await raw.execute(OLD_OWNERSHIP, lead_id, granted_at_s)

    async with running(founded, signing_key) as service:
        [told] = await service.published(OwnershipDemoted, 1)
        answer = await service.may("rep-ana", "edit", lead_id)

    assert (told.resource.id, told.owner_id, told.state) == (lead_id, "rep-ana", "notice")
    assert answer.allowed
    assert answer.audit_seq > 0
