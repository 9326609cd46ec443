"""What other systems tell of customers, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.engagement.v1 import watches_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engagement.domain.watches import ServiceRecord


def service_records(records: Iterable[ServiceRecord]) -> pb.ListServiceRecordsResponse:
    """Tickets in their order."""
    return pb.ListServiceRecordsResponse(records=[_record(each) for each in records])


def _record(record: ServiceRecord) -> pb.ServiceRecord:
    told = pb.ServiceRecord(
        ticket_no=record.ticket_no,
        channel=record.channel,
        type=record.type,
        priority=record.priority,
        status=record.status,
    )
    told.opened_at.FromDatetime(record.opened_at)
    if record.closed_at is not None:
        told.closed_at.FromDatetime(record.closed_at)
    return told
