"""Rates, targets and heat maps as they are asked for and answered."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from leadchain.reporting.v1 import rates_service_pb2 as pb
from servicekit.errors import Invalid

from reporting.domain.metrics import Metric
from reporting.domain.rates import (
    DEADLINES_H,
    Grouping,
    Period,
    TargetState,
    WantedRates,
    WantedWeek,
    change,
    difference,
    share,
)
from reporting.wire.spans import time

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.timestamp_pb2 import Timestamp

    from reporting.domain.metrics import Contracts, Definition
    from reporting.domain.rates import (
        MissedWeek,
        RateLine,
        Rates,
        ResponseTimes,
        Tally,
        TargetReport,
    )


def wanted_rates(request: pb.GetFollowUpRatesRequest, *, now: datetime) -> WantedRates:
    """What is asked for; raises `Invalid` for a period that ends before it begins, or for half a comparison."""
    before = None
    if request.HasField("before_since") or request.HasField("before_until"):
        if not (request.HasField("before_since") and request.HasField("before_until")):
            raise Invalid("before_since and before_until belong together")
        before = _period(request, "before_since", "before_until", now=now)
    try:
        grouping = Grouping(request.grouping)
    except ValueError:
        raise Invalid("grouping is not known") from None
    return WantedRates(_period(request, "since", "until", now=now), before, grouping)


def wanted_week(
    request: pb.GetMissedFollowUpsRequest, *, now: datetime, time_zone: str
) -> WantedWeek:
    """What is asked for; raises `Invalid` for a deadline or a time zone that does not exist."""
    period = _period(request, "since", "until", now=now)
    deadline_h = request.deadline_h or DEADLINES_H[-1]
    if deadline_h not in DEADLINES_H:
        raise Invalid(f"deadline_h is none of {', '.join(map(str, DEADLINES_H))}")
    return WantedWeek(
        period,
        deadline_h,
        request.rep_id,
        request.manager_id,
        _zone(request.time_zone or time_zone),
    )


def rates_response(rates: Rates, contracts: Contracts) -> pb.GetFollowUpRatesResponse:
    """Rates with what they mean."""
    response = pb.GetFollowUpRatesResponse(
        definition=_definition(contracts.definitions[Metric.FOLLOW_UP_RATE]),
        total=_rate_line(rates.total),
        lines=[_rate_line(line) for line in rates.lines],
    )
    response.as_of.FromDatetime(rates.as_of)
    _set(response.watermark, rates.newest_at)
    return response


def targets_response(report: TargetReport, contracts: Contracts) -> pb.GetFollowUpTargetsResponse:
    """Targets, what is true, and what lies between."""
    now, before, targets = report.response, report.response_before, contracts.targets
    faster = change(now.median_s, before.median_s)
    rate = TargetState(
        targets.follow_up_24h_min, share(report.counts.within_24h, report.counts.due_24h)
    )
    response_faster = TargetState(targets.response_faster_min, None if faster is None else -faster)
    response = pb.GetFollowUpTargetsResponse(
        rate_definition=_definition(contracts.definitions[Metric.FOLLOW_UP_RATE]),
        response_definition=_definition(contracts.definitions[Metric.RESPONSE_TIME]),
        window_days=targets.window.days,
        follow_up_24h=_target(rate),
        response_faster=_target(response_faster),
        response=_response_times(now),
        response_before=_response_times(before),
        median_change=faster,
        p90_change=change(now.p90_s, before.p90_s),
    )
    _set(response.watermark, report.newest_at)
    return response


def missed_response(week: MissedWeek, contracts: Contracts) -> pb.GetMissedFollowUpsResponse:
    """The heat map with what it counts."""
    response = pb.GetMissedFollowUpsResponse(
        definition=_definition(contracts.definitions[Metric.MISSED_FOLLOW_UPS]),
        cells=[
            pb.MissedCell(
                weekday=each.weekday, hour=each.hour, due_count=each.due, missed_count=each.missed
            )
            for each in week.hours
        ],
        due_count=sum(each.due for each in week.hours),
        missed_count=sum(each.missed for each in week.hours),
        time_zone=week.time_zone,
        deadline_h=week.deadline_h,
    )
    response.as_of.FromDatetime(week.as_of)
    _set(response.watermark, week.newest_at)
    return response


def _period(request: Any, since: str, until: str, *, now: datetime) -> Period:
    period = Period(time(request, since), time(request, until) or now)
    if period.since is not None and period.since > period.until:
        raise Invalid(f"{since} is after {until}")
    return period


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid("time_zone is not known") from None


def _definition(definition: Definition) -> pb.MetricDefinition:
    return pb.MetricDefinition(
        metric=definition.metric,
        version=definition.version,
        name_zh=definition.name.zh,
        name_en=definition.name.en,
        text_zh=definition.text.zh,
        text_en=definition.text.en,
        filters=[
            pb.MetricFilter(name=name, text_zh=text.zh, text_en=text.en)
            for name, text in definition.filters
        ],
        sources=definition.sources,
    )


def _rate_line(line: RateLine) -> pb.RateLine:
    counts = _counts(line.counts)
    if line.before is None:
        return pb.RateLine(key=line.key, counts=counts)
    now, before = line.counts, line.before
    return pb.RateLine(
        key=line.key,
        counts=counts,
        before=_counts(before),
        change_24h=difference(
            share(now.within_24h, now.due_24h), share(before.within_24h, before.due_24h)
        ),
        change_72h=difference(
            share(now.within_72h, now.due_72h), share(before.within_72h, before.due_72h)
        ),
    )


def _counts(tally: Tally) -> pb.RateCounts:
    return pb.RateCounts(
        **{f"{name}_count": value for name, value in tally._asdict().items()},
        rate_24h=share(tally.within_24h, tally.due_24h),
        rate_48h=share(tally.within_48h, tally.due_48h),
        rate_72h=share(tally.within_72h, tally.due_72h),
    )


def _target(state: TargetState) -> pb.TargetState:
    return pb.TargetState(
        target=state.target, actual=state.actual, gap=state.gap, is_met=state.is_met
    )


def _response_times(times: ResponseTimes) -> pb.ResponseTimes:
    message = pb.ResponseTimes(
        lead_count=times.lead_count,
        contacted_count=times.contacted_count,
        median_s=times.median_s,
        p90_s=times.p90_s,
    )
    message.since.FromDatetime(times.since.astimezone(UTC))
    message.until.FromDatetime(times.until.astimezone(UTC))
    return message


def _set(stamp: Timestamp, moment: datetime | None) -> None:
    if moment is not None:
        stamp.FromDatetime(moment)
