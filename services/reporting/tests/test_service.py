"""The whole service on real servers: events in, answers and discrepancies out."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import grpc
import pytest
from leadchain.reporting.v1 import reporting_service_pb2 as pb
from leadchain.reporting.v1.events_pb2 import LedgerDiscrepancy
from reporting.domain.books import Standing
from servicekit.events import new_id
from servicekit.testing.waiting import eventually

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def test_a_leads_events_become_its_story_its_funnel_line_and_its_latency(
    reporting: Any, a_lead: Callable[..., Any]
) -> None:
    lead = a_lead()
    events = [lead.reminded(), lead.granted(), lead.assigned(), lead.received()]
    await reporting.deliver(events)

    story = await reporting.told(lead.lead_id, 4)
    funnel = await reporting.rpc.GetFunnel(pb.GetFunnelRequest(), timeout=5)
    latency = await reporting.rpc.GetLatency(pb.GetLatencyRequest(), timeout=5)

    assert [entry.event for entry in story.entries] == [
        "LeadReceived",
        "LeadAssigned",
        "OwnershipGranted",
        "ReminderDelivered",
    ]
    assert story.trace_id == TRACE_ID
    (line,) = funnel.lines
    assert (line.channel, line.day, line.outcome) == ("website_form", "2026-02-07", "assigned")
    assert (line.lead_count, line.granted_count, line.reminded_count) == (1, 1, 1)
    assert funnel.watermark == lead.reminded().occurred_at
    assert (latency.lead_count, latency.p50_ms) == (1, 3000.0)


async def test_every_kind_of_event_is_read(reporting: Any, a_lead: Callable[..., Any]) -> None:
    lead = a_lead()
    await reporting.deliver(
        [
            lead.quarantined(0),
            lead.received(1),
            lead.rejected(2),
            lead.unassignable(3),
            lead.assigned(4),
            lead.merged(5),
            lead.granted(6),
            lead.reminded(7),
            lead.not_reminded(8),
            lead.overdue(9),
            lead.contacted(10),
            lead.declined(11),
            lead.pooled(12),
            lead.claimed(13),
            lead.followed_up(14),
            lead.effective(1),
            lead.yellow(),
            lead.not_followed_up(),
            lead.review_required(),
            lead.withdrawn(15),
        ]
    )

    story = await reporting.told(lead.lead_id, 20)

    assert len({entry.event for entry in story.entries}) == 20


async def test_a_lead_that_assignment_lost_is_published_and_named_in_the_ledger(
    reporting: Any, others: Any, a_lead: Callable[..., Any]
) -> None:
    kept, lost = a_lead(_old_id()), a_lead(_old_id())
    for lead in (kept, lost):
        others.pass_through(UUID(lead.lead_id), Standing.ASSIGNED, _received_at(lead.lead_id))
        await reporting.deliver([_received(lead)])
        await reporting.told(lead.lead_id, 1)
    others.assignment.items.pop(UUID(lost.lead_id))

    async def stated() -> LedgerDiscrepancy | None:
        found = await reporting.stated(LedgerDiscrepancy)
        return next((d for d in found if d.missing_in == "assignment"), None)

    discrepancy = await eventually(stated, what="the discrepancy")
    ledger = await reporting.rpc.GetLedger(pb.GetLedgerRequest(), timeout=5)

    assert (discrepancy.lead_id, discrepancy.present_in) == (lost.lead_id, "identity")
    assert [(m.lead_id, m.missing_in) for m in ledger.missing] == [(lost.lead_id, "assignment")]
    total = ledger.total
    assert (total.accepted_count, total.assigned_count, total.missing_count) == (2, 1, 1)


async def test_a_lead_id_that_is_none_is_refused(reporting: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await reporting.timeline("nonsense")

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert list((await reporting.timeline(new_id())).entries) == []


def _old_id() -> str:
    """A UUIDv7 of ten minutes ago."""
    fresh = UUID(new_id()).int
    return str(UUID(int=fresh - (600_000 << 80)))


def _received_at(lead_id: str) -> datetime:
    return datetime.fromtimestamp((UUID(lead_id).int >> 80) / 1000, UTC)


def _received(lead: Any) -> Any:
    event = lead.received()
    event.facts.received_at.FromDatetime(_received_at(lead.lead_id))
    return event
