"""The funnel, a lead's story and latencies as they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.reporting.v1 import reporting_service_pb2 as pb

from reporting.domain.leads import trace_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from reporting.domain.leads import Entry, FunnelLine, Latency


def funnel_response(
    lines: Sequence[FunnelLine], watermark: datetime | None
) -> pb.GetFunnelResponse:
    """The funnel and its newest fact."""
    response = pb.GetFunnelResponse(
        lines=[
            pb.FunnelLine(
                channel=line.channel,
                day=line.day,
                outcome=line.outcome,
                lead_count=line.lead_count,
                granted_count=line.granted_count,
                reminded_count=line.reminded_count,
                contacted_count=line.contacted_count,
            )
            for line in lines
        ]
    )
    if watermark is not None:
        response.watermark.FromDatetime(watermark)
    return response


def timeline_response(lead_id: UUID, entries: Sequence[Entry]) -> pb.GetLeadTimelineResponse:
    """One lead's story."""
    response = pb.GetLeadTimelineResponse(lead_id=str(lead_id), trace_id=trace_of(entries))
    for entry in entries:
        added = response.entries.add(event=entry.event, summary=entry.summary)
        added.occurred_at.FromDatetime(entry.occurred_at)
    return response


def latency_response(latency: Latency) -> pb.GetLatencyResponse:
    """Accept-to-reminded latency."""
    response = pb.GetLatencyResponse(
        lead_count=latency.lead_count, p50_ms=latency.p50_ms, p99_ms=latency.p99_ms
    )
    if latency.first_accepted_at is not None:
        response.first_accepted_at.FromDatetime(latency.first_accepted_at)
    if latency.last_reminded_at is not None:
        response.last_reminded_at.FromDatetime(latency.last_reminded_at)
    return response
