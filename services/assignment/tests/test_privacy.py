"""Requests about people: what assignment forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leadchain.assignment.v1.privacy_events_pb2 import (
    SubjectErasedInAssignment,
    SubjectExportedFromAssignment,
)
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.events import new_id

if TYPE_CHECKING:
    from servicekit.testing.hearing import Hearing


async def test_what_is_shown_of_a_phone_is_forgotten_and_the_lead_stays_owned(
    service: Hearing, office: Any, build: Any
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


async def test_an_export_tells_place_and_owner(service: Hearing, office: Any, build: Any) -> None:
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
