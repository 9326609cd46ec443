"""Watches: what is wrong is found once, by whichever replica, and only when it is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from engagement.commands.follow_ups import FollowUps
from engagement.commands.money import Money
from engagement.commands.stages import Stages
from engagement.domain.follow_ups import Box, FollowUp, Statement
from engagement.domain.stages import Deal
from engagement.queries import watches as queries
from engagement.queries.opportunities import OpportunityBoard
from leadchain.engagement.v1.task_events_pb2 import TaskOpened
from leadchain.engagement.v1.watch_events_pb2 import (
    CompanyRiskFound,
    CustomerCompensated,
    OpportunityDowngraded,
    RepIdle,
    ServiceTroubleReported,
    SplitOrdersSuspected,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.identity.v1.events_pb2 import FactIdentified
from leadchain.intake.v1 import facts_events_pb2 as intake
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.policies import Policies
    from engagement.seals import Seals
    from engagement.workers import Steps
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
GOLDEN = "a" * 64


class Floor:
    """A sales floor on one service, which several replicas watch."""

    def __init__(self, service: Hearing, steps: Steps, policies: Policies, seals: Seals) -> None:
        self.service = service
        self.steps = steps
        self.follow_ups = FollowUps(policies.follow_ups, seals)
        self.money = Money(Stages(policies.machine))

    async def lead(self, build: Any, **named: Any) -> UUID:
        """A lead of rep-01's."""
        event = build.assigned(**named)
        await self.service.hears(event)
        return UUID(event.lead_id)

    async def order(self, build: Any, number: int, amount_minor: int | None, **named: Any) -> UUID:
        """A lead whose contract is signed, of a deal of this amount."""
        lead_id = await self.lead(build, golden_id=named.get("golden_id", GOLDEN))
        contract = build.contract(contract_id=f"HT-{number}", reference=f"lead:{lead_id}", **named)
        await self.service.hears(contract)
        if amount_minor is not None:
            async with self.service.database.unit_of_work() as uow:
                await self.money.set_deal(uow, lead_id, Deal(amount_minor, "CNY"))
        return lead_id

    async def record(self, lead_id: UUID, response: str, author_id: str = "rep-01") -> None:
        """Records a follow-up now."""
        due_at = NOON + timedelta(days=60)
        statement = Statement(Box("price"), Box(response), Box("wait"), due_at)
        wanted = FollowUp(
            uuid4(), lead_id, author_id, NOON, statement, (), is_contact=False, policy_version=0
        )
        async with self.service.database.unit_of_work() as uow:
            await self.follow_ups.record(uow, wanted, [])

    async def hears_of_ticket(self, **named: Any) -> None:
        """A support system tells of a ticket."""
        golden_id, at = named.pop("golden_id", GOLDEN), named.pop("at", NOON)
        reference = named.pop("reference", "")
        told = intake.TicketReported(**({"ticket_id": "T-1", "type": "投诉"} | named))
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "desk", "main"
        told.subject.reference = reference
        told.opened_at.FromDatetime(at)
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, ticket=told)
        event.occurred_at.FromDatetime(at)
        await self.service.hears(event)

    async def hears_of_risk(self, **named: Any) -> None:
        """A register tells of a risk."""
        golden_id, at = named.pop("golden_id", GOLDEN), named.pop("at", NOON)
        told = intake.CompanyRiskReported(**named)
        told.origin.item_id, told.origin.channel, told.origin.account = new_id(), "risks", "main"
        told.detected_at.FromDatetime(at)
        event = FactIdentified(item_id=told.origin.item_id, golden_id=golden_id, company_risk=told)
        event.occurred_at.FromDatetime(NOON)
        await self.service.hears(event)


@pytest.fixture
def floor(service: Hearing, policies: Policies, seals: Seals, steps: Steps) -> Floor:
    return Floor(service, steps, policies, seals)


async def test_three_contracts_within_a_week_of_more_than_half_a_million_are_checked_once(
    floor: Floor, build: Any
) -> None:
    for day in range(3):
        at = NOON - timedelta(days=3 * (2 - day))
        newest = await floor.order(build, day, 20_000_000, at=at)

    await asyncio.gather(*(floor.steps.splits() for _ in range(3)))
    await floor.order(build, 9, 20_000_000)
    await floor.steps.splits()

    (event,) = await floor.service.states(SplitOrdersSuspected)
    assert (event.contract_count, event.total_minor) == (3, 60_000_000)
    assert (event.golden_id, event.lead_id, event.owner_id) == (GOLDEN, str(newest), "rep-01")
    (task,) = await floor.service.states(TaskOpened)
    assert (task.task_id, task.kind, task.assignee_id) == (event.task_id, "order_check", "sue")


