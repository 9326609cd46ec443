"""The ledger over real gRPC: books that agree, a lead that one of them lost, a service that is away."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from reporting.commands.ledger import LedgerCheck
from reporting.domain.books import Span, Standing
from reporting.domain.ledger import Ledger, Line, Missing
from reporting.queries.ledger import Keepers, get_ledger
from servicekit.database import Database
from servicekit.events import new_id

GRACE = timedelta(seconds=60)


@pytest.fixture
def live(others: Any, tell: Any, a_lead: Callable[..., Any]) -> Callable[..., Any]:
    """Takes a lead through every service and reporting; returns its id."""

    async def through(standing: Standing = Standing.ASSIGNED) -> UUID:
        lead_id = UUID(new_id())
        at = datetime.fromtimestamp((lead_id.int >> 80) / 1000, UTC)
        others.pass_through(lead_id, standing, at)
        event = a_lead(str(lead_id)).received()
        event.facts.received_at.FromDatetime(at)
        await tell([event])
        return lead_id

    return through


async def ledger_of(keepers: Keepers, *, later_s: float = 3600) -> Ledger:
    now = datetime.now(UTC) + timedelta(seconds=later_s)
    return await get_ledger(keepers, Span(), now=now, grace=GRACE)


async def test_leads_that_went_all_the_way_are_accounted_for(keepers: Keepers, live: Any) -> None:
    assigned, *others = (Standing.ASSIGNED, Standing.WAITING, Standing.MERGED, Standing.POOLED)
    for standing in (assigned, assigned, *others):
        await live(standing)

    ledger = await ledger_of(keepers)

    assert ledger.total() == Line(assigned=2, waiting=1, merged=1, pooled=1)
    assert (ledger.missing, ledger.unreachable) == ([], [])


@pytest.mark.parametrize(
    ("book", "present_in", "missing_in"),
    [
        ("assignment", "identity", "assignment"),
        ("identity", "lead-intake", "identity"),
        ("intake", "assignment", "lead-intake"),
    ],
)
async def test_a_lead_that_a_service_lost_is_named_with_the_hop(
    keepers: Keepers, others: Any, live: Any, book: str, present_in: str, missing_in: str
) -> None:
    lost, *_ = [await live() for _ in range(5)]
    del getattr(others, book).items[lost]

    ledger = await ledger_of(keepers)

    ((cell, line),) = ledger.lines.items()
    assert ledger.missing == [Missing(lost, cell, present_in, missing_in)]
    assert (line.accepted, line.assigned, line.missing) == (5, 4, 1)


async def test_a_lead_that_reporting_lost_is_missing_too(
    keepers: Keepers, database: Database, live: Any
) -> None:
    lost = await live()
    async with database.raw() as raw:
        await raw.execute("delete from lead_facts")

    ledger = await ledger_of(keepers)

    assert [(m.lead_id, m.missing_in) for m in ledger.missing] == [(lost, "reporting")]


async def test_a_lead_that_has_only_just_come_is_in_flight(
    keepers: Keepers, others: Any, live: Any
) -> None:
    young = await live()
    del others.assignment.items[young]

    ledger = await ledger_of(keepers, later_s=0)

    assert ledger.total() == Line(waiting=1, in_flight=1)
    assert ledger.missing == []


async def test_refused_and_quarantined_items_are_counted_by_the_door(
    keepers: Keepers, others: Any, tell: Any, a_lead: Callable[..., Any]
) -> None:
    at = datetime(2026, 2, 7, 4, 0, tzinfo=UTC)
    refused, unread, early = a_lead(), a_lead(), a_lead()
    others.intake.put(UUID(refused.lead_id), Standing.REJECTED, at)
    others.intake.put(UUID(unread.lead_id), Standing.QUARANTINED, at)
    others.intake.put(UUID(early.lead_id), Standing.WAITING, at)
    await tell([refused.rejected(), unread.quarantined()])

    ledger = await ledger_of(keepers)

    assert ledger.total() == Line(rejected=1, quarantined=1, waiting=1, in_flight=1)
    assert ledger.missing == []


async def test_withdrawn_leads_are_rejected_as_soon_as_assignment_says_so_and_kept_ones_stay(
    keepers: Keepers, live: Any
) -> None:
    for standing in (Standing.ASSIGNED, Standing.REJECTED, Standing.REJECTED, Standing.WAITING):
        await live(standing)

    ledgers = [await ledger_of(keepers, later_s=later_s) for later_s in (0, 3600)]

    for ledger in ledgers:
        assert ledger.total() == Line(assigned=1, waiting=1, rejected=2)
        assert ledger.missing == []


async def test_a_withdrawn_lead_is_counted_once_beside_one_that_is_missing(
    keepers: Keepers, others: Any, live: Any
) -> None:
    lost, _ = await live(), await live(Standing.REJECTED)
    del others.assignment.items[lost]

    ledger = await ledger_of(keepers)

    assert ledger.total() == Line(rejected=1, missing=1)
    assert [missing.lead_id for missing in ledger.missing] == [lost]


@pytest.mark.parametrize("away", ["lead-intake", "identity", "assignment"])
async def test_a_service_that_is_away_is_named_and_nothing_is_guessed(
    keepers: Keepers, others: Any, live: Any, away: str
) -> None:
    await live()
    await others.stop(away)

    ledger = await ledger_of(keepers)

    assert ledger.unreachable == [away]
    assert ledger.total() == Line()


async def test_a_missing_lead_is_reported_once_for_each_hop(
    keepers: Keepers, database: Database, others: Any, live: Any
) -> None:
    lost = await live()
    del others.assignment.items[lost]
    later = datetime.now(UTC) + timedelta(seconds=120)
    check = LedgerCheck(database, keepers, grace=GRACE, clock=lambda: later)

    await check.step()
    await check.step()

    async with database.raw() as raw:
        published = await raw.fetch("select event_type, key from outbox")
    assert [tuple(row) for row in published] == [
        ("leadchain.reporting.v1.LedgerDiscrepancy", str(lost))
    ]
