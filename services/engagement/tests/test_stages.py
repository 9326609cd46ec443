"""Stages: moved by hand with evidence, by a customer's words, by contracts and by payments, in whatever order."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from engagement.commands.money import Money, UnusablePayment
from engagement.commands.stages import Stages, tell_overdue
from engagement.domain.opportunities import UnknownOpportunity
from engagement.domain.stages import Closed, Deal, Document, Refused, StageMoved, UnusableDeal
from engagement.queries import stages as queries
from engagement.queries.opportunities import get_opportunity
from leadchain.engagement.v1.stage_events_pb2 import (
    DealLost,
    DealWon,
    PaymentMatched,
    StageLooped,
    StageOverdue,
)
from leadchain.engagement.v1.stage_events_pb2 import (
    StageMoved as StageMovedEvent,
)
from leadchain.identity.v1.customer_events_pb2 import CustomerMerged
from leadchain.intake.v1 import facts_events_pb2 as intake
from servicekit.events import new_id

if TYPE_CHECKING:
    from engagement.policies import Policies
    from servicekit.sealing import KeyRing
    from servicekit.testing.hearing import Hearing

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
AMOUNT = 1_000_000
SCAN = Document("requirement_scan", frozenset(), "a" * 64)


class Desk:
    """A rep's deals on one service."""

    def __init__(self, service: Hearing, policies: Policies) -> None:
        self.service = service
        self.stages = Stages(policies.machine)
        self.money = Money(self.stages)

    async def lead(self, build: Any, **named: Any) -> UUID:
        """A lead of rep-01's."""
        event = build.assigned(**named)
        await self.service.hears(event)
        return UUID(event.lead_id)

    async def move(self, lead_id: UUID, to: str, move_count: int) -> int:
        """Moves by hand."""
        async with self.service.database.unit_of_work() as uow:
            return await self.stages.move(uow, lead_id, to, move_count=move_count, by="rep-01")

    async def show(self, lead_id: UUID, *documents: Document, actions: Any = ()) -> None:
        """Puts documents on record and completes actions."""
        async with self.service.database.unit_of_work() as uow:
            for document in documents:
                await self.stages.add_document(uow, lead_id, document, by="rep-01")
            for action in actions:
                await self.stages.complete(uow, lead_id, action)

    async def deal(self, lead_id: UUID, *told: Any) -> None:
        """Says what the deal is about."""
        async with self.service.database.unit_of_work() as uow:
            await self.money.set_deal(uow, lead_id, Deal(*told))

    async def lose(self, lead_id: UUID, reason: str = "price") -> None:
        """Closes as lost."""
        async with self.service.database.unit_of_work() as uow:
            await self.stages.lose(uow, lead_id, reason, by="rep-01")

    async def stage(self, lead_id: UUID) -> str:
        """Where it stands."""
        return (await queries.get_overview(self.service.database, lead_id)).standing.stage

    async def hears(self, *events: Any) -> None:
        """Events arrive."""
        for event in events:
            await self.service.hears(event)


@pytest.fixture
def desk(service: Hearing, policies: Policies) -> Desk:
    return Desk(service, policies)


async def test_a_move_is_refused_with_everything_that_is_missing_and_made_with_what_was_shown(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)

    with pytest.raises(Refused, match="requirement_scan or document meeting_minutes with cto"):
        await desk.move(lead_id, "needs_confirmed", 0)
    assert await desk.stage(lead_id) == "first_contact"
    await desk.show(lead_id, SCAN)
    assert await desk.move(lead_id, "needs_confirmed", 0) == 1

    (event,) = await desk.service.states(StageMovedEvent)
    assert (event.to_stage, event.moved_by, event.move_no) == ("needs_confirmed", "rep-01", 1)
    (move,) = await queries.list_moves(desk.service.database, lead_id)
    assert (move.evidence, move.machine_version) == (("a" * 64,), 1)


