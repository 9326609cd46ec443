"""How accounts stand: the same whatever order it is told in, and what follows is told once, when it comes due."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from engagement.queries import standings as queries
from leadchain.engagement.v1.privacy_events_pb2 import SubjectExportedFromEngagement
from leadchain.engagement.v1.standing_events_pb2 import (
    DormantCustomerStirred,
    HealthDeclined,
    RenewalEndangered,
)
from leadchain.engagement.v1.task_events_pb2 import TaskOpened
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as intake
from leadchain.intake.v1.privacy_events_pb2 import SubjectErasureRequested, SubjectExportRequested
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.policies import Policies
    from engagement.workers import Steps
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GOLDEN = "a" * 64
ENDANGERED = {"agreement_ends_at": NOON + 60 * DAY, "last_login_at": NOON - 31 * DAY}
ASLEEP = {"last_order_at": NOON - 180 * DAY, "visit_count_30d": 5, "member_level": "银卡"}
WELL = {
    "daily_active_count": 60, "account_count": 100, "contracted_module_count": 10, "delivered_module_count": 10,
    "recent_payment_count": 3, "recent_payment_on_time_count": 3,
}  # fmt: skip
FIGURES = "select name, number, moment, word, measured_at from standing_figures where golden_id = $1 order by name"


@pytest.fixture
async def lead_id(service: Hearing, build: Any) -> UUID:
    """A lead of rep-01's, of the customer whose account is told of."""
    event = build.assigned()
    await service.hears(event)
    return UUID(event.lead_id)


async def test_every_order_of_what_is_told_ends_in_the_same_figures(
    service: Hearing, build: Any
) -> None:
    told = [
        {"measured_at": NOON, "account_count": 60, "last_order_at": NOON - DAY},
        {"measured_at": NOON + DAY, "account_count": 61, "member_level": "银卡"},
        {"measured_at": NOON + DAY, "account_count": 62, "member_level": "金卡"},
        {"measured_at": NOON - DAY, "account_count": 1, "visit_count_30d": 0},
        {"measured_at": NOON - 2 * DAY, "visit_count_30d": 9, "agreement_ends_at": NOON},
    ]
    drawn = random.Random(17)
    found = set()

    for number in range(12):
        golden_id = f"{number:064x}"
        order = drawn.sample(told, len(told)) + drawn.choices(told, k=2)
        for each in order:
            await service.hears(build.account(golden_id=golden_id, **each))
        found.add(tuple(await service.rows(FIGURES, golden_id)))

    (figures,) = found
    assert {name: number or word for name, number, _, word, _ in figures if number or word} == {
        "account_count": 62,
        "member_level": "银卡",
    }
    assert ("visit_count_30d", 0, None, None, NOON - DAY) in figures


async def test_customers_who_are_one_have_the_newest_figures_of_both(
    service: Hearing, build: Any
) -> None:
    other = "b" * 64
    await service.hears(build.account(account_count=60, measured_at=NOON))
    later = {"account_count": 70, "visit_count_30d": 3, "measured_at": NOON + DAY}
    await service.hears(build.account(golden_id=other, **later))
    merged = CustomerMerged(golden_id=GOLDEN, merged_golden_ids=[other])

    for _ in range(2):
        await service.hears(merged)
    last = {"visit_count_30d": 4, "measured_at": NOON + 2 * DAY}
    await service.hears(build.account(golden_id=other, **last))

    rows = await service.rows("select golden_id, name, number from standing_figures order by 2")
    assert rows == [(GOLDEN, "account_count", 70), (GOLDEN, "visit_count_30d", 4)]
    assert await service.rows("select golden_id from standings") == [(GOLDEN,)]


async def test_what_is_of_nobody_known_is_not_kept_and_a_time_to_come_counts_as_now(
    service: Hearing, build: Any
) -> None:
    ahead = build.account(account_count=5, measured_at=NOON + 300 * DAY)
    ahead.account.origin.received_at.FromDatetime(NOON)
    await service.hears(ahead)
    await service.hears(build.account(golden_id="", account_count=9))

    rows = await service.rows("select golden_id, number, measured_at from standing_figures")
    assert rows == [(GOLDEN, 5, NOON)]


