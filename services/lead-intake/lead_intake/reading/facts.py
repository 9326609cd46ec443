"""From the mapped values of one item to an outside fact that is no lead."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from lead_intake.domain.conversations import conversation
from lead_intake.domain.facts import (
    Account,
    CompanyRisk,
    Contract,
    ContractStatus,
    Fact,
    FactKind,
    Interaction,
    InteractionKind,
    Payment,
    PaymentStatus,
    Receipt,
    Record,
    Subject,
    Ticket,
)
from lead_intake.reading.inquiries import read_contact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Word = TypeVar("Word", bound=StrEnum)


class InvalidValue(ValueError):  # noqa: N818 - errors are named by what is wrong
    """A value is none of those that its name may have; the text is the name."""


def fact_of(kind: FactKind, values: Mapping[str, Any]) -> Fact:
    """The fact; raises `InvalidValue`."""
    return _READERS[kind](values, _subject(values))


def _subject(values: Mapping[str, Any]) -> Subject:
    return Subject(read_contact(values).contact, values.get("reference", ""))


def _contract(values: Mapping[str, Any], subject: Subject) -> Fact:
    return Contract(
        subject,
        values["contract_id"],
        _word(ContractStatus, values, "status"),
        values.get("reported_at"),
    )


def _payment(values: Mapping[str, Any], subject: Subject) -> Fact:
    return Payment(
        subject,
        values["payment_id"],
        values["order_no"],
        _word(PaymentStatus, values, "status"),
        values["amount_minor"],
        values["currency"],
        values.get("paid_at"),
    )


def _interaction(values: Mapping[str, Any], subject: Subject) -> Fact:
    began_at = values.get("started_at")
    spoken = values.get("lines") or values.get("transcript") or ()
    quoted = conversation(spoken, began_at=began_at)
    stated_count = values.get("customer_message_count")
    return Interaction(
        subject,
        values["interaction_id"],
        _word(InteractionKind, values, "kind"),
        values["action"],
        values.get("person", ""),
        began_at,
        values.get("duration_s"),
        values.get("is_inbound"),
        quoted.lines,
        quoted.is_cut,
        quoted.customer_count if stated_count is None and quoted.lines else stated_count,
        values.get("recording_url", ""),
    )


def _receipt(values: Mapping[str, Any], subject: Subject) -> Fact:
    return Receipt(
        subject,
        values["message_id"],
        values.get("our_reference", ""),
        values["is_delivered"],
        values.get("code", ""),
        values.get("reported_at"),
    )


def _ticket(values: Mapping[str, Any], subject: Subject) -> Fact:
    return Ticket(
        subject,
        values["ticket_id"],
        values.get("type", ""),
        values.get("priority", ""),
        values["status"],
        values.get("opened_at"),
        values.get("closed_at"),
        values.get("compensation_minor"),
        values.get("compensation_currency", ""),
    )


def _record(values: Mapping[str, Any], subject: Subject) -> Fact:
    return Record(
        subject,
        values["system"],
        values["entity"],
        values["record_key"],
        values.get("modified_at"),
        bool(values.get("is_deleted")),
        values.get("fields") or {},
    )


def _account(values: Mapping[str, Any], subject: Subject) -> Fact:
    stated = {name: values[name] for name in _FIGURES if values.get(name) is not None}
    return Account(subject, values["account_id"], values.get("measured_at"), **stated)


def _company_risk(values: Mapping[str, Any], subject: Subject) -> Fact:
    return CompanyRisk(
        subject,
        values["risk_id"],
        values["kind"],
        values.get("severity", ""),
        values.get("case_count"),
        values.get("detected_at"),
    )


_FIGURES = frozenset(field.name for field in fields(Account)) - {
    "subject",
    "account_id",
    "measured_at",
}
_READERS: Mapping[FactKind, Callable[[Mapping[str, Any], Subject], Fact]] = {
    FactKind.CONTRACT: _contract,
    FactKind.PAYMENT: _payment,
    FactKind.INTERACTION: _interaction,
    FactKind.RECEIPT: _receipt,
    FactKind.TICKET: _ticket,
    FactKind.RECORD: _record,
    FactKind.ACCOUNT: _account,
    FactKind.COMPANY_RISK: _company_risk,
}


def _word(words: type[Word], values: Mapping[str, Any], name: str) -> Word:
    try:
        return words(values[name])
    except ValueError:
        raise InvalidValue(name) from None
