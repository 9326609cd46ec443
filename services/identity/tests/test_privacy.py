"""Requests about people: what identity forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from identity import subscribers
from identity.commands.erasing import Erasing
from identity.store.customers import customer_of
from leadchain.identity.v1.events_pb2 import LeadIdentified
from leadchain.identity.v1.privacy_events_pb2 import (
    SubjectErasedInIdentity,
    SubjectExportedFromIdentity,
)
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from servicekit.database import Database


@pytest.fixture
async def service(database: Database, reader: Any, resolver: Any) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasing = Erasing(resolver)
    erasures = Erasures(
        database, erasing.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, reader, resolver)
    subscribers.subscribe_to_requests(bus, erasures, erasing)
    return Hearing("identity", database, bus)


async def test_the_phone_of_a_forgotten_person_is_a_strangers(
    service: Hearing, received: Any
) -> None:
    first, other = received(), received(phone="+8613800138002")
    await service.hears(first)
    await service.hears(other)

    request_id = new_id()
    await service.hears(SubjectErasureRequested(request_id=request_id, lead_ids=[first.lead_id]))
    again = received()
    await service.hears(again)

    (answer,) = await service.states(SubjectErasedInIdentity)
    assert (answer.request_id, answer.erased_count) == (request_id, 2)
    bases = dict(await service.rows("select lead_id::text, match_basis from leads"))
    assert bases == {first.lead_id: 1, other.lead_id: 1, again.lead_id: 1}
    assert await service.rows("select count(*) from records") == [(2,)]
    assert await service.rows("select count(distinct golden_id) from leads") == [(2,)]


async def test_what_another_lead_says_too_stays_and_the_answer_says_so(
    service: Hearing, received: Any
) -> None:
    first, second = received(), received()
    await service.hears(first)
    await service.hears(second)

    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[first.lead_id]))

    (answer,) = await service.states(SubjectErasedInIdentity)
    assert answer.erased_count == 1
    assert any("1 customers from other sources" in hold for hold in answer.holds)
    assert await service.rows("select count(*) from statements") == [(1,)]
    assert await service.rows("select count(*) from records") == [(1,)]


async def test_nothing_a_forgotten_person_said_is_left_and_their_ids_resolve(
    service: Hearing, received: Any
) -> None:
    event = received()
    await service.hears(event)
    (identified,) = await service.states(LeadIdentified)

    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    for table in ("statements", "records", "record_keys", "links", "alias_supports"):
        assert await service.rows(f"select count(*) from {table}") == [(0,)]
    async with service.database.raw() as raw:
        customer = await customer_of(raw, identified.golden_id)
    assert customer is not None
    assert (customer.master_id, customer.record_count) == (identified.master_id, 0)


async def test_sealed_contacts_that_were_sent_on_go_with_the_person(
    service: Hearing, received: Any
) -> None:
    event = received()
    await service.hears(event)
    await service.execute("update outbox set published_at = now()")

    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    kept = await service.rows("select event_type from outbox where published_at is not null")
    assert kept == []


async def test_an_erasure_that_comes_twice_is_answered_once(service: Hearing) -> None:
    event = SubjectErasureRequested(request_id=new_id(), lead_ids=[new_id()])

    await service.hears(event)
    await service.hears(event)

    assert len(await service.states(SubjectErasedInIdentity)) == 1


async def test_an_export_tells_how_a_lead_was_recognised(service: Hearing, received: Any) -> None:
    event = received()
    await service.hears(event)

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    (part,) = await service.states(SubjectExportedFromIdentity)
    (record,) = json.loads(part.records)
    assert (record["lead_id"], record["recognised_by"]) == (event.lead_id, "new")
    assert record["master_id"].startswith("CID-")
