"""Requests about people: what notification forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.notification.v1.privacy_events_pb2 import (
    SubjectErasedInNotification,
    SubjectExportedFromNotification,
)
from notification import subscribers
from notification.commands.privacy import erase_leads
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from notification.commands.keeping import Keeper
    from servicekit.database import Database


@pytest.fixture
async def service(database: Database, keeper: Keeper) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, keeper, erasures)
    return Hearing("notification", database, bus)


async def test_what_a_reminder_shows_of_a_phone_is_forgotten(
    service: Hearing, assigned: Any
) -> None:
    event, other = assigned(), assigned()
    await service.hears(event)
    await service.hears(other)
    request_id = new_id()

    await service.hears(SubjectErasureRequested(request_id=request_id, lead_ids=[event.lead_id]))

    (answer,) = await service.states(SubjectErasedInNotification)
    assert (answer.request_id, answer.erased_count) == (request_id, 1)
    cards = dict(
        await service.rows("select lead_id::text, convert_from(card, 'UTF8') from reminders")
    )
    assert "8001" not in cards[event.lead_id]
    assert json.loads(cards[event.lead_id])["phone_display"] == ""
    assert json.loads(cards[other.lead_id])["phone_display"] == "138****8001"


async def test_a_reminder_that_comes_after_the_erasure_is_cleaned_by_its_repetition(
    service: Hearing, assigned: Any
) -> None:
    event = assigned()
    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[event.lead_id]))
    await service.hears(event)
    await service.execute("update erasures set repeat_at = now()")

    await Erasures(service.database, erase_leads, spared=[]).step()

    (card,) = await service.rows("select convert_from(card, 'UTF8') from reminders")
    assert "8001" not in card[0]


async def test_an_export_tells_of_which_reminders_there_were(
    service: Hearing, assigned: Any
) -> None:
    event = assigned()
    await service.hears(event)

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    (part,) = await service.states(SubjectExportedFromNotification)
    (record,) = json.loads(part.records)
    assert (record["lead_id"], record["kind"]) == (event.lead_id, "lead_assigned")
    assert "card" not in record
