"""The whole service on real servers: events in, events and answers out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from identity.app import build
from identity.settings import Settings
from leadchain.identity.v1 import identity_service_pb2 as pb
from leadchain.identity.v1 import resolution_service_pb2 as resolution
from leadchain.identity.v1.events_pb2 import MATCH_BASIS_NEW, LeadIdentified
from leadchain.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from leadchain.identity.v1.resolution_service_pb2_grpc import ResolutionServiceStub
from leadchain.intake.v1.events_pb2 import LeadReceived
from nats.aio.client import Client
from servicekit.events import new_id, subject_of
from servicekit.testing.waiting import eventually
from servicekit.v1 import book_service_pb2, operations_service_pb2
from servicekit.v1.book_service_pb2_grpc import BookServiceStub
from servicekit.v1.operations_service_pb2_grpc import OperationsServiceStub

Received = Callable[..., LeadReceived]
RECEIVED_TYPE = LeadReceived.DESCRIPTOR.full_name


@dataclass
class Running:
    """The running service, seen from outside."""

    bus: Client
    channel: grpc.aio.Channel

    async def deliver(self, event: LeadReceived) -> None:
        """Publishes an event as lead-intake would; each delivery under a message id of its own."""
        subject = subject_of(RECEIVED_TYPE, event.lead_id)
        await self.bus.jetstream().publish(
            subject, event.SerializeToString(), headers={"Nats-Msg-Id": new_id()}
        )

    async def identified(self, count: int) -> list[LeadIdentified]:
        """The events on identity's stream, once there are `count`."""
        jetstream = self.bus.jetstream()

        async def enough() -> bool:
            return (await jetstream.stream_info("IDENTITY")).state.messages >= count

        await eventually(enough, what=f"{count} identified leads")
        messages = [await jetstream.get_msg("IDENTITY", seq) for seq in range(1, count + 1)]
        return [LeadIdentified.FromString(message.data or b"") for message in messages]


@pytest.fixture
async def identity(settings: Settings, serve: Any) -> AsyncIterator[Running]:
    async with serve(build(settings)) as served:
        yield Running(served.bus, await served.channel("reporting"))


async def test_a_received_lead_leaves_identified(identity: Running, received: Received) -> None:
    event = received()

    await identity.deliver(event)

    [identified] = await identity.identified(1)
    assert identified.lead_id == event.lead_id
    assert identified.match_basis == MATCH_BASIS_NEW
    assert identified.facts == event.facts


async def test_a_duplicate_delivery_has_one_effect(identity: Running, received: Received) -> None:
    twice, once = received(), received(phone="+8613800138002")

    await identity.deliver(twice)
    await identity.deliver(twice)
    await identity.deliver(once)

    identified = await identity.identified(2)
    info = await identity.bus.jetstream().stream_info("IDENTITY")
    assert {each.lead_id for each in identified} == {twice.lead_id, once.lead_id}
    assert info.state.messages == 2


async def test_a_lead_that_cannot_be_read_is_set_aside_and_holds_nobody_up(
    identity: Running, received: Received
) -> None:
    broken, fine = received(), received(phone="+8613800138002")
    broken.facts.sealed_contact = b"broken"
    operations = OperationsServiceStub(identity.channel)

    async def letters() -> list[operations_service_pb2.DeadLetter]:
        request = operations_service_pb2.ListDeadLettersRequest()
        return list((await operations.ListDeadLetters(request)).letters)

    await identity.deliver(broken)
    await identity.deliver(fine)

    [identified] = await identity.identified(1)
    [letter] = await eventually(letters)
    assert identified.lead_id == fine.lead_id
    assert letter.event_id == broken.event_id
    assert letter.error.startswith("InvalidMessage")


async def test_the_customer_of_a_lead_can_be_asked(identity: Running, received: Received) -> None:
    event = received()
    stub = IdentityServiceStub(identity.channel)
    await identity.deliver(event)
    [identified] = await identity.identified(1)

    answer = await stub.GetIdentity(pb.GetIdentityRequest(lead_id=event.lead_id))
    customer = await stub.GetCustomer(pb.GetCustomerRequest(customer_id=answer.master_id))

    assert (answer.golden_id, answer.master_id) == (identified.golden_id, identified.master_id)
    assert answer.match_basis == MATCH_BASIS_NEW
    assert customer.golden_id == identified.golden_id
    assert list(customer.lead_ids) == [event.lead_id]
    assert customer.first_seen_at == event.facts.received_at


def a_row(key: str, **fields: str) -> resolution.RowStatement:
    """What a row of the ERP says."""
    said = fields or {"name": "张伟", "phone": "13800138001"}
    row = resolution.RowStatement(system="kingdee", source_key=key, fields=said)
    row.modified_at.FromJsonString("2026-02-07T04:00:00Z")
    return row


async def test_a_lead_and_a_row_of_another_system_are_one_customer(
    identity: Running, received: Received
) -> None:
    stub = ResolutionServiceStub(identity.channel)
    await identity.deliver(received(name="张伟"))
    [identified] = await identity.identified(1)

    previewed = await stub.Preview(resolution.PreviewRequest(statement=a_row("K-1")))
    resolved = await stub.Resolve(resolution.ResolveRequest(statement=a_row("K-1")))
    again = await stub.Resolve(resolution.ResolveRequest(statement=a_row("K-1")))

    assert previewed.resolution == resolved.resolution
    customer = await IdentityServiceStub(identity.channel).GetCustomer(
        pb.GetCustomerRequest(customer_id=identified.golden_id)
    )
    assert resolved.resolution.golden_id == customer.golden_id
    assert resolved.resolution.change == resolution.STATEMENT_CHANGE_NEW
    assert again.resolution.change == resolution.STATEMENT_CHANGE_UNCHANGED


async def test_a_preview_keeps_nothing(identity: Running) -> None:
    stub = ResolutionServiceStub(identity.channel)

    first = await stub.Preview(resolution.PreviewRequest(statement=a_row("K-1")))
    second = await stub.Preview(resolution.PreviewRequest(statement=a_row("K-1")))

    assert first.resolution.change == second.resolution.change == resolution.STATEMENT_CHANGE_NEW
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await IdentityServiceStub(identity.channel).GetCustomer(
            pb.GetCustomerRequest(customer_id=first.resolution.golden_id)
        )
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND


async def test_callers_at_once_are_each_told_of_their_own_row(identity: Running) -> None:
    stub = ResolutionServiceStub(identity.channel)
    rows = [a_row(f"K-{n}", name="李娜", phone=f"1390013{n % 7}{n % 7}{n % 7}8") for n in range(40)]

    answers = await asyncio.gather(
        *(stub.Resolve(resolution.ResolveRequest(statement=row)) for row in rows)
    )
    many = await stub.ResolveMany(resolution.ResolveManyRequest(statements=rows))

    golden_ids = [answer.resolution.golden_id for answer in answers]
    assert [len(set(golden_ids[n::7])) for n in range(7)] == [1] * 7
    assert [each.golden_id for each in many.resolutions] == golden_ids


async def test_the_book_holds_every_identified_lead_as_passed_on(
    identity: Running, received: Received
) -> None:
    for phone in ("+8613800138001", "+8613800138002"):
        await identity.deliver(received(phone=phone))
    await identity.identified(2)

    book = await BookServiceStub(identity.channel).GetBook(book_service_pb2.GetBookRequest())

    [cell] = book.cells
    assert (cell.channel, cell.item_count) == ("website_form", 2)
    assert cell.state == book_service_pb2.BOOK_STATE_PASSED
