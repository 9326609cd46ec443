"""Outside facts that are not leads: their vocabulary. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lead_intake.domain.conversations import Line
    from lead_intake.domain.leads import Contact


class FactKind(StrEnum):
    """What a channel's items are."""

    LEAD = "lead"
    CONTRACT = "contract"
    PAYMENT = "payment"
    INTERACTION = "interaction"
    RECEIPT = "receipt"
    TICKET = "ticket"
    RECORD = "record"
    ACCOUNT = "account"
    COMPANY_RISK = "company_risk"


class ContractStatus(StrEnum):
    """What became of a contract."""

    SIGNED = "signed"
    SIGNER_SIGNED = "signer_signed"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REJECTED = "rejected"


class PaymentStatus(StrEnum):
    """What became of a payment."""

    RECEIVED = "received"
    REFUNDED = "refunded"
    CLOSED = "closed"
    PENDING = "pending"


class InteractionKind(StrEnum):
    """What kind of contact with a customer."""

    CALL = "call"
    CHAT = "chat"
    MEETING = "meeting"
    EMAIL = "email"
    CONTACT_CHANGE = "contact_change"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a fact is about; `reference` is our own, such as an order or opportunity."""

    contact: Contact
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """A signing platform told of a contract."""

    subject: Subject
    contract_id: str
    status: ContractStatus
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment provider told of a payment; `amount_minor` in fen or the currency's smallest unit."""

    subject: Subject
    payment_id: str
    order_no: str
    status: PaymentStatus
    amount_minor: int
    currency: str
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Interaction:
    """A system told of a contact with a customer; None where it does not say.

    `lines` is what was said; more was said than that where `is_content_cut`. `recording_url` is where it can be heard,
    which whoever knows it may.
    """

    subject: Subject
    interaction_id: str
    kind: InteractionKind
    action: str
    person: str
    started_at: datetime | None
    duration_s: int | None
    is_inbound: bool | None
    lines: tuple[Line, ...] = ()
    is_content_cut: bool = False
    customer_message_count: int | None = None
    recording_url: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A carrier told whether a message reached its phone."""

    subject: Subject
    message_id: str
    our_reference: str
    is_delivered: bool
    code: str
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A support system told of a ticket; `compensation_minor` in fen or the currency's smallest unit."""

    subject: Subject
    ticket_id: str
    type: str
    priority: str
    status: str
    opened_at: datetime | None
    closed_at: datetime | None
    compensation_minor: int | None = None
    compensation_currency: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A business system told how a customer's account stands; None, or empty, where it does not say."""

    subject: Subject
    account_id: str
    measured_at: datetime | None
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
    member_level: str = ""


@dataclass(frozen=True, slots=True)
class CompanyRisk:
    """A register told of a risk about a customer's company; `kind` and `severity` are its words."""

    subject: Subject
    risk_id: str
    kind: str
    severity: str
    case_count: int | None
    detected_at: datetime | None


@dataclass(frozen=True, slots=True)
class Record:
    """A row of another system changed; `fields` are its columns. `repr` reveals nothing."""

    subject: Subject
    system: str
    entity: str
    record_key: str
    modified_at: datetime | None
    is_deleted: bool
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Record({self.system}/{self.entity})"


Fact: TypeAlias = (
    Contract | Payment | Interaction | Receipt | Ticket | Record | Account | CompanyRisk
)