@pytest.mark.parametrize(
    "orders",
    [
        [(0, 30_000_000), (0, 30_000_000)],
        [(8, 30_000_000), (4, 30_000_000), (0, 30_000_000)],
        [(2, 20_000_000), (1, 20_000_000), (0, 10_000_000)],
        [(2, 20_000_000), (1, 20_000_000), (0, None)],
    ],
    ids=["two", "over eight days", "not more", "an amount is missing"],
)
async def test_orders_that_are_few_far_apart_or_small_are_let_be(
    floor: Floor, build: Any, orders: list[tuple[int, int | None]]
) -> None:
    for number, (days_ago, amount_minor) in enumerate(orders):
        await floor.order(build, number, amount_minor, at=NOON - timedelta(days=days_ago))

    await floor.steps.splits()

    assert await floor.service.states(SplitOrdersSuspected) == []


async def test_contracts_of_two_customers_count_together_once_they_are_one_and_a_deal_counts_once(
    floor: Floor, build: Any
) -> None:
    lead_id = await floor.order(build, 0, 30_000_000)
    await floor.service.hears(build.contract(contract_id="HT-1", reference=f"lead:{lead_id}"))
    await floor.order(build, 2, 30_000_000, golden_id="b" * 64)
    await floor.steps.splits()
    assert await floor.service.states(SplitOrdersSuspected) == []

    await floor.service.hears(CustomerMerged(golden_id=GOLDEN, merged_golden_ids=["b" * 64]))
    for _ in range(2):
        await floor.steps.splits()

    (event,) = await floor.service.states(SplitOrdersSuspected)
    assert (event.contract_count, event.total_minor) == (3, 60_000_000)


async def test_two_offers_without_answer_downgrade_once_until_the_customer_answers(
    floor: Floor, build: Any, clock: Any
) -> None:
    lead_id = await floor.lead(build)
    await floor.record(lead_id, "sent_quote")
    clock.forward(hours=24)
    await floor.record(lead_id, "sent_quote")
    await floor.steps.unanswered()
    assert await floor.service.states(OpportunityDowngraded) == []
    clock.forward(hours=72)

    await asyncio.gather(*(floor.steps.unanswered() for _ in range(3)))
    await floor.record(lead_id, "sent_quote")
    clock.forward(hours=73)
    await floor.steps.unanswered()

    (event,) = await floor.service.states(OpportunityDowngraded)
    assert (event.lead_id, event.owner_id) == (str(lead_id), "rep-01")
    assert event.since.ToDatetime(tzinfo=UTC) == NOON
    await floor.service.hears(build.interaction(happened_at=clock.now))
    clock.forward(hours=1)
    for _ in range(2):
        await floor.record(lead_id, "sent_quote")
    clock.forward(hours=73)
    await floor.steps.unanswered()
    assert len(await floor.service.states(OpportunityDowngraded)) == 2


async def test_a_downgraded_opportunity_comes_last_until_the_customer_answers(
    floor: Floor, build: Any, clock: Any, policies: Policies
) -> None:
    offer, managers = policies.watches.quotes.response, {"rep-01": "sue"}
    board = OpportunityBoard(floor.service.database, offer, lambda who: managers.get(who, ""))
    other = await floor.lead(build, golden_id="b" * 64, occurred_at=NOON - timedelta(days=1))
    lead_id = await floor.lead(build)
    assert [each.lead_id for each in await board.mine("rep-01")] == [lead_id, other]
    for _ in range(2):
        await floor.record(lead_id, "sent_quote")
    clock.forward(hours=72)
    await floor.steps.unanswered()
    proof = build.interaction(happened_at=clock.now - timedelta(hours=1))
    await floor.service.hears(build.interaction(happened_at=clock.now, duration_s=0))

    downgraded = await board.team("sue")

    assert [each.lead_id for each in downgraded] == [other, lead_id]
    assert [each.downgraded_at for each in downgraded] == [None, NOON + timedelta(hours=72)]
    assert (await board.show(lead_id)).downgraded_at == NOON + timedelta(hours=72)
    await floor.service.hears(proof)
    assert (await board.show(lead_id)).downgraded_at is None
    assert [each.lead_id for each in await board.mine("rep-01")] == [lead_id, other]
    assert await board.team("rep-01") == []


