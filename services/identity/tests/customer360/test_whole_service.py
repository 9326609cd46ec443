"""The whole service on real servers: a lead and what other systems say of it become one picture."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
from identity.app import build
from identity.settings import Settings
from leadchain.identity.v1 import customer360_service_pb2 as pb
from leadchain.identity.v1.customer360_service_pb2_grpc import Customer360ServiceStub
from servicekit.auth import mint_token
from servicekit.events import new_id, subject_of
from servicekit.grpc_client import connect
from servicekit.streams import apply_streams, load_definitions
from servicekit.testing.waiting import eventually

STREAMS = Path(__file__).parents[4] / "deploy" / "nats" / "streams.yaml"
READ_FROM = {"INTAKE", "IDENTITY", "ASSIGNMENT", "PERMISSIONS"}


@asynccontextmanager
async def running(settings: Settings, token: str) -> AsyncIterator[tuple[Any, grpc.aio.Channel]]:
    """The service's bus, and a channel to it."""
    definitions = [each for each in load_definitions(STREAMS) if each.name in READ_FROM]
    await apply_streams(
        settings.nats_url, [replace(each, max_size_bytes=2**24) for each in definitions]
    )
    chassis = build(settings)
    service = chassis.service()
    await service.start()
    bus = await nats.connect(settings.nats_url)
    try:
        async with connect(f"127.0.0.1:{chassis.grpc.port}", token=lambda: token) as channel:
            yield bus, channel
    finally:
        await bus.close()
        assert await service.stop() == 0


async def test_a_payment_that_came_first_is_part_of_the_picture_when_the_lead_comes(
    settings: Settings,
    steward_token: str,
    received: Callable[..., Any],
    told: Callable[..., Any],
) -> None:
    lead = received(phone="+8613800138001")
    payment = told("payment", own_id="p-1", phone_e164="+8613800138001")

    async with running(settings, steward_token) as (bus, channel):
        for event in (payment, lead):
            subject = subject_of(event.DESCRIPTOR.full_name, lead.lead_id)
            headers = {"Nats-Msg-Id": new_id()}
            await bus.jetstream().publish(subject, event.SerializeToString(), headers=headers)

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


@pytest.fixture
def steward_token(signing_key: Any) -> str:
    return mint_token(
        signing_key,
        subject="dora",
        scopes=[],
        audience="leadchain",
        lifetime_s=600,
        now=datetime.now(UTC),
        device_id="dora-phone",
    )