async def test_an_agreement_that_ends_while_nobody_logs_in_is_told_once_with_a_pack_to_send(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, clock: Any
) -> None:
    await service.hears(build.account(**ENDANGERED))

    await asyncio.gather(*(steps.standings() for _ in range(3)))
    clock.forward(days=1)
    await service.hears(build.account(**ENDANGERED, measured_at=clock.now))
    await steps.standings()

    (event,) = await service.states(RenewalEndangered)
    assert (event.golden_id, event.lead_id, event.owner_id) == (GOLDEN, str(lead_id), "rep-01")
    assert event.agreement_ends_at.ToDatetime(tzinfo=UTC) == NOON + 60 * DAY
    (task,) = await service.states(TaskOpened)
    assert (task.task_id, task.kind, task.assignee_id) == (event.task_id, "renewal_touch", "rep-01")
    due_at = task.due_at.ToDatetime(tzinfo=UTC)
    assert due_at == event.touch_due_at.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=72)
    ((needs,),) = await service.rows("select needs from tasks")
    assert needs == ["usage_report", "answer_1", "answer_2", "answer_3", "coupon"]


async def test_an_agreement_with_another_end_is_told_of_anew(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, clock: Any
) -> None:
    await service.hears(build.account(**ENDANGERED))
    await steps.standings()
    clock.forward(days=365)
    renewed = {"agreement_ends_at": clock.now + 30 * DAY, "last_login_at": clock.now - 40 * DAY}

    await service.hears(build.account(**renewed, measured_at=clock.now))
    await steps.standings()

    assert len(await service.states(RenewalEndangered)) == 2


@pytest.mark.parametrize(
    "told",
    [
        {"agreement_ends_at": NOON + 60 * DAY + timedelta(hours=1)},
        {"agreement_ends_at": NOON - 31 * DAY},
        {"last_login_at": NOON - 30 * DAY},
        {"measured_at": NOON - 15 * DAY},
    ],
    ids=["ends later", "ended long ago", "was here", "told too long ago"],
)
async def test_an_agreement_that_is_not_in_danger_or_not_known_to_be_is_let_be(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, told: dict[str, Any]
) -> None:
    await service.hears(build.account(**(ENDANGERED | told)))

    await steps.standings()

    assert await service.states(RenewalEndangered) == []


async def test_an_agreement_is_told_of_when_its_day_comes_without_another_word(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, clock: Any
) -> None:
    ends_at = NOON + 62 * DAY
    await service.hears(build.account(**(ENDANGERED | {"agreement_ends_at": ends_at})))
    await steps.standings()
    assert await service.states(RenewalEndangered) == []

    clock.forward(days=2)
    await steps.standings()

    assert len(await service.states(RenewalEndangered)) == 1


async def test_what_is_found_of_a_customer_to_whom_nobody_sells_is_told_once_somebody_does(
    service: Hearing, build: Any, steps: Steps, clock: Any
) -> None:
    await service.hears(build.account(**ENDANGERED))
    await steps.standings()
    assert await service.states(RenewalEndangered) == []

    await service.hears(build.assigned())
    clock.forward(days=1)
    await steps.standings()

    assert len(await service.states(RenewalEndangered)) == 1


async def test_the_segment_of_who_may_be_woken_is_listed_by_pages_and_told_once_for_a_stretch(
    service: Hearing, build: Any, steps: Steps, policies: Policies, lead_id: UUID, clock: Any
) -> None:
    await service.hears(build.account(**ASLEEP))
    await service.hears(build.account(golden_id="c" * 64, **(ASLEEP | {"member_level": "GOLD"})))
    for number, near in enumerate(
        [{"last_order_at": NOON - 179 * DAY}, {"visit_count_30d": 4}, {"member_level": "铜卡"}, {"member_level": "?"}]
    ):  # fmt: skip
        await service.hears(build.account(golden_id=f"{number:064x}", **(ASLEEP | near)))

    for _ in range(2):
        await steps.standings()

    (event,) = await service.states(DormantCustomerStirred)
    assert (event.lead_id, event.owner_id) == (str(lead_id), "rep-01")
    assert (event.visit_count, event.member_level) == (5, "silver")
    listed = {"policy": policies.standings, "size": 1}
    first = await queries.list_dormant(service.database, after="", **listed)
    second = await queries.list_dormant(service.database, after=GOLDEN, **listed)
    assert [each.golden_id for each in first] == [GOLDEN, "c" * 64]
    assert [(each.golden_id, each.lead_id, each.member_level) for each in second] == [
        ("c" * 64, None, "GOLD")
    ]
    clock.forward(days=15)
    assert await queries.list_dormant(service.database, after="", **listed) == []