@pytest.mark.parametrize("answer", ["call", "other follow-up", "one offer"])
async def test_an_offer_that_was_answered_or_is_the_only_one_downgrades_nothing(
    floor: Floor, build: Any, clock: Any, answer: str
) -> None:
    lead_id = await floor.lead(build)
    await floor.record(lead_id, "listened" if answer == "one offer" else "sent_quote")
    clock.forward(hours=2)
    if answer == "call":
        await floor.service.hears(build.interaction(happened_at=clock.now))
    await floor.record(lead_id, "sent_quote")
    if answer == "other follow-up":
        await floor.record(lead_id, "demonstrated")
    clock.forward(hours=100)

    await floor.steps.unanswered()

    assert await floor.service.states(OpportunityDowngraded) == []


async def test_a_call_that_nobody_took_is_no_answer(floor: Floor, build: Any, clock: Any) -> None:
    lead_id = await floor.lead(build)
    for _ in range(2):
        await floor.record(lead_id, "sent_quote")
        clock.forward(hours=1)
    await floor.service.hears(build.interaction(happened_at=clock.now, duration_s=0))
    clock.forward(hours=72)

    await floor.steps.unanswered()

    assert len(await floor.service.states(OpportunityDowngraded)) == 1


async def test_a_rep_who_records_nothing_for_three_days_is_told_of_once(
    floor: Floor, build: Any, clock: Any
) -> None:
    lead_id = await floor.lead(build)
    await floor.lead(build, assignee_id="rep-02")
    clock.forward(hours=1)
    await floor.record(lead_id, "listened")
    clock.forward(hours=71, minutes=30)
    await floor.steps.idle()
    (first,) = await floor.service.states(RepIdle)
    assert (first.rep_id, first.manager_id, first.open_count) == ("rep-02", "sue", 1)
    clock.forward(minutes=30)

    await asyncio.gather(*(floor.steps.idle() for _ in range(3)))
    clock.forward(days=9)
    await floor.steps.idle()

    idle = await floor.service.states(RepIdle)
    assert [event.rep_id for event in idle] == ["rep-02", "rep-01"]
    assert idle[1].since.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=1)
    await floor.record(lead_id, "listened")
    clock.forward(days=3)
    await floor.steps.idle()
    assert len(await floor.service.states(RepIdle)) == 3


async def test_a_complaint_is_told_to_the_owner_once_without_what_was_written(
    floor: Floor, build: Any
) -> None:
    lead_id = await floor.lead(build)

    await floor.hears_of_ticket(status="open")
    await floor.hears_of_ticket(status="solved", at=NOON + timedelta(hours=1))
    await floor.hears_of_ticket(ticket_id="T-2", type="咨询")

    (event,) = await floor.service.states(ServiceTroubleReported)
    assert (event.lead_id, event.owner_id) == (str(lead_id), "rep-01")
    assert (event.ticket_no, event.type) == ("T-1", "complaint")
    assert event.opened_at.ToDatetime(tzinfo=UTC) == NOON


async def test_after_compensation_the_owner_is_to_call_within_a_day(
    floor: Floor, build: Any
) -> None:
    lead_id = await floor.lead(build)

    for _ in range(2):
        await floor.hears_of_ticket(
            type="咨询", status="已补偿", golden_id="", reference=f"lead:{lead_id}"
        )

    (task,) = await floor.service.states(TaskOpened)
    assert (task.kind, task.assignee_id, task.lead_id) == (
        "compensation_call",
        "rep-01",
        str(lead_id),
    )
    assert task.due_at.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=24)


@pytest.mark.parametrize(
    ("amount", "calls"),
    [
        ({"compensation_minor": 20_000, "compensation_currency": "CNY"}, 0),
        ({"compensation_minor": 20_001, "compensation_currency": "CNY"}, 1),
        ({"compensation_minor": 100, "compensation_currency": "USD"}, 1),
        ({}, 1),
    ],
    ids=["200.00", "200.01", "another currency", "unknown"],
)
async def test_a_compensation_of_more_than_200_or_of_nobody_knows_how_much_is_told_to_the_owner(
    floor: Floor, build: Any, amount: dict[str, Any], calls: int
) -> None:
    lead_id = await floor.lead(build)

    for _ in range(2):
        await floor.hears_of_ticket(type="咨询", status="已补偿", **amount)

    told = await floor.service.states(CustomerCompensated)
    tasks = await floor.service.states(TaskOpened)
    assert (len(told), len(tasks)) == (calls, calls)
    for event, task in zip(told, tasks, strict=True):
        assert (event.lead_id, event.owner_id) == (str(lead_id), "rep-01")
        assert (event.ticket_no, event.task_id) == ("T-1", task.task_id)
        assert event.call_due_at.ToDatetime(tzinfo=UTC) == NOON + timedelta(hours=24)
        assert event.HasField("amount_minor") == bool(amount)
        assert event.amount_display in {"200.01 CNY", "1.00 USD", ""}