async def test_of_two_who_move_at_once_one_is_told_where_it_is(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.show(lead_id, SCAN)

    answers = await asyncio.gather(
        *(desk.move(lead_id, "needs_confirmed", 0) for _ in range(6)), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == [*["StageMoved"] * 5, "int"]
    assert len(await desk.service.states(StageMovedEvent)) == 1
    with pytest.raises(StageMoved, match="at needs_confirmed after 1 moves"):
        await desk.move(lead_id, "first_contact", 0)


async def test_a_lead_without_an_owner_so_far_has_no_stage(desk: Desk) -> None:
    with pytest.raises(UnknownOpportunity):
        await desk.move(UUID(new_id()), "needs_confirmed", 0)


async def test_a_contract_and_a_deposit_in_any_order_win_the_deal_once(
    desk: Desk, build: Any
) -> None:
    for number, order in enumerate(itertools.permutations(range(3))):
        golden_id = f"{number:064x}"
        lead_id = await desk.lead(build, golden_id=golden_id)
        facts = [
            build.contract(golden_id=golden_id, contract_id=f"HT-{number}"),
            build.payment(AMOUNT // 5, golden_id=golden_id),
        ]
        for step in order:
            if step == 2:
                await desk.deal(lead_id, AMOUNT, "CNY")
            else:
                await desk.hears(facts[step])
        assert await desk.stage(lead_id) == "paid", order
        opportunity = await get_opportunity(desk.service.database, lead_id)
        assert opportunity.state.name == "WON"

    won = await desk.service.states(DealWon)
    assert len(won) == 6
    assert {(event.amount_minor, event.received_minor) for event in won} == {(AMOUNT, AMOUNT // 5)}
    assert {event.contract_no for event in won} == {f"HT-{number}" for number in range(6)}


async def test_a_signature_makes_a_plan_of_payments_once_the_amount_is_told(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.hears(build.contract())
    assert await desk.stage(lead_id) == "first_contact"

    await desk.deal(lead_id, AMOUNT + 1, "CNY")

    overview = await queries.get_overview(desk.service.database, lead_id)
    assert overview.standing.stage == "signed"
    assert overview.standing.deal.contract_no == "HT-2026-001"
    assert overview.plan == [
        ("deposit", 200_000, NOON + timedelta(days=7)),
        ("rest", 800_001, NOON + timedelta(days=30)),
    ]


async def test_a_signature_that_was_taken_back_moves_nothing(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    signed = build.contract(at=NOON)
    revoked = build.contract(at=NOON + timedelta(hours=1), status=intake.CONTRACT_STATUS_REVOKED)

    await desk.hears(revoked, signed)
    await desk.deal(lead_id, AMOUNT, "CNY")

    assert await desk.stage(lead_id) == "first_contact"


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"payment_id": ""}, "no_voucher"),
        ({"currency": "USD"}, "other_currency"),
        ({"at": NOON + timedelta(hours=1)}, "in_the_future"),
        ({"at": NOON - timedelta(days=30)}, "before_the_deal"),
        ({"golden_id": "f" * 64}, "no_deal"),
    ],
    ids=["no voucher", "currency", "future", "too early", "somebody else"],
)
async def test_a_payment_that_cannot_be_right_is_kept_and_told_with_why(
    desk: Desk, build: Any, told: dict[str, Any], problem: str
) -> None:
    lead_id = await desk.lead(build)
    await desk.deal(lead_id, AMOUNT, "CNY")
    await desk.hears(build.contract())

    await desk.hears(build.payment(AMOUNT, **told))

    assert await desk.stage(lead_id) == "signed"
    (kept,) = await queries.list_unmatched(desk.service.database)
    assert kept.problem == problem
    (event,) = await desk.service.states(PaymentMatched)
    assert (event.problem, event.lead_id) == (problem, "")


async def test_too_little_does_not_win_and_parts_add_up_less_what_went_back(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.deal(lead_id, AMOUNT, "CNY")
    await desk.hears(build.contract())
    part = build.payment(AMOUNT // 10)
    back = build.payment(AMOUNT // 20, status=intake.PAYMENT_STATUS_REFUNDED)

    await desk.hears(part, part, back, build.payment(AMOUNT // 10))
    assert await desk.stage(lead_id) == "signed"
    await desk.hears(build.payment(AMOUNT // 20))

    assert await desk.stage(lead_id) == "paid"
    (won,) = await desk.service.states(DealWon)
    assert won.received_minor == AMOUNT // 5


async def test_a_payment_that_waits_becomes_ours_once(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.deal(lead_id, AMOUNT, "CNY")
    await desk.hears(build.contract())
    pending = build.payment(AMOUNT // 5, payment_id="p-1", status=intake.PAYMENT_STATUS_PENDING)
    received = build.payment(AMOUNT // 5, payment_id="p-1")

    await desk.hears(received, pending, received)

    assert await desk.stage(lead_id) == "paid"
    overview = await queries.get_overview(desk.service.database, lead_id)
    assert len(overview.payments) == 1


async def test_of_several_deals_a_payment_finds_its_own_by_number_or_by_hand(
    desk: Desk, build: Any
) -> None:
    first, second = await desk.lead(build), await desk.lead(build)
    for lead_id, number in ((first, "HT-1"), (second, "HT-2")):
        await desk.deal(lead_id, AMOUNT, "CNY")
        await desk.hears(build.contract(contract_id=number, reference=f"lead:{lead_id}"))
    opportunity = await get_opportunity(desk.service.database, second)

    await desk.hears(build.payment(AMOUNT // 5))
    (unmatched,) = await queries.list_unmatched(desk.service.database)
    assert unmatched.problem == "several_deals"
    await desk.hears(build.payment(AMOUNT // 5, order_no=opportunity.number))
    assert await desk.stage(second) == "paid"

    async with desk.service.database.unit_of_work() as uow:
        await desk.money.match(uow, unmatched.payment_id, first)
    assert await desk.stage(first) == "paid"
    assert await queries.list_unmatched(desk.service.database) == []
    problems = [event.problem for event in await desk.service.states(PaymentMatched)]
    assert problems == ["several_deals", "", ""]


async def test_a_payment_that_is_wrong_is_not_matched_by_hand_either(
    desk: Desk, build: Any
) -> None:
    lead_id = await desk.lead(build)
    await desk.hears(build.payment(AMOUNT, currency="USD"))
    (unmatched,) = await queries.list_unmatched(desk.service.database)

    with pytest.raises(UnusablePayment, match="other_currency"):
        async with desk.service.database.unit_of_work() as uow:
            await desk.money.match(uow, unmatched.payment_id, lead_id)


async def test_whoever_asks_for_an_offer_is_moved_on_once_in_72_hours(
    desk: Desk, build: Any, ring: KeyRing, clock: Any
) -> None:
    lead_id = await desk.lead(build)

    async def says(words: str, hours_ago: int = 1) -> str:
        happened_at = clock.now - timedelta(hours=hours_ago)
        await desk.hears(build.said(ring, words, happened_at=happened_at))
        return await desk.stage(lead_id)

    assert await says("发个报价看看", hours_ago=25) == "first_contact"
    assert await says("we:我发报价给您") == "first_contact"
    assert await says("发个报价看看") == "needs_confirmed"
    await desk.move(lead_id, "first_contact", 1)
    clock.forward(hours=71)
    assert await says("参数呢") == "first_contact"
    clock.forward(hours=2)
    assert await says("参数呢") == "needs_confirmed"

    causes = [move.cause.name for move in await queries.list_moves(desk.service.database, lead_id)]
    assert causes == ["SAID", "BY_HAND", "SAID"]


async def test_an_opportunity_that_does_not_get_on_is_told_of_once_for_a_stay(
    desk: Desk, build: Any, clock: Any
) -> None:
    lead_id = await desk.lead(build)
    lost = await desk.lead(build, golden_id="b" * 64)
    await desk.lose(lost)

    async def told() -> int:
        async with desk.service.database.unit_of_work() as uow:
            assert not await tell_overdue(uow, desk.stages.machine)
        return len(await desk.service.states(StageOverdue))

    clock.forward(days=15, seconds=-1)
    assert await told() == 0
    clock.forward(seconds=1)
    assert (await told(), await told()) == (1, 1)
    await desk.show(lead_id, SCAN)
    await desk.move(lead_id, "needs_confirmed", 0)
    clock.forward(days=15)
    assert await told() == 2


async def test_coming_back_again_and_again_is_told(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)
    await desk.show(lead_id, SCAN)

    for move_count in range(0, 10, 2):
        await desk.move(lead_id, "needs_confirmed", move_count)
        await desk.move(lead_id, "first_contact", move_count + 1)

    stages = [event.stage for event in await desk.service.states(StageLooped)]
    assert stages == ["needs_confirmed", "first_contact"]


async def test_what_is_closed_is_not_moved_and_is_closed_once(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build)

    await desk.lose(lead_id)
    await desk.lose(lead_id)
    with pytest.raises(Closed, match="lost"):
        await desk.move(lead_id, "needs_confirmed", 0)
    await desk.hears(build.contract())

    (event,) = await desk.service.states(DealLost)
    assert (event.reason, event.stage, event.closed_by) == ("price", "first_contact", "rep-01")
    assert await desk.stage(lead_id) == "first_contact"


async def test_money_follows_a_merged_customer(desk: Desk, build: Any) -> None:
    lead_id = await desk.lead(build, golden_id="b" * 64)
    await desk.hears(build.payment(AMOUNT, golden_id="a" * 64))
    await desk.deal(lead_id, AMOUNT, "CNY")
    await desk.hears(CustomerMerged(golden_id="a" * 64, merged_golden_ids=["b" * 64]))

    await desk.hears(build.contract(golden_id="a" * 64))

    assert await desk.stage(lead_id) == "paid"


@pytest.mark.parametrize(
    "told",
    [(0,), (-1,), (10**16,), (1, "yuan"), (1, "CNY", "x" * 65)],
    ids=["nothing", "negative", "absurd", "currency", "number"],
)
async def test_figures_that_cannot_be_right_are_refused(
    desk: Desk, build: Any, told: tuple[Any, ...]
) -> None:
    lead_id = await desk.lead(build)

    with pytest.raises(UnusableDeal):
        await desk.deal(lead_id, *told)
