"""Contracts and payments of deals: which they belong to, and whether they suffice (FU-20, FU-21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

CLOCKS_APART = timedelta(minutes=5)
"""How far ahead of ours a provider's clock may be."""
EARLY = timedelta(days=1)
"""How long before its contract a deposit may be paid."""


class ContractState(IntEnum):
    """How a contract stands; the numbers are kept in the database."""

    PENDING = 1
    SIGNED = 2
    VOID = 3


class PaymentState(IntEnum):
    """How a payment stands; the numbers are kept in the database."""

    PENDING = 1
    RECEIVED = 2
    REFUNDED = 3
    CLOSED = 4


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract as its platform told last; `lead_id` is None while it is not known whose it is."""

    contract_id: UUID
    number: str
    state: ContractState
    reported_at: datetime
    golden_id: str = ""
    reference: str = ""
    lead_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment, or a refund of one, as its provider told last; `problem` says why it counts for no deal."""

    payment_id: UUID
    voucher_no: str
    order_no: str
    state: PaymentState
    amount_minor: int
    currency: str
    paid_at: datetime
    golden_id: str = ""
    reference: str = ""
    lead_id: UUID | None = None
    problem: str = ""


class Problem(Enum):
    """Why a payment counts for no deal."""

    NO_VOUCHER = "no_voucher"
    NO_AMOUNT = "no_amount"
    IN_THE_FUTURE = "in_the_future"
    BEFORE_THE_DEAL = "before_the_deal"
    OTHER_CURRENCY = "other_currency"
    NO_DEAL = "no_deal"
    SEVERAL_DEALS = "several_deals"


@dataclass(frozen=True, slots=True)
class DealAsked:
    """What a payment is held against: the deal's currency, and since when it is one."""

    currency: str
    opened_at: datetime
    signed_at: datetime | None


def problem_of(payment: Payment, deal: DealAsked, *, now: datetime) -> Problem | None:
    """What is wrong with a payment for a deal (FU-21: voucher number, amount and time); None when nothing is."""
    begins = deal.opened_at if deal.signed_at is None else deal.signed_at - EARLY
    checks = (
        (not payment.voucher_no, Problem.NO_VOUCHER),
        (payment.amount_minor <= 0, Problem.NO_AMOUNT),
        (payment.currency != deal.currency, Problem.OTHER_CURRENCY),
        (payment.paid_at > now + CLOCKS_APART, Problem.IN_THE_FUTURE),
        (payment.paid_at < min(begins, deal.opened_at), Problem.BEFORE_THE_DEAL),
    )
    return next((problem for is_wrong, problem in checks if is_wrong), None)


def received_minor(payments: Iterable[Payment]) -> int:
    """What is ours of payments: received, less what went back."""
    signs = {PaymentState.RECEIVED: 1, PaymentState.REFUNDED: -1}
    return sum(signs.get(each.state, 0) * each.amount_minor for each in payments)


def is_signed(contracts: Sequence[Contract]) -> bool:
    """Whether a contract is in force."""
    return any(each.state is ContractState.SIGNED for each in contracts)
