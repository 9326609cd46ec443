"""The whole service on real servers: a lead and what other systems say of it become one picture."""

from collections.abc import Callable
from typing import Any

import grpc
from identity.app import build
from identity.settings import Settings
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.identity.v1.customer360_service_pb2_grpc import Customer360ServiceStub
from servicekit.events import new_id, subject_of
from servicekit.testing.waiting import eventually


async def test_a_payment_that_came_first_is_part_of_the_picture_when_the_lead_comes(
    settings: Settings,
    serve: Any,
    received: Callable[..., Any],
    told: Callable[..., Any],
) -> None:
    lead = received(phone="+8613800138001")
    payment = told("payment", own_id="p-1", phone_e164="+8613800138001")

    async with serve(build(settings)) as served:
        channel = await served.channel("dora", device_id="dora-phone")
        for event in (payment, lead):
            subject = subject_of(event.DESCRIPTOR.full_name, lead.lead_id)
            headers = {"Nats-Msg-Id": new_id()}
            await served.bus.jetstream().publish(
                subject, event.SerializeToString(), headers=headers
            )

        async def complete() -> pb.GetCustomer360Response | None:
            request = pb.GetCustomer360Request(id=lead.lead_id)
            try:
                answer = await Customer360ServiceStub(channel).GetCustomer360(request)
            except grpc.aio.AioRpcError:
                return None
            return answer if answer.payments.total and answer.fields else None

        answer = await eventually(complete, what="the picture")

    assert [payment.payment_id for payment in answer.payments.payments] == ["p-1"]
    assert {field.name: field.value for field in answer.fields}["phone"] == "138****8001"
    assert [lead_view.lead_id for lead_view in answer.leads.leads] == [lead.lead_id]
