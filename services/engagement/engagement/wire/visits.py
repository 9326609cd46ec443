"""Days of visits as people ask for and read them."""

from __future__ import annotations

from datetime import date, time
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import visits_service_pb2 as pb

from engagement.domain.visits import (
    Asked,
    Hours,
    LengthSource,
    Reason,
    UnusableRequest,
    Wanted,
)
from engagement.wire.follow_ups import point
from engagement.wire.ids import uuid

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp

    from engagement.domain.visits import Plan, Planned, Ways

_LENGTH_SOURCES = {
    LengthSource.STATED: pb.VISIT_LENGTH_SOURCE_STATED,
    LengthSource.PAST_VISITS: pb.VISIT_LENGTH_SOURCE_PAST_VISITS,
    LengthSource.POLICY: pb.VISIT_LENGTH_SOURCE_POLICY,
}
_REASONS = {
    Reason.NOT_THEIRS: pb.UNPLANNED_REASON_NOT_THEIRS,
    Reason.NO_ADDRESS: pb.UNPLANNED_REASON_NO_ADDRESS,
    Reason.CLOSED: pb.UNPLANNED_REASON_CLOSED,
    Reason.TOO_LONG: pb.UNPLANNED_REASON_TOO_LONG,
    Reason.TOO_FAR: pb.UNPLANNED_REASON_TOO_FAR,
    Reason.NO_TIME: pb.UNPLANNED_REASON_NO_TIME,
}


def asked(request: pb.PlanVisitsRequest) -> Asked:
    """A day as somebody wants it; raises `Invalid` (`UnusableRequest`, `WrongCoordinates`) for what cannot be read."""
    start = request.start
    return Asked(
        rep_id=request.rep_id,
        day=_day(request.day),
        start=point(start.latitude, start.longitude, start.datum),
        visits=tuple(_wanted(each) for each in request.visits),
        working=_hours(request.working) if request.HasField("working") else None,
        returns=request.is_return,
    )


def plan(told: Plan, *, policy_version: int) -> pb.PlanVisitsResponse:
    """A planned day."""
    answer = pb.PlanVisitsResponse(
        visits=[_planned(each) for each in told.visits],
        travel_s=told.travel_s,
        is_exact=told.is_exact,
        travel_source=_source(told.ways),
        traffic_fault=told.ways.fault,
        policy_version=policy_version,
    )
    for each in told.unplanned:
        answer.unplanned.add(lead_id=str(each.lead_id), reason=_REASONS[each.reason])
    _put(answer.leaves_at, told.leaves_at)
    _put(answer.back_at, told.back_at)
    return answer


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnusableRequest("day: such as 2026-03-02") from None


def _wanted(told: pb.WantedVisit) -> Wanted:
    return Wanted(uuid(told.lead_id, "lead_id"), tuple(map(_hours, told.open)), told.length_s)


def _hours(told: pb.VisitHours) -> Hours:
    try:
        hours = Hours(time.fromisoformat(told.since), time.fromisoformat(told.until))
    except ValueError:
        raise UnusableRequest("hours: such as 09:00 and 18:30") from None
    if hours.since.tzinfo or hours.until.tzinfo or hours.since >= hours.until:
        raise UnusableRequest("hours: since is before until, by the clock on the wall")
    return hours


def _planned(visit: Planned) -> pb.PlannedVisit:
    candidate = visit.candidate
    answer = pb.PlannedVisit(
        lead_id=str(candidate.wanted.lead_id),
        travel_s=visit.travel_s,
        is_travel_estimated=visit.is_travel_estimated,
        length_s=candidate.stop.length_s,
        length_source=_LENGTH_SOURCES[candidate.length_source],
        past_visit_count=candidate.past_count,
    )
    _put(answer.arrives_at, visit.arrives_at)
    _put(answer.begins_at, visit.begins_at)
    _put(answer.leaves_at, visit.leaves_at)
    return answer


def _source(ways: Ways) -> pb.TravelSource.ValueType:
    """The traffic source, if it told of any way."""
    places = len(ways.travel_s)
    is_told = len(ways.estimated) < places * (places - 1)
    return pb.TRAVEL_SOURCE_ROUTES if is_told else pb.TRAVEL_SOURCE_CROW


def _put(stamp: Timestamp, at: datetime | None) -> None:
    if at is not None:
        stamp.FromDatetime(at)
