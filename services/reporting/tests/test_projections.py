"""Events in any order, and more than once, give the same rows and figures."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reporting import projections
from reporting.domain.books import Span
from reporting.domain.leads import FunnelLine
from reporting.queries import leads as queries
from reporting.wire import facts
from servicekit.database import Database

NOON = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
ROW = "select * from lead_facts where lead_id = $1"
OUTCOME = "select outcome from lead_outcomes where lead_id = $1"


async def row_of(database: Database, lead_id: str) -> dict[str, Any]:
    async with database.raw() as raw:
        row = dict(await raw.fetchrow(ROW, lead_id))
        row["outcome"] = await raw.fetchval(OUTCOME, lead_id)
    del row["lead_id"]
    return row


def story(lead: Any) -> list[Any]:
    return [
        lead.quarantined(0),
        lead.received(10),
        lead.unassignable(11),
        lead.assigned(12, number=1),
        lead.granted(13),
        lead.reminded(14),
        lead.overdue(900, number=1),
        lead.reminded(901, kind=2),
        lead.assigned(902, number=2),
        lead.granted(903),
        lead.not_reminded(904),
        lead.contacted(950),
        lead.pooled(960, number=2),
        lead.claimed(970, number=3),
        lead.assigned(970, number=3),
    ]


@given(order=st.permutations(range(15)), repeated=st.lists(st.integers(0, 14), max_size=4))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_events_in_any_order_and_repeated_leave_the_same_row(
    database: Database,
    a_lead: Callable[..., Any],
    tell: Any,
    order: list[int],
    repeated: list[int],
) -> None:
    lead = a_lead()
    events = story(lead)

    await tell([events[place] for place in (*order, *repeated)])

    assert await row_of(database, lead.lead_id) == {
        "channel": "website_form",
        "received_at": NOON,
        "understood_at": NOON + timedelta(seconds=10),
        "rejected_at": None,
        "quarantined_at": NOON,
        "assigned_at": NOON + timedelta(seconds=12),
        "last_assigned_at": NOON + timedelta(seconds=970),
        "unassignable_at": NOON + timedelta(seconds=11),
        "merged_at": None,
        "granted_at": NOON + timedelta(seconds=13),
        "reminded_at": NOON + timedelta(seconds=14),
        "reminder_failed_at": NOON + timedelta(seconds=904),
        "contacted_at": NOON + timedelta(seconds=950),
        "withdrawn_at": None,
        "pooled_at": NOON + timedelta(seconds=960),
        "claimed_at": NOON + timedelta(seconds=970),
        "overdue_assignments": 0b10,
        "outcome": "assigned",
    }
    entries = await queries.get_lead_timeline(database, UUID(lead.lead_id))
    assert sorted(entry.event for entry in entries) == sorted(e.DESCRIPTOR.name for e in events)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        (["received"], "received"),
        (["received", "rejected"], "rejected"),
        (["rejected"], "rejected"),
        (["quarantined"], "quarantined"),
        (["quarantined", "received"], "received"),
        (["quarantined", "assigned"], "assigned"),
        (["received", "unassignable"], "waiting"),
        (["received", "assigned", "contacted"], "assigned"),
        (["received", "merged"], "merged"),
        (["received", "assigned", "withdrawn"], "withdrawn"),
        (["withdrawn", "assigned", "received"], "withdrawn"),
        (["received", "merged", "withdrawn"], "withdrawn"),
        (["received", "unassignable", "withdrawn"], "withdrawn"),
        (["received", "assigned", "pooled"], "pooled"),
        (["pooled", "assigned", "received"], "pooled"),
        (["received", "assigned", "pooled", "claimed"], "assigned"),
        (["received", "assigned", "pooled", "merged"], "merged"),
    ],
)
async def test_the_outcome_of_a_lead_follows_from_what_happened(
    database: Database, a_lead: Callable[..., Any], tell: Any, steps: list[str], outcome: str
) -> None:
    lead = a_lead()

    await tell([getattr(lead, step)() for step in steps])

    assert (await row_of(database, lead.lead_id))["outcome"] == outcome


async def test_a_lead_that_was_taken_away_and_fits_nobody_waits_again(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    lead = a_lead()

    await tell([lead.received(), lead.unassignable(20), lead.assigned(10)])

    assert (await row_of(database, lead.lead_id))["outcome"] == "waiting"


async def test_one_batch_may_hold_several_events_of_one_lead(
    database: Database, a_lead: Callable[..., Any]
) -> None:
    lead, other = a_lead(), a_lead()
    batch = [lead.assigned(20, number=2), other.assigned(5), lead.assigned(10, number=1)]

    async with database.unit_of_work() as uow:
        await projections.project(uow, batch, facts.assigned)

    row = await row_of(database, lead.lead_id)
    assert row["assigned_at"] == NOON + timedelta(seconds=10)
    assert row["last_assigned_at"] == NOON + timedelta(seconds=20)


async def test_consumers_that_write_the_same_leads_at_once_do_not_deadlock(
    database: Database, a_lead: Callable[..., Any]
) -> None:
    leads = [a_lead() for _ in range(50)]

    async def write(translate: Any, events: list[Any]) -> None:
        async with database.unit_of_work() as uow:
            await projections.project(uow, events, translate)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(write(facts.received, [lead.received() for lead in leads]))
            group.create_task(write(facts.assigned, [lead.assigned() for lead in leads[::-1]]))
            group.create_task(write(facts.granted, [lead.granted() for lead in leads[25:]]))

    rows = [await row_of(database, lead.lead_id) for lead in leads]
    assert {row["outcome"] for row in rows} == {"assigned"}


async def test_the_funnel_counts_by_channel_day_and_outcome_and_says_how_fresh_it_is(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    first, second, third = a_lead(), a_lead(), a_lead()
    await tell([first.received(), first.assigned(), first.granted(), first.reminded()])
    await tell([second.received(), second.assigned(), second.contacted(60)])
    await tell([third.received(), third.unassignable()])

    lines, watermark = await queries.get_funnel(database, Span(), time_zone="Asia/Shanghai")

    assert lines == [
        FunnelLine("website_form", "2026-02-07", "assigned", 2, 1, 1, 1),
        FunnelLine("website_form", "2026-02-07", "waiting", 1, 0, 0, 0),
    ]
    assert watermark == NOON + timedelta(seconds=60)


async def test_the_day_of_the_funnel_is_that_of_the_company(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    lead = a_lead()
    event = lead.received()
    event.facts.received_at.FromDatetime(datetime(2026, 2, 7, 16, 30, tzinfo=UTC))

    await tell([event])
    lines, _ = await queries.get_funnel(database, Span(), time_zone="Asia/Shanghai")

    assert [line.day for line in lines] == ["2026-02-08"]


async def test_latency_is_from_acceptance_to_the_owners_reminder(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    for after_s in (1.0, 2.0, 3.0):
        lead = a_lead()
        await tell([lead.received(), lead.reminded(0.5, kind=2), lead.reminded(after_s)])

    latency = await queries.get_latency(database, since=None)

    assert (latency.lead_count, latency.p50_ms) == (3, 2000.0)
    assert latency.p99_ms == pytest.approx(2980.0)
    assert latency.first_accepted_at == NOON
    assert latency.last_reminded_at == NOON + timedelta(seconds=3)


async def test_latency_without_leads_is_zero_leads(database: Database) -> None:
    latency = await queries.get_latency(database, since=NOON)

    assert (latency.lead_count, latency.first_accepted_at) == (0, None)


async def test_a_timeline_tells_the_gist_of_each_event(
    database: Database, a_lead: Callable[..., Any], tell: Any
) -> None:
    lead = a_lead()

    await tell([lead.received(), lead.assigned(), lead.followed_up(), lead.pooled()])
    entries = await queries.get_lead_timeline(database, UUID(lead.lead_id))

    assert [(entry.event, entry.summary) for entry in entries] == [
        ("LeadReceived", "channel=website_form 深圳"),
        ("LeadAssigned", "assignee=rep-01 assignment=1 rule="),
        ("FollowUpRecorded", "author=rep-01 contact evidence=call"),
        ("LeadPooled", "from=rep-01 reason=lapsed"),
    ]


async def test_a_timeline_knows_the_trace_of_each_event(
    database: Database, a_lead: Callable[..., Any]
) -> None:
    event = a_lead().received()
    traces = {event.event_id: f"00-{TRACE_ID}-b7ad6b7169203331-01"}

    async with database.unit_of_work(traces=traces) as uow:
        await projections.project(uow, [event], facts.received)
    entries = await queries.get_lead_timeline(database, UUID(event.lead_id))

    assert [entry.trace_id for entry in entries] == [TRACE_ID]
