"""Deliveries and their items, leads before all: what is said of them, and the rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NewType, TypeAlias
from uuid import UUID

from lead_intake.domain.facts import FactKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from lead_intake.domain.consents import Consent
    from lead_intake.domain.facts import Fact
    from lead_intake.domain.places import Region

LeadId = NewType("LeadId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
AccountId = NewType("AccountId", int)

FETCH_DELAYS_S = (1.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds to wait after each failed fetch of a lead's body; after the last one the item is quarantined."""


class DeliveryState(IntEnum):
    """Where a stored delivery stands."""

    RECEIVED = 0
    MAPPED = 1
    RECEIVED_AGAIN = 2


class ItemState(IntEnum):
    """Where one item of a delivery stands."""

    AWAITING_BODY = 1
    ACCEPTED = 2
    REJECTED = 3
    QUARANTINED = 4
    REPLAYING = 5


class QuarantineReason(StrEnum):
    """Why an item waits for a person."""

    UNDECODABLE = "undecodable"
    DECRYPT_FAILED_AFTER_AUTH = "decrypt_failed_after_auth"
    UNMAPPED_FIELD_REQUIRED = "unmapped_field_required"
    NO_CONTACT_POINT = "no_contact_point"
    UNKNOWN_EVENT = "unknown_event"
    ENRICH_EXHAUSTED = "enrich_exhausted"
    TYPE_MISMATCH = "type_mismatch"
    SCHEMA_DRIFT = "schema_drift"
    FORM_VIOLATION = "form_violation"
    RAW_EXPIRED = "raw_expired"


class RejectReason(StrEnum):
    """Why an item was refused after acceptance; a duplicate repeats, within seconds, what is on the book already."""

    TEST_LEAD = "test_lead"
    SPAM = "spam"
    SUPPRESSED = "suppressed"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"


class Trust(StrEnum):
    """How far the sender of a channel's deliveries is proved."""

    STRONG = "strong"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Contact:
    """Who the customer is; every field is empty where nothing was said. `repr` reveals nothing."""

    name: str = ""
    honorific: str = ""
    phone_e164: str = ""
    phone_extension: str = ""
    masked_phone: str = ""
    other_phones: tuple[str, ...] = ()
    email: str = ""
    wechat: str = ""
    openid: str = ""
    unionid: str = ""
    external_userid: str = ""
    company: str = ""
    uscc: str = ""
    remark: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Contact(***)"

    @property
    def phone_key(self) -> str:
        """By what equal phones are known: an extension behind a switchboard is another person (RFC 3966's form)."""
        if not self.phone_extension:
            return self.phone_e164
        return f"{self.phone_e164};ext={self.phone_extension}"

    def has_any(self, points: Sequence[str]) -> bool:
        """Whether one of these fields was given; they are named as here, such as `phone_e164`."""
        return any(getattr(self, point) for point in points)


@dataclass(frozen=True, slots=True)
class Source:
    """The advertisement and the page that a lead comes from, as far as the channel says."""

    form: str = ""
    campaign: str = ""
    adgroup: str = ""
    creative: str = ""
    keyword: str = ""
    click_ids: Mapping[str, str] = field(default_factory=dict)
    landing_url: str = ""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What one lead said, normalised. `inquired_at` is None where the channel does not say.

    `consent` is None where no consent was stated; `addressed_to` is our person whom the customer turned to; `flags`
    names what is remarkable, such as `masked_phone`; `attributes` hold nothing personal.
    """

    contact: Contact
    phone_display: str
    region: Region
    industry: str
    source_kind: str
    first_action: str
    inquired_at: datetime | None
    source: Source = Source()
    flags: tuple[str, ...] = ()
    stage: str = ""
    product: str = ""
    budget: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    client_version: str = ""
    addressed_to: str = ""
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """The item says who asks for what.

    `content` is what it said, as typed: the same within `double_click_s` seconds is the same click. Empty where that
    does not matter.
    """

    inquiry: Inquiry
    external_id: str | None = None
    content: bytes = b""
    double_click_s: int = 0


@dataclass(frozen=True, slots=True)
class Stated:
    """The item states a fact that is no lead."""

    fact: Fact
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The item is refused for good; a duplicate says which lead it `repeats`."""

    reason: RejectReason
    external_id: str | None = None
    repeats: LeadId | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """The item waits for a person; `detail` names the field or place, never its value."""

    reason: QuarantineReason
    detail: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitingBody:
    """The delivery holds an id only; the body is fetched from the channel."""

    external_id: str


Finding: TypeAlias = Understood | Stated | Rejected | Quarantined | AwaitingBody


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an item came from; the same for every item of a delivery."""

    delivery_id: DeliveryId
    account_id: AccountId
    account: str
    channel: str
    trust: Trust
    mapping_version: int
    received_at: datetime
    traceparent: str | None
    facts: FactKind = FactKind.LEAD


@dataclass(frozen=True, slots=True)
class Item:
    """One lead of a delivery and what was found about it; `position` is its place in the delivery."""

    lead_id: LeadId
    position: int
    origin: Origin
    finding: Finding


def state_of(finding: Finding) -> ItemState:
    """The state of an item of which this was found."""
    match finding:
        case Understood() | Stated():
            return ItemState.ACCEPTED
        case Rejected():
            return ItemState.REJECTED
        case Quarantined():
            return ItemState.QUARANTINED
        case AwaitingBody():
            return ItemState.AWAITING_BODY


def conclude(
    inquiry: Inquiry, *, external_id: str | None, contact_points: Sequence[str]
) -> Understood | Quarantined:
    """Accepts an inquiry that leaves one of the contact points that its channel counts, and sets others aside."""
    if inquiry.contact.has_any(contact_points):
        return Understood(inquiry, external_id)
    return Quarantined(QuarantineReason.NO_CONTACT_POINT, "contact", external_id)


def next_fetch_delay_s(failed_count: int, *, scale: float) -> float | None:
    """Seconds until the next fetch after `failed_count` failures (from 1); None when it is time to give up."""
    if failed_count > len(FETCH_DELAYS_S):
        return None
    return FETCH_DELAYS_S[failed_count - 1] * scale


def numbered(origin: Origin, findings: Sequence[Finding], lead_ids: Sequence[LeadId]) -> list[Item]:
    """The items of a delivery in its order, with the ids given for them."""
    return [
        Item(lead_id, position, origin, finding)
        for position, (lead_id, finding) in enumerate(zip(lead_ids, findings, strict=True))
    ]