async def test_an_amount_that_is_told_later_counts_then(floor: Floor, build: Any) -> None:
    await floor.lead(build)
    little = {"compensation_minor": 100, "compensation_currency": "CNY"}
    await floor.hears_of_ticket(type="咨询", status="已补偿", **little)
    assert await floor.service.states(CustomerCompensated) == []

    later = NOON + timedelta(hours=1)
    await floor.hears_of_ticket(type="咨询", status="已补偿", at=later)
    more = {"compensation_minor": 30_000, "compensation_currency": "CNY"}
    await floor.hears_of_ticket(type="咨询", status="已补偿", at=later, **more)

    (event,) = await floor.service.states(CustomerCompensated)
    assert event.amount_display == "300.00 CNY"


async def test_a_risk_of_a_customer_with_an_open_opportunity_is_for_the_lawyers_and_told_once(
    floor: Floor, build: Any
) -> None:
    lead_id = await floor.lead(build)
    for risk_id, kind in (("R-1", "经营异常"), ("R-2", "行政许可")):
        await floor.hears_of_risk(risk_id=risk_id, kind=kind, case_count=2)

    await asyncio.gather(*(floor.steps.risks() for _ in range(3)))
    await floor.hears_of_risk(risk_id="R-1", kind="经营异常", case_count=3)
    await floor.steps.risks()

    (event,) = await floor.service.states(CompanyRiskFound)
    assert (event.lead_id, event.owner_id) == (str(lead_id), "rep-01")
    assert (event.kind, event.case_count) == ("abnormal_operation", 2)
    (task,) = await floor.service.states(TaskOpened)
    assert (task.task_id, task.kind, task.assignee_id) == (
        event.task_id,
        "company_risk_check",
        "legal",
    )


async def test_a_risk_waits_for_an_opportunity_and_one_of_years_ago_is_let_be(
    floor: Floor, build: Any
) -> None:
    await floor.hears_of_risk(risk_id="R-1", kind="法律诉讼")
    await floor.hears_of_risk(risk_id="R-2", kind="法律诉讼", at=NOON - timedelta(days=366))
    await floor.hears_of_risk(risk_id="R-3", kind="法律诉讼", golden_id="")
    await floor.steps.risks()
    assert await floor.service.states(CompanyRiskFound) == []

    await floor.lead(build)
    await floor.steps.risks()

    assert [event.kind for event in await floor.service.states(CompanyRiskFound)] == ["lawsuit"]


async def test_tickets_of_somebody_unknown_are_kept_and_tell_nobody(floor: Floor) -> None:
    for reference in ("", "lead:nobody", f"lead:{uuid4()}", "opportunity:OPP-1", "order:1"):
        await floor.hears_of_ticket(ticket_id=reference, golden_id="", reference=reference)
    await floor.hears_of_ticket(ticket_id="T-9", golden_id="f" * 64)

    assert await floor.service.states(ServiceTroubleReported) == []
    assert await floor.service.rows("select count(*) from service_records") == [(6,)]


async def test_the_newest_tickets_are_shown_as_their_systems_told_last(
    floor: Floor, build: Any
) -> None:
    lead_id = await floor.lead(build)
    for number in range(5):
        at = NOON - timedelta(days=number)
        await floor.hears_of_ticket(ticket_id=f"T-{number}", status="open", at=at)
    late = NOON - timedelta(days=9)
    await floor.hears_of_ticket(ticket_id="T-0", status="new", at=late)

    shown = await queries.list_service_records(floor.service.database, lead_id, 3)

    assert [record.ticket_no for record in shown] == ["T-1", "T-2", "T-3"]
    ((status,),) = await floor.service.rows(
        "select status from service_records where ticket_no = 'T-0'"
    )
    assert status == "open"
