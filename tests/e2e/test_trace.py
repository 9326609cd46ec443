"""One lead is one trace, and its service graph is the expected one."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from leadctl.clients import Services
from leadctl.demo.deliveries import simple_deliveries
from leadctl.demo.environment import demo_stack, introduce_people, open_doors
from leadctl.demo.sender import send
from leadctl.installation import SERVICE_NAMES
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings
from servicekit.local.ports import free_port
from servicekit.testing.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

GRAPH = {
    ("lead-intake", "identity"),
    ("lead-intake", "reporting"),
    ("identity", "assignment"),
    ("assignment", "identity"),
    ("assignment", "permissions"),
    ("assignment", "engagement"),
    ("assignment", "notification"),
    ("assignment", "reporting"),
    ("permissions", "engagement"),
    ("permissions", "identity"),
    ("permissions", "notification"),
    ("permissions", "reporting"),
    ("notification", "reporting"),
}


async def test_one_lead_makes_one_trace_with_the_expected_service_graph(place: Path):
    spans = []
    async with AsyncExitStack() as taps, asyncio.TaskGroup() as tasks:
        endpoints, listening = {}, []
        for service in SERVICE_NAMES:
            settings = OtelTapHttpProtobufReceiverSettings(free_port())
            tap = await taps.enter_async_context(OtelTapHttpProtobufReceiver(settings))
            listening.append(tasks.create_task(_collect(service, tap, spans)))
            endpoint = f"http://127.0.0.1:{settings.http_port}"
            endpoints[service] = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        stack = demo_stack(place / "trace", settings=endpoints)
        try:
            await stack.up()
            await _deliver_one(stack)
            await eventually(lambda: edges(spans) >= GRAPH, deadline_s=60, what="the whole graph")
        finally:
            await stack.down(purge=True)
            for task in listening:
                task.cancel()

    assert edges(spans) == GRAPH


def edges(spans):
    """Caller and callee of every step between services in the trace of the delivery."""
    roots = {span.trace_id for service, span in spans if span.name.startswith("POST /in/")}
    inside = [(service, span) for service, span in spans if span.trace_id in roots]
    owner = {span.span_id: service for service, span in inside}
    return {
        (owner[span.parent_span_id], service)
        for service, span in inside
        if span.parent_span_id in owner and owner[span.parent_span_id] != service
    }


async def _deliver_one(stack):
    targets = {name: target.grpc for name, target in stack.targets().items()}
    async with Services(targets, stack.operator_token_file()) as known:
        doors = await open_doors(known, stack)
        await introduce_people(known, stack)
        [delivery] = simple_deliveries(1, seed=5, at=datetime.now(UTC))
        [receipt] = await send(
            [delivery], doors, rate_per_s=10, connections=1, arrived=lambda _: None
        )
    assert receipt.status == 202


async def _collect(service, tap, spans):
    async for span in tap.stream_traces():
        spans.append((service, span))
