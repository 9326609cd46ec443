"""What is watched for: split orders, offers without answer, trouble with service, companies at risk, idle reps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class SplitRule:
    """So many signed contracts of one customer within a span, of more than an amount in all (FU-26)."""

    contracts_min: int
    within: timedelta
    amount_over_minor: int
    currency: str
    task: str


@dataclass(frozen=True, slots=True)
class QuoteRule:
    """So many follow-ups in a row with one response, and no word of the customer since (AS-18)."""

    response: str
    in_a_row: int
    wait: timedelta


@dataclass(frozen=True, slots=True)
class ServiceRule:
    """Which tickets are trouble, by the support system's word; which ones were compensated (FU-30, FU-31).

    A compensation counts from more than `compensated_over_minor`; one of unknown amount or other currency, always.
    """

    trouble: Mapping[str, str]
    """What the type is called here, by the system's word in lower case."""
    compensated: frozenset[str]
    compensated_over_minor: int
    compensated_currency: str
    compensated_task: str
    shown: int

    def is_to_call(self, record: ServiceRecord) -> bool:
        """Whether somebody is to call the customer after a ticket."""
        if record.status.casefold() not in self.compensated:
            return False
        is_known = record.compensation_currency == self.compensated_currency
        amount_minor = record.compensation_minor if is_known else None
        return amount_minor is None or amount_minor > self.compensated_over_minor


@dataclass(frozen=True, slots=True)
class RiskRule:
    """Which risks of companies are looked at, by the register's word, while they are no older than `within` (FU-33)."""

    kinds: Mapping[str, str]
    """What the kind is called here, by the register's word in lower case."""
    within: timedelta
    task: str


@dataclass(frozen=True, slots=True)
class WatchPolicy:
    """The rules in force."""

    version: int
    split: SplitRule
    quotes: QuoteRule
    service: ServiceRule
    risk: RiskRule
    idle_after: timedelta


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed contract of a customer; the amount of its deal is None while it is not told, or in another currency."""

    contract_id: UUID
    lead_id: UUID | None
    signed_at: datetime
    amount_minor: int | None


@dataclass(frozen=True, slots=True)
class Split:
    """Contracts that may be one order."""

    contracts: tuple[Signed, ...]
    total_minor: int

    @property
    def stretch(self) -> str:
        """Its name: that of its first contract."""
        return str(self.contracts[0].contract_id)

    @property
    def newest(self) -> Signed:
        """The contract that was signed last."""
        return self.contracts[-1]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An opportunity whose customer left several offers unanswered; `first_id` names the first of them."""

    lead_id: UUID
    golden_id: str
    owner_id: str
    first_id: UUID
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Idle:
    """A rep with open opportunities and nothing recorded since; `stretch` names the follow-up before it."""

    rep_id: str
    since: datetime
    open_count: int
    stretch: str


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """A ticket of a support system, as it was told last; the words are that system's."""

    record_id: UUID
    ticket_no: str
    channel: str
    golden_id: str
    reference: str
    type: str
    priority: str
    status: str
    opened_at: datetime
    closed_at: datetime | None
    told_at: datetime
    compensation_minor: int | None = None
    compensation_currency: str = ""


@dataclass(frozen=True, slots=True)
class CompanyRisk:
    """A risk that a register told about a customer's company; `kind` and `severity` are its words."""

    risk_id: UUID
    golden_id: str
    kind: str
    severity: str
    case_count: int | None
    detected_at: datetime


def splits_in(rule: SplitRule, contracts: Sequence[Signed]) -> list[Split]:
    """The orders that may have been split among one customer's signed contracts.

    Each contract is of one split at most. A deal counts once, however many contracts it has.
    """
    found: list[Split] = []
    waiting = sorted(contracts, key=lambda each: (each.signed_at, each.contract_id))
    while waiting:
        until = waiting[0].signed_at + rule.within
        span = [each for each in waiting if each.signed_at <= until]
        total = _total(span)
        if len(span) >= rule.contracts_min and total > rule.amount_over_minor:
            found.append(Split(tuple(span), total))
            waiting = waiting[len(span) :]
        else:
            waiting = waiting[1:]
    return found


def _total(contracts: Sequence[Signed]) -> int:
    amounts = {each.lead_id or each.contract_id: each.amount_minor or 0 for each in contracts}
    return sum(amounts.values())
