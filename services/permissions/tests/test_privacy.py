"""Requests about people: what permissions forgets of their leads, what it keeps, and what it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from leadchain.assignment.v1.events_pb2 import LeadAssigned
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from leadchain.permissions.v1.privacy_events_pb2 import (
    SubjectErasedInPermissions,
    SubjectExportedFromPermissions,
)
from permissions import subscribers
from permissions.commands import privacy
from permissions.queries.live import Live
from servicekit.bus import Bus
from servicekit.erasures import Erasures
from servicekit.events import new_id
from servicekit.testing.hearing import Hearing

if TYPE_CHECKING:
    from servicekit.database import Database

NOW = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)


@pytest.fixture
async def service(database: Database) -> Hearing:
    bus = Bus("nats://127.0.0.1:1", database=database)
    erasures = Erasures(
        database, privacy.erase_leads, spared=[SubjectErasureRequested.DESCRIPTOR.full_name]
    )
    subscribers.subscribe(bus, Live(database), erasures)
    return Hearing("permissions", database, bus)


async def test_a_reason_that_was_given_about_a_lead_is_forgotten_and_the_log_says_so(
    service: Hearing,
) -> None:
    lead_id = new_id()
    await requested(service, lead_id, seq=41)
    await requested(service, new_id(), seq=42)
    request_id = new_id()

    await service.hears(SubjectErasureRequested(request_id=request_id, lead_ids=[lead_id]))

    (answer,) = await service.states(SubjectErasedInPermissions)
    assert (answer.request_id, answer.erased_count) == (request_id, 1)
    assert await service.rows("select seq from audit_personal") == [(42,)]
    (entry,) = await service.rows(
        "select convert_from(fact, 'UTF8')::jsonb ->> 'action' from audit_entries"
    )
    assert entry == ("personal_erased",)


async def test_an_export_tells_who_owns_a_lead(service: Hearing) -> None:
    event = LeadAssigned(lead_id=new_id(), assignee_id="rep-01", assignment_no=1)
    event.occurred_at.FromDatetime(NOW)
    event.received_at.FromDatetime(NOW)
    await service.hears(event)

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[event.lead_id]))

    (part,) = await service.states(SubjectExportedFromPermissions)
    (record,) = json.loads(part.records)
    assert (record["lead_id"], record["owner_id"]) == (event.lead_id, "rep-01")


async def requested(service: Hearing, lead_id: str, *, seq: int) -> None:
    """Access to a lead was requested, with a reason that is kept beside the log's entry `seq`."""
    await service.execute(
        "insert into audit_personal (seq, field, about, salt, value) values ($1, 'reason', 'rep-01', $2, $3)",
        seq,
        bytes(16),
        b"sealed",
    )
    await service.execute(
        """
        insert into access_requests (
          request_id, template, requester_id, requester_epoch, subject_epoch, subject_id, action, resource_type,
          resource_id, params_hash, summary, requested_at_s, expires_at_s, status, use_key, used_by, notify_ids,
          reviewed_by, is_sanctioned, requested_seq, seq
        ) values (
          $1, 'delete_lead', 'rep-01', 1, 1, 'rep-01', 'delete', 'lead', $2, '', '', 0, 1, 'pending', '', '', '{}',
          '', false, $3, $3
        )
        """,
        new_id(),
        lead_id,
        seq,
    )
