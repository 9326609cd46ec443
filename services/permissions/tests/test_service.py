"""The whole service on real servers: events in, events and answers out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import nats
import pytest
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.permissions.v1 import permissions_service_pb2 as pb
from leadchain.permissions.v1.events_pb2 import OwnershipGranted
from leadchain.permissions.v1.permissions_service_pb2_grpc import PermissionsServiceStub
from nats.aio.client import Client
from permissions.app import build
from permissions.settings import Settings
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually
from servicekit.v1 import operations_service_pb2
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

Assigned = Callable[..., LeadAssigned]
STREAMS = Path(__file__).parents[3] / "deploy" / "nats" / "streams.yaml"
ASSIGNED_TYPE = LeadAssigned.DESCRIPTOR.full_name


@dataclass
class Running:
    """The running service, seen from outside."""

    bus: Client
    channel: grpc.aio.Channel
    stub: PermissionsServiceStub

    async def deliver(self, event: LeadAssigned) -> None:
        """Publishes an event as assignment would; each delivery under a message id of its own."""
        subject = subject_of(ASSIGNED_TYPE, event.lead_id)
        await self.bus.jetstream().publish(
            subject, event.SerializeToString(), headers={"Nats-Msg-Id": new_id()}
        )

    async def granted(self, count: int) -> list[OwnershipGranted]:
        """The events on permissions' stream, once there are `count`."""
        jetstream = self.bus.jetstream()

        async def enough() -> bool:
            return (await jetstream.stream_info("PERMISSIONS")).state.messages >= count

        await eventually(enough, what=f"{count} grants")
        messages = [await jetstream.get_msg("PERMISSIONS", seq) for seq in range(1, count + 1)]
        return [OwnershipGranted.FromString(message.data or b"") for message in messages]

    async def may(self, subject_id: str, action: str, lead_id: str) -> pb.CheckResponse:
        """Asks whether a subject may do something to a lead."""
        request = pb.CheckRequest(subject_id=subject_id, action=action, lead_id=lead_id)
        return await self.stub.Check(request)


@asynccontextmanager
async def running(settings: Settings, token: str) -> AsyncIterator[Running]:
    streams = [
        replace(definition, max_size_bytes=2**24)
        for definition in load_definitions(STREAMS)
        if definition.name in {"ASSIGNMENT", "PERMISSIONS"}
    ]
    await apply_streams(settings.nats_url, streams)
    chassis = build(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    try:
        async with connect(f"127.0.0.1:{chassis.grpc.port}", token=lambda: token) as channel:
            yield Running(bus, channel, PermissionsServiceStub(channel))
    finally:
        await bus.close()
        assert await service.stop() == 0


@pytest.fixture
async def permissions(settings: Settings, token: str) -> AsyncIterator[Running]:
    async with running(settings, token) as service:
        yield service


async def test_an_assigned_lead_can_be_edited_by_its_owner_only(
    permissions: Running, assigned: Assigned
) -> None:
    event = assigned(assignee_id="rep-ana")

    await permissions.deliver(event)

    [granted] = await permissions.granted(1)
    assert (granted.lead_id, granted.owner_id) == (event.lead_id, "rep-ana")
    owner = await permissions.may("rep-ana", "edit", event.lead_id)
    other = await permissions.may("rep-bo", "edit", event.lead_id)
    reader = await permissions.may("rep-bo", "read", event.lead_id)
    assert (owner.allowed, owner.reason, owner.audit_seq) == (True, "owner", 1)
    assert (other.allowed, other.reason, other.audit_seq) == (False, "not_owner", 1)
    assert (reader.allowed, reader.reason) == (True, "reader")


async def test_a_duplicate_delivery_has_one_effect(
    permissions: Running, assigned: Assigned
) -> None:
    twice, once = assigned(), assigned()

    await permissions.deliver(twice)
    await permissions.deliver(twice)
    await permissions.deliver(once)

    granted = await permissions.granted(2)
    verdict = await permissions.stub.VerifyAudit(pb.VerifyAuditRequest())
    assert {each.lead_id for each in granted} == {twice.lead_id, once.lead_id}
    assert (verdict.intact, verdict.entry_count, verdict.first_bad_seq) == (True, 2, 0)


async def test_an_assignment_to_nobody_is_set_aside(
    permissions: Running, assigned: Assigned
) -> None:
    operations = OperationsServiceStub(permissions.channel)
    events = [assigned(assignee_id=""), assigned(assignment_no=0), assigned(lead_id="lead-1")]

    async def letters() -> bool:
        request = operations_service_pb2.ListDeadLettersRequest()
        found = (await operations.ListDeadLetters(request)).letters
        return {letter.event_id for letter in found} == {event.event_id for event in events}

    for event in events:
        await permissions.deliver(event)

    assert await eventually(letters)


async def test_many_checks_are_answered_at_once(permissions: Running, assigned: Assigned) -> None:
    event = assigned(assignee_id="rep-ana")
    await permissions.deliver(event)
    await permissions.granted(1)

    answer = await permissions.stub.BatchCheck(
        pb.BatchCheckRequest(
            checks=[
                pb.CheckRequest(subject_id="rep-ana", action="edit", lead_id=event.lead_id),
                pb.CheckRequest(subject_id="rep-ana", action="edit", lead_id=new_id()),
            ]
        )
    )

    assert [result.reason for result in answer.results] == ["owner", "unknown_lead"]


async def test_the_audit_log_is_listed_with_what_was_hashed(
    permissions: Running, assigned: Assigned
) -> None:
    for _ in range(3):
        await permissions.deliver(assigned())
    await permissions.granted(3)

    first = await permissions.stub.ListAuditEntries(pb.ListAuditEntriesRequest(page_size=2))
    rest = await permissions.stub.ListAuditEntries(pb.ListAuditEntriesRequest(after_seq=2))
    past = await permissions.stub.ListAuditEntries(pb.ListAuditEntriesRequest(after_seq=2**64 - 1))

    assert [entry.seq for entry in [*first.entries, *rest.entries]] == [1, 2, 3]
    assert len(first.entries[0].hash) == 32
    assert b"ownership_granted" in first.entries[0].fact
    assert not past.entries


@pytest.mark.parametrize("lead_id", ["", "lead-1", "\x00"])
async def test_a_check_of_no_lead_is_refused(permissions: Running, lead_id: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await permissions.may("rep-ana", "edit", lead_id)

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_more_than_two_thousand_checks_are_refused(permissions: Running) -> None:
    check = pb.CheckRequest(subject_id="rep-ana", action="edit", lead_id=new_id())

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await permissions.stub.BatchCheck(pb.BatchCheckRequest(checks=[check] * 2001))

    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
