"""The ledger as it is answered and stated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadchain.reporting.v1 import reporting_service_pb2 as pb
from leadchain.reporting.v1.events_pb2 import LedgerDiscrepancy

if TYPE_CHECKING:
    from reporting.domain.books import Cell
    from reporting.domain.ledger import Ledger, Line, Missing

MISSING_MAX = 1000
"""Missing leads that one answer names."""


def discrepancy(missing: Missing) -> LedgerDiscrepancy:
    """The fact that a lead is missing somewhere."""
    event = LedgerDiscrepancy(
        lead_id=str(missing.lead_id),
        channel=missing.cell.channel,
        present_in=missing.present_in,
        missing_in=missing.missing_in,
    )
    event.hour.FromDatetime(missing.cell.hour)
    return event


def ledger_response(ledger: Ledger) -> pb.GetLedgerResponse:
    """The ledger, its lines in order of hour and channel."""
    total = ledger.total()
    ordered = sorted(ledger.lines.items(), key=lambda item: (item[0].hour, item[0].channel))
    return pb.GetLedgerResponse(
        total=_line(total, None),
        lines=[_line(line, cell) for cell, line in ordered],
        missing=[_missing(missing) for missing in ledger.missing[:MISSING_MAX]],
        in_flight_count=total.in_flight,
        unreachable=ledger.unreachable,
    )


def _line(line: Line, cell: Cell | None) -> pb.LedgerLine:
    message = pb.LedgerLine(
        channel=cell.channel if cell else "",
        accepted_count=line.accepted,
        assigned_count=line.assigned,
        waiting_count=line.waiting,
        merged_count=line.merged,
        rejected_count=line.rejected,
        quarantined_count=line.quarantined,
        missing_count=line.missing,
        pooled_count=line.pooled,
    )
    if cell is not None:
        message.hour.FromDatetime(cell.hour)
    return message


def _missing(missing: Missing) -> pb.MissingLead:
    return pb.MissingLead(
        lead_id=str(missing.lead_id),
        present_in=missing.present_in,
        missing_in=missing.missing_in,
    )