async def test_health_is_explained_by_each_dimension_with_its_actual_value(
    service: Hearing, build: Any, ring: Any, policies: Policies, lead_id: UUID, clock: Any
) -> None:
    told = {"daily_active_count": 12, "account_count": 60, "executive_contact_count_30d": 1}
    await service.hears(build.account(**told, contracted_module_count=10, delivered_module_count=5))
    await service.hears(build.said(ring, "我们需要再比价", happened_at=NOON - DAY))
    for number, (opened, closed) in enumerate([(9, 7), (8, 2), (5, None), (1, None)]):
        await service.hears(a_ticket(f"T-{number}", opened, closed))

    health, _ = await queries.get_health(service.database, lead_id, policies.standings)

    measures = {
        each.rule.dimension.value: (each.measure.part, each.measure.whole, each.is_alarm)
        for each in health.dimensions
        if each.measure
    }
    assert measures == {
        "activity": (12, 60, True),
        "service": (1, 3, True),
        "delivery": (5, 10, True),
        "executives": (1, None, True),
        "rivals": (1, None, False),
    }
    assert [each.value for each in health.left_out] == ["payment"]
    assert health.score is not None


async def test_the_score_of_a_week_is_taken_once_on_monday_morning(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, clock: Any
) -> None:
    await service.hears(build.account(**WELL))
    await asyncio.gather(*(steps.standings() for _ in range(3)))
    worse = {"daily_active_count": 0, "measured_at": NOON + timedelta(hours=1)}
    await service.hears(build.account(**(WELL | worse)))
    await steps.standings()
    clock.forward(days=1, hours=9, minutes=59)
    await steps.standings()
    assert len(await service.rows("select week_from from health_weeks")) == 1

    clock.forward(minutes=1)
    await steps.standings()

    weeks = await service.rows("select week_from, score from health_weeks order by week_from")
    begun = datetime(2026, 2, 1, 16, 0, tzinfo=UTC)
    assert weeks == [(begun, 100), (begun + timedelta(weeks=1), 61)]


async def test_a_score_that_falls_for_two_weeks_to_yellow_asks_for_one_talk_however_long_it_falls(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID, clock: Any
) -> None:
    for active_count in (60, 25, 20, 15, 10):
        told = {"daily_active_count": active_count, "measured_at": clock.now}
        await service.hears(build.account(**(WELL | told)))
        await asyncio.gather(*(steps.standings() for _ in range(2)))
        clock.forward(weeks=1)

    (event,) = await service.states(HealthDeclined)
    assert (event.golden_id, event.owner_id, event.level) == (GOLDEN, "rep-01", "yellow")
    assert (event.earlier_score, event.score, event.week_count) == (100, 69, 3)
    (task,) = await service.states(TaskOpened)
    assert (task.task_id, task.kind, task.assignee_id) == (event.task_id, "health_talk", "rep-01")
    opened_at = task.occurred_at.ToDatetime(tzinfo=UTC)
    assert task.due_at.ToDatetime(tzinfo=UTC) == opened_at + timedelta(hours=48)


async def test_figures_and_scores_are_told_to_and_forgotten_with_their_person(
    service: Hearing, build: Any, steps: Steps, lead_id: UUID
) -> None:
    await service.hears(build.account(**WELL))
    await steps.standings()

    await service.hears(SubjectExportRequested(request_id=new_id(), lead_ids=[str(lead_id)]))
    await service.hears(SubjectErasureRequested(request_id=new_id(), lead_ids=[str(lead_id)]))

    (part,) = await service.states(SubjectExportedFromEngagement)
    told = {each.get("name"): each.get("number") for each in json.loads(part.records)}
    assert told["account_count"] == 100
    for table in ("standings", "standing_figures", "health_weeks"):
        assert await service.rows(f"select count(*) from {table}") == [(0,)]


def a_ticket(ticket_id: str, opened_days_ago: int, closed_days_ago: int | None) -> FactIdentified:
    """A ticket of the customer's."""
    told = intake.TicketReported(ticket_id=ticket_id, type="咨询", status="open")
    told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "desk", "main"
    told.opened_at.FromDatetime(NOON - opened_days_ago * DAY)
    if closed_days_ago is not None:
        told.closed_at.FromDatetime(NOON - closed_days_ago * DAY)
    event = FactIdentified(item_id=told.origin.item_id, golden_id=GOLDEN, ticket=told)
    event.occurred_at.FromDatetime(NOON)
    return event
