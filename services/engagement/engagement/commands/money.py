"""What contracts and payments do to deals (FU-20, FU-21, FU-23).

Everything is settled anew whenever something is told: a contract, a payment, an amount. So it makes no difference in
which order they come.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from servicekit.errors import Invalid, NotFound

from engagement.commands.stages import told_deal
from engagement.domain.money import (
    ContractState,
    DealAsked,
    PaymentState,
    Problem,
    is_signed,
    problem_of,
    received_minor,
)
from engagement.domain.opportunities import State, serial_of
from engagement.domain.stages import Cause
from engagement.store import contacts as contact_store
from engagement.store import money as store
from engagement.store import opportunities as opportunity_store
from engagement.store import stages as stage_store
from engagement.wire import stage_events as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg
    from servicekit.database import UnitOfWork

    from engagement.commands.stages import Stages
    from engagement.domain.money import Contract, Payment
    from engagement.domain.opportunities import Opportunity
    from engagement.domain.stages import Deal, Standing

_MONEY = frozenset({PaymentState.RECEIVED, PaymentState.REFUNDED})


class UnknownPayment(NotFound):
    """No such payment was reported."""

    def __init__(self, payment_id: UUID) -> None:
        super().__init__(f"no payment {payment_id}")


class UnusablePayment(Invalid):
    """A payment that can be for no deal; the text says why."""


class Money:
    """Contracts, payments and amounts, and the moves that follow from them."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._machine = stages.machine

    async def take(
        self, uow: UnitOfWork, contracts: Sequence[Contract], payments: Sequence[Payment]
    ) -> None:
        """Takes what platforms and providers tell; every deal that it concerns is settled."""
        golden_ids = {each.golden_id for each in contracts} | {each.golden_id for each in payments}
        await contact_store.lock(uow.raw, golden_ids - {""})
        touched: set[UUID] = set()
        for contract in contracts:
            touched |= await self._take_contract(uow, contract)
        for payment in payments:
            touched |= await self._take_payment(uow, payment)
        for lead_id in sorted(touched):
            await self._settle(uow, lead_id)

    async def set_deal(self, uow: UnitOfWork, lead_id: UUID, told: Deal) -> None:
        """Keeps what a deal is about, and what follows from it; raises `UnknownStage`, `Closed` or `UnusableDeal`."""
        _, standing = await self._stages.open(uow.raw, lead_id)
        deal = told_deal(standing.deal, told)
        deal.check()
        await stage_store.set_deal(uow.raw, lead_id, deal)
        await self._settle(uow, lead_id)

    async def match(self, uow: UnitOfWork, payment_id: UUID, lead_id: UUID) -> None:
        """Makes a payment a deal's by hand; raises `UnknownPayment`, `UnusablePayment`, `UnknownOpportunity`."""
        payment = await store.lock_payment(uow.raw, payment_id)
        if payment is None:
            raise UnknownPayment(payment_id)
        problem = await self._problem(uow, payment, lead_id)
        if problem is not None:
            raise UnusablePayment(f"the payment is not for this deal: {problem.value}")
        await self._give(uow, payment, lead_id, None)
        await self._settle(uow, lead_id)

    async def _take_contract(self, uow: UnitOfWork, told: Contract) -> set[UUID]:
        contract = await store.keep_contract(uow.raw, told)
        if contract.lead_id is not None:
            return {contract.lead_id}
        found = await self._named(uow.raw, contract.reference, contract.number)
        found = found or await self._only(uow.raw, contract.golden_id, signed=False)
        if found is None:
            return set()
        await store.give_contract(uow.raw, contract.contract_id, found)
        return {found}

    async def _take_payment(self, uow: UnitOfWork, told: Payment) -> set[UUID]:
        payment = await store.keep_payment(uow.raw, told)
        if payment.state not in _MONEY:
            return set()
        if payment.lead_id is not None:
            return {payment.lead_id}
        return await self._find_deal(uow, payment)

    async def _find_deal(self, uow: UnitOfWork, payment: Payment) -> set[UUID]:
        """Looks for the deal of a payment; states what was found, or why nothing was, unless that is known."""
        found = await self._named(uow.raw, payment.reference, payment.order_no)
        problem: Problem | None = Problem.NO_DEAL
        if found is None and payment.golden_id:
            found = await self._only(uow.raw, payment.golden_id, signed=True)
            several = await store.candidates(uow.raw, payment.golden_id)
            problem = Problem.SEVERAL_DEALS if len(several) > 1 else Problem.NO_DEAL
        if found is not None:
            problem = await self._problem(uow, payment, found)
        lead_id = found if problem is None else None
        await self._give(uow, payment, lead_id, problem)
        return set() if lead_id is None else {lead_id}

    async def _named(self, raw: asyncpg.Connection, reference: str, number: str) -> UUID | None:
        """The deal that a reference or a number names."""
        kind, _, name = reference.partition(":")
        for text in (name if kind == "opportunity" else "", number):
            try:
                return await store.by_serial(raw, serial_of(text))
            except Invalid:
                continue
        if kind == "lead":
            try:
                return UUID(name)
            except ValueError:
                return None
        return await store.by_contract_no(raw, number) if number else None

    async def _only(self, raw: asyncpg.Connection, golden_id: str, *, signed: bool) -> UUID | None:
        """The one deal of a customer: with `signed`, rather the one that has a contract."""
        if not golden_id:
            return None
        found = await store.candidates(raw, golden_id)
        having = [lead_id for lead_id, has_contract in found if has_contract] if signed else []
        named = having or [lead_id for lead_id, _ in found]
        return named[0] if len(named) == 1 else None

    async def _problem(self, uow: UnitOfWork, payment: Payment, lead_id: UUID) -> Problem | None:
        opportunity = await opportunity_store.get(uow.raw, lead_id)
        standing = await stage_store.get(uow.raw, lead_id)
        if opportunity is None or standing is None:
            return Problem.NO_DEAL
        contracts = await store.contracts_of(uow.raw, lead_id)
        signed = [each.reported_at for each in contracts if each.state is ContractState.SIGNED]
        asked = DealAsked(standing.deal.currency, opportunity.opened_at, min(signed, default=None))
        return problem_of(payment, asked, now=uow.now)

    async def _give(
        self, uow: UnitOfWork, payment: Payment, lead_id: UUID | None, problem: Problem | None
    ) -> None:
        told = problem.value if problem else ""
        if (lead_id, told) == (payment.lead_id, payment.problem):
            return
        await store.give_payment(uow.raw, payment.payment_id, lead_id, told)
        opportunity = await opportunity_store.get(uow.raw, lead_id) if lead_id else None
        matched = replace(payment, lead_id=lead_id, problem=told)
        uow.publish(wire.payment_matched(matched, opportunity), key=str(payment.payment_id))

    async def _settle(self, uow: UnitOfWork, lead_id: UUID) -> None:
        """Makes the moves that follow from what is on record of a deal."""
        opportunity = await opportunity_store.lock(uow.raw, lead_id)
        standing = await stage_store.lock(uow.raw, lead_id)
        if opportunity is None or standing is None or opportunity.state is not State.OPEN:
            return
        contracts = await store.contracts_of(uow.raw, lead_id)
        if not is_signed(contracts):
            return
        standing = await self._sign(uow, opportunity, standing, contracts)
        if not self._machine.is_before(standing.stage, self._machine.signed_stage):
            await self._retry_waiting(uow, opportunity, standing)
            await self._win(uow, opportunity, standing)

    async def _sign(
        self,
        uow: UnitOfWork,
        opportunity: Opportunity,
        standing: Standing,
        contracts: Sequence[Contract],
    ) -> Standing:
        """Moves a deal whose contract is signed, as soon as all that the stage asks of it is told (FU-20, FU-23)."""
        signed = [each for each in contracts if each.state is ContractState.SIGNED]
        deal = standing.deal
        if not deal.contract_no:
            deal = replace(deal, contract_no=signed[0].number)
            await stage_store.set_deal(uow.raw, standing.lead_id, deal)
        standing = replace(standing, deal=deal)
        to = self._machine.signed_stage
        if not self._machine.is_before(standing.stage, to) or self._machine.deal_missing(deal, to):
            return standing
        evidence = [str(each.contract_id) for each in signed]
        standing = await self._stages.go(
            uow, opportunity, standing, to, cause=Cause.CONTRACT, evidence=evidence
        )
        if deal.amount_minor is not None:
            await store.plan(
                uow.raw,
                self._machine,
                standing.lead_id,
                amount_minor=deal.amount_minor,
                now=uow.now,
            )
        return standing

    async def _retry_waiting(
        self, uow: UnitOfWork, opportunity: Opportunity, standing: Standing
    ) -> None:
        """Payments that came before the deal was one may be for it."""
        numbers = [opportunity.number, standing.deal.contract_no]
        references = [f"opportunity:{opportunity.number}", f"lead:{opportunity.lead_id}"]
        for payment in await store.waiting(uow.raw, opportunity.golden_id, numbers, references):
            await self._find_deal(uow, payment)

    async def _win(self, uow: UnitOfWork, opportunity: Opportunity, standing: Standing) -> None:
        """Wins a deal of which enough is paid (FU-21)."""
        amount = standing.deal.amount_minor
        payments = await store.payments_of(uow.raw, standing.lead_id)
        received = received_minor(payments)
        if amount is None or received < self._machine.deposit_minor(amount):
            return
        evidence = [str(each.payment_id) for each in payments]
        to = self._machine.paid_stage
        await self._stages.go(
            uow, opportunity, standing, to, cause=Cause.PAYMENT, evidence=evidence
        )
        await opportunity_store.close(uow.raw, standing.lead_id, State.WON)
        event = wire.deal_won(opportunity, standing.deal, received_minor=received)
        uow.publish(event, key=str(standing.lead_id))
