"""Exports: protobuf to domain and back."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from accesskit.canonical import canonical_json
from accesskit.facts import Entity, checked_name
from google.protobuf.timestamp_pb2 import Timestamp
from leadchain.permissions.v1 import changes_pb2
from leadchain.permissions.v1 import exports_service_pb2 as pb
from servicekit.errors import Invalid
from servicekit.masking import mask_text

from permissions.commands.export_pages import PageWanted
from permissions.commands.exports import Opening
from permissions.domain.export_breaker import BreakerState
from permissions.domain.exports import (
    COLLECTION,
    DEGRADED_HINT,
    BadExport,
    ExportScope,
    ExportStatus,
    PageOutcome,
    Report,
    Wanted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accesskit.decisions import Circumstances

    from permissions.commands.export_pages import Acquired, Reported
    from permissions.domain.exports import Export
    from permissions.queries.acting import Actor
    from permissions.queries.exports import Listing, Prospect

FILTER_CHARS_MAX = 20_000
FIELDS_MAX = 200
CURSOR_CHARS_MAX = 1_000
RESOURCES_MAX = 4_000
ROWS_MAX = 2_000_000_000
PAGE_SIZE = 100
PAGE_SIZE_MAX = 1_000


def opening(
    request: pb.OpenExportRequest, actor: Actor, circumstances: Circumstances | None
) -> Opening:
    """The export that is asked for; raises `BadExport`, `BadName` and `NotCanonical`."""
    filter_ = _filter(request.filter_json)
    wanted = Wanted(
        request_id=checked_name(request.request_id, "request_id"),
        subject_id=actor.person_id,
        resource=_drawn_from(request),
        scope=_SCOPES[request.scope],
        fields=_fields(request.fields),
        filter=filter_,
        row_estimate=_rows(request.row_estimate, "row_estimate"),
    )
    text = mask_text(canonical_json(filter_).decode())
    return Opening(wanted, text, actor, optional_name(request.approval_id), circumstances)


def page_wanted(request: pb.AcquirePageRequest, actor: Actor) -> PageWanted:
    """The page that is asked for; raises `BadExport` and `BadName`."""
    return PageWanted(
        export_id=checked_name(request.export_id, "export_id"),
        cursor=_cursor(request.cursor),
        rows=request.rows,
        actor=actor,
        approval_id=optional_name(request.approval_id),
    )


def report(request: pb.ReportPageRequest) -> Report:
    """What an exporter says of a page; raises `BadExport` and `BadName`."""
    if len(request.resources) > RESOURCES_MAX:
        raise BadExport("resources")
    resources = {
        Entity(checked_name(each.type, "resource type"), checked_name(each.id, "resource id"))
        for each in request.resources
    }
    return Report(
        is_ok=request.ok,
        rows=_bounded(request.rows, "rows"),
        next_cursor=_cursor(request.next_cursor),
        resources=sorted(resources, key=str),
        response_ms=_cost(request.response_ms, "response_ms"),
        memory_mb=_cost(request.memory_peak_mb, "memory_peak_mb"),
    )


def listing_of(request: pb.ListExportsRequest) -> tuple[str, str, int]:
    """Whose exports, before which, and how many; raises `BadName`."""
    size = min(request.page_size or PAGE_SIZE, PAGE_SIZE_MAX)
    return optional_name(request.subject_id), optional_name(request.before_id), size


def optional_name(text: str) -> str:
    """An id, or nothing; raises `BadName`."""
    return checked_name(text, "id") if text else ""


def open_response(export: Export, ahead: Prospect) -> pb.OpenExportResponse:
    """An open export as an answer."""
    return pb.OpenExportResponse(
        export=export_message(export),
        rows_left_today=ahead.left_today,
        rows_until_approval=ahead.until_approval,
        approval_template="" if ahead.until_approval is None else ahead.template,
        page_rows_max=ahead.page_rows,
    )


def acquire_response(acquired: Acquired) -> pb.AcquirePageResponse:
    """A page as an answer."""
    page = acquired.page
    return pb.AcquirePageResponse(
        lease_id=page.lease_id,
        rows=page.reserved_rows,
        query_limit=page.reserved_rows + 1,
        expires_at=stamp(page.expires_at_s),
        is_degraded=page.is_degraded,
        hint=DEGRADED_HINT if page.is_degraded else "",
        breaker=breaker_state(acquired.breaker),
        watermark=acquired.export.watermark,
        masked_fields=acquired.export.masked_fields,
    )


def report_response(reported: Reported) -> pb.ReportPageResponse:
    """What became of a page as an answer."""
    return pb.ReportPageResponse(
        outcome=_OUTCOMES[reported.outcome],
        export=export_message(reported.export),
        was_late=reported.was_late,
    )


def list_response(listing: Listing) -> pb.ListExportsResponse:
    """A page of exports."""
    return pb.ListExportsResponse(
        exports=[export_message(each) for each in listing.exports], next_before_id=listing.end_id
    )


def export_message(export: Export) -> pb.Export:
    """An export."""
    return pb.Export(
        export_id=export.export_id,
        subject_id=export.subject_id,
        opened_by=export.opened_by,
        resource=changes_pb2.Entity(type=export.resource_type, id=export.resource_id),
        scope=_SCOPE_NUMBERS[export.scope],
        filter_hash=export.filter_hash,
        fields=export.fields,
        masked_fields=export.masked_fields,
        row_estimate=export.row_estimate,
        delivered_rows=export.delivered_rows,
        next_cursor=export.next_cursor,
        status=_STATUSES[export.status],
        approval_id=export.approval_id or export.continued_by,
        watermark=export.watermark,
        decision_id=export.decision_id,
        opened_at=stamp(export.opened_at_s),
        ended_at=None if export.ended_at_s is None else stamp(export.ended_at_s),
        end_reason=export.end_reason,
    )


def breaker_state(state: BreakerState) -> pb.BreakerState.ValueType:
    """The state of the breaker."""
    return _BREAKER_STATES[state]


def stamp(at_s: float) -> Timestamp:
    """A time."""
    message = Timestamp()
    message.FromDatetime(datetime.fromtimestamp(at_s, UTC))
    return message


_SCOPES = {
    pb.EXPORT_SCOPE_RESOURCE: ExportScope.RESOURCE,
    pb.EXPORT_SCOPE_OWN: ExportScope.OWN,
    pb.EXPORT_SCOPE_TEAM: ExportScope.TEAM,
    pb.EXPORT_SCOPE_ALL: ExportScope.ALL,
}
_SCOPE_NUMBERS = {scope: number for number, scope in _SCOPES.items()}
_STATUSES = {
    ExportStatus.OPEN: pb.EXPORT_STATUS_OPEN,
    ExportStatus.COMPLETE: pb.EXPORT_STATUS_COMPLETE,
    ExportStatus.INCOMPLETE: pb.EXPORT_STATUS_INCOMPLETE,
    ExportStatus.CANCELLED: pb.EXPORT_STATUS_CANCELLED,
}
_OUTCOMES = {
    PageOutcome.DELIVERED: pb.PAGE_OUTCOME_DELIVERED,
    PageOutcome.EMPTY: pb.PAGE_OUTCOME_EMPTY,
    PageOutcome.FAILED: pb.PAGE_OUTCOME_FAILED,
}
_BREAKER_STATES = {
    BreakerState.CLOSED: pb.BREAKER_STATE_CLOSED,
    BreakerState.OPEN: pb.BREAKER_STATE_OPEN,
    BreakerState.HALF_OPEN: pb.BREAKER_STATE_HALF_OPEN,
}


def _drawn_from(request: pb.OpenExportRequest) -> Entity:
    if request.scope not in _SCOPES:
        raise BadExport("scope")
    is_one = request.scope == pb.EXPORT_SCOPE_RESOURCE
    name = checked_name(request.resource.id, "resource id") if is_one else request.resource.id
    if (name == COLLECTION) if is_one else name not in {"", COLLECTION}:
        raise BadExport("resource id")
    return Entity(checked_name(request.resource.type, "resource type"), name or COLLECTION)


def _filter(text: str) -> dict[str, object]:
    if len(text) > FILTER_CHARS_MAX:
        raise BadExport("filter_json")
    try:
        stated = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise BadExport("filter_json") from None
    if not isinstance(stated, dict) or "\\u0000" in json.dumps(stated):
        raise BadExport("filter_json")
    return stated


def _fields(names: Sequence[str]) -> tuple[str, ...]:
    if not 1 <= len(names) <= FIELDS_MAX or len(set(names)) != len(names):
        raise BadExport("fields")
    return tuple(checked_name(name, "field") for name in names)


def _rows(rows: int, part: str) -> int:
    if rows < 1:
        raise BadExport(part)
    return _bounded(rows, part)


def _bounded(rows: int, part: str) -> int:
    if rows > ROWS_MAX:
        raise BadExport(part)
    return rows


def _cursor(text: str) -> str:
    if len(text) > CURSOR_CHARS_MAX or "\x00" in text:
        raise BadExport("cursor")
    return text


def _cost(number: float, part: str) -> float:
    if not math.isfinite(number) or number < 0:
        raise Invalid(f"{part} is no cost")
    return number
