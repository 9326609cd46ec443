"""How accounts stand and how healthy customers are, as people read it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from leadchain.engagement.v1 import standings_service_pb2 as pb
from servicekit.errors import Invalid

from engagement.domain.health import NO_DATA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engagement.domain.health import Health, HealthPolicy, Judged, Week
    from engagement.domain.standings import Figure, Sleeper

_GOLDEN_ID = re.compile(r"[0-9a-f]{64}")


def page_start(token: str) -> str:
    """The Golden ID behind which a page begins; raises `Invalid` for a token that no page gave."""
    if token and not _GOLDEN_ID.fullmatch(token):
        raise Invalid("page_token is none that an earlier page gave")
    return token


def standing(figures: Iterable[Figure]) -> pb.GetStandingResponse:
    """Figures in their order."""
    return pb.GetStandingResponse(figures=[_figure(each) for each in figures])


def health_response(
    found: Health, weeks: Iterable[Week], policy: HealthPolicy, version: int
) -> pb.GetHealthResponse:
    """A customer's health as of now, and week by week."""
    told = pb.Health(
        score=found.score,
        level="" if found.score is None else policy.level(found.score),
        dimensions=[_dimension(each) for each in found.dimensions],
        policy_version=version,
    )
    return pb.GetHealthResponse(health=told, weeks=[_week(each, policy) for each in weeks])


def dormant_page(found: Sequence[Sleeper], size: int) -> pb.ListDormantCustomersResponse:
    """A page of customers, of whom there is one more than `size` when there is another page."""
    shown = found[:size]
    token = shown[-1].golden_id if len(found) > size else ""
    return pb.ListDormantCustomersResponse(
        customers=[_sleeper(each) for each in shown], next_page_token=token
    )


def _figure(told: Figure) -> pb.Figure:
    figure = pb.Figure(name=told.name)
    figure.measured_at.FromDatetime(told.measured_at)
    match told.value:
        case int(count):
            figure.count = count
        case str(word):
            figure.word = word
        case moment:
            figure.moment.FromDatetime(moment)
    return figure


def _dimension(judged: Judged) -> pb.Dimension:
    rule, measure = judged.rule, judged.measure
    told = pb.Dimension(
        name=rule.dimension,
        name_zh=rule.zh,
        name_en=rule.en,
        weight=rule.weight,
        alarm=float(rule.alarm),
        is_alarm=judged.is_alarm,
    )
    if measure is None:
        told.left_out_because = NO_DATA
        return told
    told.value, told.points = float(measure.value), math.floor(judged.points)
    if measure.whole is not None:
        told.part_count, told.whole_count = measure.part, measure.whole
    return told


def _week(week: Week, policy: HealthPolicy) -> pb.HealthWeek:
    level = "" if week.score is None else policy.level(week.score)
    told = pb.HealthWeek(score=week.score, level=level, left_out=week.left_out)
    told.week_from.FromDatetime(week.week_from)
    return told


def _sleeper(found: Sleeper) -> pb.DormantCustomer:
    told = pb.DormantCustomer(
        golden_id=found.golden_id,
        lead_id=str(found.lead_id or ""),
        owner_id=found.owner_id,
        visit_count=found.visit_count,
        member_level=found.member_level,
    )
    told.last_order_at.FromDatetime(found.last_order_at)
    return told
