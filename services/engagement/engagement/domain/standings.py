"""How customers' accounts stand (账户状态), as other systems tell it, and what follows: renewals, sleepers, health."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from engagement.domain.health import WEEK, Dimension, Measure, share, week_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo
    from uuid import UUID

    from engagement.domain.health import HealthPolicy

Value: TypeAlias = int | datetime | str

LATE = timedelta(days=30)
"""How long after its end an agreement that nobody was told of is still told of."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a customer's account, and when it was true; of two the later one stands."""

    golden_id: str
    name: str
    value: Value
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class RenewalRule:
    """An agreement that ends within `before`, of a customer nobody of whom was seen for `unseen_for` (FU-27)."""

    before: timedelta
    unseen_for: timedelta
    task: str


@dataclass(frozen=True, slots=True)
class DormantRule:
    """Who has not ordered for `no_order_for`, came at least `visits_min` times, and is of one of `levels` (FU-32)."""

    no_order_for: timedelta
    visits_min: int
    levels: Mapping[str, str]
    """What a level is called here, by the system's word in lower case; those below the least are not among them."""


@dataclass(frozen=True, slots=True)
class StandingPolicy:
    """The rules in force. Counts that were measured longer ago than `fresh_for` say nothing about today."""

    version: int
    fresh_for: timedelta
    renewal: RenewalRule
    dormant: DormantRule
    health: HealthPolicy


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer's account stands: each figure as told last, None for what no system told."""

    golden_id: str
    agreement_ends_at: datetime | None = None
    last_login_at: datetime | None = None
    last_order_at: datetime | None = None
    daily_active_count: int | None = None
    account_count: int | None = None
    contracted_module_count: int | None = None
    delivered_module_count: int | None = None
    recent_payment_count: int | None = None
    recent_payment_on_time_count: int | None = None
    visit_count_30d: int | None = None
    executive_contact_count_30d: int | None = None
    member_level: str | None = None
    login_measured_at: datetime | None = None
    """When `last_login_at` was true: of later logins nothing is known."""


LASTING = frozenset({"agreement_ends_at", "last_order_at", "member_level"})
"""Figures that do not grow old."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """What engagement itself knows of a customer's last weeks; `heard_count` is contacts whose words were read."""

    ticket_count: int = 0
    ticket_in_time_count: int = 0
    heard_count: int = 0
    rival_count: int = 0


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A customer who has not ordered for long and comes to look again; ids are empty where nobody sells to them."""

    golden_id: str
    last_order_at: datetime
    visit_count: int
    member_level: str
    lead_id: UUID | None = None
    owner_id: str = ""


def standing(
    golden_id: str, figures: Iterable[Figure], *, now: datetime, fresh_for: timedelta
) -> Standing:
    """What these figures say today: counts that are too old are left out."""
    known = {
        each.name: each
        for each in figures
        if each.name in LASTING or each.measured_at >= now - fresh_for
    }
    names = {field.name for field in fields(Standing)} & known.keys()
    login = known.get("last_login_at")
    return Standing(
        golden_id,
        login_measured_at=login.measured_at if login else None,
        **{name: known[name].value for name in names},  # type: ignore[arg-type]  # checked where it is read
    )


def is_renewal_endangered(rule: RenewalRule, known: Standing, *, now: datetime) -> bool:
    """Whether an agreement ends soon, or ended of late, and nobody of the customer was seen for long."""
    ends_at, seen_at, measured_at = (
        known.agreement_ends_at,
        known.last_login_at,
        known.login_measured_at,
    )
    if ends_at is None or seen_at is None or measured_at is None:
        return False
    is_near = ends_at - rule.before <= now <= ends_at + LATE
    return is_near and min(now, measured_at) - seen_at > rule.unseen_for


def sleeper(rule: DormantRule, known: Standing, *, now: datetime) -> Sleeper | None:
    """The customer as one who may be woken; None for any other."""
    ordered_at, visits = known.last_order_at, known.visit_count_30d
    level = rule.levels.get((known.member_level or "").casefold())
    if ordered_at is None or visits is None or level is None:
        return None
    is_asleep = now - ordered_at >= rule.no_order_for
    if not is_asleep or visits < rule.visits_min:
        return None
    return Sleeper(known.golden_id, ordered_at, visits, level)


def measures(known: Standing, noticed: Noticed) -> dict[Dimension, Measure]:
    """The actual values of those dimensions of which something is known."""
    found = {
        Dimension.ACTIVITY: share(known.daily_active_count, known.account_count),
        Dimension.SERVICE: share(noticed.ticket_in_time_count, noticed.ticket_count),
        Dimension.DELIVERY: share(known.delivered_module_count, known.contracted_module_count),
        Dimension.PAYMENT: share(known.recent_payment_on_time_count, known.recent_payment_count),
        Dimension.EXECUTIVES: _counted(known.executive_contact_count_30d),
        Dimension.RIVALS: Measure(noticed.rival_count) if noticed.heard_count else None,
    }
    return {dimension: measure for dimension, measure in found.items() if measure is not None}


def week_due(policy: HealthPolicy, *, now: datetime, zone: tzinfo) -> datetime:
    """The week whose score is to be on record by now."""
    return week_of(now - policy.weekly_after, zone)


def next_check(policy: StandingPolicy, known: Standing, *, now: datetime, zone: tzinfo) -> datetime:
    """When something may come due by the mere passing of time."""
    moments = [week_due(policy.health, now=now, zone=zone) + WEEK + policy.health.weekly_after]
    if known.agreement_ends_at is not None:
        moments.append(known.agreement_ends_at - policy.renewal.before)
    if known.last_order_at is not None:
        moments.append(known.last_order_at + policy.dormant.no_order_for)
    return min(moment for moment in moments if moment > now)


def _counted(count: int | None) -> Measure | None:
    return None if count is None else Measure(count)
