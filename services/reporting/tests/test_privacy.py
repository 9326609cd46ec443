"""Requests about people: what reporting forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.reporting.v1.privacy_events_pb2 import (
    SubjectErasedInReporting,
    SubjectExportedFromReporting,
)
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.testing.hearing import Hearing

NOW = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


async def test_reporting_answers_though_it_names_nobody(hearing: Hearing) -> None:
    request_id = new_id()

    await hearing.hears(SubjectErasureRequested(request_id=request_id, lead_ids=[new_id()]))

    (answer,) = await hearing.states(SubjectErasedInReporting)
    assert (answer.request_id, answer.erased_count) == (request_id, 0)
    assert answer.holds


async def test_dead_letters_that_name_the_lead_go(hearing: Hearing) -> None:
    lead_id = new_id()
    await hearing.execute(
        "insert into dead_letters values ('reporting-LeadReceived', $1, 'LeadReceived', $2, '', 1, $3, $3, null)",
        new_id(),
        b"sealed " + lead_id.encode(),
        NOW,
    )

    await hearing.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[lead_id]))

    assert await hearing.rows("select count(*) from dead_letters") == [(0,)]


async def test_an_export_tells_what_happened_to_a_lead(
    hearing: Hearing, a_lead: Any, tell: Any
) -> None:
    lead = a_lead()
    await tell([lead.received(), lead.assigned()])

    await hearing.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[lead.lead_id]))

    (part,) = await hearing.states(SubjectExportedFromReporting)
    told = [record["event"] for record in json.loads(part.records)]
    assert told == ["LeadReceived", "LeadAssigned"]
