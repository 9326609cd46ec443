"""Requests about people: what assignment forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from assignment import commands, subscribers
from leadchain.assignment.v1.privacy_events_pb2 import (
    SubjectErasedInAssignment,
    SubjectExportedFromAssignment,
)
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.bus import Bus
from servicekit.dead_letters import DeadLetter
from servicekit.erasures import Erasures
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.database import Database

NOW = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


class Service:
    """assignment's reading of requests, each event handled in a transaction of its own."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self.database = database
        self.bus = bus

    async def hears(self, event: Any) -> None:
        """One event arrives."""
        event.event_id = event.event_id or new_id()
        name = f"assignment-{event.DESCRIPTOR.name}"
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
async def service(database: Database, build: Any) -> Service:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, commands.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, build.desk(), erasures)
    return Service(database, bus)


async def test_what_is_shown_of_a_phone_is_forgotten_and_the_lead_stays_owned(
    service: Service, office: Any, build: Any
) -> None:
    await office.put_reps(build.rep("rep-01"))
    lead, other = build.lead(), build.lead(golden_id="b" * 64)
    await office.assign(build.desk(), [lead, other])
    await service.execute("update outbox set published_at = now()")

    request_id = new_id()
    await service.hears(
        SubjectErasureRequested(request_id=request_id, lead_ids=[str(lead.lead_id)])
    )

    (answer,) = await service.states(SubjectErasedInAssignment)
    assert answer.request_id == request_id
    assert answer.erased_count >= 2
    shown = dict(await service.rows("select lead_id, phone_display from leads"))
    assert (shown[lead.lead_id], shown[other.lead_id]) == ("", other.phone_display)
    assert len(await office.owners()) == 2
    sent = await service.rows("select key from outbox where event_type like '%LeadAssigned'")
    assert sent == [(str(other.lead_id),)]


async def test_an_export_tells_place_and_owner(service: Service, office: Any, build: Any) -> None:
    await office.put_reps(build.rep("rep-01"))
    lead = build.lead()
    await office.assign(build.desk(), [lead])

    await service.hears(
        SubjectExportRequested(request_id=new_id(), lead_ids=[str(lead.lead_id), new_id()])
    )

    (part,) = await service.states(SubjectExportedFromAssignment)
    (record,) = json.loads(part.records)
    assert record["city"] == "深圳"
    assert record["assignee_id"]
