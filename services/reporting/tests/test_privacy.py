"""Requests about people: what reporting forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.reporting.v1.privacy_events_pb2 import (
    SubjectErasedInReporting,
    SubjectExportedFromReporting,
)
from reporting import commands, subscribers
from servicekit.bus import Bus
from servicekit.dead_letters import DeadLetter
from servicekit.erasures import Erasures
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.database import Database

NOW = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


class Service:
    """reporting's reading of requests, each event handled in a transaction of its own."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self.database = database
        self.bus = bus

    async def hears(self, event: Any) -> None:
        """One event arrives."""
        event.event_id = event.event_id or new_id()
        name = f"reporting-{event.DESCRIPTOR.name}"
        letter = DeadLetter(
            consumer=name, event_id=event.event_id, event_type=event.DESCRIPTOR.full_name,
            payload=event.SerializeToString(), error="", attempt_count=1, first_failed_at=NOW,
            quarantined_at=NOW, traceparent=None,
        )  # fmt: skip
        await self.bus.replay(letter)

    async def states(self, kind: Any) -> list[Any]:
        """What it has stated of one kind."""
        async with self.database.raw() as raw:
            rows = await raw.fetch(
                "select payload from outbox where event_type = $1 order by id",
                kind.DESCRIPTOR.full_name,
            )
        return [kind.FromString(row[0]) for row in rows]

    async def rows(self, query: str, *arguments: object) -> list[Any]:
        """Whatever a test wants to see."""
        async with self.database.raw() as raw:
            return [tuple(row) for row in await raw.fetch(query, *arguments)]

    async def execute(self, query: str, *arguments: object) -> None:
        """Whatever a test has to bring about."""
        async with self.database.unit_of_work() as uow:
            await uow.raw.execute(query, *arguments)


@pytest.fixture
async def service(database: Database) -> Service:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, commands.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, erasures)
    return Service(database, bus)


async def test_reporting_answers_though_it_names_nobody(service: Service) -> None:
    request_id = new_id()

    await service.hears(SubjectErasureRequested(request_id=request_id, lead_ids=[new_id()]))

    (answer,) = await service.states(SubjectErasedInReporting)
    assert (answer.request_id, answer.erased_count) == (request_id, 0)
    assert answer.holds


async def test_dead_letters_that_name_the_lead_go(service: Service) -> None:
    lead_id = new_id()
    await service.execute(
        "insert into dead_letters values ('reporting-LeadReceived', $1, 'LeadReceived', $2, '', 1, $3, $3, null)",
        new_id(),
        b"sealed " + lead_id.encode(),
        NOW,
    )

    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[lead_id]))

    assert await service.rows("select count(*) from dead_letters") == [(0,)]


async def test_an_export_tells_what_happened_to_a_lead(
    service: Service, a_lead: Any, tell: Any
) -> None:
    lead = a_lead()
    await tell([lead.received(), lead.assigned()])

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[lead.lead_id]))

    (part,) = await service.states(SubjectExportedFromReporting)
    told = [record["event"] for record in json.loads(part.records)]
    assert told == ["LeadReceived", "LeadAssigned"]
