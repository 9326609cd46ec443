"""Protobuf to domain and back; here a lead's contact is opened, and only keyed digests go on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

from leadchain.identity.v1 import identity_service_pb2 as pb
from leadchain.identity.v1.events_pb2 import LeadIdentified, MatchBasis
from leadchain.identity.v1.privacy_events_pb2 import (
    SubjectErasedInIdentity,
    SubjectExportedFromIdentity,
)
from leadchain.intake.v1.events_pb2 import Contact
from servicekit.errors import InvalidMessage
from servicekit.sealing import BlindIndex, KeyRing, NotSealed, SealBroken

from identity import domain
from identity.domain import NO_USCC, LeadId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.timestamp_pb2 import Timestamp
    from leadchain.intake.v1.events_pb2 import LeadReceived
    from servicekit.erasures import Erased, Part

_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_CUSTOMER_ID = re.compile(r"[0-9a-f]{64}|CID-\d{8}-\d{6,19}", re.ASCII)
_USCC = re.compile(r"[0-9A-Z]{18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A received lead: what is decided about, and the event that brought it."""

    lead: domain.Lead
    event: LeadReceived


class LeadReader:
    """Reads what identity needs of a `LeadReceived`.

    `ring` opens contacts, `index_key` (base64 of 32 bytes) keys the digests that are matched, `golden_id_key` those
    that are published as Golden IDs. Raises `servicekit.sealing.InvalidKey`.
    """

    def __init__(self, ring: KeyRing, *, index_key: str, golden_id_key: bytes) -> None:
        self._ring = ring
        self._golden_id_key = golden_id_key
        self._phones = BlindIndex.parse(index_key, "identity/phone")
        self._usccs = BlindIndex.parse(index_key, "identity/uscc")

    def arrival(self, event: LeadReceived) -> Arrival:
        """The lead of an event; raises `InvalidMessage` when it can never be read.

        A contact sealed with a key that is not in the ring raises `UnknownKey`: the key may be deployed later. A
        phone that is masked, or otherwise not a complete number, is no phone.
        """
        lead_id = _lead_id(event)
        contact = self._contact(lead_id, event.facts.sealed_contact)
        phone = _phone_key(contact)
        uscc = contact.uscc if _USCC.fullmatch(contact.uscc) else ""
        lead = domain.Lead(
            lead_id,
            event.facts.channel,
            event.facts.received_at.ToDatetime(tzinfo=UTC),
            self._phones.of(phone) if phone else b"",
            self._usccs.of(uscc) if uscc else NO_USCC,
            domain.golden_id(
                self._golden_id_key,
                phone_e164=phone,
                second_factor=uscc if phone else str(lead_id),
            ),
        )
        return Arrival(lead, event)

    def _contact(self, lead_id: LeadId, sealed: bytes) -> Contact:
        try:
            return Contact.FromString(self._ring.open(sealed, lead_id.bytes))
        except (NotSealed, SealBroken) as error:
            raise InvalidMessage(f"the contact does not open: {type(error).__name__}") from None


def _phone_key(contact: Contact) -> str:
    """By what the same phone is known: an extension behind a switchboard is another person's (RFC 3966's form)."""
    if not _PHONE.fullmatch(contact.phone_e164):
        return ""
    extension = contact.phone_extension
    return f"{contact.phone_e164};ext={extension}" if extension else contact.phone_e164


def lead_identified(
    arrival: Arrival, identity: domain.Identity, master_id: str, *, occurred_at: Timestamp
) -> LeadIdentified:
    """The event that states whose lead it is."""
    return LeadIdentified(
        occurred_at=occurred_at,
        lead_id=arrival.event.lead_id,
        golden_id=identity.golden_id,
        master_id=master_id,
        match_basis=MatchBasis.ValueType(identity.basis),
        facts=arrival.event.facts,
    )


def lead_id(text: str) -> LeadId:
    """The lead that a request names; raises `MalformedLeadId`."""
    try:
        return LeadId(UUID(text))
    except ValueError:
        raise domain.MalformedLeadId from None


def customer_id(text: str) -> str:
    """The Golden ID or master id that a request gives; raises `MalformedCustomerId`."""
    if _CUSTOMER_ID.fullmatch(text) is None:
        raise domain.MalformedCustomerId
    return text


def identity_response(
    customer: domain.Customer, basis: domain.MatchBasis
) -> pb.GetIdentityResponse:
    """The customer of a lead, as an answer."""
    return pb.GetIdentityResponse(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        match_basis=MatchBasis.ValueType(basis),
    )


def customer_response(customer: domain.Customer, leads: Sequence[LeadId]) -> pb.GetCustomerResponse:
    """A customer and their leads, as an answer."""
    response = pb.GetCustomerResponse(
        golden_id=customer.golden_id,
        master_id=customer.master_id,
        lead_ids=[str(lead_id) for lead_id in leads],
    )
    response.first_seen_at.FromDatetime(customer.first_seen_at)
    return response


def subject_erased(request_id: str, erased: Erased) -> SubjectErasedInIdentity:
    """The fact that everything personal of somebody's leads is gone from here."""
    return SubjectErasedInIdentity(**erased.answer(request_id))


def subject_exported(request_id: str, part: Part) -> SubjectExportedFromIdentity:
    """One part of what is kept here about somebody's leads."""
    return SubjectExportedFromIdentity(**part.answer(request_id))


def kept(row: Any) -> dict[str, Any]:
    """What is kept about one lead, as its person is told."""
    return {
        "lead_id": str(row["lead_id"]),
        "channel": row["channel"],
        "received_at": row["received_at"].isoformat(),
        "master_id": row["master_id"],
        "first_seen_at": row["first_seen_at"].isoformat(),
        "recognised_by": domain.MatchBasis(row["match_basis"]).name.lower(),
    }


def _lead_id(event: LeadReceived) -> LeadId:
    try:
        return LeadId(UUID(event.lead_id))
    except ValueError:
        raise InvalidMessage("lead_id is not a UUID") from None
